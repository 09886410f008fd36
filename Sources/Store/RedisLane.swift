import CHiredis
import Dispatch
import Foundation
import Logging
import Session
import Synchronization

/// One connection with the one thread that blocks on it. Tasks hand it commands and wait without
/// holding a thread of the cooperative pool.
///
/// Commands that wait together go out together. A lost connection is made again with growing pauses.
final class RedisLane: Sendable {
    /// What to do with commands while the connection is away.
    enum Patience: Sendable {
        /// Refuse at once: somebody waits for the answer.
        case none
        /// Hold them until their deadline: a reader has nothing better to do.
        case untilDeadline
    }

    let name: String
    let state = Mutex(LaneState())
    private let address: RedisAddress
    private let patience: Patience
    /// Milliseconds that connecting, and each read and write, may take.
    private let timeout: Int
    private let logger: Logger
    private let wake = DispatchSemaphore(value: 0)

    /// Milliseconds of the first and the longest pause between attempts to connect.
    private static let firstPause = 100
    private static let longestPause = 1000

    init(name: String, address: RedisAddress, patience: Patience, timeout: Int, logger: Logger) {
        self.name = name
        self.address = address
        self.patience = patience
        self.timeout = timeout
        self.logger = logger
    }

    func start() {
        let thread = Thread { [self] in run() }
        thread.name = name
        thread.start()
    }

    func close() {
        let abandoned = state.withLock { state in
            state.phase = .closed
            if let descriptor = state.descriptor { apus_redis_shutdown(descriptor) }
            return state.takeAll()
        }
        for job in abandoned { job.fail("the store is closed") }
        wake.signal()
    }

    /// Sends the commands in one go and waits for their answers, at most `patience` long.
    func submit(
        _ commands: [RedisCommand], within patience: Duration
    ) async throws(StoreError) -> [RedisValue] {
        let job = LaneJob(commands: commands, deadline: .now.advanced(by: patience))
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                job.answer.set(continuation)
                enqueue(job)
            }
        } onCancel: {
            // Only reads may be dropped: a write whose outcome nobody learns would be a riddle.
            if self.patience == .untilDeadline { job.fail("the task was cancelled") }
        }
        return try result.get()
    }

    private func enqueue(_ job: LaneJob) {
        let refusal: String? = state.withLock { state in
            switch state.phase {
            case .closed: return "the store is closed"
            case .down(let reason) where patience == .none: return reason
            case .connecting, .up, .down: break
            }
            guard state.queue.count < Limits.commandQueue else { return "too many commands wait for the store" }
            state.queue.append(job)
            return nil
        }
        if let refusal { job.fail(refusal) } else { wake.signal() }
    }

    /// Fails what has waited too long, whether it is still queued or already sent.
    func failOverdue(at now: ContinuousClock.Instant) {
        let overdue = state.withLock { state in
            let overdue = (state.queue + state.inFlight).filter { $0.deadline <= now }
            if !overdue.isEmpty { state.queue.removeAll { $0.deadline <= now } }
            return overdue
        }
        for job in overdue { job.fail("the store does not answer in time") }
    }

    // MARK: The thread

    private func run() {
        apus_redis_block_sigpipe()
        var pause = Self.firstPause
        var hasReported = false
        while !isClosed {
            do throws(RedisConnection.Failure) {
                let connection = try RedisConnection.open(address, timeout: timeout)
                guard enter(.up, descriptor: connection.descriptor) else { return }
                if hasReported { report(isUp: true, "") }
                hasReported = false
                pause = Self.firstPause
                try serve(connection)
            } catch {
                guard enter(.down(error.reason), descriptor: nil) else { return }
                if !hasReported { report(isUp: false, error.reason) }
                hasReported = true
                failQueued(error.reason)
                let jitter = Int.random(in: 0...(pause / 2))
                self.pause(for: pause - jitter)
                pause = min(pause * 2, Self.longestPause)
            }
        }
    }

    private func report(isUp: Bool, _ reason: String) {
        // The readers' connections share the fate of the first one: one line each way is enough.
        let level: Logger.Level = patience == .none ? (isUp ? .notice : .error) : .debug
        logger.log(
            level: level, isUp ? "store is back" : "store is lost, reconnecting",
            metadata: ["store": "\(address)", "connection": "\(name)", "reason": "\(reason)"])
    }

    private var isClosed: Bool { state.withLock { $0.phase == .closed } }

    /// False when the lane was closed meanwhile.
    private func enter(_ phase: LaneState.Phase, descriptor: Int32?) -> Bool {
        state.withLock { state in
            guard state.phase != .closed else { return false }
            state.phase = phase
            state.descriptor = descriptor
            return true
        }
    }

    private func failQueued(_ reason: String) {
        guard patience == .none else { return }
        for job in state.withLock({ $0.takeAll() }) { job.fail(reason) }
    }

    private func pause(for milliseconds: Int) {
        let end = DispatchTime.now() + .milliseconds(milliseconds)
        while !isClosed, wake.wait(timeout: end) == .success {}
    }

    /// Returns when the lane is closed or wants a new connection at once; throws when the connection fails.
    private func serve(_ connection: borrowing RedisConnection) throws(RedisConnection.Failure) {
        defer { state.withLock { $0.descriptor = nil } }
        while true {
            let jobs = state.withLock { $0.takeBatch() }
            if jobs.isEmpty {
                if isClosed { return }
                wake.wait()
                continue
            }
            if connection.isStale {
                // The server closed while we were idle; nothing of these has been sent yet.
                state.withLock { state in
                    state.putBack(jobs)
                    if state.phase != .closed { state.phase = .connecting }
                }
                return
            }
            do throws(RedisConnection.Failure) {
                try perform(jobs, on: connection)
            } catch {
                if patience == .untilDeadline {
                    // A read can be done again, and its caller has time.
                    state.withLock { $0.putBack(jobs) }
                } else {
                    state.withLock { $0.inFlight = [] }
                    for job in jobs { job.fail(error.reason) }
                }
                throw error
            }
            state.withLock { $0.inFlight = [] }
        }
    }

    private func perform(
        _ jobs: [LaneJob], on connection: borrowing RedisConnection
    ) throws(RedisConnection.Failure) {
        for job in jobs {
            for command in job.commands { try connection.append(command) }
        }
        for job in jobs {
            var values: [RedisValue] = []
            for _ in job.commands { values.append(try connection.receive()) }
            job.answer.resume(.success(values))
        }
    }
}

