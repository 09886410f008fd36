import CLinux
import Foundation
import Logging
import Reactor
import Synchronization
import Wire

/// Keeps a media process running on a worker's sockets and memory: one that ends is followed by the next at once, one
/// that stands still is ended first.
final class MediaGuardian: Sendable {
    private let estate: WorkerEstate
    private let memories: [ReactorMemory]
    private let executable: String
    private let arguments: [String]
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var process: Int32 = -1
        var isEnding = false
        /// Ended by us, because it stood still.
        var wasStalled = false
    }

    /// A reactor that has not come round for so long stands still.
    private static let patience = Interval.seconds(2)
    private static let watchInterval = Duration.milliseconds(100)
    /// Ends within so long of a start count as a loop.
    private static let healthyAfter = Interval.seconds(10)
    private static let longestPause = Duration.seconds(2)
    /// Starts that do not get past taking over, after which what there is to take over is given up.
    private static let hopelessStarts = 2
    /// SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV: the process's own doing.
    private static let faults: Set<Int32> = [4, 5, 6, 7, 8, 11]

    init(
        _ estate: WorkerEstate, memories: [ReactorMemory], executable: String, arguments: [String], logger: Logger
    ) {
        self.estate = estate
        self.memories = memories
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
                _ = try await group.next()
                group.cancelAll()
            }
        } onCancel: {
            end()
        }
    }

    private func keepRunning() async throws {
        var quickEnds = 0
        var hopeless = 0
        while !isEnding {
            let started = HostClock.now
            let status = try await runOnce()
            if isEnding { return }
            let (cause, isFault) = state.withLock { state in
                defer { state.wasStalled = false }
                return Self.cause(status, wasStalled: state.wasStalled)
            }
            hopeless = memories.allSatisfy(\.isSettled) ? 0 : hopeless + 1
            for memory in memories { memory.noteEnd(byFault: isFault) }
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

    private static func cause(_ status: Int32, wasStalled: Bool) -> (String, isFault: Bool) {
        if wasStalled { return ("stood still", true) }
        guard status >= 256 else { return ("exit code \(status)", status != 0) }
        return ("signal \(status - 256)", faults.contains(status - 256))
    }

    /// On a thread of its own, which sees the end in the moment when it comes.
    private func runOnce() async throws -> Int32 {
        let (file, descriptors) = try estate.handedOver()
        let process = try start(descriptors)
        let status = await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: apus_wait(process)) }
        }
        state.withLock { $0.process = -1 }
        withExtendedLifetime(file) {}
        return status
    }

    private func start(_ descriptors: [Int32]) throws -> Int32 {
        setenv(ParentWatch.variable, "\(getpid())", 1)
        var words = ([executable] + arguments).map { unsafe strdup($0) }
        unsafe words.append(nil)
        defer { for unsafe word in unsafe words { unsafe free(word) } }
        return try state.withLock { state in
            guard !state.isEnding else { throw CancellationError() }
            let process = unsafe apus_spawn(executable, words, descriptors, UInt32(descriptors.count))
            guard process > 0 else { throw CommandFailure("the media process cannot be started: errno \(-process)") }
            state.process = process
            return process
        }
    }

    // MARK: Watching

    private func watch() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.watchInterval)
            let now = HostClock.now
            let stalled = memories.contains { $0.isSettled && now - $0.lastTurn > Self.patience }
            guard stalled else { continue }
            let process = state.withLock { state -> Int32 in
                guard state.process > 0, !state.isEnding else { return -1 }
                state.wasStalled = true
                return state.process
            }
            guard process > 0 else { continue }
            logger.error("a reactor stands still; its process is ended", metadata: ["event": "reactor_stalled"])
            _ = apus_kill(process, SIGKILL)
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private var isEnding: Bool { state.withLock { $0.isEnding } }

    private func end() {
        let process = state.withLock { state in
            state.isEnding = true
            return state.process
        }
        guard process > 0 else { return }
        _ = apus_kill(process, SIGTERM)
        // It has five seconds to say goodbye to everybody.
        Task.detached {
            try? await Task.sleep(for: .seconds(5))
            let isStill = self.state.withLock { $0.process == process }
            if isStill { _ = apus_kill(process, SIGKILL) }
        }
    }
}
