import ForwardingBenchmark
import Foundation
import LoadGenerator
import Synchronization
import WHIPClient
import Wire

/// Starts a cluster, and measures forwarding alone and beside a composite, or beside recorders, in turn.
public struct CompositeRun: Sendable {
    private let settings: CompositeSettings
    private let executable: String
    private let note: @Sendable (String) -> Void

    /// - Parameters:
    ///   - executable: `apus`.
    ///   - note: takes a line about what is done.
    public init(settings: CompositeSettings, executable: String, note: @escaping @Sendable (String) -> Void) {
        self.settings = settings
        self.executable = executable
        self.note = note
    }

    /// Ends early, with what there is, when the task is cancelled.
    public func run() async throws -> CompositeResult {
        let folder = NSTemporaryDirectory() + "apus-bench-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let clip = try ClipMaker(
            width: settings.size.width, height: settings.size.height, framesPerSecond: settings.framesPerSecond,
            bitRate: settings.bitRate
        ).make()
        var result = CompositeResult(machine: Machine.this, settings: settings, bitRate: clip.bitsPerSecond)
        let server = try await ApusServer(Workshop(executable: executable, sources: folder, folder: folder))
        do {
            for round in 1...settings.rounds {
                // The order changes, so that a machine that becomes slower or faster favours neither.
                for isBeside in round % 2 == 1 ? [false, true] : [true, false] {
                    let phase = Phase(server: server, folder: folder, settings: settings, clip: clip)
                    let measurement = try await phase.measure(round: round, isBeside: isBeside)
                    try Task.checkCancellation()
                    result.measurements.append(measurement)
                    note(measurement.text)
                }
            }
        } catch is CancellationError {
            result.isInterrupted = true
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
        return result
    }
}

/// One measurement.
private struct Phase: Sendable {
    let server: ApusServer
    let folder: String
    let settings: CompositeSettings
    let clip: LoadClip

    /// From the last join to the measurement; participants come before forwarding.
    private static let warmup = Interval.seconds(2)

    func measure(round: Int, isBeside: Bool) async throws -> CompositeMeasurement {
        guard isBeside else {
            let forwarding = try await forwarding(Rendezvous(parties: 1), joined: Rendezvous(parties: 1))
            return CompositeMeasurement(round: round, forwarding: forwarding.report, usage: forwarding.usage)
        }
        let signaling: any WorkSignaling =
            switch settings.work {
            case .composite: try await CompositeSignaling(port: server.port, settings)
            case .recording: try await RecordingSignaling(port: server.port, folder: folder)
            }
        do {
            let measurement = try await beside(round, signaling)
            await signaling.shutDown()
            return measurement
        } catch {
            await signaling.shutDown()
            throw error
        }
    }

    private func beside(_ round: Int, _ signaling: any WorkSignaling) async throws -> CompositeMeasurement {
        // Forwarding begins when the others are there, and both are measured in the same seconds.
        let (joined, opening) = (Rendezvous(parties: 2), Rendezvous(parties: 2))
        let work = try LoadRun(plan: workPlan, signaling: signaling)
        async let working = reporting(work, [joined, opening]) {
            try await work.run(windowChanged: { isOpen in
                guard isOpen else { return }
                await joined.arrive()
                await opening.arrive()
            })
        }
        let forwarding = try await forwarding(opening, joined: joined)
        var measurement = CompositeMeasurement(
            round: round, forwarding: forwarding.report, beside: try await working, usage: forwarding.usage)
        measurement.recordings = try signaling.takeRecordings()
        return measurement
    }

    /// Who fails lets the other one go.
    private func reporting(
        _ run: LoadRun, _ meetings: [Rendezvous], _ body: @Sendable () async throws -> LoadReport
    ) async throws -> LoadReport {
        do {
            let report = try await withTaskCancellationHandler {
                try await body()
            } onCancel: {
                run.interrupt()
                for meeting in meetings { meeting.open() }
            }
            for meeting in meetings { meeting.open() }
            return report
        } catch {
            for meeting in meetings { meeting.open() }
            throw error
        }
    }

