import RTP
import Wire

/// The start of a VP9 frame's uncompressed header, as far as it is the same for all (bitstream specification section
/// 6.2).
struct VP9FrameHeader {
    var isKeyFrame: Bool
    /// Of key frames.
    var size: FrameSize?

    /// Throws `badHeader` without the frame marker or the sync code of key frames, `badValue` for a size of nothing.
    init(parsing frame: RawSpan) throws(ParseError) {
        var reader = BitReader(frame)
        guard try reader.read(2) == 2 else { throw .badHeader }
        let low = try reader.read(1)
        let profile = try reader.read(1) << 1 | low
        if profile == 3, try reader.readFlag() { throw .badHeader }
        isKeyFrame = false
        // A frame that only shows an earlier one has no more header.
        if try reader.readFlag() { return }
        guard try !reader.readFlag() else { return }
        isKeyFrame = true
        // show_frame, error_resilient_mode.
        _ = try reader.read(2)
        guard try reader.read(24) == 0x49_8342 else { throw .badHeader }
        if profile >= 2 { _ = try reader.read(1) }
        // color_space; 7 is sRGB, which has the full range and no chroma to sample, so only a reserved bit follows.
        let isRGB = try reader.read(3) == 7
        if !isRGB { _ = try reader.read(1) }
        // Profiles 1 and 3 say how chroma is sampled.
        if profile & 1 != 0 { _ = try reader.read(isRGB ? 1 : 3) }
        let width = Int(try reader.read(16)) + 1
        let height = Int(try reader.read(16)) + 1
        guard let size = FrameSize(width: width, height: height) else { throw .badValue }
        self.size = size
    }
}
