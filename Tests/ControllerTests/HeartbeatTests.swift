import Controller
import Session
@testable import Store
import Testing
import Wire

/// Direct heartbeats at a director.
@Suite struct HeartbeatTests {
    private let s1 = SessionID("s1")
    private let address = SocketAddress(ip: IPAddress(ipv4: 0xC000_0201), port: 40_000)

    /// Heartbeats of a worker with the key that the store tells, until the task is cancelled.
    private func speak(_ worker: String, _ incarnation: String, to director: Director, key: HeartbeatKey) -> Task<Void, Never> {
        Task {
            var sequence: UInt64 = 0
            while !Task.isCancelled {
                sequence += 1
                let beat = DirectHeartbeat(worker: WorkerID(worker), incarnation: incarnation, sequence: sequence)
                if let datagram = beat.datagram(key: key) { director.hear(datagram) }
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func target(of world: ClusterWorld) async throws -> HeartbeatTarget {
        await world.director.listensForHeartbeats(at: [address])
        var target: HeartbeatTarget?
        _ = try await eventually {
            target = try await world.store.controllers().first?.heartbeats
            return target != nil
        }
        return try #require(target)
    }

    @Test(arguments: StoreKind.allCases)
    func aWorkerThatIsHeardKeepsItsSessionsThoughTheStoreTakesItForDead(_ kind: StoreKind) async throws {
        try await withCluster(kind, settings: impatientSettings()) { world in
            let target = try await target(of: world)
            #expect(target.addresses == ["192.0.2.1:40000"])
            let heard = try await world.startWorker("w1")
            let log = await world.log(of: s1)
            #expect(try await world.director.open(s1) == WorkerID("w1"))
            let unheard = try await world.startWorker("w2")
            let voice = speak("w1", "a", to: world.director, key: target.key)
            #expect(try await eventually { world.director.heartbeatCounts.heard > 5 })
            #expect(try await eventually { await world.director.workers().filter(\.isAlive).count == 2 })
            // The heartbeats of both run out in the store.
            await heard.kill()
            await unheard.kill()
            #expect(try await eventually { await world.director.counters.workersDied == 1 })
            #expect(await world.director.workers().filter(\.isAlive).map(\.report.id) == [WorkerID("w1")])
            #expect(await log.losses.isEmpty)
            #expect(try await world.store.session(s1)?.state == .assigned)
            voice.cancel()
            #expect(try await eventually { await log.losses.map(\.reason) == [.workerLost] }, "silent by both ways")
        }
    }

    @Test func whatIsHeardIsCountedAndWhatIsNotIsNamed() async throws {
        try await withCluster(.memory) { world in
            let key = try await target(of: world).key
            let beat = DirectHeartbeat(worker: WorkerID("w1"), incarnation: "a", sequence: 1)
            let datagram = try #require(beat.datagram(key: key))
            var system = SystemRandomNumberGenerator()
            let forged = try #require(beat.datagram(key: HeartbeatKey(using: &system)))
            #expect(world.director.hear(forged) == nil)
            #expect(world.director.hear(datagram) == beat)
            #expect(world.director.hear(datagram) == nil)
            #expect(world.director.hear([]) == nil)
            let counts = world.director.heartbeatCounts
            #expect(counts.heard == 1)
            #expect(counts.dropped == ["forged": 1, "repeated": 1, "wrong_size": 1])
        }
    }

    @Test func theKeyIsInTheStoreAndNowhereElse() async throws {
        try await withCluster(.memory) { world in
            _ = try await target(of: world)
            #expect(try await eventually { await world.director.controllers.first?.report != nil })
            #expect(await world.director.controllers.allSatisfy { $0.report?.heartbeats == nil })
            #expect(try await world.store.controllers().first?.heartbeats?.addresses == ["192.0.2.1:40000"])
        }
    }

    @Test func everyLifeOfAControllerHasAKeyOfItsOwn() async throws {
        let store = InMemoryStore()
        var keys: Set<HeartbeatKey> = []
        for (number, id) in [(1, "c1"), (2, "c2")] {
            let director = Director(id: ControllerID(id), store: store, logger: quietLogger)
            await director.listensForHeartbeats(at: [address])
            let run = Task { await director.run() }
            // At once: a controller is forgotten soon after its end.
            for _ in 0..<500 where keys.count < number {
                let mine = try await store.controllers().first { $0.id == ControllerID(id) }
                if let key = mine?.heartbeats?.key { keys.insert(key) }
                try await Task.sleep(for: .milliseconds(10))
            }
            run.cancel()
            await run.value
        }
        #expect(keys.count == 2)
    }
}
