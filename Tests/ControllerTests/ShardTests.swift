import Controller
import Session
import Store
import Testing

/// A session that outgrows a reactor.
struct ShardTests {
    @Test(arguments: StoreKind.allCases)
    func anEndpointBeyondTheLimitGoesToAnotherWorker(_ kind: StoreKind) async throws {
        try await withCluster(kind, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world)
            try await stage.open("a", "b", "c", "d")
            #expect(await stage.first.operations(in: stage.session).openedEndpoints.map(\.rawValue) == ["a", "b"])
            #expect(await stage.second.operations(in: stage.further).openedEndpoints.map(\.rawValue) == ["c", "d"])
            #expect(await stage.director.owners(of: stage.session).map(\.rawValue) == ["w1", "w2"])
            #expect(await stage.director.owner(of: stage.session)?.rawValue == "w1")
            // What follows goes to the shard that holds the endpoint.
            _ = try await stage.director.perform(.requestKeyFrame(EndpointID("c")), in: stage.session)
            #expect(await stage.second.operations(in: stage.further).last == .requestKeyFrame(EndpointID("c")))
            #expect(await stage.director.sessionCount == 1)
            await stage.stop()
        }
    }

    @Test(arguments: StoreKind.allCases)
    func theStoreKnowsWhatEachShardIsMadeOf(_ kind: StoreKind) async throws {
        try await withCluster(kind, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world)
            try await stage.open("a", "b", "c")
            try await stage.connect("a", "c")
            try await stage.connect("a", "b")
            #expect(
                try await eventually {
                    let near = try await world.store.session(stage.session)?.specification?.routes
                    let far = try await world.store.session(stage.further)?.specification?.routes
                    return near == [stage.route("a", "b")] && far == [stage.route("a", "c")]
                })
            let endpoints = try await world.store.session(stage.further)?.specification?.endpoints
            #expect(endpoints?.map(\.id.rawValue) == ["c"])
            let whole = try #require(await stage.director.specification(of: stage.session))
            #expect(whole.endpoints.map(\.id.rawValue) == ["a", "b", "c"] && whole.routes.count == 2)
            // A route of another shard's is forgotten with its source.
            _ = try await stage.director.perform(.closeEndpoint(EndpointID("a")), in: stage.session)
            #expect(await stage.director.specification(of: stage.session)?.routes == [])
            await stage.stop()
        }
    }

    @Test func eventsOfEveryShardAreTheSessions() async throws {
        try await withCluster(.memory, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world)
            let log = await world.log(of: stage.session)
            try await stage.open("a", "b", "c")
            let epoch = try #require(try await world.store.session(stage.further)).assignment.epoch
            try await stage.second.emit(
                .iceStateChanged(EndpointID("c"), .connected), in: stage.further, epoch: epoch, to: stage.director.id)
            #expect(try await eventually { await log.events == [.iceStateChanged(EndpointID("c"), .connected)] })
            await stage.stop()
        }
    }

    @Test(arguments: StoreKind.allCases)
    func closingTheSessionClosesEveryShard(_ kind: StoreKind) async throws {
        try await withCluster(kind, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world)
            try await stage.open("a", "b", "c")
            await stage.director.close(stage.session)
            for (worker, unit) in [(stage.first, stage.session), (stage.second, stage.further)] {
                #expect(try await world.store.session(unit) == nil)
                #expect(try await eventually { await worker.operations(in: unit).last == .closeSession })
            }
            #expect(try await world.store.assignments().isEmpty)
            await stage.stop()
        }
    }

    @Test func aManyEndpointsAtOnceOpenOneShard() async throws {
        try await withCluster(.memory, settings: ShardStage.settings(limit: 10)) { world in
            let stage = try await ShardStage(world)
            await withTaskGroup { group in
                for number in 0..<20 { group.addTask { try? await stage.open("e\(number)") } }
            }
            #expect(await stage.first.operations(in: stage.session).openedEndpoints.count == 10)
            #expect(await stage.second.operations(in: stage.further).openedEndpoints.count == 10)
            #expect(await stage.director.counters.shardsOpened == 1)
            await stage.stop()
        }
    }

    @Test func withoutAnotherReactorTheShardTakesMore() async throws {
        try await withCluster(.memory, settings: ShardStage.settings()) { world in
            let worker = try await world.startWorker("w1")
            let director = world.director
            _ = try await director.open(SessionID("s1"))
            for name in ["a", "b", "c", "d"] {
                let specification = EndpointSpecification(localUfrag: name, localPassword: "p")
                _ = try await director.perform(.openEndpoint(EndpointID(name), specification), in: SessionID("s1"))
            }
            #expect(await worker.operations(in: SessionID("s1")).openedEndpoints.count == 4)
            #expect(try await world.store.assignments().count == 1)
            await worker.kill()
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aWorkersOtherReactorTakesAShardOnceEveryWorkerHasOne(_ kind: StoreKind) async throws {
        try await withCluster(kind, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world, reactors: 2)
            try await stage.open("a", "b", "c", "d", "e", "f", "g", "h")
            #expect(await stage.director.owners(of: stage.session).map(\.rawValue) == ["w1", "w2", "w1"])
            let third = await stage.first.operations(in: stage.session.shard(2)).openedEndpoints.map(\.rawValue)
            #expect(third == ["e", "f"])
            #expect(await stage.director.specification(of: stage.session)?.endpoints.count == 8)
            await stage.stop()
        }
    }

    @Test func aFullReactorIsPassedOverAndWhenAllAreFullTheEndpointIsRefused() async throws {
        try await withCluster(.memory, settings: ShardStage.settings(limit: 100)) { world in
            let stage = try await ShardStage(world)
            let isFull: @Sendable (Session.Operation) -> Refusal? = { operation in
                if case .openEndpoint = operation { Refusal(.overLimit, "full") } else { nil }
            }
            try await stage.open("a")
            await stage.first.refuse(isFull)
            try await stage.open("b")
            #expect(await stage.second.operations(in: stage.further).openedEndpoints == [EndpointID("b")])
            await stage.second.refuse(isFull)
            let operation = Session.Operation.openEndpoint(
                EndpointID("c"), EndpointSpecification(localUfrag: "c", localPassword: "p"))
            #expect(await stage.director.refusal(of: operation, in: stage.session) == .overLimit)
            #expect(await stage.director.specification(of: stage.session)?.endpoints.count == 2)
            await stage.stop()
        }
    }

    /// A further shard would leave an empty one behind, on a place that other sessions need.
    @Test func aSessionWhoseWorkerHasNoRoomForItsFirstEndpointMoves() async throws {
        try await withCluster(.memory, settings: ShardStage.settings(limit: 100)) { world in
            let stage = try await ShardStage(world)
            await stage.first.refuse { operation in
                if case .openEndpoint = operation { Refusal(.overLimit, "full") } else { nil }
            }
            async let a: Void = stage.open("a")
            async let b: Void = stage.open("b")
            _ = try await (a, b)
            #expect(await stage.second.operations(in: stage.session).openedEndpoints.count == 2)
            #expect(await stage.director.owners(of: stage.session) == [WorkerID("w2")])
            await stage.stop()
        }
    }

    // MARK: Loss

    @Test(arguments: StoreKind.allCases)
    func losingOneShardFailsItsEndpointsAndNoOthers(_ kind: StoreKind) async throws {
        try await withCluster(kind, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world)
            let log = await world.log(of: stage.session)
            try await stage.open("a", "b", "c")
            try await stage.connect("a", "c")
            let pipe = try #require(await stage.first.operations(in: stage.session).opened.first).id
            #expect(try await eventually { await stage.director.workers().filter(\.isAlive).count == 2 })
            await stage.second.kill()
            let c = EndpointID("c")
            #expect(
                try await eventually {
                    await log.events == [
                        .endpointLost(c, Refusal(.workerLost, "worker w2 stopped; open a new session")),
                        .iceStateChanged(c, .failed), .dtlsStateChanged(c, .failed),
                        .mediaStateChanged(c, isConnected: false),
                    ]
                })
            // The end of the pipe that still lives is closed.
            #expect(try await eventually { await stage.first.operations(in: stage.session).closed == [pipe] })
            #expect(await stage.director.refusal(of: .readStatistics(c), in: stage.session) == .workerLost)
            #expect(await stage.director.refusal(of: .connect(stage.route("a", "c")), in: stage.session) == .workerLost)
            _ = try await stage.director.perform(.closeEndpoint(c), in: stage.session)
            _ = try await stage.director.perform(.requestKeyFrame(EndpointID("a")), in: stage.session)
            // A newcomer gets a shard where there is room.
            let third = try await world.startWorker("w3")
            try await stage.open("d")
            #expect(await third.operations(in: stage.session.shard(2)).openedEndpoints == [EndpointID("d")])
            try await stage.connect("a", "d")
            #expect(await third.operations(in: stage.session.shard(2)).opened.count == 1)
            #expect(await log.losses.isEmpty)
            await third.kill()
            await stage.stop()
        }
    }

    @Test func losingTheFirstShardLeavesTheOthers() async throws {
        try await withCluster(.memory, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world)
            let log = await world.log(of: stage.session)
            try await stage.open("a", "b", "c")
            try await stage.connect("a", "c")
            await stage.first.kill()
            #expect(try await eventually { await log.events.count == 8 })
            #expect(await stage.director.owner(of: stage.session)?.rawValue == "w2")
            let closed = try #require(await stage.second.operations(in: stage.further).opened.first).id
            #expect(try await eventually { await stage.second.operations(in: stage.further).closed == [closed] })
            try await stage.open("d")
            try await stage.connect("d", "c")
            #expect(await stage.second.operations(in: stage.further).connected.last == stage.route("d", "c"))
            await stage.stop()
        }
    }

    @Test func losingEveryShardLosesTheSession() async throws {
        try await withCluster(.memory, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world)
            let log = await world.log(of: stage.session)
            try await stage.open("a", "b", "c")
            await stage.stop()
            #expect(try await eventually { await log.losses.map(\.reason) == [.workerLost] })
            #expect(await stage.director.refusal(of: .readStatistics(EndpointID("a")), in: stage.session) == .workerLost)
            // Opened again it is a session of one shard.
            let worker = try await world.startWorker("w3")
            #expect(try await stage.director.open(stage.session).rawValue == "w3")
            try await stage.open("a")
            #expect(await stage.director.owners(of: stage.session).map(\.rawValue) == ["w3"])
            await stage.director.close(stage.session)
            await worker.kill()
        }
    }
}
