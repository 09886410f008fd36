/// Bounds of this module.
public enum Limits {
    /// SSRCs that one peer may send under one key. Each costs a window; a new one is admitted only after a good
    /// tag.
    public static let inboundStreams = 32
    /// SSRCs that may be sent under one key. They are never forgotten: an index once used with a key and an
    /// SSRC must not come again (RFC 3711 section 9.1).
    public static let outboundStreams = 64
    /// Packets of RTP within which a late one is still told from a replay (RFC 3711 section 3.3.2 asks for 64
    /// or more; at video rates reordering and retransmission need more).
    public static let replayWindow = 1024
    /// The same for RTCP, whose packets are few.
    public static let replayWindowRTCP = 128
    /// Bytes that protecting may add: a 16-byte tag (RFC 7714 section 13.2) and, for RTCP, E flag and index.
    public static let maximumTrailer = 20
    /// Highest index of an RTP packet: 32 bits of rollover counter, 16 of sequence (RFC 3711 section 3.3.1).
    public static let lastIndex: UInt64 = 1 << 48 - 1
    /// Highest index of an RTCP packet (RFC 3711 section 3.4).
    public static let lastIndexRTCP: UInt32 = 1 << 31 - 1
    /// Largest packet in bytes; UDP carries no more.
    static let packetSize = 65_535
}

/// Why a context could not be made.
public enum SRTPError: Error, Hashable, Sendable {
    /// Key or salt has the wrong length for the profile.
    case badKeyLength
    /// The state holds no key: zeroed memory, or a record that was not finished.
    case noKey
    /// OpenSSL or libsrtp2 refused.
    case backendFailed
    /// libsrtp2 keeps its indices to itself and cannot go on from a state.
    case backendCannotResume
}
