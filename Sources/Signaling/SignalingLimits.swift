public import NIOCore

/// Every limit of the front door, in one place. A client can make the server hold at most
/// `connections × (messageBytes + outboundBytes)`, and far less in practice.
public struct SignalingLimits: Sendable {
    /// Open TCP connections in all. One more is closed as it is accepted.
    public var connections = 10_000
    /// Open connections of one address: an IPv4 address, or an IPv6 /64, which is what one subscriber
    /// gets (RFC 6177 section 2).
    public var connectionsPerAddress = 100

    /// From accept to the first byte. A browser speaks at once; a scanner that only connects does not.
    public var firstByteTimeout = TimeAmount.seconds(5)
    /// From accept to the end of the first request's header, TLS handshake included, and again from
    /// there to the end of its body: the answer to slowloris.
    public var headerTimeout = TimeAmount.seconds(10)
    /// How long a kept-alive HTTP connection may rest.
    public var idleTimeout = TimeAmount.seconds(60)
    /// All header fields of one request, in bytes.
    public var headerBytes = 16 * 1024
    public var headerFields = 100
    /// One request's body. The largest offers and fragments of WHIP are about 30 kB; more is answered with 413.
    public var bodyBytes = 64 * 1024
    /// What is read and thrown away of a body that is too large, so that its sender lives to read the answer: to
    /// close with bytes unread resets the connection and loses what was written (RFC 9112 section 9.6).
    public var discardedBodyBytes = 4 * 1024 * 1024

    /// One WebSocket frame, and one message of several. More is closed with 1009 (RFC 6455
    /// section 7.4.1). The largest SDP seen is about 30 kB.
    public var messageBytes = 1024 * 1024
    /// Frames of one message; an endless row of empty fragments would cost nothing to send.
    public var fragments = 1024
    /// Messages read but not yet handled; above it the socket is not read.
    public var inboundMessages = 32
    /// What waits to be sent to one client. A client that reads too slowly is closed.
    public var outboundMessages = 4096
    public var outboundBytes = 4 * 1024 * 1024
    /// Time between keep-alive pings; a client that has not said anything from one to the next is gone.
    public var pingInterval = TimeAmount.seconds(30)
    /// Time between comments on a stream of server-sent events, by which a connection that is gone is noticed.
    public var eventHeartbeat = TimeAmount.seconds(10)
    /// How long one write on such a stream may wait for a client that does not read.
    public var eventWriteTime = TimeAmount.seconds(20)
    /// How long the peer may take to answer a close frame.
    public var closeTimeout = TimeAmount.seconds(2)

    /// Series of one metric with labels that other machines choose.
    public static let metricSeries = 1024
    /// Files of the pages, and bytes of them all.
    public static let staticFiles = 4096
    public static let staticBytes = 64 * 1024 * 1024

    /// Events in the status document.
    public static let events = 50
    /// Seconds that a drain may take unless the operator says otherwise, and at most: a day.
    public static let drainSeconds = 300
    public static let longestDrain = 86_400

    public init() {}
}
