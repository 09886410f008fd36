import CLinux
import Foundation
import Logging
import Reactor
import Session
import Synchronization
import Wire
import Worker

/// Keeps a media process running on a worker's sockets and memory: one that ends is followed by the next at once, one
/// that stands still is ended first.
final class MediaGuardian: Sendable {
    private let holdings: WorkerHoldings
    private let standIn: WorkerStandIn
    private let orders: GuardianOrders
    private let executable: String
    private let arguments: [String]
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var process: ChildProcess?
        /// Runs already, and is waited for once the process before it has ended.
        var successor: Running?
        var isUpgrading = false
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
    /// The same for one that was killed: only the kernel's killer, when memory is short, is faster than that.
    private static let healthyAfterKill = Interval.seconds(1)
    private static let longestPause = Duration.seconds(2)
    /// Starts that do not get past taking over, after which what there is to take over is given up.
    private static let hopelessStarts = 2
    /// SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV: the process's own doing.
    private static let faults: Set<Int32> = [4, 5, 6, 7, 8, 11]

    /// Ends of processes that no successor made room for.
    private enum Turn {
        case ended(ChildProcess.End)
        /// The next process is at work already.
        case handedOver
    }

    /// A media process, and its end.
    struct Running: Sendable {
        var process: ChildProcess
        var end: Task<ChildProcess.End, Never>
    }

    /// Time to say goodbye to everybody before SIGKILL.
    private static let goodbye = Duration.seconds(5)

    private var memories: [ReactorMemory] { holdings.reactors }

    /// How long the cluster is told that the worker lives though its media process does not, and how often.
    private static let absence = Interval.seconds(3)
    /// The same for one that stands still, and so may not say itself that it lives: it will be replaced if it stays so.
    /// Its reactors are fenced until they have heard what is still their own.
    private static let noticeable = Interval.milliseconds(350)
    private static let standInInterval = Duration.milliseconds(200)

