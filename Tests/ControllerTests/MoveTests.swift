import Controller
import RTP
import Session
import Store
import Testing

/// How sessions leave a worker that is being drained.
struct MoveTests {
    private let s1 = SessionID("s1")

    private func settings(_ perSecond: Int = 1000) -> DirectorSettings {
        var settings = ShardStage.settings(limit: 100)
        settings.moveInterval = .milliseconds(5)
        settings.movesPerSecond = perSecond
        return settings
    }

    /// `s1` with a publisher and two players on w1; w2 comes after.
    private func room(_ world: ClusterWorld) async throws -> (ShardStage, EventLog) {
        let stage = try await ShardStage(world)
        let log = await world.log(of: s1)
        try await stage.open("p", "v0", "v1")
        try await stage.negotiate("p", [section(.video)])
        for player in ["v0", "v1"] { try await stage.negotiate(player, []) }
        for player in ["v0", "v1"] { try await stage.connect("p", player) }
        return (stage, log)
    }

    private func advised(_ log: EventLog) async -> [String] {
        await log.events.compactMap { if case .moveAdvised(let id) = $0 { id.rawValue } else { nil } }
    }

    @Test(arguments: StoreKind.allCases)
    func clientsAreToldPublishersLastAndWhoComesGetsAPlaceElsewhere(_ kind: StoreKind) async throws {
        try await withCluster(kind, settings: settings()) { world in
            let (stage, log) = try await room(world)
            try await world.director.drain(WorkerID("w1"), within: .seconds(600))
            #expect(try await eventually { await advised(log).count == 3 })
            #expect(await advised(log) == ["v0", "v1", "p"])
            try await stage.open("v2")
            #expect(await stage.second.operations(in: stage.further).openedEndpoints == [EndpointID("v2")])
            #expect(await world.director.owners(of: s1).map(\.rawValue) == ["w1", "w2"])
            try await stage.connect("p", "v2")
            #expect(await stage.second.operations(in: stage.further).opened.count == 1)
            // What serves stays, and nobody is told twice.
            #expect(try await world.director.perform(.requestKeyFrame(EndpointID("p")), in: s1) == .done)
            #expect(await advised(log).count == 3)
            #expect(await world.director.counters.movesAdvised == 3)
            await stage.stop()
        }
    }

    @Test(arguments: StoreKind.allCases)
    func whatIsEmptyLeavesTheWorkerAndTheSessionKeepsItsName(_ kind: StoreKind) async throws {
        try await withCluster(kind, settings: settings()) { world in
            let (stage, log) = try await room(world)
            try await world.director.drain(WorkerID("w1"), within: .seconds(600))
            #expect(try await eventually { await advised(log).count == 3 })
            try await stage.open("v2", "q")
            #expect(await world.director.workers().map(\.state) == [.draining, .alive])
            for endpoint in ["v0", "v1", "p"] {
                _ = try await world.director.perform(.closeEndpoint(EndpointID(endpoint)), in: s1)
            }
            #expect(try await eventually { await world.director.workers().map(\.state) == [.drained, .alive] })
            let record = try #require(try await world.store.session(s1))
            #expect(record.assignment.worker == WorkerID("w2") && record.state == .assigned)
            #expect(try await eventually { await stage.first.operations(in: s1).last == .closeSession })
            // Nobody else can take the name, and who is in the room is not spread over more shards than needed.
            let other = Director(id: ControllerID("c2"), store: world.store, logger: quietLogger)
            #expect(await other.refusalToOpen(s1) == .elsewhere)
            try await stage.open("v3")
            #expect(await stage.second.operations(in: stage.further).openedEndpoints.last == EndpointID("v3"))
            for endpoint in ["v2", "q", "v3"] { try await stage.negotiate(endpoint, []) }
            #expect(await log.losses.isEmpty)
            // Back again, the other way round.
            try await world.director.undrain(WorkerID("w1"))
            try await world.director.drain(WorkerID("w2"), within: .seconds(600))
            #expect(try await eventually { await advised(log).count == 6 })
            #expect(try await eventually { try await world.store.session(s1)?.assignment.worker == WorkerID("w1") })
            try await stage.open("v4")
            for endpoint in ["v2", "q", "v3"] {
                _ = try await world.director.perform(.closeEndpoint(EndpointID(endpoint)), in: s1)
            }
            #expect(try await eventually { await world.director.workers().map(\.state) == [.alive, .drained] })
            await world.director.close(s1)
            #expect(try await eventually { try await world.store.assignments().isEmpty })
            await stage.stop()
        }
    }

    @Test func withNowhereToGoNobodyIsSentAndNobodyComes() async throws {
        try await withCluster(.memory, settings: settings()) { world in
            let (stage, log) = try await room(world)
            try await world.director.drain(WorkerID("w2"), within: .seconds(600))
            try await world.director.drain(WorkerID("w1"), within: .seconds(600))
            try await Task.sleep(for: .milliseconds(300))
            #expect(await advised(log).isEmpty)
            let open = Session.Operation.openEndpoint(
                EndpointID("v2"), EndpointSpecification(localUfrag: "u", localPassword: "p"))
            #expect(await world.director.refusal(of: open, in: s1) == .overLimit)
            try await world.director.undrain(WorkerID("w2"))
            #expect(try await eventually { await advised(log).count == 3 })
            await stage.stop()
        }
    }

    @Test func clientsAreToldAFewAtATime() async throws {
        try await withCluster(.memory, settings: settings(10)) { world in
            let stage = try await ShardStage(world)
            let log = await world.log(of: s1)
            for index in 0..<10 {
                try await stage.open("v\(index)")
                try await stage.negotiate("v\(index)", [])
            }
            try await world.director.drain(WorkerID("w1"), within: .seconds(600))
            let began = ContinuousClock.now
            #expect(try await eventually { await advised(log).count == 10 })
            // One at once, nine at ten a second.
            #expect(ContinuousClock.now - began > .milliseconds(700))
            await stage.stop()
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aSessionWhoseFirstShardIsLostKeepsItsName(_ kind: StoreKind) async throws {
        try await withCluster(kind, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world)
            try await stage.open("p", "v0", "v1")
            await stage.first.kill()
            #expect(
                try await eventually {
                    let record = try await world.store.session(s1)
                    return record?.state == .assigned && record?.assignment.worker == WorkerID("w2")
                })
            let other = Director(id: ControllerID("c2"), store: world.store, logger: quietLogger)
            #expect(await other.refusalToOpen(s1) == .elsewhere)
            // What is gone is gone, what is there goes on, and there is room again.
            #expect(await world.director.refusal(of: .readStatistics(EndpointID("p")), in: s1) == .workerLost)
            #expect(try await world.director.perform(.requestKeyFrame(EndpointID("v1")), in: s1) == .done)
            try await stage.open("a", "b", "c")
            #expect(try await eventually { await stage.second.operations(in: s1).openedEndpoints.count == 2 })
            await world.director.close(s1)
            #expect(try await eventually { try await world.store.assignments().isEmpty })
            await stage.stop()
        }
    }

    @Test func aShardThatIsLostTellsItsEndpointsOneByOne() async throws {
        try await withCluster(.memory, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world)
            let log = await world.log(of: s1)
            try await stage.open("p", "v0", "v1")
            await stage.second.kill()
            #expect(try await eventually { await !log.events.isEmpty })
            guard case .endpointLost(let id, let refusal) = await log.events.first else {
                Issue.record("no word of the loss")
                return
            }
            #expect(id == EndpointID("v1") && refusal.reason == .workerLost)
            await stage.stop()
        }
    }
}
