import NIOCore
import NIOWebSocket
import Synchronization

/// The server's end of one WebSocket, to send on and to close. Usable from any task; messages leave in
/// the order in which `send` was called.
public final class WebSocketConnection: Sendable {
    private struct Outbound {
        var messages = 0
        var bytes = 0
        var isClosed = false
    }

    /// Unique in the process, for the log.
    public let id: UInt64
    /// The peer's address as text.
    public let remoteAddress: String
    let channel: any Channel
    let budget: ConnectionBudget
    private let limits: SignalingLimits
    private let outbound = Mutex(Outbound())
    private static let nextID = Atomic<UInt64>(1)

    init(channel: any Channel, limits: SignalingLimits, budget: ConnectionBudget) {
        self.id = Self.nextID.wrappingAdd(1, ordering: .relaxed).oldValue
        self.remoteAddress = channel.remoteAddress.map { "\($0)" } ?? "unknown"
        self.channel = channel
        self.limits = limits
        self.budget = budget
    }

    /// Queues a text message and returns at once. False when the connection is closed, or is closed now
    /// because too much already waits for a client that does not read.
    @discardableResult
    public func send(_ text: String) -> Bool {
        let bytes = text.utf8.count
        guard reserve(bytes) else { return false }
        let frame = WebSocketFrame(fin: true, opcode: .text, data: channel.allocator.buffer(string: text))
        channel.writeAndFlush(frame).whenComplete { [self] _ in unreserve(bytes) }
        return true
    }

    /// Starts the closing handshake. What was sent before still leaves.
    public func close(_ reason: WebSocketClose = .normal) {
        channel.triggerUserOutboundEvent(CloseRequested(reason: reason), promise: nil)
    }

    /// Counts bytes in before they are written, and gives up on a client that lets too many wait.
    func reserve(_ bytes: Int) -> Bool {
        enum Verdict { case accepted, closed, tooSlow }
        let verdict: Verdict = outbound.withLock { outbound in
            guard !outbound.isClosed else { return .closed }
            guard outbound.messages < limits.outboundMessages, outbound.bytes + bytes <= limits.outboundBytes else {
                outbound.isClosed = true
                return .tooSlow
            }
            outbound.messages += 1
            outbound.bytes += bytes
            return .accepted
        }
        if verdict == .tooSlow {
            // No close frame: it would wait behind all that the client does not read.
            budget.closedTooSlow()
            channel.close(promise: nil)
        }
        return verdict == .accepted
    }

    func unreserve(_ bytes: Int) {
        outbound.withLock { outbound in
            outbound.messages -= 1
            outbound.bytes -= bytes
        }
    }

    func markClosed() {
        outbound.withLock { $0.isClosed = true }
    }

    /// Tells the pipeline that a message was handled, so that it may read on.
    func handledMessage() {
        channel.triggerUserOutboundEvent(MessageHandled(), promise: nil)
    }

    struct CloseRequested: Sendable { var reason: WebSocketClose }
    struct MessageHandled: Sendable {}
}
