public import Wire

/// The header of one RTP packet (RFC 3550 section 5.1) and where its parts lie.
///
/// Plain data: it holds offsets, never bytes, so it may outlive the buffer it was parsed from.
public struct RTPHeader: Hashable, Sendable, BitwiseCopyable {
    /// Bytes before the CSRC list.
    public static let fixedLength = 12

    public var marker: Bool
    /// 0...127.
    public var payloadType: UInt8
    public var sequenceNumber: SequenceNumber
    public var timestamp: UInt32
    public var ssrc: UInt32
    /// 0...15 contributing sources between the fixed header and the extension.
    public private(set) var csrcCount: UInt8
    /// Bytes of padding behind the payload, the count byte included; 0 without padding.
    public private(set) var paddingLength: UInt8
    /// The 16 bits that name the extension's form, or 0 without extension.
    public private(set) var extensionProfile: UInt16
    private var extensionStart: UInt16
    private var extensionLength: UInt16
    private var payloadStart: UInt16
    private var payloadLength: UInt16

    /// A header to write: version 2, no padding, CSRC or extension.
    public init(
        payloadType: UInt8, marker: Bool = false, sequenceNumber: SequenceNumber, timestamp: UInt32, ssrc: UInt32
    ) {
        self.marker = marker
        self.payloadType = payloadType & 0x7F
        self.sequenceNumber = sequenceNumber
        self.timestamp = timestamp
        self.ssrc = ssrc
        csrcCount = 0
        paddingLength = 0
        extensionProfile = 0
        extensionStart = UInt16(Self.fixedLength)
        extensionLength = 0
        payloadStart = UInt16(Self.fixedLength)
        payloadLength = 0
    }

    /// Refuses a packet whose fields contradict its length (RFC 3550 appendix A.1).
    ///
    /// An empty payload is accepted: padding-only probes have one. Elements inside the extension are
    /// checked when they are looked up.
    public init(parsing packet: RawSpan) throws(ParseError) {
        let length = packet.byteCount
        guard length >= Self.fixedLength else { throw .truncated }
        guard length <= Limits.packetLength else { throw .overLimit }
        let first = packet.uint8(at: 0)
        guard first >> 6 == 2 else { throw .badHeader }
        let second = packet.uint8(at: 1)
        self.init(
            payloadType: second & 0x7F, marker: second & 0x80 != 0,
            sequenceNumber: SequenceNumber(packet.uint16(at: 2)),
            timestamp: packet.uint32(at: 4), ssrc: packet.uint32(at: 8))
        csrcCount = first & 0x0F
        var offset = Self.fixedLength + Int(csrcCount) * 4
        guard offset <= length else { throw .truncated }
        if first & 0x10 != 0 {
            // RFC 3550 section 5.3.1: the length counts words after the four-byte extension header.
            guard length - offset >= 4 else { throw .truncated }
            let words = Int(packet.uint16(at: offset + 2))
            guard length - offset - 4 >= words * 4 else { throw .badLength }
            extensionProfile = packet.uint16(at: offset)
            extensionStart = UInt16(offset + 4)
            extensionLength = UInt16(words * 4)
            offset += 4 + words * 4
        }
        if first & 0x20 != 0 {
            guard length > offset else { throw .badLength }
            paddingLength = packet.uint8(at: length - 1)
            guard paddingLength > 0, Int(paddingLength) <= length - offset else { throw .badLength }
        }
        payloadStart = UInt16(offset)
        payloadLength = UInt16(length - offset - Int(paddingLength))
    }

    public var hasPadding: Bool { paddingLength > 0 }
    /// Bytes before the payload, extension included.
    public var headerLength: Int { Int(payloadStart) }
    /// The extension's elements, without the four bytes of profile and length.
    public var extensionRange: Range<Int> { Int(extensionStart)..<(Int(extensionStart) + Int(extensionLength)) }
    /// The payload without padding; empty for a padding-only packet.
    public var payloadRange: Range<Int> { Int(payloadStart)..<(Int(payloadStart) + Int(payloadLength)) }
}
