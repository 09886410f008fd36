public import Wire

/// What a NAT or a firewall knows of a TCP connection that goes through it: enough to tell how long it may be idle.
struct TCPTracking: Hashable, Sendable {
    private var inside = Side()
    private var outside = Side()
    private var isAcknowledged = false
    private var isReset = false

    private struct Side: Hashable, Sendable {
        var hasSent = false
        var hasFinished = false
    }

    /// A segment passes. A connection that was there before the tracking is picked up where it is, as Linux does.
    mutating func pass(_ segment: TCPSegment, fromInside: Bool) {
        // A new connection on the same pair of endpoints.
        if segment.flags.contains(.syn), !segment.flags.contains(.ack), isClosing { self = TCPTracking() }
        if segment.flags.contains(.rst) { isReset = true }
        var side = fromInside ? inside : outside
        side.hasSent = true
        if segment.flags.contains(.fin) { side.hasFinished = true }
        if fromInside { inside = side } else { outside = side }
        if segment.flags.isDisjoint(with: [.syn, .rst]), inside.hasSent, outside.hasSent { isAcknowledged = true }
    }

    private var isClosing: Bool { isReset || inside.hasFinished && outside.hasFinished }

    /// After the handshake and before both FINs or a RST (RFC 7857 section 2).
    var isEstablished: Bool { isAcknowledged && !isClosing }
}

/// How long a TCP connection may be idle in a middlebox until it is forgotten.
public struct TCPLifetimes: Hashable, Sendable {
    /// RFC 5382 REQ-5: not under two hours and four minutes.
    public var established = Interval.seconds(7440)
    /// While it is opened and after it was closed: not under four minutes.
    public var transitory = Interval.seconds(240)

    public init() {}

    func lifetime(_ tracking: TCPTracking) -> Interval { tracking.isEstablished ? established : transitory }
}
