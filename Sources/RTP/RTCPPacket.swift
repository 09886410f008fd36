public import Wire

/// One packet of a compound, parsed. Plain data: variable parts are offsets into the compound's bytes,
/// which the accessors take again as `in:`.
public enum RTCPPacket: Sendable, BitwiseCopyable {
    case senderReport(SenderReport)
    case receiverReport(ReceiverReport)
    case sourceDescription(SourceDescription)
    case goodbye(Goodbye)
    case nack(GenericNack)
    case pictureLossIndication(PictureLossIndication)
    case fullIntraRequest(FullIntraRequest)
    case maximumBitrate(MaximumBitrate)
    case transportFeedback(TransportFeedback)
    case congestionControlFeedback(CongestionControlFeedback)
    /// A type or format that this project does not use; skipped by its length (RFC 3550 section 6.1).
    case unknown(type: UInt8, format: UInt8)
}

/// Walks a compound or reduced-size RTCP packet (RFC 3550 section 6.1, RFC 5506) without allocating.
///
/// Creation checks the chain of lengths, so that a compound that lies has no effect at all.
public struct CompoundPacket: ~Escapable {
    private let bytes: RawSpan
    private var offset = 0

    /// Throws when a version, length or padding contradicts the bytes (RFC 3550 appendix A.2).
    ///
    /// *Deviation:* every packet may be padded, not only the last (section 6.4.1), and by any number of bytes, not only
    /// by multiples of four: libwebrtc pads each transport-wide feedback packet to whole words and puts several into
    /// one compound.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(ParseError) {
        guard bytes.byteCount <= Limits.packetLength else { throw .overLimit }
        guard bytes.byteCount >= 4 else { throw .truncated }
        var end = 0
        var packets = 0
        while end < bytes.byteCount {
            let header = try RTCPHeader(parsing: bytes, at: end)
            end = header.end
            packets += 1
            guard packets <= Limits.packetsPerCompound else { throw .overLimit }
        }
        self.bytes = bytes
    }

    /// The next packet, nil at the end. A throw concerns one packet: calling again goes on behind it.
    @_lifetime(self: copy self)
    public mutating func next() throws(ParseError) -> RTCPPacket? {
        guard offset < bytes.byteCount else { return nil }
        let header = try RTCPHeader(parsing: bytes, at: offset)
        offset = header.end
        switch header.type {
        case RTCPType.senderReport:
            return .senderReport(try SenderReport(header, in: bytes))
        case RTCPType.receiverReport:
            return .receiverReport(try ReceiverReport(header, in: bytes))
        case RTCPType.sourceDescription:
            return .sourceDescription(try SourceDescription(header, in: bytes))
        case RTCPType.goodbye:
            return .goodbye(try Goodbye(header, in: bytes))
        case RTCPType.transportFeedback where header.format == RTCPType.formatNack:
            return .nack(try GenericNack(header, in: bytes))
        case RTCPType.transportFeedback where header.format == RTCPType.formatTransportWide:
            return .transportFeedback(try TransportFeedback(header, in: bytes))
        case RTCPType.transportFeedback where CongestionControlFeedback.matches(header):
            return .congestionControlFeedback(try CongestionControlFeedback(header, in: bytes))
        case RTCPType.payloadFeedback where header.format == RTCPType.formatPLI:
            return .pictureLossIndication(try PictureLossIndication(header, in: bytes))
        case RTCPType.payloadFeedback where header.format == RTCPType.formatFIR:
            return .fullIntraRequest(try FullIntraRequest(header, in: bytes))
        case RTCPType.payloadFeedback where MaximumBitrate.matches(header, in: bytes):
            return .maximumBitrate(try MaximumBitrate(header, in: bytes))
        default:
            return .unknown(type: header.type, format: header.format)
        }
    }
}

/// The four bytes that every RTCP packet begins with, checked against the compound around them.
struct RTCPHeader: Sendable, BitwiseCopyable {
    /// Count or feedback message type: the low five bits of the first byte.
    let format: UInt8
    let type: UInt8
    /// The first byte behind the header.
    let content: Int
    /// The end of the content, without padding.
    let contentEnd: Int
    /// The end of the packet.
    let end: Int

    init(parsing bytes: RawSpan, at offset: Int) throws(ParseError) {
        guard bytes.byteCount - offset >= 4 else { throw .truncated }
        let first = bytes.uint8(at: offset)
        guard first >> 6 == 2 else { throw .badHeader }
        format = first & 0x1F
        type = bytes.uint8(at: offset + 1)
        content = offset + 4
        end = offset + (Int(bytes.uint16(at: offset + 2)) + 1) * 4
        guard end <= bytes.byteCount else { throw .badLength }
        guard first & 0x20 != 0 else {
            contentEnd = end
            return
        }
        guard end > content else { throw .badLength }
        let padding = Int(bytes.uint8(at: end - 1))
        guard padding > 0, padding <= end - content else { throw .badLength }
        contentEnd = end - padding
    }

    var contentLength: Int { contentEnd - content }
}
