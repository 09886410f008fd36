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

    struct Frame {
        var text: String
        var isEvent: Bool
    }

    private var queue: [Frame] = []
    /// Taken to be sent, and not yet sent.
    private var leaving: [Frame] = []
    /// Events raised while a request is being handled: they follow its reply, so that none can
    /// overtake the reply of the `subscribe` that asked for it.
    private var held: [Frame] = []
    private var isHolding = false

    var isDraining = false
    var drainWaiters: [CheckedContinuation<Void, Never>] = []

    init(id: ConnectionID, send: @escaping @Sendable (String) async -> Void) {
        self.id = id
        self.send = send
    }

    func close() {
        isClosed = true
        leaving = []
        queue = []
        held = []
    }

    /// Events that were not sent yet, oldest first.
    var unsentEvents: [String] { (leaving.reversed() + queue + held).filter(\.isEvent).map(\.text) }

    func beginRequest() { isHolding = true }

    func endRequest(reply: String?) {
        if let reply, !isClosed { queue.append(Frame(text: reply, isEvent: false)) }
        queue += held
        held = []
        isHolding = false
    }

    /// False when the client reads too slowly and the event is dropped.
    func enqueue(event: String) -> Bool {
        guard !isClosed, leaving.count + queue.count + held.count < Limits.queuedFrames else { return false }
        let frame = Frame(text: event, isEvent: true)
        if isHolding { held.append(frame) } else { queue.append(frame) }
        return true
    }

    var hasQueuedFrames: Bool { !queue.isEmpty || !leaving.isEmpty }

    func takeQueuedFrame() -> Frame? {
        if leaving.isEmpty {
            leaving = queue.reversed()
            queue = []
        }
        return leaving.last
    }

    /// The frame that was taken last is on its way.
    func noteSent() { if !leaving.isEmpty { leaving.removeLast() } }
}

extension MediaServer {
    /// Sends what is queued; returns when all that was queued at the call is sent.
    func drain(_ connection: Connection) async {
        if connection.isDraining {
            await withCheckedContinuation { connection.drainWaiters.append($0) }
            return
        }
        connection.isDraining = true
        var hasSentEvents = false
        while let frame = connection.takeQueuedFrame() {
            await connection.send(frame.text)
            connection.noteSent()
            hasSentEvents = hasSentEvents || frame.isEvent
        }
        if hasSentEvents, let session = connection.session { touch(session: session) }
        connection.isDraining = false
        let waiters = connection.drainWaiters
        connection.drainWaiters = []
        for waiter in waiters { waiter.resume() }
    }
}
