import DTLS
import Glibc
import Logging
import Reactor
import Session
import Store
import Synchronization
import Testing
import Wire

@testable import Worker

/// A reactor that does nothing, and says what it is told to.
private final class IdleReactor: ReactorHandle {
    let output: @Sendable (ReactorOutput) -> Void
    let addresses: [SocketAddress] = []
    let load = ReactorLoad()

    init(_ output: @escaping @Sendable (ReactorOutput) -> Void) {
        self.output = output
        output(.tookOver(Succession()))
    }

    func send(_ command: ReactorCommand) -> Bool { true }
    func stop() async {}
    func leave() async {}
}

/// What a worker sends, by where to.
private final class Wiretap: Sendable {
    let sent = Mutex<[SocketAddress: [[UInt8]]]>([:])

    func count(_ address: SocketAddress) -> Int { sent.withLock { $0[address]?.count ?? 0 } }
    func all(_ address: SocketAddress) -> [[UInt8]] { sent.withLock { $0[address] ?? [] } }
}

@Suite(.timeLimit(.minutes(2))) struct DirectHeartbeatTests {
    private let one = SocketAddress(ip: IPAddress(ipv4: 0xC000_0201), port: 1)
    private let other = SocketAddress(ip: IPAddress(ipv4: 0xC000_0202), port: 2)

    private struct Stage {
        var store: InMemoryStore
        var tap: Wiretap
        var key: HeartbeatKey
        var reactor: IdleReactor
        var memory: WorkerMemory
        var agent: WorkerAgent
    }

    private func live(_ stage: InMemoryStore, _ id: String, _ addresses: [SocketAddress], _ key: HeartbeatKey) async throws {
        _ = try await stage.heartbeat(
            ControllerReport(
                id: ControllerID(id), incarnation: "a", processID: 1, host: "h", startedAt: 0,
                heartbeats: HeartbeatTarget(addresses: addresses.map(\.description), key: key)),
            timeToLive: .seconds(600))
    }

    private func withWorker(_ body: (Stage) async throws -> Void) async throws {
        let store = InMemoryStore()
        var system = SystemRandomNumberGenerator()
        let key = HeartbeatKey(using: &system)
        try await live(store, "c1", [one, other], key)
        let tap = Wiretap()
        let memory = WorkerMemory()
        var configuration = WorkerConfiguration(
            id: WorkerID("w1"), incarnation: "a", host: "h", processID: 1,
            reactors: [ReactorConfiguration(addresses: [], certificate: try Certificate(), seed: 1)])
        configuration.memory = memory
        configuration.sendHeartbeat = { bytes, address in tap.sent.withLock { $0[address, default: []].append(bytes) } }
        let started = Mutex<IdleReactor?>(nil)
        let agent = try WorkerAgent(
            configuration, store: store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { _, output in
            let reactor = IdleReactor(output)
            started.withLock { $0 = reactor }
            return reactor
        }
        let reactor = try #require(started.withLock { $0 })
        let run = Task { try? await agent.run() }
        try await body(
            Stage(store: store, tap: tap, key: key, reactor: reactor, memory: memory, agent: agent))
        run.cancel()
        await run.value
    }

    private func eventually(_ condition: () async -> Bool) async -> Bool {
        let end = ContinuousClock.now.advanced(by: .seconds(60))
        while ContinuousClock.now < end {
            if await condition() { return true }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    @Test func everyAddressOfAControllerIsToldWithRisingNumbers() async throws {
        try await withWorker { stage in
            #expect(await eventually { stage.tap.count(one) >= 5 && stage.tap.count(other) >= 5 })
            var ledger = HeartbeatLedger(key: stage.key)
            for datagram in stage.tap.all(one).prefix(5) {
                let result = ledger.receive(unsafe datagram.span.bytes, now: Instant(nanoseconds: 1))
                guard case .success(let beat) = result else { return #expect(Bool(false), "\(result)") }
                #expect(beat.worker == WorkerID("w1") && beat.incarnation == "a")
            }
        }
    }

    @Test func aStoreThatIsAwayOrHasForgottenTheControllersEndsNothing() async throws {
        try await withWorker { stage in
            #expect(await eventually { stage.tap.count(one) > 0 })
            stage.store.setReachable(false)
            try await Task.sleep(for: .milliseconds(2500))
            var before = stage.tap.count(one)
            #expect(await eventually { stage.tap.count(one) >= before + 3 })
            stage.store.flush()
            stage.store.setReachable(true)
            try await Task.sleep(for: .milliseconds(2500))
            before = stage.tap.count(one)
            #expect(await eventually { stage.tap.count(one) >= before + 3 })
        }
    }

    /// Its sessions stand still until the store has told what is still its own: who keeps them here keeps them silent.
    @Test func aWorkerWithAFencedReactorDoesNotSayThatItLives() async throws {
        try await withWorker { stage in
            #expect(await eventually { stage.tap.count(one) > 0 })
            stage.store.setReachable(false)
            stage.reactor.output(.stoodStill(.seconds(1)))
            #expect(await eventually { await stage.agent.inspect().isFenced })
            let before = stage.tap.count(one)
            try await Task.sleep(for: .milliseconds(500))
            #expect(stage.tap.count(one) == before)
            stage.store.setReachable(true)
            #expect(await eventually { stage.tap.count(one) > before })
        }
    }

    @Test func aSuccessorGoesOnCounting() async throws {
        try await withWorker { stage in
            #expect(await eventually { stage.tap.count(one) >= 3 })
            let adopted = try #require(WorkerMemory(adopting: dup(stage.memory.descriptor)))
            #expect(adopted.heartbeatSequence >= 3)
        }
    }
}
