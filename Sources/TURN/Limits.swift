public import Wire

/// Bounds and times of TURN (RFC 8656).
public enum Limits {
    /// Seconds that an allocation lives unless refreshed (section 3.2).
    public static let defaultLifetime: UInt32 = 600
    /// The longest that a client may ask for (section 7.2 recommends an hour).
    public static let maximumLifetime: UInt32 = 3600
    /// A permission's life (section 9).
    public static let permissionLifetime = Interval.seconds(300)
    /// A channel's life (section 12).
    public static let channelLifetime = Interval.seconds(600)
    /// How long a reserved port waits for its allocation (section 7.2).
    public static let reservationLifetime = Interval.seconds(30)
    /// A nonce is good for so long; then it is stale (RFC 8489 section 9.2).
    public static let nonceLifetime: Int64 = 3600
    /// Addresses that an allocation may exchange data with.
    public static let permissions = 64
    /// Channels of an allocation.
    public static let channels = 64
    /// Channel numbers. Deviation: section 12 ends them at 0x4FFF, to tell them from DTLS and SRTP on one socket, which
    /// no socket here has; clients of RFC 5766 go up to 0x7FFF.
    public static let channelNumbers: ClosedRange<UInt16> = 0x4000...0x7FFF
    /// Ports that are tried for one allocation.
    public static let portAttempts = 16
    /// Bytes of realm, user name and nonce (RFC 8489 section 14).
    public static let textBytes = 508
    /// How often what is over is looked for.
    public static let sweepInterval = Interval.seconds(1)
    /// Relayed bytes that a client may be ahead of its rate: a second's worth.
    public static let burst = Interval.seconds(1)
    /// Answers per second that a stranger's address gets although they are larger than what it sent, since a 401
    /// must carry realm and nonce; and how many at once.
    public static let strangerRate: Int64 = 10
    public static let strangerBurst: Int64 = 20
    /// Strangers that are told apart; more share a budget.
    public static let strangers = 4096

    // The client's.

    /// First retransmission of a request over UDP, and sends of one (RFC 8489 section 6.2.1). Deviation: 250 ms instead
    /// of 500, for the reason that ICE's checks have.
    public static let initialRetransmission = Interval.milliseconds(250)
    public static let requestSends = 7
    /// Over TCP nothing is sent again; so long is waited (Ti, RFC 8489 section 6.2.2).
    public static let streamTimeout = Interval.milliseconds(39_500)
    /// Permissions and channels are refreshed so long before their end.
    public static let refreshMargin = Interval.seconds(60)
    /// Peers that a client talks to.
    public static let peers = 64
    /// Datagrams that wait for a peer's permission.
    public static let waitingDatagrams = 16
    /// Answers "stale nonce" and "unauthenticated" in a row before a client gives up.
    public static let challenges = 3
    /// Bytes of one message or piece of channel data over a stream.
    public static let frameBytes = 65_535 + 4
}