/// What a lane's thread and its callers share.
struct LaneState {
    enum Phase: Equatable {
        case connecting, up, closed
        case down(String)
    }

    var phase = Phase.connecting
    var queue: [LaneJob] = []
    var inFlight: [LaneJob] = []
    /// Of the present connection, for closing it from outside.
    var descriptor: Int32?

    mutating func takeBatch() -> [LaneJob] {
        guard phase != .closed else { return [] }
        queue.removeAll { $0.answer.isDone }
        let batch = Array(queue.prefix(Limits.pipelineDepth))
        queue.removeFirst(batch.count)
        inFlight = batch
        return batch
    }

    mutating func putBack(_ jobs: [LaneJob]) {
        queue = jobs.filter { !$0.answer.isDone } + queue
        inFlight = []
    }

    mutating func takeAll() -> [LaneJob] {
        let all = queue + inFlight
        queue = []
        return all
    }
}

/// Commands whose answers one task waits for.
final class LaneJob: Sendable {
    let commands: [RedisCommand]
    let deadline: ContinuousClock.Instant
    let answer = OneShot<[RedisValue]>()

    init(commands: [RedisCommand], deadline: ContinuousClock.Instant) {
        self.commands = commands
        self.deadline = deadline
    }

    func fail(_ reason: String) { answer.resume(.failure(.unavailable(reason))) }
}

/// A continuation that several may resume; the first one counts, even before it is set.
final class OneShot<Value: Sendable>: Sendable {
    private typealias Answer = Result<Value, StoreError>
    private enum Phase {
        case idle, done
        case early(Answer)
        case waiting(CheckedContinuation<Answer, Never>)
    }
    private let phase = Mutex(Phase.idle)

    var isDone: Bool {
        phase.withLock { phase in
            switch phase {
            case .done, .early: true
            case .idle, .waiting: false
            }
        }
    }

    func set(_ continuation: CheckedContinuation<Result<Value, StoreError>, Never>) {
        let early: Answer? = phase.withLock { phase in
            if case .early(let answer) = phase {
                phase = .done
                return answer
            }
            phase = .waiting(continuation)
            return nil
        }
        if let early { continuation.resume(returning: early) }
    }

    func resume(_ answer: Result<Value, StoreError>) {
        let waiting: CheckedContinuation<Answer, Never>? = phase.withLock { phase in
            switch phase {
            case .waiting(let continuation):
                phase = .done
                return continuation
            case .idle:
                phase = .early(answer)
                return nil
            case .early, .done:
                return nil
            }
        }
        waiting?.resume(returning: answer)
    }
}