    private func forwarding(
        _ opening: Rendezvous, joined: Rendezvous
    ) async throws -> (report: LoadReport, usage: ProcessorUsage) {
        guard let url = ServerURL("http://127.0.0.1:\(server.port)") else {
            throw BenchmarkError("port \(server.port) makes no URL")
        }
        let signaling = try WHIPSignaling(url, plan: forwardingPlan, room: "beside")
        let run = try LoadRun(plan: forwardingPlan, signaling: signaling)
        let meter = ProcessorMeter(server)
        do {
            let report = try await reporting(run, [joined, opening]) {
                await joined.arrive()
                return try await run.run(windowChanged: { isOpen in
                    if isOpen { await opening.arrive() }
                    meter.read(isOpen: isOpen)
                })
            }
            await signaling.shutDown()
            return (report, meter.usage)
        } catch {
            await signaling.shutDown()
            throw error
        }
    }

    private var workPlan: LoadPlan {
        var plan = LoadPlan(
            publishers: settings.participants, subscribers: settings.work == .composite ? settings.viewers : 0,
            video: .real, hasAudio: true, framesPerSecond: settings.framesPerSecond, warmup: Self.warmup,
            duration: .seconds(Int64(settings.seconds)), srtp: .gcm)
        plan.clip = clip
        plan.gapThreshold = .milliseconds(200)
        return plan
    }

    private var forwardingPlan: LoadPlan {
        var plan = LoadPlan(
            publishers: settings.sessions, subscribers: settings.sessions * 2, video: .light, warmup: Self.warmup,
            duration: .seconds(Int64(settings.seconds)), srtp: .gcm)
        plan.rooms = settings.sessions
        return plan
    }
}

/// Where several tasks wait for each other.
private final class Rendezvous: Sendable {
    private struct State {
        var missing: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(parties: Int) { state = Mutex(State(missing: parties)) }

    /// Returns when all have arrived.
    func arrive() async {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state in
                state.missing -= 1
                state.waiting.append(continuation)
                return Self.ready(&state)
            }
            for waiting in ready { waiting.resume() }
        }
    }

    /// Nobody waits any more.
    func open() {
        let ready = state.withLock { state in
            state.missing = 0
            return Self.ready(&state)
        }
        for waiting in ready { waiting.resume() }
    }

    private static func ready(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        guard state.missing <= 0 else { return [] }
        defer { state.waiting = [] }
        return state.waiting
    }
}

/// What the server's processes and this one used between the window's opening and its end.
private final class ProcessorMeter: Sendable {
    private struct Sample {
        var time: Instant
        var media: CPUTime
        var server: CPUTime
        var generator: CPUTime
        /// Of all programs.
        var everything: Double
    }

    private let server: ApusServer
    private let samples = Mutex<(first: Sample?, last: Sample?)>((nil, nil))

    init(_ server: ApusServer) { self.server = server }

    func read(isOpen: Bool) {
        let sample = Sample(
            time: Instant(nanoseconds: DispatchTime.now().uptimeNanoseconds),
            media: ProcessTable.time(server.mediaProcess), server: ProcessTable.time(server.processes),
            generator: ProcessTable.time(getpid()), everything: ProcessTable.busyTime)
        samples.withLock { if isOpen { $0.first = sample } else { $0.last = sample } }
    }

    var usage: ProcessorUsage {
        samples.withLock { samples in
            guard let first = samples.first, let last = samples.last, last.time > first.time else {
                return ProcessorUsage()
            }
            let seconds = (last.time - first.time).seconds
            let media = (last.media - first.media).total
            let server = max(media, (last.server - first.server).total)
            let generator = (last.generator - first.generator).total
            return ProcessorUsage(
                media: media / seconds, others: (server - media) / seconds, generator: generator / seconds,
                strangers: max(0, last.everything - first.everything - server - generator) / seconds)
        }
    }
}
