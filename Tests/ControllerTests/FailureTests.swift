import Controller
import Session
@testable import Store
import Testing

struct FailureTests {
    private let s1 = SessionID("s1")
    private let endpoint = EndpointID("e1")

    @Test(arguments: StoreKind.allCases)
    func aWorkersDeathReachesItsSessionsAndNobodyElses(_ kind: StoreKind) async throws {
        try await withCluster(kind, settings: impatientSettings()) { world in
            let director = world.director
            let doomed = try await world.startWorker("w1")
            let other = try await world.startWorker("w2")
            #expect(try await eventually { await director.workers().filter(\.isAlive).count == 2 })
            var logs: [EventLog] = []
            for index in 0..<20 {
                let session = SessionID("s\(index)")
                logs.append(await world.log(of: session))
                let worker = try await director.open(session)
                #expect(worker == WorkerID(index % 2 == 0 ? "w1" : "w2"))
            }
            await doomed.kill()
            #expect(
                try await eventually {
                    for index in stride(from: 0, to: 20, by: 2) where await logs[index].losses.isEmpty { return false }
                    return true
                })
            for (index, log) in logs.enumerated() {
                #expect(await log.losses.map(\.reason) == (index % 2 == 0 ? [.workerLost] : []))
            }
            #expect(await director.refusal(of: .readStatistics(endpoint), in: SessionID("s0")) == .workerLost)
            #expect(await director.workers().map(\.isAlive) == [false, true])
            #expect(await director.counters.sessionsLost == 10)
            #expect(try await director.open(SessionID("s0")) == WorkerID("w2"))
            await other.kill()
        }
    }

    /// The bound of one second is held by WorkerLivenessTests in virtual time; here the parts work together
    /// in real time, with room for a busy machine.
    @Test(arguments: StoreKind.allCases)
    func aWorkerThatStopsHeartbeatingIsNoticed(_ kind: StoreKind) async throws {
        try await withCluster(kind) { world in
            let worker = try await world.startWorker("w1", timeToLive: .milliseconds(750))
            let log = await world.log(of: s1)
            #expect(try await eventually { (try? await world.director.open(s1)) != nil })
            // Past the grace in which nobody is declared dead.
            try await Task.sleep(for: .milliseconds(2300))
            let stop = ContinuousClock.now
            await worker.stop()
            #expect(try await eventually { await log.losses.map(\.reason) == [.workerLost] })
            #expect(ContinuousClock.now - stop < .seconds(10))
        }
    }

    @Test func pendingOperationsFailAtOnceWhenTheWorkerDies() async throws {
        var settings = DirectorSettings()
        settings.operationDeadline = .seconds(60)
        settings.liveness.grace = .milliseconds(100)
        try await withCluster(.memory, settings: settings) { world in
            let director = world.director
            let worker = try await world.startWorker("w1")
            await worker.setAnswering(false)
            _ = try await director.open(s1)
            let pending = (0..<10).map { _ in
                Task { await director.refusal(of: .readStatistics(endpoint), in: s1) }
            }
            #expect(try await eventually { await worker.commands.count == 10 })
            await worker.kill()
            for task in pending { #expect(await task.value == .workerLost) }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aRestartedWorkerHoldsNothingOfItsPredecessor(_ kind: StoreKind) async throws {
        try await withCluster(kind) { world in
            let director = world.director
            let first = try await world.startWorker("w1", incarnation: "a")
            let log = await world.log(of: s1)
            _ = try await director.open(s1)
            await first.stop()
            let second = try await world.startWorker("w1", incarnation: "b")
            #expect(try await eventually { await log.losses.count == 1 })
            // The same session may be opened again, under a higher epoch, and lives.
            let old = try #require(await log.losses.first)
            #expect(old.reason == .workerLost)
            #expect(try await director.open(s1) == WorkerID("w1"))
            #expect(try await director.perform(.requestKeyFrame(endpoint), in: s1) == .done)
            #expect(try await world.store.session(s1)?.assignment.incarnation == "b")
            await second.kill()
        }
    }

    @Test func aLossThatAnotherControllerNoticedIsToldToo() async throws {
        var settings = DirectorSettings()
        settings.lookInterval = .seconds(3600)
        try await withCluster(.memory, settings: settings) { world in
            let worker = try await world.startWorker("w1")
            let log = await world.log(of: s1)
            _ = try await world.director.open(s1)
            await worker.kill()
            #expect(
                try await eventually {
                    try await world.store.pulses().first?.incarnation == nil
                })
            let report = try await world.store.markLost(worker.id)
            #expect(report.lost.map(\.session) == [s1])
            #expect(try await eventually { await log.losses.count == 1 })
        }
    }

    @Test func aStoreThatIsAwayRefusesNewSessionsQuicklyAndKillsNobody() async throws {
        var settings = DirectorSettings()
        settings.liveness.grace = .seconds(10)
        try await withCluster(.redis, settings: settings) { world in
            let director = world.director
            let server = try #require(world.server)
            let workers = [try await world.startWorker("w1"), try await world.startWorker("w2")]
            let log = await world.log(of: s1)
            _ = try await director.open(s1)
            _ = try await director.perform(.requestKeyFrame(endpoint), in: s1)
            #expect(try await eventually { await director.isStoreReachable })
            server.kill()
            #expect(try await eventually { await !director.isStoreReachable })
            for index in 0..<5 {
                let start = ContinuousClock.now
                let reason = await director.refusalToOpen(SessionID("new\(index)"))
                #expect(reason == .storeUnavailable)
                #expect(ContinuousClock.now - start < .seconds(1))
            }
            #expect(await director.owner(of: s1) != nil)
            // It comes back without any data.
            try await server.start()
            let back = ContinuousClock.now
            #expect(try await eventually { (try? await director.perform(.requestKeyFrame(endpoint), in: s1)) == .done })
            #expect(try await eventually { (try? await director.open(SessionID("after"))) != nil })
            #expect(ContinuousClock.now - back < .seconds(8))
            #expect(try await eventually { try await world.store.assignments().map(\.session).contains(s1) })
            #expect(await log.losses.isEmpty)
            #expect(await director.counters.workersDied == 0)
            #expect(await director.owner(of: s1) != nil)
            for worker in workers { await worker.kill() }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func losingAllDataLosesNoSession(_ kind: StoreKind) async throws {
        var settings = DirectorSettings()
        settings.liveness.grace = .seconds(10)
        try await withCluster(kind, settings: settings) { world in
            let director = world.director
            let worker = try await world.startWorker("w1")
            let log = await world.log(of: s1)
            _ = try await director.open(s1)
            let specification = EndpointSpecification(localUfrag: "u", localPassword: "p")
            _ = try await director.perform(.openEndpoint(endpoint, specification), in: s1)
            try await world.flush()
            #expect(try await eventually { try await world.store.session(s1) != nil })
            #expect(try await eventually { (try? await director.perform(.requestKeyFrame(endpoint), in: s1)) == .done })
            _ = try await director.open(SessionID("s2"))
            #expect(
                try await eventually { try await world.store.session(s1)?.specification?.endpoints.count == 1 })
            #expect(await log.losses.isEmpty)
            #expect(await director.counters.workersDied == 0)
            #expect(Set(try await world.store.assignments().map(\.session.rawValue)) == ["s1", "s2"])
            await worker.kill()
        }
    }

    @Test func aSessionClosedWhileTheStoreIsAwayIsReleasedAfterwards() async throws {
        try await withCluster(.memory) { world in
            let store = try #require(world.store as? InMemoryStore)
            let worker = try await world.startWorker("w1")
            _ = try await world.director.open(s1)
            store.setReachable(false)
            await world.director.close(s1)
            store.setReachable(true)
            #expect(try await eventually { try await store.session(s1) == nil })
            #expect(try await eventually { await worker.commands.last?.operation == .closeSession })
            await worker.kill()
        }
    }

    /// A refused opening whose request arrives after the store was asked a first time, or is told of late.
    @Test func anAssignmentThatWasGivenUpIsReleasedWhenItHappensAfterAll() async throws {
        try await withCluster(.memory) { world in
            let store = try #require(world.store as? InMemoryStore)
            let worker = try await world.startWorker("w1")
            store.setReachable(false)
            await #expect(throws: Refusal.self) { try await world.director.open(s1) }
            store.setReachable(true)
            try await Task.sleep(for: .milliseconds(700))
            _ = try await store.assign(s1, controller: world.director.id, request: PlacementRequest())
            #expect(try await eventually { try await store.session(s1) == nil })
            #expect(try await eventually { await worker.commands.last?.operation == .closeSession })
            await worker.kill()
        }
    }
}
