import Session

/// One client connection: its session, and the frames that wait to be sent to it.
final class Connection {
    let id: ConnectionID
    let send: @Sendable (String) async -> Void
    /// Requests pass it one by one.
    let gate = SerialGate()
    /// The session that replies and events of this connection belong to.
    var session: String?
    private(set) var isClosed = false

    private var queue: [String] = []
    /// Events raised while a request is being handled: they follow its reply, so that none can
    /// overtake the reply of the `subscribe` that asked for it.
    private var held: [String] = []
    private var isHolding = false

    var isDraining = false
    var drainWaiters: [CheckedContinuation<Void, Never>] = []

    init(id: ConnectionID, send: @escaping @Sendable (String) async -> Void) {
        self.id = id
        self.send = send
    }

    func close() {
        isClosed = true
        queue = []
        held = []
    }

    func beginRequest() { isHolding = true }

    func endRequest(reply: String?) {
        if let reply, !isClosed { queue.append(reply) }
        queue += held
        held = []
        isHolding = false
    }

    /// False when the client reads too slowly and the event is dropped.
    func enqueue(event: String) -> Bool {
        guard !isClosed, queue.count + held.count < Limits.queuedFrames else { return false }
        if isHolding { held.append(event) } else { queue.append(event) }
        return true
    }

    var hasQueuedFrames: Bool { !queue.isEmpty }

    func takeQueuedFrames() -> [String] {
        defer { queue = [] }
        return queue
    }
}

extension MediaServer {
    /// Sends what is queued; returns when all that was queued at the call is sent.
    func drain(_ connection: Connection) async {
        if connection.isDraining {
            await withCheckedContinuation { connection.drainWaiters.append($0) }
            return
        }
        connection.isDraining = true
        while connection.hasQueuedFrames {
            for frame in connection.takeQueuedFrames() where !connection.isClosed { await connection.send(frame) }
        }
        connection.isDraining = false
        let waiters = connection.drainWaiters
        connection.drainWaiters = []
        for waiter in waiters { waiter.resume() }
    }
}
