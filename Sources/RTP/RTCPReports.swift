public import Wire

/// What one receiver says about one source (RFC 3550 section 6.4.1).
public struct ReportBlock: Hashable, Sendable, BitwiseCopyable {
    static let length = 24

    /// The source that the block is about.
    public var ssrc: UInt32
    /// Share of packets lost since the last report, in 1/256.
    public var fractionLost: UInt8
    /// Packets lost since the beginning, 24 bits signed; negative with duplicates.
    public var cumulativeLost: Int32
    /// Cycles in the high half, sequence number in the low.
    public var highestSequence: UInt32
    /// Interarrival jitter in RTP clock units.
    public var jitter: UInt32
    /// Middle bits of the last SR's NTP time; 0 before the first.
    public var lastSenderReport: UInt32
    /// In 1/65536 s; 0 before the first SR.
    public var delaySinceLastSenderReport: UInt32

    public init(
        ssrc: UInt32, fractionLost: UInt8, cumulativeLost: Int32, highestSequence: UInt32, jitter: UInt32,
        lastSenderReport: UInt32 = 0, delaySinceLastSenderReport: UInt32 = 0
    ) {
        self.ssrc = ssrc
        self.fractionLost = fractionLost
        self.cumulativeLost = cumulativeLost
        self.highestSequence = highestSequence
        self.jitter = jitter
        self.lastSenderReport = lastSenderReport
        self.delaySinceLastSenderReport = delaySinceLastSenderReport
    }

    init(at offset: Int, in bytes: RawSpan) {
        let loss = bytes.uint32(at: offset + 4)
        self.init(
            ssrc: bytes.uint32(at: offset), fractionLost: UInt8(loss >> 24),
            cumulativeLost: Int32(bitPattern: loss << 8) >> 8,
            highestSequence: bytes.uint32(at: offset + 8), jitter: bytes.uint32(at: offset + 12),
            lastSenderReport: bytes.uint32(at: offset + 16),
            delaySinceLastSenderReport: bytes.uint32(at: offset + 20))
    }

    /// Round trip seen by the source that gets this block at `now` (section 6.4.1, figure 2).
    ///
    /// Nil without an SR to go by, or when the fields say more time than has passed since.
    public func roundTripTime(at now: NTPTimestamp) -> Interval? {
        guard lastSenderReport != 0 else { return nil }
        let elapsed = now.middle &- lastSenderReport &- delaySinceLastSenderReport
        guard elapsed < 0x8000_0000 else { return nil }
        return Interval(ntpShort: elapsed)
    }
}

/// SR: what a source has sent so far, and its own report blocks (RFC 3550 section 6.4.1).
public struct SenderReport: Hashable, Sendable, BitwiseCopyable {
    public var ssrc: UInt32
    public var ntp: NTPTimestamp
    /// The same moment on the stream's RTP clock.
    public var rtpTimestamp: UInt32
    public var packetCount: UInt32
    /// Payload bytes, without headers and padding.
    public var octetCount: UInt32
    public private(set) var reportCount = 0
    private var reportOffset = 0

    /// A report to write.
    public init(ssrc: UInt32, ntp: NTPTimestamp, rtpTimestamp: UInt32, packetCount: UInt32, octetCount: UInt32) {
        self.ssrc = ssrc
        self.ntp = ntp
        self.rtpTimestamp = rtpTimestamp
        self.packetCount = packetCount
        self.octetCount = octetCount
    }

    init(_ header: RTCPHeader, in bytes: RawSpan) throws(ParseError) {
        let at = header.content
        guard header.contentLength >= 24 + Int(header.format) * ReportBlock.length else { throw .badLength }
        self.init(
            ssrc: bytes.uint32(at: at), ntp: NTPTimestamp(rawValue: bytes.uint64(at: at + 4)),
            rtpTimestamp: bytes.uint32(at: at + 12), packetCount: bytes.uint32(at: at + 16),
            octetCount: bytes.uint32(at: at + 20))
        reportCount = Int(header.format)
        reportOffset = at + 24
    }

    /// The report block at `index` (0..<reportCount); `bytes` is the compound that it was parsed from.
    public func report(at index: Int, in bytes: RawSpan) -> ReportBlock {
        precondition(index >= 0 && index < reportCount)
        return ReportBlock(at: reportOffset + index * ReportBlock.length, in: bytes)
    }
}

/// RR (RFC 3550 section 6.4.2).
public struct ReceiverReport: Hashable, Sendable, BitwiseCopyable {
    /// Who reports.
    public let ssrc: UInt32
    public let reportCount: Int
    private let reportOffset: Int

    init(_ header: RTCPHeader, in bytes: RawSpan) throws(ParseError) {
        guard header.contentLength >= 4 + Int(header.format) * ReportBlock.length else { throw .badLength }
        ssrc = bytes.uint32(at: header.content)
        reportCount = Int(header.format)
        reportOffset = header.content + 4
    }

    /// The report block at `index` (0..<reportCount); `bytes` is the compound that it was parsed from.
    public func report(at index: Int, in bytes: RawSpan) -> ReportBlock {
        precondition(index >= 0 && index < reportCount)
        return ReportBlock(at: reportOffset + index * ReportBlock.length, in: bytes)
    }
}
