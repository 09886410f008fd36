public import Wire

/// What files say of H.264 beside the frames: `avcC` of MP4, `CodecPrivate` of Matroska (ISO/IEC 14496-15 section
/// 5.3.3.1).
public struct AVCConfiguration: Hashable, Sendable {
    /// Bytes of the lengths before NAL units: 1, 2 or 4.
    public var lengthSize: Int
    /// Sequence and picture parameter sets, which the frames themselves need not have.
    public var parameterSets: NALUnits

    /// Throws `truncated` for a record that is cut off, `badHeader` for another version, `badValue` for lengths of
    /// three bytes.
    public init(parsing record: RawSpan) throws(ParseError) {
        var reader = ByteReader(record)
        guard try reader.readUInt8() == 1 else { throw .badHeader }
        try reader.skip(3)
        lengthSize = Int(try reader.readUInt8() & 0x03) + 1
        guard lengthSize != 3 else { throw .badValue }
        parameterSets = NALUnits()
        for mask: UInt8 in [0x1F, 0xFF] {
            for _ in 0..<(try reader.readUInt8() & mask) {
                let length = Int(try reader.readUInt16())
                try parameterSets.append(reader.readBytes(length).copied()[...])
            }
        }
    }
}
