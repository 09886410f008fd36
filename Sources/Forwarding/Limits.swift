public import Wire

/// Every bound and interval of the module.
public enum Limits {
    /// Media sections of one endpoint that can send to us; the rest are ignored. SDP's own limit is 64.
    public static let publishersPerEndpoint = 16
    /// Media sections of one endpoint that we can send to; the rest are ignored.
    public static let subscribersPerEndpoint = 16
    /// SSRCs per endpoint that no signalling announced and that were latched from packets.
    public static let unsignalledSSRCs = 32
    /// SSRCs per endpoint in all: those announced (each with RTX) and those latched.
    public static let ssrcsPerEndpoint = 96
    /// Codecs looked at per media section.
    public static let codecsPerSection = 32
    /// Header extensions looked at per media section.
    public static let extensionsPerSection = 32
    /// Packets below the newest one that still count as reordered and not as a restart.
    public static let reorderWindow = 1024
    /// Forward jump that makes a stream count as restarted (RFC 3550 appendix A.1, MAX_DROPOUT).
    public static let sequenceJump = 3000
    /// Packets that one publisher's cache keeps for retransmission; a power of two.
    public static let cachedPackets = 512
    /// Bytes of a packet that the cache keeps; longer ones are not kept (Ethernet MTU).
    public static let cachedPacketBytes = 1500
    /// Retransmissions that wait for `nextTransmit`, over all subscribers.
    public static let queuedRetransmissions = 1024
    /// Lost packets taken from one received RTCP packet.
    public static let nackedPerPacket = 512
    /// Bytes that a subscriber may get retransmitted before it has been sent as many: one burst.
    public static let retransmissionBurstBytes: Int64 = 64 * 1024
    /// What unused retransmission budget may grow to; with one byte earned per byte sent, a peer that
    /// asks for everything gets at most twice the original rate.
    public static let retransmissionBudgetBytes: Int64 = 512 * 1024
    /// What a retransmission's header, extensions and RTX number count as: more than they usually take.
    public static let rewrittenHeaderBytes = 64
    /// The same packet is not retransmitted again within this time, or the round-trip time if longer.
    public static let retransmissionInterval = Interval.milliseconds(50)
    /// Upper bound of the round-trip time as used for throttling.
    public static let roundTripCeiling = Interval.seconds(1)
    /// Key-frame requests of one stream are at least this far apart.
    public static let keyFrameInterval = Interval.milliseconds(500)
    /// A request that no key frame answered is repeated after this time…
    public static let keyFrameRetryInterval = Interval.seconds(1)
    /// …this many times.
    public static let keyFrameRetries = 5
    /// Transport-wide feedback while packets come (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    public static let transportFeedbackInterval = Interval.milliseconds(50)
    /// Mean time between receiver reports, randomised by half to one and a half (RFC 3550 section 6.2).
    public static let reportInterval = Interval.seconds(1)
    /// Estimate sent as REMB when only REMB was negotiated, in bits per second.
    public static let generousREMB: UInt64 = 2_500_000
    /// What a peer's REMB is believed to be at most, in bits per second.
    public static let rembCeiling: UInt64 = 10_000_000_000
    /// Without a packet for this long, media of a kind counts as not flowing.
    public static let flowSilence = Interval.seconds(2)
    /// Without RTP or RTCP for this long, the peer's media counts as disconnected.
    public static let mediaSilence = Interval.seconds(5)
    /// Report blocks in one RTCP packet (5-bit count, RFC 3550 section 6.4.2).
    public static let reportBlocks = 31
}