    init(
        _ holdings: WorkerHoldings, standIn: WorkerStandIn, orders: GuardianOrders, executable: String,
        arguments: [String], logger: Logger
    ) {
        self.holdings = holdings
        self.orders = orders
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
                group.addTask { await self.orders.obey(self) }
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
            let turn = try await runOnce()
            if isEnding { return }
            guard case .ended(let end) = turn else {
                quickEnds = 0
                hopeless = 0
                continue
            }
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
            let enough = end.isKill && !isFault ? Self.healthyAfterKill : Self.healthyAfter
            quickEnds = HostClock.now - started < enough ? quickEnds + 1 : 0
            let pause = Self.pause(afterQuickEnds: quickEnds)
            logger.error(
                "the media process has ended; the next one takes over",
                metadata: [
                    "event": "media_process_ended", "cause": "\(cause)", "fault": "\(isFault)",
                    "pause_milliseconds": "\(Int(pause / .milliseconds(1)))",
                ])
            if hopeless >= Self.hopelessStarts {
                logger.critical("nothing can be taken over: the worker begins anew")
                for memory in memories { memory.erase() }
                hopeless = 0
            }
            if pause > .zero { try? await Task.sleep(for: pause) }
        }
    }

    /// None for the first few: callers wait. Then longer and longer, for a loop that no start ends costs the host.
    private static func pause(afterQuickEnds count: Int) -> Duration {
        count > 3 ? min(.milliseconds(100) * (1 << min(count - 4, 6)), longestPause) : .zero
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
        let worker = holdings.worker
        guard worker.process > 0 else { return false }
        for memory in memories { memory.noteEnd(byFault: false) }
        for process in Set([worker.waiting, worker.process]) where process > 0 && Self.isMediaProcess(process) {
            logger.warning("a media process without a guardian is ended", metadata: ["process": "\(process)"])
            _ = apus_kill(process, SIGKILL)
            while Self.isMediaProcess(process) { try? await Task.sleep(for: .milliseconds(2)) }
        }
        worker.waiting = 0
        return true
    }

    /// Its number may be somebody else's by now. One that has ended and is not reaped has no command line.
    private static func isMediaProcess(_ process: Int32) -> Bool {
        guard let words = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { return false }
        return words.split(separator: 0).dropFirst().first.map { Array($0) == Array("media".utf8) } ?? false
    }

    private func runOnce() async throws -> Turn {
        let running = try state.withLock { state in
            guard !state.isEnding else { throw CancellationError() }
            defer { state.successor = nil }
            let running = try state.successor ?? start(arguments)
            state.process = running.process
            return running
        }
        holdings.worker.process = running.process.identifier
        let end = await running.end.value
        return state.withLock { state in
            guard state.process === running.process else { return .handedOver }
            state.process = nil
            holdings.worker.process = 0
            return .ended(end)
        }
    }

    /// With what belongs to the worker.
    private func start(_ arguments: [String]) throws -> Running {
        let (file, descriptors) = try holdings.estate.handedOver()
        let process = try ChildProcess(executable, arguments, inheriting: descriptors, isReplaced: true)
        return Running(
            process: process,
            end: Task {
                let end = await process.waitForEnd()
                withExtendedLifetime(file) {}
                return end
            })
    }

    /// A few seconds, not for ever: who dies again and again is dead.
    private func standInWhileAbsent() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(20))
            // A worker that never had its name has none to keep: it may be another's.
            guard holdings.worker.holdsName else { continue }
            if let since = state.withLock({ $0.absent }) {
                if memories.allSatisfy(\.isSettled) || HostClock.now - since > Self.absence {
                    state.withLock { $0.absent = nil }
                    continue
                }
            } else if !(Self.noticeable...Self.absence).contains(stillness(HostClock.now)) {
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
        let stillness = stillness(now)
        if stillness > Self.patience { return true }
        guard stillness > Self.stoppedPatience, let process = state.withLock({ $0.process }) else { return false }
        return Self.isStopped(process.identifier)
    }

    /// Since when the reactor that came round the longest ago has not.
    private func stillness(_ now: Instant) -> Interval {
        memories.filter(\.isSettled).map { now - $0.lastTurn }.max() ?? .zero
    }

    /// By SIGSTOP; one that a debugger holds is let be (proc(5): state `T`, not `t`).
    private static func isStopped(_ process: Int32) -> Bool {
        guard let data = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return false }
        let fields = String(decoding: data, as: UTF8.self).split(separator: ")").last?.split(separator: " ")
        return fields?.first == "T"
    }

    // MARK: Upgrade

    /// For a new process until it waits for its turn, for the one before to let go, for the new one to take over.
    private static let loadingTime = Interval.seconds(10)
    private static let departureTime = Interval.seconds(1)
    private static let takeOverTime = Interval.seconds(5)

    /// Starts the next media process from the executable on disk, gets it ready, and only then asks the present one to
    /// let go: callers wait for neither loading nor connecting.
    /// - Throws: `.invalid` when the new executable cannot go on with what is there, or ends; the present process then
    ///   goes on as before.
    func upgrade() async throws(Refusal) -> HandOver {
        let present = try state.withLock { state throws(Refusal) in
            guard let process = state.process, !state.isUpgrading, !state.isEnding else {
                throw Refusal(.overLimit, "the worker's media process is being replaced already; try again")
            }
            state.isUpgrading = true
            return process
        }
        defer { state.withLock { $0.isUpgrading = false } }
        logger.notice("the media process is to be replaced", metadata: ["event": "upgrade_started"])
        do throws(Refusal) {
            let ordered = HostClock.now
            let successor = try await loadSuccessor()
            try await replace(present, by: successor)
            let standstill = memories.map(\.standstill).max() ?? .zero
            let handOver = HandOver(
                processID: successor.process.identifier, standstill: Double(standstill.nanoseconds) / 1e6,
                duration: Double((HostClock.now - ordered).nanoseconds) / 1e6)
            logger.notice(
                "the media process was replaced",
                metadata: [
                    "event": "upgraded", "process": "\(handOver.processID)",
                    "milliseconds": "\(standstill.milliseconds)", "duration_milliseconds": "\(Int(handOver.duration))",
                ])
            return handOver
        } catch {
            logger.error("the upgrade failed", metadata: ["event": "upgrade_failed", "reason": "\(error.message)"])
            throw error
        }
    }

    /// A process that is loaded, configured and connected, and waits.
    private func loadSuccessor() async throws(Refusal) -> Running {
        let worker = holdings.worker
        (worker.waiting, worker.chosen, worker.departed) = (0, 0, 0)
        let successor: Running
        do {
            successor = try start(arguments + ["--standby"])
        } catch {
            logger.error("the executable on disk cannot be started", metadata: ["error": "\(error)"])
            throw Refusal(.invalid, "the executable on disk cannot be started; the running one goes on")
        }
        let process = successor.process
        await wait(Self.loadingTime) { worker.waiting == process.identifier || process.hasEnded }
        guard worker.waiting == process.identifier, !process.hasEnded, !isEnding else {
            let isLate = !process.hasEnded
            process.send(SIGKILL)
            let end = await successor.end.value
            worker.waiting = 0
            if isLate { throw Refusal(.invalid, "the new executable is not ready after 10 s; the running one goes on") }
            if case .exit(MediaProcess.unfit) = end {
                throw Refusal(
                    .invalid,
                    "the new executable, or its settings, cannot go on with what the running one has in memory; the "
                        + "running one goes on. Drain the worker and start it again instead")
            }
            throw Refusal(.invalid, "the new executable ends before it is ready (\(end)); the running one goes on")
        }
        return successor
    }

    private func replace(_ present: ChildProcess, by successor: Running) async throws(Refusal) {
        let worker = holdings.worker
        let isCurrent = state.withLock { state in
            guard state.process === present, !state.isEnding else { return false }
            state.process = successor.process
            state.successor = successor
            return true
        }
        guard isCurrent else {
            successor.process.send(SIGKILL)
            throw Refusal(.overLimit, "the media process ended meanwhile; try again")
        }
        present.send(SIGUSR1)
        await wait(Self.departureTime) { worker.departed == present.identifier || present.hasEnded }
        if worker.departed != present.identifier {
            // Then it is as after any other end.
            present.send(SIGKILL)
            await wait(Self.departureTime) { present.hasEnded }
        }
        for memory in memories { memory.noteEnd(byFault: false) }
        state.withLock { $0.absent = HostClock.now }
        worker.process = successor.process.identifier
        worker.chosen = successor.process.identifier
        worker.waiting = 0
        await wait(Self.takeOverTime) { self.memories.allSatisfy(\.isSettled) || successor.process.hasEnded }
        guard memories.allSatisfy(\.isSettled) else {
            throw Refusal(.invalid, "the new executable does not take over; the worker goes on with its next process")
        }
    }

    /// Looks every millisecond.
    private func wait(_ time: Interval, until condition: () -> Bool) async {
        let end = HostClock.now + time
        while !condition(), HostClock.now < end, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(1)) }
    }

    private var isEnding: Bool { state.withLock { $0.isEnding } }

    private func end() {
        let processes = state.withLock { state in
            state.isEnding = true
            return [state.process, state.successor?.process]
        }
        for process in processes { process?.terminate(patience: Self.goodbye) }
    }
}
