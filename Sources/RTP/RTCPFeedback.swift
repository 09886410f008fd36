public import Wire

/// The two SSRCs that RTPFB and PSFB packets begin with (RFC 4585 section 6.1).
struct FeedbackSources: Hashable, Sendable, BitwiseCopyable {
    static let length = 8
    let sender: UInt32
    let media: UInt32

    init(_ header: RTCPHeader, in bytes: RawSpan) throws(ParseError) {
        guard header.contentLength >= Self.length else { throw .badLength }
        sender = bytes.uint32(at: header.content)
        media = bytes.uint32(at: header.content + 4)
    }
}

/// Generic NACK (RFC 4585 section 6.2.1). How many of the asked packets are served is the caller's limit.
public struct GenericNack: Hashable, Sendable, BitwiseCopyable {
    public let senderSSRC: UInt32
    public let mediaSSRC: UInt32
    /// Entries of one packet id and sixteen bits each.
    public let entryCount: Int
    private let start: Int

    init(_ header: RTCPHeader, in bytes: RawSpan) throws(ParseError) {
        let sources = try FeedbackSources(header, in: bytes)
        senderSSRC = sources.sender
        mediaSSRC = sources.media
        start = header.content + FeedbackSources.length
        entryCount = (header.contentEnd - start) / 4
        guard entryCount > 0 else { throw .badLength }
    }

    /// The entry at `index` (0..<entryCount): PID, and BLP whose bit i stands for PID + i + 1.
    public func entry(at index: Int, in bytes: RawSpan) -> (packetID: SequenceNumber, following: UInt16) {
        precondition(index >= 0 && index < entryCount)
        let at = start + index * 4
        return (SequenceNumber(bytes.uint16(at: at)), bytes.uint16(at: at + 2))
    }

    /// The asked sequence numbers in their order; `next(in:)` until nil.
    public var sequenceNumbers: Sequences { Sequences(nack: self) }

    public struct Sequences: Sendable, BitwiseCopyable {
        private let nack: GenericNack
        private var index = 0
        private var current = SequenceNumber(0)
        private var following: UInt16 = 0

        init(nack: GenericNack) { self.nack = nack }

        public mutating func next(in bytes: RawSpan) -> SequenceNumber? {
            guard following == 0 else {
                let step = following.trailingZeroBitCount
                following &= following &- 1
                return current.advanced(by: step + 1)
            }
            guard index < nack.entryCount else { return nil }
            (current, following) = nack.entry(at: index, in: bytes)
            index += 1
            return current
        }
    }
}

/// PLI (RFC 4585 section 6.3.1).
public struct PictureLossIndication: Hashable, Sendable, BitwiseCopyable {
    public let senderSSRC: UInt32
    public let mediaSSRC: UInt32

    init(_ header: RTCPHeader, in bytes: RawSpan) throws(ParseError) {
        let sources = try FeedbackSources(header, in: bytes)
        senderSSRC = sources.sender
        mediaSSRC = sources.media
    }
}

/// FIR (RFC 5104 section 4.3.1).
public struct FullIntraRequest: Hashable, Sendable, BitwiseCopyable {
    public let senderSSRC: UInt32
    public let entryCount: Int
    private let start: Int

    init(_ header: RTCPHeader, in bytes: RawSpan) throws(ParseError) {
        senderSSRC = try FeedbackSources(header, in: bytes).sender
        start = header.content + FeedbackSources.length
        entryCount = (header.contentEnd - start) / 8
        guard entryCount > 0 else { throw .badLength }
    }

    /// The stream that is asked (0..<entryCount) and the command's sequence number; a repeated number
    /// is a repeated command, not a new one.
    public func entry(at index: Int, in bytes: RawSpan) -> (ssrc: UInt32, sequence: UInt8) {
        precondition(index >= 0 && index < entryCount)
        let at = start + index * 8
        return (bytes.uint32(at: at), bytes.uint8(at: at + 4))
    }
}

/// REMB (draft-alvestrand-rmcat-remb-03): the receiver's estimate of what the path carries.
public struct MaximumBitrate: Hashable, Sendable, BitwiseCopyable {
    public let senderSSRC: UInt32
    /// Saturates at `UInt64.max`: the format reaches 2^81. The caller clamps it to what it believes.
    public let bitsPerSecond: UInt64
    public let sourceCount: Int
    private let start: Int

    static func matches(_ header: RTCPHeader, in bytes: RawSpan) -> Bool {
        header.format == RTCPType.formatApplication && header.contentLength >= 12
            && bytes.uint32(at: header.content + 8) == RTCPType.rembIdentifier
    }

    init(_ header: RTCPHeader, in bytes: RawSpan) throws(ParseError) {
        senderSSRC = try FeedbackSources(header, in: bytes).sender
        let at = header.content + 12
        guard header.contentEnd - at >= 4 else { throw .badLength }
        sourceCount = Int(bytes.uint8(at: at))
        start = at + 4
        guard header.contentEnd - start >= sourceCount * 4 else { throw .badLength }
        let estimate = bytes.uint32(at: at) & 0xFF_FFFF
        let exponent = Int(estimate >> 18)
        let mantissa = UInt64(estimate & 0x3_FFFF)
        bitsPerSecond = mantissa == 0 ? 0 : mantissa.leadingZeroBitCount >= exponent ? mantissa << exponent : .max
    }

    /// The media stream at `index` (0..<sourceCount) that the estimate covers.
    public func source(at index: Int, in bytes: RawSpan) -> UInt32 {
        precondition(index >= 0 && index < sourceCount)
        return bytes.uint32(at: start + index * 4)
    }
}
