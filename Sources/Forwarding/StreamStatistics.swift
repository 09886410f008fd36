public import RTP

/// What a peer sends to us, one entry per media SSRC; RTX is counted with the stream it repairs.
public struct InboundStatistics: Hashable, Sendable {
    public var ssrc: UInt32
    public var kind: MediaKind
    /// Of a simulcast encoding (RFC 8852).
    public var rid: String?
    public var codec: CodecParameters?
    public var packetsReceived: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    /// Cumulative; negative with duplicates (RFC 3550 section 6.4.1).
    public var packetsLost: Int64 = 0
    /// 0...1 over the last report interval.
    public var fractionLost: Double = 0
    /// Seconds.
    public var jitter: Double = 0
    /// Feedback that we sent about this stream.
    public var nackCount: UInt64 = 0
    public var pliCount: UInt64 = 0
    public var firCount: UInt64 = 0

    init(ssrc: UInt32, kind: MediaKind) {
        self.ssrc = ssrc
        self.kind = kind
    }
}

/// What we send to a peer, one entry per media SSRC.
public struct OutboundStatistics: Hashable, Sendable {
    public var ssrc: UInt32
    public var kind: MediaKind
    /// Of the simulcast encoding that is sent.
    public var rid: String?
    public var codec: CodecParameters?
    public var packetsSent: UInt64 = 0
    public var bytesSent: UInt64 = 0
    public var packetsRetransmitted: UInt64 = 0
    /// As the peer reports it.
    public var packetsLost: Int64 = 0
    /// 0...1, as the peer reports it.
    public var fractionLost: Double = 0
    /// Seconds, from LSR and DLSR (RFC 3550 section 6.4.1).
    public var roundTripTime: Double?
    /// Feedback that the peer sent about this stream.
    public var nackCount: UInt64 = 0
    public var pliCount: UInt64 = 0
    public var firCount: UInt64 = 0
    /// Bits per second, the peer's last REMB; 0 before one.
    public var remb: UInt64 = 0

    init(ssrc: UInt32, kind: MediaKind) {
        self.ssrc = ssrc
        self.kind = kind
    }
}
