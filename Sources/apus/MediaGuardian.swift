import CLinux
import Foundation
import Logging
import Reactor
import Synchronization
import Wire
import Worker

/// Keeps a media process running on a worker's sockets and memory: one that ends is followed by the next at once, one
/// that stands still is ended first.
final class MediaGuardian: Sendable {
    private let holdings: WorkerHoldings
    private let standIn: WorkerStandIn
    private let executable: String
    private let arguments: [String]
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var process: ChildProcess?
        var isEnding = false
        /// Since when no media process is past taking over; nil before the first end.
        var absent: Instant?
        /// Ended by us, because it stood still.
        var wasStalled = false
    }

    /// A reactor that has not come round for so long stands still.
    private static let patience = Interval.seconds(2)
    /// The same where the process was stopped, so that there is no doubt.
    private static let stoppedPatience = Interval.milliseconds(250)
    private static let watchInterval = Duration.milliseconds(50)
    /// Ends within so long of a start count as a loop.
    private static let healthyAfter = Interval.seconds(10)
    private static let longestPause = Duration.seconds(2)
    /// Starts that do not get past taking over, after which what there is to take over is given up.
    private static let hopelessStarts = 2
    /// SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV: the process's own doing.
    private static let faults: Set<Int32> = [4, 5, 6, 7, 8, 11]

    /// Time to say goodbye to everybody before SIGKILL.
    private static let goodbye = Duration.seconds(5)

    private var memories: [ReactorMemory] { holdings.reactors }

    /// How long the cluster is told that the worker lives though its media process does not, and how often.
    private static let absence = Interval.seconds(3)
    private static let standInInterval = Duration.milliseconds(200)

    init(_ holdings: WorkerHoldings, standIn: WorkerStandIn, executable: String, arguments: [String], logger: Logger) {
        self.holdings = holdings
        self.standIn = standIn
        self.executable = executable
        self.arguments = arguments
        self.logger = logger
    }

    /// Until the task is cancelled; then the media process is asked to end, and waited for.
    func run() async throws {
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.keepRunning() }
                group.addTask { await self.watch() }
                group.addTask { await self.standInWhileAbsent() }
                _ = try await group.next()
                group.cancelAll()
            }
        } onCancel: {
            end()
        }
    }

    private func keepRunning() async throws {
        if await endPredecessor() { state.withLock { $0.absent = HostClock.now } }
        var quickEnds = 0
        var hopeless = 0
        while !isEnding {
            let started = HostClock.now
            let end = try await runOnce()
            if isEnding { return }
            if case .exit(MediaProcess.nameTaken) = end {
                throw CommandFailure("the worker has no name of its own in this cluster")
            }
            let (cause, isFault) = state.withLock { state in
                defer { state.wasStalled = false }
                return Self.cause(end, wasStalled: state.wasStalled)
            }
            hopeless = memories.allSatisfy(\.isSettled) ? 0 : hopeless + 1
            for memory in memories { memory.noteEnd(byFault: isFault) }
            state.withLock { $0.absent = HostClock.now }
            logger.error(
                "the media process has ended; the next one takes over",
                metadata: ["event": "media_process_ended", "cause": "\(cause)", "fault": "\(isFault)"])
            if hopeless >= Self.hopelessStarts {
                logger.critical("nothing can be taken over: the worker begins anew")
                for memory in memories { memory.erase() }
                hopeless = 0
            }
            quickEnds = HostClock.now - started < Self.healthyAfter ? quickEnds + 1 : 0
            if quickEnds > 3 {
                try? await Task.sleep(for: min(.milliseconds(100) * (1 << min(quickEnds - 4, 6)), Self.longestPause))
            }
        }
    }

    private static func cause(_ end: ChildProcess.End, wasStalled: Bool) -> (String, isFault: Bool) {
        if wasStalled { return ("stood still", true) }
        switch end {
        case .exit(let code): return ("\(end)", code != 0)
        case .signal(let number): return ("\(end)", faults.contains(number))
        }
    }

    /// A guardian before this one may have died without its media process; two must not work on the same memory.
    /// - Returns: whether there was one.
    private func endPredecessor() async -> Bool {
        let process = holdings.worker.process
        guard process > 0 else { return false }
        for memory in memories { memory.noteEnd(byFault: false) }
        guard Self.isMediaProcess(process) else { return true }
        logger.warning("a media process without a guardian is ended", metadata: ["process": "\(process)"])
        _ = apus_kill(process, SIGKILL)
        while Self.isMediaProcess(process) { try? await Task.sleep(for: .milliseconds(2)) }
        return true
    }

    /// Its number may be somebody else's by now. One that has ended and is not reaped has no command line.
    private static func isMediaProcess(_ process: Int32) -> Bool {
        guard let words = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { return false }
        return words.split(separator: 0).dropFirst().first.map { Array($0) == Array("media".utf8) } ?? false
    }

    private func runOnce() async throws -> ChildProcess.End {
        let (file, descriptors) = try holdings.estate.handedOver()
        let process = try state.withLock { state in
            guard !state.isEnding else { throw CancellationError() }
            let process = try ChildProcess(executable, arguments, inheriting: descriptors)
            state.process = process
            return process
        }
        holdings.worker.process = process.identifier
        let end = await process.waitForEnd()
        holdings.worker.process = 0
        state.withLock { $0.process = nil }
        withExtendedLifetime(file) {}
        return end
    }

    /// A few seconds, not for ever: who dies again and again is dead.
    private func standInWhileAbsent() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(20))
            // A worker that never had its name has none to keep: it may be another's.
            guard holdings.worker.holdsName, let since = state.withLock({ $0.absent }) else { continue }
            if memories.allSatisfy(\.isSettled) || HostClock.now - since > Self.absence {
                state.withLock { $0.absent = nil }
                continue
            }
            await standIn.heartbeat()
            try? await Task.sleep(for: Self.standInInterval)
        }
    }

    // MARK: Watching

    private func watch() async {
        var lastLook = HostClock.now
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.watchInterval)
            let now = HostClock.now
            defer { lastLook = now }
            // A guardian that stood still itself gives its process the time to come round.
            guard now - lastLook < Self.stoppedPatience * 2, isStalled(now) else { continue }
            let process = state.withLock { state -> ChildProcess? in
                guard !state.isEnding, state.process != nil else { return nil }
                state.wasStalled = true
                return state.process
            }
            guard let process else { continue }
            logger.error("a reactor stands still; its process is ended", metadata: ["event": "reactor_stalled"])
            process.send(SIGKILL)
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func isStalled(_ now: Instant) -> Bool {
        let stillness = memories.filter(\.isSettled).map { now - $0.lastTurn }.max() ?? .zero
        if stillness > Self.patience { return true }
        guard stillness > Self.stoppedPatience, let process = state.withLock({ $0.process }) else { return false }
        return Self.isStopped(process.identifier)
    }

    /// By SIGSTOP; one that a debugger holds is let be (proc(5): state `T`, not `t`).
    private static func isStopped(_ process: Int32) -> Bool {
        guard let data = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return false }
        let fields = String(decoding: data, as: UTF8.self).split(separator: ")").last?.split(separator: " ")
        return fields?.first == "T"
    }

    private var isEnding: Bool { state.withLock { $0.isEnding } }

    private func end() {
        let process = state.withLock { state in
            state.isEnding = true
            return state.process
        }
        process?.terminate(patience: Self.goodbye)
    }
}
