public import RTP
public import Wire

/// A received packet that passed demultiplexing: what it is, where its parts lie and who wants it.
///
/// Plain data about the bytes that were given to `receiveRTP`; those bytes must go to `rewrite`
/// unchanged. An RTX packet (RFC 4588) is described as the packet that it carries.
public struct Forward: Sendable, BitwiseCopyable {
    /// How many subscribers the publisher has; ask for each with `subscriber(of:at:)`.
    public internal(set) var subscriberCount = 0
    /// A decoder can start with this packet. Always true of codecs without key frames.
    public internal(set) var isKeyFrame = false
    /// Bytes of padding, 0...255, that `rewrite` adds for subscribers whose format has RTX (RFC 3550
    /// section 5.1), so that the packets of one train have the same size. Retransmissions go without.
    public var padding: UInt8 = 0
    /// It came as a retransmission (RFC 4588).
    public internal(set) var isRecovered = false
    /// The header as it arrived; of the RTX packet if it came as one.
    public let header: RTPHeader
    /// When it arrived.
    public let arrival: Instant

    /// The publisher's slot.
    let publisher: Int32
    /// The stream's slot: which encoding of the publisher.
    let stream: Int32
    /// Names the stream over the router's life, so that a rewriter notices any change of source.
    let source: UInt64
    /// Sequence number extended to 64 bits within the source.
    let sequence: Int64
    /// Of the media format, also when it came as RTX.
    private(set) var payloadType: UInt8
    /// Bytes before the payload that are not passed on: RTX's original sequence number, redundancy.
    private var payloadSkip: UInt16
    /// What the payload holds, where the format is redundant audio.
    var redundancy: RedundantAudio?
    /// It is near enough to the newest packet for a subscriber to start with, if it is a key frame.
    let isRecent: Bool
    /// Video without payload: a probe that only fills the line.
    var isPadding = false
    var frame = FrameDescription()

    init(
        header: RTPHeader, arrival: Instant, publisher: Int32, stream: Int32, source: UInt64, sequence: Int64,
        payloadType: UInt8, isRecovered: Bool, isRecent: Bool
    ) {
        self.header = header
        self.arrival = arrival
        self.publisher = publisher
        self.stream = stream
        self.isRecent = isRecent
        self.source = source
        self.sequence = sequence
        self.payloadType = payloadType
        self.isRecovered = isRecovered
        payloadSkip = isRecovered ? UInt16(RTX.overhead) : 0
    }

    /// Tells packets of different publishers apart: those of one have the same subscribers.
    public var publisherSlot: Int32 { publisher }

    /// A subscriber's stream can begin here.
    var canStart: Bool { isKeyFrame && isRecent }

    /// The packet without redundancy: its primary block alone, in that block's format.
    var primary: Forward {
        guard let redundancy else { return self }
        var forward = self
        forward.payloadSkip &+= redundancy.primaryOffset
        forward.payloadType = redundancy.payloadType
        forward.redundancy = nil
        return forward
    }

    /// Where the media payload lies, without RTX's number and without padding; may be empty.
    public var payloadRange: Range<Int> {
        let range = header.payloadRange
        return (range.lowerBound + Int(payloadSkip))..<range.upperBound
    }
}

/// What `nextTransmit` wrote, and for whom.
public struct Transmit: Hashable, Sendable, BitwiseCopyable {
    public enum Kind: UInt8, Sendable, BitwiseCopyable {
        /// To be protected as SRTP.
        case rtp
        /// To be protected as SRTP under an index that was used before: byte for byte the packet that went
        /// out then, for a peer that takes no RTX.
        case repeatedRTP
        /// To be protected as SRTCP.
        case rtcp
    }

    public let endpoint: EndpointIndex
    public let kind: Kind
    /// Bytes written.
    public let length: Int

    init(_ endpoint: EndpointIndex, _ kind: Kind, length: Int) {
        self.endpoint = endpoint
        self.kind = kind
        self.length = length
    }
}
