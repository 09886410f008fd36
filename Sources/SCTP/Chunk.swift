import Wire

/// One chunk of a packet, parsed. Plain data: variable parts are ranges of the packet's bytes, which the accessors take
/// again as `in:`.
enum Chunk: Sendable, BitwiseCopyable {
    case data(DataChunk)
    case initiation(InitiationChunk)
    case initiationAck(InitiationChunk)
    case selectiveAck(SelectiveAckChunk)
    /// With the information that the answer repeats (RFC 9260 section 3.3.5).
    case heartbeat(ByteRange)
    case heartbeatAck(ByteRange)
    /// `isReflected`: the tag is the sender's own (the T bit, section 3.3.7).
    case abort(isReflected: Bool)
    case shutdown(cumulative: TSN)
    case shutdownAck
    case shutdownComplete(isReflected: Bool)
    /// With its causes.
    case error(ByteRange)
    case cookieEcho(ByteRange)
    case cookieAck
    case reconfiguration(ByteRange)
    case forwardTSN(ForwardTSNChunk)
    /// With the whole chunk, to be told to its sender.
    case unknown(type: UInt8, ByteRange)
}

/// A range of a packet's bytes.
struct ByteRange: Hashable, Sendable, BitwiseCopyable {
    var start: Int
    var end: Int

    var count: Int { end - start }
    var range: Range<Int> { start..<end }
}

/// Walks the chunks of a packet without allocating.
///
/// Creation checks the chain of lengths, so that a packet that lies has no effect at all.
struct ChunkWalker: ~Escapable {
    private let packet: RawSpan
    private var offset = PacketHeader.length

    /// Throws when a length contradicts the bytes: less than a chunk's header, or beyond the packet. Padding behind the
    /// last chunk may be missing (RFC 9260 section 3.2).
    @_lifetime(copy packet)
    init(_ packet: RawSpan) throws(ParseError) {
        guard packet.byteCount >= PacketHeader.length else { throw .truncated }
        var offset = PacketHeader.length
        var chunks = 0
        while offset < packet.byteCount {
            let header = try ChunkHeader(parsing: packet, at: offset)
            offset = header.next
            chunks += 1
            guard chunks <= Limits.chunksPerPacket else { throw .overLimit }
        }
        self.packet = packet
    }

    /// The next chunk, nil at the end. A throw concerns one chunk: calling again goes on behind it.
    @_lifetime(self: copy self)
    mutating func next() throws(ParseError) -> Chunk? {
        guard offset < packet.byteCount else { return nil }
        let header = try ChunkHeader(parsing: packet, at: offset)
        offset = header.next
        switch header.type {
        case ChunkType.data: return .data(try DataChunk(header, in: packet))
        case ChunkType.initiation: return .initiation(try InitiationChunk(header, in: packet))
        case ChunkType.initiationAck: return .initiationAck(try InitiationChunk(header, in: packet))
        case ChunkType.selectiveAck: return .selectiveAck(try SelectiveAckChunk(header, in: packet))
        case ChunkType.heartbeat: return .heartbeat(header.value)
        case ChunkType.heartbeatAck: return .heartbeatAck(header.value)
        case ChunkType.abort: return .abort(isReflected: header.flags & 1 == 1)
        case ChunkType.shutdown:
            guard header.value.count >= 4 else { throw .truncated }
            return .shutdown(cumulative: TSN(packet.uint32(at: header.value.start)))
        case ChunkType.shutdownAck: return .shutdownAck
        case ChunkType.shutdownComplete: return .shutdownComplete(isReflected: header.flags & 1 == 1)
        case ChunkType.error: return .error(header.value)
        case ChunkType.cookieEcho: return .cookieEcho(header.value)
        case ChunkType.cookieAck: return .cookieAck
        case ChunkType.reconfiguration: return .reconfiguration(header.value)
        case ChunkType.forwardTSN: return .forwardTSN(try ForwardTSNChunk(header, in: packet))
        default: return .unknown(type: header.type, ByteRange(start: header.start, end: header.value.end))
        }
    }
}

/// Type, flags and length that every chunk begins with (RFC 9260 section 3.2), checked against the packet.
struct ChunkHeader: Sendable, BitwiseCopyable {
    static let length = 4

    let type: UInt8
    let flags: UInt8
    let start: Int
    /// What is behind the header, without padding.
    let value: ByteRange
    /// Where the next chunk begins, or the packet ends.
    let next: Int

    init(parsing packet: RawSpan, at offset: Int) throws(ParseError) {
        guard packet.byteCount - offset >= Self.length else { throw .truncated }
        let length = Int(packet.uint16(at: offset + 2))
        guard length >= Self.length, length <= packet.byteCount - offset else { throw .badLength }
        type = packet.uint8(at: offset)
        flags = packet.uint8(at: offset + 1)
        start = offset
        value = ByteRange(start: offset + Self.length, end: offset + length)
        next = min(offset + ((length + 3) & ~3), packet.byteCount)
    }
}
