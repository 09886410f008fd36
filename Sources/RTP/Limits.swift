public import Wire

/// Bounds on what this module reads from, keeps about, or says to a peer.
public enum Limits {
    /// Bytes of one RTP or RTCP packet; a UDP datagram holds no more (RFC 768).
    public static let packetLength = 65_507
    /// RTCP packets in one compound; real ones hold two to four.
    public static let packetsPerCompound = 64
    /// Report blocks in one SR or RR: the count field has five bits (RFC 3550 section 6.4.1).
    public static let reportBlocksPerPacket = 31
    /// Bytes of one SDES item or BYE reason: the length field has eight bits (RFC 3550 section 6.5).
    public static let descriptionLength = 255
    /// Bytes of one feedback packet we build: fits a 1280-byte path with IP, UDP and SRTCP around it.
    public static let feedbackLength = 1_100
    /// Streams in one congestion control feedback; a receiver of more sends several.
    public static let streamsPerFeedback = 256
    /// Statuses of one of its streams (RFC 8888 section 3.1).
    public static let statusesPerStream = 16_384
    /// A stream without packets for this long gives up its place in such reports to a new one.
    public static let silence = Interval.seconds(5)
    /// SSRCs in one REMB: the count field has eight bits.
    public static let rembSources = 255
    /// Redundant blocks in one packet of RED; libwebrtc takes as many and sends one, or up to nine on trial.
    public static let redundantBlocks = 32
    /// Transport-wide sequence numbers that the recorder remembers: 50 ms at 40 000 packets/s. A power of two.
    public static let feedbackWindow = 2_048
    /// Missing sequence numbers that one stream asks for; beyond it a key frame is cheaper.
    public static let missingPackets = 500
    /// A missing packet is given up after this time, or after ``repairRoundTrips`` if that is longer. libwebrtc gives
    /// up after ten requests a round trip apart or 10 000 packets, and waits three seconds for a frame before it asks
    /// for a key frame; a person takes a picture that stands for a second for broken, and a key frame is there in a
    /// round trip.
    public static let repairDeadline = Interval.seconds(1)
    public static let repairRoundTrips: Int64 = 3
    /// A request is repeated after a round trip, or after this part of the time that the packet has been missing if
    /// that is longer: sixteen requests at most, and an outage of half a second does not use them up.
    public static let nackBackoff: Int64 = 4
    /// Wait before the first request, so that plain reordering costs no retransmission.
    public static let reorderDelay = Interval.milliseconds(5)
    /// Bounds of the round-trip time that spaces repeated requests.
    public static let minimumNackSpacing = Interval.milliseconds(20)
    public static let maximumNackSpacing = Interval.milliseconds(1_000)
    /// Sequence jump forwards that still counts as loss (RFC 3550 appendix A.1, MAX_DROPOUT).
    public static let maximumDropout = 3_000
    /// Sequence jump backwards that still counts as reordering; A.1 has 100, retransmission needs more.
    public static let maximumMisorder = 1_000
}
