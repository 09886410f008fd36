import Wire

/// Puts pictures together that came in parts.
///
/// FFmpeg takes parameter sets for the beginning of a frame (H.264 section 7.4.1.2.3). GStreamer's payloader can repeat
/// them before each slice, though, and then an RTSP source's key frames come in as many parts as they have slices. The
/// parts have one time. Of the very first frame the last part has one, and those before it have none.
struct SliceJoiner {
    private var held: MediaPacket?
    /// No part has said a time yet.
    private var lacksTime = true
    /// Parts of `held`.
    private var parts = 0

    /// - Parameter isTimed: the part said its time itself.
    /// - Returns: the picture before, when this part is not of it.
    mutating func take(_ part: MediaPacket, isTimed: Bool) -> MediaPacket? {
        let isFirst = lacksTime
        if isTimed { lacksTime = false }
        guard var picture = held, isFirst || picture.pts == part.pts, parts < Limits.slices,
            picture.bytes.count + part.bytes.count <= Limits.packetBytes
        else { return replace(with: part) }
        (picture.pts, picture.dts) = (part.pts, part.dts)
        picture.isKeyFrame = picture.isKeyFrame || part.isKeyFrame
        picture.bytes += part.bytes
        held = picture
        parts += 1
        return nil
    }

    /// The last picture.
    mutating func finish() -> MediaPacket? { replace(with: nil) }

    private mutating func replace(with next: MediaPacket?) -> MediaPacket? {
        defer { (held, parts) = (next, 1) }
        // A source that never says a time has one picture in each part.
        if held != nil { lacksTime = false }
        return held
    }
}
