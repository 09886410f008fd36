import Synchronization
import Wire

/// How one client's joining ended.
enum JoinOutcome: Sendable, Hashable {
    /// With the time from the first request until every section has media, of a publisher until it is connected.
    case joined(Interval)
    case failed(String)
}

/// Where joining tasks wait for what the media threads say of their clients.
final class JoinGate: Sendable {
    private struct State {
        var outcomes: [Int: (time: Instant?, failure: String?)] = [:]
        var waiters: [Int: CheckedContinuation<(time: Instant?, failure: String?), Never>] = [:]
        var watchers: [Int: AsyncStream<String>.Continuation] = [:]
        var isCancelled = false
    }

    private let state = Mutex(State())

    func resolve(_ id: Int, at time: Instant) { resolve(id, (time, nil)) }
    func resolve(_ id: Int, failure: String) { resolve(id, (nil, failure)) }

    private func resolve(_ id: Int, _ outcome: (time: Instant?, failure: String?)) {
        let waiter = state.withLock { state in
            let waiter = state.waiters.removeValue(forKey: id)
            // Only the first is the join's: a client that fails later is measured by what it lacks.
            if let failure = outcome.failure, waiter == nil { state.watchers[id]?.yield(failure) }
            if waiter == nil, state.outcomes[id] == nil { state.outcomes[id] = outcome }
            return waiter
        }
        waiter?.resume(returning: outcome)
    }

    /// Waits for the client. A media thread resolves every client that it was given, at the latest at its deadline.
    func outcome(of id: Int, began: Instant) async -> JoinOutcome {
        let outcome = await withCheckedContinuation { continuation in
            let known = state.withLock { state -> (time: Instant?, failure: String?)? in
                if let known = state.outcomes[id] { return known }
                if state.isCancelled { return (nil, "interrupted") }
                state.waiters[id] = continuation
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
        if let time = outcome.time { return .joined(time - began) }
        return .failed(outcome.failure ?? "unknown")
    }

    /// What goes wrong with a client that has joined.
    func failures(of id: Int) -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.watchers[id] = continuation }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.watchers.removeValue(forKey: id) }
        }
        return stream
    }

    /// Nobody waits any longer.
    func cancel() {
        let waiters = state.withLock { state in
            state.isCancelled = true
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume(returning: (nil, "interrupted")) }
    }
}
