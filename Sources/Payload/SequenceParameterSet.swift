import RTP
public import Wire

/// A sequence parameter set of H.264 as far as the size of pictures (ITU-T H.264 section 7.3.2.1.1).
public struct SequenceParameterSet: Hashable, Sendable, BitwiseCopyable {
    /// `profile_idc`, e.g. 66 for baseline.
    public var profile: UInt8
    /// `constraint_set0_flag` in the highest bit, and so on.
    public var constraints: UInt8
    /// `level_idc`, e.g. 31 for level 3.1.
    public var level: UInt8
    /// After cropping: what is shown.
    public var size: FrameSize

    /// Reads a NAL unit of type 7 with its header byte.
    ///
    /// Throws `badHeader` for another type, `truncated` when the size lies behind the end, `badValue` for numbers out
    /// of range or a size of nothing.
    public init(parsing unit: RawSpan) throws(ParseError) {
        guard unit.byteCount >= 4, unit.byteCount <= Limits.parameterSetLength else { throw .truncated }
        guard unit.uint8(at: 0) & 0x1F == NALUnitType.sps else { throw .badHeader }
        let payload = Self.withoutEmulationPrevention(unit.extracting(1..<unit.byteCount))
        var reader = unsafe BitReader(payload.span.bytes)
        profile = UInt8(try reader.read(8))
        constraints = UInt8(try reader.read(8))
        level = UInt8(try reader.read(8))
        // seq_parameter_set_id
        _ = try reader.readExponentialGolomb(atMost: 31)
        var chroma: UInt32 = 1
        if Self.tellsChroma(profile) {
            chroma = try reader.readExponentialGolomb(atMost: 3)
            // separate_colour_plane_flag: each plane is coded as luma, and cropped as one.
            if chroma == 3, try reader.readFlag() { chroma = 0 }
            // bit_depth_luma_minus8, bit_depth_chroma_minus8, qpprime_y_zero_transform_bypass_flag
            _ = try reader.readExponentialGolomb(atMost: 6)
            _ = try reader.readExponentialGolomb(atMost: 6)
            _ = try reader.readFlag()
            if try reader.readFlag() { try Self.skipScalingMatrix(&reader, lists: chroma == 3 ? 12 : 8) }
        }
        try Self.skipOrder(&reader)
        size = try Self.readSize(&reader, chroma: chroma)
    }

    /// The profiles whose sets have `chroma_format_idc`.
    private static func tellsChroma(_ profile: UInt8) -> Bool {
        switch profile {
        case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135: true
        default: false
        }
    }

    /// Section 7.4.1: a 3 behind two zero bytes is there only so that no start code appears.
    private static func withoutEmulationPrevention(_ unit: RawSpan) -> [UInt8] {
        var payload: [UInt8] = []
        payload.reserveCapacity(unit.byteCount)
        var zeros = 0
        for index in 0..<unit.byteCount {
            let byte = unit.uint8(at: index)
            if zeros >= 2, byte == 3 {
                zeros = 0
                continue
            }
            zeros = byte == 0 ? zeros + 1 : 0
            payload.append(byte)
        }
        return payload
    }

    /// Section 7.3.2.1.1.1: lists of differences; a scale of zero ends the differences of a list.
    private static func skipScalingMatrix(_ reader: inout BitReader, lists: Int) throws(ParseError) {
        for list in 0..<lists {
            guard try reader.readFlag() else { continue }
            var scale: Int64 = 8
            for _ in 0..<(list < 6 ? 16 : 64) {
                scale = (scale + Int64(try reader.readSignedExponentialGolomb()) + 256) & 0xFF
                if scale == 0 { break }
            }
        }
    }

    /// Frame numbers and the order of pictures.
    private static func skipOrder(_ reader: inout BitReader) throws(ParseError) {
        // log2_max_frame_num_minus4
        _ = try reader.readExponentialGolomb(atMost: 12)
        switch try reader.readExponentialGolomb(atMost: 2) {
        case 0:
            // log2_max_pic_order_cnt_lsb_minus4
            _ = try reader.readExponentialGolomb(atMost: 12)
        case 1:
            _ = try reader.readFlag()
            _ = try reader.readSignedExponentialGolomb()
            _ = try reader.readSignedExponentialGolomb()
            for _ in 0..<(try reader.readExponentialGolomb(atMost: 255)) {
                _ = try reader.readSignedExponentialGolomb()
            }
        default: break
        }
        // max_num_ref_frames, gaps_in_frame_num_value_allowed_flag
        _ = try reader.readExponentialGolomb(atMost: 16)
        _ = try reader.readFlag()
    }

    /// In macroblocks of 16 pixels, less what is cropped (equations 7-19 to 7-22).
    private static func readSize(_ reader: inout BitReader, chroma: UInt32) throws(ParseError) -> FrameSize {
        let columns = Int(try reader.readExponentialGolomb(atMost: 4_095)) + 1
        let rows = Int(try reader.readExponentialGolomb(atMost: 4_095)) + 1
        let fieldsPerFrame = try reader.readFlag() ? 1 : 2
        if fieldsPerFrame == 2 { _ = try reader.readFlag() }
        // direct_8x8_inference_flag
        _ = try reader.readFlag()
        var (width, height) = (columns * 16, rows * 16 * fieldsPerFrame)
        if try reader.readFlag() {
            let unitWidth = chroma == 1 || chroma == 2 ? 2 : 1
            let unitHeight = (chroma == 1 ? 2 : 1) * fieldsPerFrame
            let left = Int(try reader.readExponentialGolomb(atMost: 0xFFFF))
            width -= (left + Int(try reader.readExponentialGolomb(atMost: 0xFFFF))) * unitWidth
            let top = Int(try reader.readExponentialGolomb(atMost: 0xFFFF))
            height -= (top + Int(try reader.readExponentialGolomb(atMost: 0xFFFF))) * unitHeight
        }
        guard let size = FrameSize(width: width, height: height) else { throw .badValue }
        return size
    }
}

extension BitReader {
    /// `ue(v)` (H.264 section 9.1); throws `badValue` above `most`.
    @_lifetime(self: copy self)
    fileprivate mutating func readExponentialGolomb(atMost most: UInt32 = .max - 1) throws(ParseError) -> UInt32 {
        var zeros = 0
        while try !readFlag() {
            zeros += 1
            guard zeros < 32 else { throw .badValue }
        }
        let value = (UInt32(1) << UInt32(zeros)) - 1 + (try read(zeros))
        guard value <= most else { throw .badValue }
        return value
    }

    /// `se(v)` (section 9.1.1).
    @_lifetime(self: copy self)
    fileprivate mutating func readSignedExponentialGolomb() throws(ParseError) -> Int32 {
        let code = try readExponentialGolomb()
        let magnitude = Int32(truncatingIfNeeded: code / 2 + code % 2)
        return code % 2 == 0 ? -magnitude : magnitude
    }
}
