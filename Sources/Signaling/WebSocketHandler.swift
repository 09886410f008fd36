/// Serves the WebSockets of one path.
public protocol WebSocketHandler: Sendable {
    /// A client connected. What it returns gets the client's messages.
    func opened(_ connection: WebSocketConnection) async -> any WebSocketSession
}

/// One client of a ``WebSocketHandler``. The calls come one after the other, in the order of the
/// frames; while one runs, the socket is read only as far as ``SignalingLimits/inboundMessages``.
public protocol WebSocketSession: Sendable {
    /// A whole text message.
    func text(_ text: String) async
    /// The connection is gone. The last call.
    func closed() async
}
