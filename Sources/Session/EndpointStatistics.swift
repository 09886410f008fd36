public import RTP

/// A snapshot of one endpoint's counters, for getStats, the page and metrics.
public struct EndpointStatistics: Hashable, Sendable, Codable {
    public var transport: TransportStatistics
    public var inbound: [InboundStreamStatistics]
    public var outbound: [OutboundStreamStatistics]
    /// Nil from a worker that knows of none.
    public var dataChannels: [DataChannelStatistics]?

    public init(
        transport: TransportStatistics = TransportStatistics(), inbound: [InboundStreamStatistics] = [],
        outbound: [OutboundStreamStatistics] = [], dataChannels: [DataChannelStatistics]? = nil
    ) {
        self.dataChannels = dataChannels
        self.transport = transport
        self.inbound = inbound
        self.outbound = outbound
    }
}

/// Packets and state of one peer transport, SRTP and handshake alike.
public struct TransportStatistics: Hashable, Sendable, Codable {
    public var bytesSent: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    public var packetsSent: UInt64 = 0
    public var packetsReceived: UInt64 = 0
    public var packetsDropped: UInt64 = 0
    public var iceState: ICEState = .new
    public var dtlsState: DTLSState = .new
    public var localCandidate: String?
    public var remoteCandidate: String?
    /// Round-trip time of the selected pair by STUN, in seconds.
    public var roundTripTime: Double?
    /// Negotiated SRTP profile, e.g. `AEAD_AES_128_GCM`.
    public var srtpProfile: String?

    public init() {}
}

/// What the peer sends to us, one entry per SSRC (RTX counted with its media stream).
public struct InboundStreamStatistics: Hashable, Sendable, Codable {
    public var ssrc: UInt32
    public var kind: MediaKind
    /// Of a simulcast encoding (RFC 8852).
    public var rid: String?
    public var codec: CodecParameters?
    public var packetsReceived: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    /// Cumulative, may be negative with duplicates (RFC 3550 section 6.4.1).
    public var packetsLost: Int64 = 0
    /// 0...1, over the last report interval.
    public var fractionLost: Double = 0
    /// Seconds.
    public var jitter: Double = 0
    public var nackCount: UInt64 = 0
    public var pliCount: UInt64 = 0
    public var firCount: UInt64 = 0

    public init(ssrc: UInt32, kind: MediaKind) {
        self.ssrc = ssrc
        self.kind = kind
    }
}

/// What we send to the peer, one entry per SSRC.
public struct OutboundStreamStatistics: Hashable, Sendable, Codable {
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
    public var fractionLost: Double = 0
    /// Seconds, by RTCP (RFC 3550 section 6.4.1).
    public var roundTripTime: Double?
    public var nackCount: UInt64 = 0
    public var pliCount: UInt64 = 0
    public var firCount: UInt64 = 0
    /// Bits per second, the peer's last REMB.
    public var remb: UInt64 = 0

    public init(ssrc: UInt32, kind: MediaKind) {
        self.ssrc = ssrc
        self.kind = kind
    }
}
