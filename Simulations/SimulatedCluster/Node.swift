import Store

/// One life of a simulated process: what reaches it goes through ``deliver(_:)``, and while it is stopped nothing does.
///
/// Between two timers no job of any process is left half done, so a process that gets no timer, no answer and no packet
/// any more is one that was stopped at that moment (SIGSTOP), and one that never gets any is dead (SIGKILL): all it
/// still waits for never comes, and nothing cleans up after it.
final class Node: @unchecked Sendable {
    enum State { case running, stopped, dead }

    let name: String
    /// Whose network it is on.
    let host: String
    let time: VirtualTime
    private(set) var state = State.running
    let born: UInt64
    /// When it was stopped last, and when it went on.
    private(set) var stoppedAt: UInt64?
    private(set) var resumedAt: UInt64?
    /// What its wall clock is wrong by, in milliseconds.
    var wallOffset: Int64 = 0
    private var pending: [() -> Void] = []
    /// What a dead process was told, and never heard.
    private var unheard: [() -> Void] = []

    init(_ name: String, host: String, time: VirtualTime) {
        self.name = name
        self.host = host
        self.time = time
        born = time.now
    }

    /// In the order of the calls.
    func deliver(_ action: @escaping () -> Void) {
        switch state {
        case .running: action()
        case .stopped: pending.append(action)
        case .dead: unheard.append(action)
        }
    }

    func stop() {
        guard state == .running else { return }
        state = .stopped
        stoppedAt = time.now
    }

    func resume() {
        guard state == .stopped else { return }
        state = .running
        resumedAt = time.now
        let actions = pending
        pending = []
        for action in actions { deliver(action) }
    }

    func kill() {
        state = .dead
        unheard += pending
        pending = []
    }

    /// The run is over: what waits for ever in a dead process goes on and ends, so that its memory comes back.
    func bury() {
        guard state == .dead else { return }
        state = .running
        let actions = unheard
        unheard = []
        for action in actions { action() }
    }

    func after(_ delay: UInt64, _ action: @escaping () -> Void) {
        time.after(delay) { self.deliver(action) }
    }

    /// Ran all the time since then.
    func hasRun(since instant: UInt64) -> Bool {
        state == .running && born <= instant && (resumedAt ?? 0) <= instant
    }

    // MARK: Its clock

    /// The first day of 2026.
    private static let wallOrigin: Int64 = 1_767_225_600_000

    var clock: ClusterClock {
        ClusterClock(
            now: { VirtualTime.origin.advanced(by: .nanoseconds(Int64(self.time.now))) },
            wallMilliseconds: { Self.wallOrigin + Int64(self.time.now / 1_000_000) + self.wallOffset },
            sleep: { try await self.sleep($0) })
    }

    @safe private final class Sleeper: @unchecked Sendable {
        var continuation: UnsafeContinuation<Void, any Error>?
        var timer: VirtualTime.Timer?
        var isCancelled = false

        func wake(_ result: Result<Void, any Error>) {
            timer?.cancel()
            unsafe continuation?.resume(with: result)
            unsafe continuation = nil
        }
    }

    func sleep(_ duration: Duration) async throws {
        let sleeper = Sleeper()
        try await withTaskCancellationHandler {
            try await unsafe withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
                guard !sleeper.isCancelled, !Task.isCancelled else {
                    return unsafe continuation.resume(throwing: CancellationError())
                }
                unsafe sleeper.continuation = unsafe continuation
                sleeper.timer = time.after(duration.inNanoseconds) { self.deliver { sleeper.wake(.success(())) } }
            }
        } onCancel: {
            sleeper.isCancelled = true
            sleeper.wake(.failure(CancellationError()))
        }
    }
}
