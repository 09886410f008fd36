public import Wire

/// Bounds of this module.
public enum Limits {
    /// From start to finished; then the handshake has failed. WebRTC peers give up on ICE in the same time
    /// (RFC 7675 section 5.1).
    public static let handshakeTime = Interval.seconds(30)
    /// Times that a flight is sent again. OpenSSL counts too, and stops at 12.
    public static let retransmissions = 12
    /// First wait for an answer. Deviation: RFC 6347 section 4.2.4.1 says 1 s; ICE has just shown the path to
    /// be faster than that, and a caller hears every lost second.
    public static let firstTimeout = Interval.milliseconds(100)
    /// The wait doubles up to this, so that 12 of them fill ``handshakeTime``.
    public static let lastTimeout = Interval.milliseconds(3200)
    /// Datagrams waiting to be sent.
    public static let queuedDatagrams = 64
    /// Bytes of a datagram that is sent: below what IPv6, tunnels and TURN leave of 1280 (RFC 8200 section 5).
    public static let datagramSize = 1200
    /// Bytes of a datagram that is received.
    public static let receivedDatagramSize = 16_384
    /// Bytes of one reassembled handshake message, which also bounds the peer's certificate chain.
    public static let handshakeMessageSize = 16_384
    /// Times that a handshake which died of unauthenticated input starts over.
    public static let restarts = 3
    /// Records of one datagram, and application data read from it.
    static let recordsPerDatagram = 64
    /// Days before and after making during which a certificate is valid. Peers compare fingerprints, not dates.
    static let certificateDaysBefore = 1
    static let certificateDaysAfter = 365
}
