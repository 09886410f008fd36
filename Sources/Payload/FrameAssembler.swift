import RTP
public import Wire

/// Puts the payloads of one frame, which come whole and in order, into the form that ``EncodedFrame/bytes`` describes.
public struct FrameAssembler: Sendable {
    public let format: PayloadFormat
    /// The frame so far.
    public private(set) var bytes: [UInt8]
    /// The type of the NAL unit whose fragments are coming.
    private var openFragment: UInt8?

    /// - Parameter prefix: bytes that go before, e.g. parameter sets that came by themselves.
    public init(_ format: PayloadFormat, prefix: [UInt8] = [], capacity: Int = 0) {
        self.format = format
        bytes = prefix
        bytes.reserveCapacity(prefix.count + capacity)
    }

    /// True when no NAL unit lacks its last fragment.
    public var isWhole: Bool { openFragment == nil }

    /// Appends a payload without padding.
    ///
    /// Throws as ``Depacketizer/part(of:marker:)``, `badHeader` for a fragment that continues no unit, and for what
    /// comes while another unit is open; `overLimit` beyond ``Limits/frameLength``.
    public mutating func append(_ payload: RawSpan) throws(ParseError) {
        switch format {
        case .vp8: append(payload, from: try VP8PayloadDescriptor(parsing: payload).length)
        case .vp9: append(payload, from: try VP9PayloadDescriptor(parsing: payload).length)
        case .h264: try appendH264(payload)
        case .opus, .pcmu, .pcma: append(payload, from: 0)
        }
        guard bytes.count <= Limits.frameLength else { throw .overLimit }
    }

    private mutating func append(_ payload: RawSpan, from start: Int) {
        let rest = payload.extracting(start..<payload.byteCount)
        unsafe rest.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    private mutating func appendH264(_ payload: RawSpan) throws(ParseError) {
        guard payload.byteCount > 0 else { throw .truncated }
        let indicator = payload.uint8(at: 0)
        switch indicator & 0x1F {
        case 1...23 where openFragment == nil:
            bytes.append(contentsOf: NALUnits.startCode)
            append(payload, from: 0)
        case NALUnitType.stapA where openFragment == nil:
            var reader = ByteReader(payload)
            try reader.skip(1)
            while !reader.isAtEnd {
                let length = Int(try reader.readUInt16())
                guard length <= reader.remaining else { throw .badLength }
                bytes.append(contentsOf: NALUnits.startCode)
                append(try reader.readBytes(length), from: 0)
            }
        case NALUnitType.fuA:
            guard payload.byteCount > 2 else { throw .truncated }
            let header = payload.uint8(at: 1)
            let type = header & 0x1F
            if header & 0x80 != 0 {
                guard openFragment == nil else { throw .badHeader }
                bytes.append(contentsOf: NALUnits.startCode)
                bytes.append(indicator & 0xE0 | type)
            } else {
                guard openFragment == type else { throw .badHeader }
            }
            append(payload, from: 2)
            openFragment = header & 0x40 != 0 ? nil : type
        default:
            throw .badHeader
        }
    }
}
