internal import CLinux
import Foundation
import LoadGenerator
import Synchronization
import Wire

/// What one run of the generator against one server showed, with what `/proc` said beside it.
struct Observation: Sendable {
    var report = LoadReport()
    var facts: ServerFacts
    /// Of the media process and of all processes, in the window.
    var cpu = CPUTime()
    var cpuOfAll = CPUTime()
    /// From before the first join until the last, of the same two.
    var joinCPU = CPUTime()
    var joinCPUOfAll = CPUTime()
    /// Seconds that the joins took.
    var joinTime = 0.0
    /// Changes of layers that the server took, and that it refused.
    var switches = LayerSwitches()
    /// Bytes of the media process at the end of the window.
    var residentMemory: UInt64 = 0
}

/// Starts a server, runs the generator against it, and ends both.
struct Stage: Sendable {
    let workshop: Workshop
    /// A short text on what happens now, about once a second.
    let status: @Sendable (String) -> Void

    func observe(_ kind: ServerKind, _ plan: LoadPlan, switchesLayers: Bool = false) async throws -> Observation {
        status("starting")
        let server = try await workshop.start(kind)
        do {
            let observation = try await observe(server, plan, switchesLayers: switchesLayers)
            status("ending")
            await server.stop()
            return observation
        } catch {
            await server.stop()
            throw error
        }
    }

    private func observe(
        _ server: any ServerUnderTest, _ plan: LoadPlan, switchesLayers: Bool
    ) async throws -> Observation {
        let switcher = LayerSwitcher(server.signaling)
        let run = try LoadRun(plan: plan, signaling: switchesLayers ? switcher : server.signaling)
        let probe = Probe(server)
        let observation = Mutex(Observation(facts: server.facts))
        let hasJoined = Mutex(false)
        let switching = Mutex<Task<Void, Never>?>(nil)
        let beforeJoins = probe.sample()
        let inWindow = Mutex(beforeJoins)
        let report = try await run.run { progress in
            status(Self.text(progress))
            guard progress.phase == .warmingUp else { return }
            let isFirst = hasJoined.withLock { hasJoined in
                defer { hasJoined = true }
                return !hasJoined
            }
            guard isFirst else { return }
            let now = probe.sample()
            observation.withLock {
                $0.joinCPU = now.media - beforeJoins.media
                $0.joinCPUOfAll = now.all - beforeJoins.all
                $0.joinTime = (now.time - beforeJoins.time).seconds
            }
        } windowChanged: { isOpen in
            let now = probe.sample()
            if isOpen {
                inWindow.withLock { $0 = now }
                if switchesLayers { switching.withLock { $0 = Task { await switcher.run() } } }
                return
            }
            switching.withLock { $0?.cancel() }
            let start = inWindow.withLock { $0 }
            observation.withLock {
                $0.cpu = now.media - start.media
                $0.cpuOfAll = now.all - start.all
                $0.residentMemory = now.residentMemory
            }
        }
        switching.withLock { $0?.cancel() }
        observation.withLock {
            $0.report = report
            $0.switches = switcher.switches
        }
        return observation.withLock { $0 }
    }

    private static func text(_ progress: LoadProgress) -> String {
        switch progress.phase {
        case .joining: "joining (\(progress.subscribers))"
        default: "\(progress.phase.rawValue), \(ResultTables.thousands(progress.deliveredPerSecond)) packets/s"
        }
    }
}

/// Reads the server's processes at one moment.
private struct Probe: Sendable {
    struct Sample: Sendable {
        var time: Instant
        var media: CPUTime
        var all: CPUTime
        var residentMemory: UInt64
    }

    private let mediaProcess: Int32
    private let processes: [Int32]

    init(_ server: any ServerUnderTest) {
        mediaProcess = server.mediaProcess
        processes = server.processes
    }

    func sample() -> Sample {
        Sample(
            time: Instant(nanoseconds: apus_monotonic_ns()), media: ProcessTable.time(mediaProcess),
            all: ProcessTable.time(processes), residentMemory: ProcessTable.residentMemory(mediaProcess) ?? 0)
    }
}

/// Lets everybody through and remembers the subscribers, to change their layers during the window.
final class LayerSwitcher: LoadSignaling {
    private let base: any LoadSignaling
    private let choosers = Mutex<[any LayerChoosing]>([])
    private let counts = Mutex(LayerSwitches())

    var switches: LayerSwitches { counts.withLock { $0 } }

    init(_ base: any LoadSignaling) { self.base = base }

    func publish(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        try await base.publish(client, number: number)
    }

    func subscribe(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        let session = try await base.subscribe(client, number: number)
        if let chooser = session as? any LayerChoosing {
            choosers.withLock { $0.append(chooser) }
            // All servers begin alike: with the best.
            do {
                try await chooser.choose(layer: 2)
            } catch {
                counts.withLock { $0.refused += 1 }
            }
        }
        return session
    }

    /// Ten changes a second, each of another subscriber, until cancelled: down from the best, and up again.
    func run() async {
        let all = choosers.withLock { $0 }
        guard !all.isEmpty else { return }
        var count = 0
        while !Task.isCancelled {
            do {
                try await all[count % all.count].choose(layer: (2 + count / all.count + count % 3) % 3)
                counts.withLock { $0.done += 1 }
            } catch {
                counts.withLock { $0.refused += 1 }
            }
            count += 1
            try? await Task.sleep(for: .milliseconds(100))
        }
    }
}
