import Controller
import Session
import Store
import Testing

struct DrainTests {
    private let s1 = SessionID("s1")

    private func impatient() -> DirectorSettings {
        var settings = DirectorSettings()
        settings.drainInterval = .milliseconds(50)
        return settings
    }

    @Test(arguments: StoreKind.allCases)
    func aDrainingWorkerKeepsItsSessionsAndGetsNoMore(_ kind: StoreKind) async throws {
        try await withCluster(kind) { world in
            let director = world.director
            let first = try await world.startWorker("w1")
            _ = try await director.open(s1)
            // Without anything in it, the session would leave.
            let endpoint = EndpointSpecification(localUfrag: "u", localPassword: "p")
            _ = try await director.perform(.openEndpoint(EndpointID("e"), endpoint), in: s1)
            let second = try await world.startWorker("w2")
            try await director.drain(WorkerID("w1"), within: .seconds(600))
            for index in 2...5 { #expect(try await director.open(SessionID("s\(index)")) == WorkerID("w2")) }
            #expect(await director.workers().map(\.state) == [.draining, .alive])
            #expect(try await director.perform(.requestKeyFrame(EndpointID("e")), in: s1) == .done)
            await director.close(s1)
            #expect(await director.workers().map(\.state) == [.drained, .alive])
            // Another controller, or this one after a restart, sees the same.
            let again = Director(id: ControllerID("c2"), store: world.store, logger: quietLogger)
            #expect(await again.workers().map(\.state) == [.drained, .alive])
            try await director.undrain(WorkerID("w1"))
            #expect(try await director.open(SessionID("s6")) == WorkerID("w1"))
            for worker in [first, second] { await worker.kill() }
        }
    }

    @Test func anUnknownWorkerIsNamedWithThoseThatThereAre() async throws {
        try await withCluster(.memory) { world in
            let none = await #expect(throws: Refusal.self) {
                try await world.director.drain(WorkerID("w9"), within: .zero)
            }
            #expect(none?.message == "there is no worker `w9`; none is registered")
            let worker = try await world.startWorker("w1")
            let refusal = await #expect(throws: Refusal.self) { try await world.director.undrain(WorkerID("w9")) }
            #expect(refusal == Refusal(.notFound, "there is no worker `w9`; registered: w1"))
            await worker.kill()
        }
    }

    @Test(arguments: StoreKind.allCases)
    func atTheDeadlineSessionsAreClosedOnTheWorkerAndTheirClientsTold(_ kind: StoreKind) async throws {
        try await withCluster(kind, settings: impatient()) { world in
            let director = world.director
            let worker = try await world.startWorker("w1")
            _ = try await director.open(s1)
            _ = try await director.perform(.requestKeyFrame(EndpointID("e")), in: s1)
            let log = await world.log(of: s1)
            try await director.drain(WorkerID("w1"), within: .milliseconds(300))
            #expect(await log.losses.isEmpty)
            #expect(try await eventually { await !log.losses.isEmpty })
            let loss = try #require(await log.losses.first)
            #expect(loss.reason == .workerDrained && loss.message.contains("open a new session"))
            #expect(try await eventually { await worker.commands.last?.operation == .closeSession })
            #expect(try await eventually { await director.workers().map(\.state) == [.drained] })
            #expect(await director.counters.sessionsDrained == 1)
            #expect(await director.refusalToOpen(SessionID("s2")) == .overLimit)
            // Who comes again finds a place elsewhere.
            let second = try await world.startWorker("w2")
            #expect(try await director.open(s1) == WorkerID("w2"))
            for worker in [worker, second] { await worker.kill() }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func strategyRegionAndSeedOfTheSettingsAreUsed(_ kind: StoreKind) async throws {
        func places(_ seed: UInt64) async throws -> [String] {
            var settings = DirectorSettings()
            settings.strategy = .powerOfTwo
            settings.placementSeed = seed
            var places: [String] = []
            try await withCluster(kind, settings: settings) { world in
                for name in ["w1", "w2", "w3", "w4"] {
                    let report = WorkerReport(id: WorkerID(name), incarnation: "a", processID: 1, host: "h")
                    _ = try await world.store.heartbeat(report, timeToLive: .seconds(600))
                }
                for index in 0..<20 {
                    places.append(try await world.director.open(SessionID("s\(index)")).rawValue)
                }
            }
            return places
        }
        let first = try await places(1)
        #expect(try await places(1) == first)
        #expect(try await places(2) != first)
        #expect(Set(first).count == 4)
    }

    @Test func ownRegionAndLabelsOfTheSettingsAreUsed() async throws {
        var settings = DirectorSettings()
        settings.region = "north"
        settings.labels = ["tier": "gold"]
        try await withCluster(.memory, settings: settings) { world in
            for (name, region, tier) in [("w1", "north", ""), ("w2", "south", "gold"), ("w3", "north", "gold")] {
                var report = WorkerReport(id: WorkerID(name), incarnation: "a", processID: 1, host: "h")
                report.load.sessionLimit = 1
                report.region = region
                report.labels["tier"] = tier
                _ = try await world.store.heartbeat(report, timeToLive: .seconds(600))
            }
            #expect(try await world.director.open(s1) == WorkerID("w3"))
            #expect(try await world.director.open(SessionID("s2")) == WorkerID("w2"))
            #expect(await world.director.refusalToOpen(SessionID("s3")) == .overLimit)
        }
    }
}
