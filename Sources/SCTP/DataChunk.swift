import Wire

/// A message, or a piece of one (RFC 9260 section 3.3.1).
struct DataChunk: Hashable, Sendable, BitwiseCopyable {
    /// Bytes before the payload, the chunk's header included.
    static let overhead = 16

    var tsn: TSN
    var stream: UInt16
    /// Number of the message in its stream; means nothing of unordered ones.
    var sequence: UInt16
    var payloadProtocol: UInt32
    var isUnordered: Bool
    var isFirst: Bool
    var isLast: Bool
    /// The receiver shall acknowledge at once (the I bit, RFC 7053).
    var isUrgent: Bool
    var payload: ByteRange

    init(_ header: ChunkHeader, in packet: RawSpan) throws(ParseError) {
        let value = header.value
        guard value.count >= 12 else { throw .truncated }
        // A DATA chunk without data is a protocol violation (section 6.2).
        guard value.count > 12 else { throw .badLength }
        tsn = TSN(packet.uint32(at: value.start))
        stream = packet.uint16(at: value.start + 4)
        sequence = packet.uint16(at: value.start + 6)
        payloadProtocol = packet.uint32(at: value.start + 8)
        isLast = header.flags & 1 != 0
        isFirst = header.flags & 2 != 0
        isUnordered = header.flags & 4 != 0
        isUrgent = header.flags & 8 != 0
        payload = ByteRange(start: value.start + 12, end: value.end)
    }

    init(
        tsn: TSN, stream: UInt16, sequence: UInt16, payloadProtocol: UInt32, isUnordered: Bool, isFirst: Bool,
        isLast: Bool, isUrgent: Bool
    ) {
        self.tsn = tsn
        self.stream = stream
        self.sequence = sequence
        self.payloadProtocol = payloadProtocol
        self.isUnordered = isUnordered
        self.isFirst = isFirst
        self.isLast = isLast
        self.isUrgent = isUrgent
        payload = ByteRange(start: 0, end: 0)
    }
}

/// What each side begins an association with, and its answer (RFC 9260 sections 3.3.2 and 3.3.3).
struct InitiationChunk: Hashable, Sendable, BitwiseCopyable {
    var tag: UInt32
    var window: UInt32
    var outboundStreams: UInt16
    var inboundStreams: UInt16
    var firstTSN: TSN
    var parameters: ByteRange

    init(_ header: ChunkHeader, in packet: RawSpan) throws(ParseError) {
        let value = header.value
        guard value.count >= 16 else { throw .truncated }
        tag = packet.uint32(at: value.start)
        window = packet.uint32(at: value.start + 4)
        outboundStreams = packet.uint16(at: value.start + 8)
        inboundStreams = packet.uint16(at: value.start + 10)
        firstTSN = TSN(packet.uint32(at: value.start + 12))
        parameters = ByteRange(start: value.start + 16, end: value.end)
        guard tag != 0, outboundStreams != 0, inboundStreams != 0 else { throw .badValue }
    }

    init(tag: UInt32, window: UInt32, outboundStreams: UInt16, inboundStreams: UInt16, firstTSN: TSN) {
        self.tag = tag
        self.window = window
        self.outboundStreams = outboundStreams
        self.inboundStreams = inboundStreams
        self.firstTSN = firstTSN
        parameters = ByteRange(start: 0, end: 0)
    }
}

/// What has arrived (RFC 9260 section 3.3.4).
struct SelectiveAckChunk: Hashable, Sendable, BitwiseCopyable {
    var cumulative: TSN
    var window: UInt32
    private let gaps: ByteRange
    /// TSNs that came more than once.
    let duplicateCount: Int

    init(_ header: ChunkHeader, in packet: RawSpan) throws(ParseError) {
        let value = header.value
        guard value.count >= 12 else { throw .truncated }
        cumulative = TSN(packet.uint32(at: value.start))
        window = packet.uint32(at: value.start + 4)
        let gapCount = Int(packet.uint16(at: value.start + 8))
        duplicateCount = Int(packet.uint16(at: value.start + 10))
        guard value.count - 12 >= (gapCount + duplicateCount) * 4 else { throw .badLength }
        gaps = ByteRange(start: value.start + 12, end: value.start + 12 + min(gapCount, Limits.gapBlocks) * 4)
    }

    var gapCount: Int { gaps.count / 4 }

    /// First and last number of a run that arrived behind a hole, as steps from ``cumulative``; nil of one that lies.
    func gap(at index: Int, in packet: RawSpan) -> ClosedRange<Int>? {
        let first = Int(packet.uint16(at: gaps.start + index * 4))
        let last = Int(packet.uint16(at: gaps.start + index * 4 + 2))
        return first > 0 && last >= first ? first...last : nil
    }
}

/// What its sender has given up (RFC 3758 section 3.2).
struct ForwardTSNChunk: Hashable, Sendable, BitwiseCopyable {
    var cumulative: TSN
    private let streams: ByteRange

    init(_ header: ChunkHeader, in packet: RawSpan) throws(ParseError) {
        let value = header.value
        guard value.count >= 4 else { throw .truncated }
        guard (value.count - 4) % 4 == 0 else { throw .badLength }
        cumulative = TSN(packet.uint32(at: value.start))
        streams = ByteRange(start: value.start + 4, end: value.end)
    }

    var streamCount: Int { streams.count / 4 }

    /// An ordered stream, and its newest message that does not come.
    func stream(at index: Int, in packet: RawSpan) -> (stream: UInt16, sequence: UInt16) {
        let offset = streams.start + index * 4
        return (packet.uint16(at: offset), packet.uint16(at: offset + 2))
    }
}
