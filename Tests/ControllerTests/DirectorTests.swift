import Controller
import Session
import Store
import Testing

struct DirectorTests {
    private let s1 = SessionID("s1")
    private let endpoint = EndpointID("e1")

    @Test(arguments: StoreKind.allCases)
    func aSessionIsPlacedServedAndClosed(_ kind: StoreKind) async throws {
        try await withCluster(kind) { world in
            let worker = try await world.startWorker("w1")
            let director = world.director
            #expect(try await director.open(s1) == WorkerID("w1"))
            #expect(try await director.open(s1) == WorkerID("w1"))
            #expect(await director.owner(of: s1) == WorkerID("w1"))
            let specification = EndpointSpecification(localUfrag: "u", localPassword: "p")
            #expect(try await director.perform(.openEndpoint(endpoint, specification), in: s1) == .done)
            let command = try #require(await worker.commands.first)
            #expect(command.operation == .openEndpoint(endpoint, specification))
            #expect(command.controller == director.id)
            let record = try #require(try await world.store.session(s1))
            #expect(command.epoch == record.assignment.epoch)
            #expect(try await eventually { try await world.store.session(s1)?.specification?.endpoints.count == 1 })
            #expect(await director.workers().map(\.assignedSessions) == [[s1]])
            await director.close(s1)
            #expect(try await world.store.session(s1) == nil)
            #expect(try await eventually { await worker.commands.last?.operation == .closeSession })
            #expect(await director.owner(of: s1) == nil)
            #expect(await director.refusal(of: .closeSession, in: s1) == .notFound)
            await worker.kill()
        }
    }

    /// As after a failover of the store, or when a host with one worker stands still for a moment.
    @Test func aWorkerThatMissedAHeartbeatIsWaitedFor() async throws {
        try await withCluster(.memory) { world in
            let store = try #require(world.store as? InMemoryStore)
            let worker = try await world.startWorker("w1")
            #expect(try await eventually { await world.director.inspect().aliveWorkers == [worker.id] })
            store.endLeases()
            #expect(try await world.director.open(s1) == worker.id)
            await worker.kill()
        }
    }

    @Test func aWorkerThatIsGoneIsNotWaitedForLong() async throws {
        var settings = impatientSettings()
        settings.placementPatience = .milliseconds(200)
        try await withCluster(.memory, settings: settings) { world in
            let worker = try await world.startWorker("w1")
            #expect(try await eventually { await world.director.inspect().aliveWorkers == [worker.id] })
            await worker.kill()
            try await Task.sleep(for: .milliseconds(50))
            #expect(await world.director.refusalToOpen(s1) == .noWorker)
            #expect(await world.director.sessionCount == 0)
        }
    }

