import Wire

/// Responses by session and request, so that a repeated request is answered without being done again.
///
/// Deviation: Kurento compares session and id only. Here method and parameters count too, so a client
/// that numbers from the start again after a reconnection is not given answers to other questions.
struct RequestCache {
    struct Key: Hashable {
        var session: String
        var request: Request
    }

    enum Entry {
        case running(waiters: [CheckedContinuation<Void, Never>])
        case done(response: String, expiry: Instant)
    }

    private let lifetime: Interval
    private var entries: [Key: Entry] = [:]
    /// Finished entries, oldest first; those before `head` are gone.
    private var order: [(key: Key, expiry: Instant, bytes: Int)] = []
    private var head = 0
    private var bytes = 0

    init(lifetime: Interval) { self.lifetime = lifetime }

    var isEnabled: Bool { lifetime > .zero }
    var count: Int { entries.count }

    subscript(key: Key) -> Entry? { entries[key] }

    mutating func begin(_ key: Key) { entries[key] = .running(waiters: []) }

    mutating func wait(for key: Key, _ waiter: CheckedContinuation<Void, Never>) {
        guard case .running(let waiters)? = entries[key] else {
            waiter.resume()
            return
        }
        entries[key] = .running(waiters: waiters + [waiter])
    }

    /// - Parameter requestBytes: size of the request, which the key holds on to.
    mutating func finish(_ key: Key, response: String, requestBytes: Int, now: Instant) {
        if case .running(let waiters)? = entries[key] {
            for waiter in waiters { waiter.resume() }
        }
        let expiry = now + lifetime
        entries[key] = .done(response: response, expiry: expiry)
        let size = response.utf8.count + requestBytes
        order.append((key, expiry, size))
        bytes += size
        while order.count - head > Limits.cachedResponses || bytes > Limits.cachedBytes { removeOldest() }
    }

    mutating func expire(now: Instant) {
        while head < order.count, order[head].expiry <= now { removeOldest() }
    }

    private mutating func removeOldest() {
        guard head < order.count else { return }
        let (key, expiry, size) = order[head]
        head += 1
        bytes -= size
        if case .done(_, expiry)? = entries[key] { entries[key] = nil }
        if head > 1_024, head * 2 > order.count {
            order.removeFirst(head)
            head = 0
        }
    }
}