    @Test func withoutWorkersOrRoomOpeningIsRefusedHonestly() async throws {
        try await withCluster(.memory) { world in
            let director = world.director
            #expect(await director.refusalToOpen(s1) == .noWorker)
            let worker = try await world.startWorker("w1", limit: 1)
            _ = try await director.open(s1)
            let reason = await director.refusalToOpen(SessionID("s2"))
            #expect(reason == .overLimit)
            #expect(await director.counters.sessionsRefused == 2)
            #expect(await director.sessionCount == 1)
            await worker.kill()
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aBurstOfSessionsSpreadsThoughLoadReportsAreOld(_ kind: StoreKind) async throws {
        try await withCluster(kind) { world in
            var workers: [FakeWorker] = []
            for index in 1...4 { workers.append(try await world.startWorker("w\(index)")) }
            let director = world.director
            await withTaskGroup { group in
                for index in 0..<200 { group.addTask { _ = try? await director.open(SessionID("s\(index)")) } }
            }
            #expect(await director.workers().map(\.assignedSessions.count) == [50, 50, 50, 50])
            for worker in workers { await worker.kill() }
        }
    }

    @Test func eventsArriveInOrderAndOnlyUnderTheSessionsEpoch() async throws {
        try await withCluster(.memory) { world in
            let worker = try await world.startWorker("w1")
            let director = world.director
            _ = try await director.open(s1)
            let epoch = try #require(try await world.store.session(s1)).assignment.epoch
            try await worker.emit(.iceStateChanged(endpoint, .checking), in: s1, epoch: epoch, to: director.id)
            let log = await world.log(of: s1)
            for index in 0..<500 {
                let state: ICEState = index % 2 == 0 ? .connected : .disconnected
                try await worker.emit(.iceStateChanged(endpoint, state), in: s1, epoch: epoch, to: director.id)
                let stale = Epoch(epoch.rawValue - 1)
                try await worker.emit(.iceStateChanged(endpoint, .failed), in: s1, epoch: stale, to: director.id)
            }
            #expect(try await eventually { await log.events.count == 501 })
            let expected: [SessionEvent.Body] =
                [.iceStateChanged(endpoint, .checking)]
                + (0..<500).map { .iceStateChanged(endpoint, $0 % 2 == 0 ? .connected : .disconnected) }
            #expect(await log.events == expected)
            #expect(try await eventually { await director.counters.eventsFenced == 500 })
            await worker.kill()
        }
    }

    @Test func aSlowReceiverHoldsUpNobodyElse() async throws {
        try await withCluster(.memory) { world in
            let worker = try await world.startWorker("w1")
            let director = world.director
            let s2 = SessionID("s2")
            _ = try await director.open(s1)
            _ = try await director.open(s2)
            let gate = AsyncStream<Void>.makeStream()
            await director.subscribe(to: s1) { _ in for await _ in gate.stream { break } }
            let log = await world.log(of: s2)
            for assignment in try await world.store.assignments() {
                let (session, epoch) = (assignment.session, assignment.epoch)
                for _ in 0..<(session == s1 ? 3000 : 1000) {
                    try await worker.emit(
                        .dtlsStateChanged(endpoint, .connected), in: session, epoch: epoch, to: director.id)
                }
            }
            #expect(try await eventually { await log.events.count == 1000 })
            // What waits for the slow one is bounded; the oldest went.
            #expect(await director.counters.eventsDropped > 1500)
            gate.continuation.finish()
            await worker.kill()
        }
    }

    @Test func anOperationThatIsNotAnsweredTimesOut() async throws {
        var settings = DirectorSettings()
        settings.operationDeadline = .milliseconds(200)
        try await withCluster(.memory, settings: settings) { world in
            let worker = try await world.startWorker("w1")
            await worker.setAnswering(false)
            let director = world.director
            _ = try await director.open(s1)
            let reason = await director.refusal(of: .readStatistics(endpoint), in: s1)
            #expect(reason == .timedOut)
            #expect(await director.counters.operationsTimedOut == 1)
            await worker.kill()
        }
    }

    @Test func closingASessionEndsItsPendingOperations() async throws {
        try await withCluster(.memory) { world in
            let worker = try await world.startWorker("w1")
            await worker.setAnswering(false)
            let director = world.director
            _ = try await director.open(s1)
            let pending = Task { await director.refusal(of: .readStatistics(endpoint), in: s1) }
            #expect(try await eventually { await !worker.commands.isEmpty })
            await director.close(s1)
            #expect(await pending.value == .notFound)
            await worker.kill()
        }
    }

    @Test func aStaleCommandIsRefusedByTheWorker() async throws {
        try await withCluster(.memory) { world in
            let worker = try await world.startWorker("w1")
            let director = world.director
            _ = try await director.open(s1)
            _ = try await director.perform(.requestKeyFrame(endpoint), in: s1)
            let assignment = try #require(try await world.store.session(s1)).assignment
            try await world.store.send(
                CommandEnvelope(
                    id: CommandID("stale"), session: s1, epoch: Epoch(assignment.epoch.rawValue - 1),
                    controller: ControllerID("c2"), deadline: .max, operation: .closeSession),
                to: worker.id)
            let batch = try await world.store.receiveMessages(
                for: ControllerID("c2"), after: .beginning, wait: .seconds(10))
            guard case .reply(_, .refused(let refusal)) = batch.elements.first else {
                Issue.record("no refusal")
                return
            }
            #expect(refusal.reason == .staleEpoch)
            await worker.kill()
        }
    }

    @Test func sessionsOfAPreviousLifeAreClosedInTheEnd() async throws {
        var settings = DirectorSettings()
        settings.orphanInterval = .milliseconds(100)
        settings.orphanGrace = .milliseconds(100)
        try await withCluster(.memory, settings: settings) { world in
            let worker = try await world.startWorker("w1")
            let orphan = try await world.store.assign(
                SessionID("orphan"), controller: world.director.id, request: PlacementRequest())
            let other = try await world.store.assign(
                SessionID("other"), controller: ControllerID("c2"), request: PlacementRequest())
            _ = try await world.store.heartbeat(
                ControllerReport(id: ControllerID("c2"), incarnation: "a", processID: 1, host: "h", startedAt: 0),
                timeToLive: .seconds(600))
            _ = try await world.director.open(s1)
            #expect(try await eventually { try await world.store.session(orphan.session) == nil })
            #expect(try await eventually { await worker.commands.map(\.session) == [orphan.session] })
            #expect(try await world.store.session(other.session)?.assignment == other)
            #expect(try await world.store.session(s1) != nil)
            await worker.kill()
        }
    }
}
