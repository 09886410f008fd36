import Wire

/// Puts pictures together that came in parts.
///
/// FFmpeg takes parameter sets for the beginning of a frame (H.264 section 7.4.1.2.3). GStreamer's payloader can repeat
/// them before each slice, though, and then an RTSP source's key frames come in as many parts as they have slices. The
/// parts have one time. Those of the very first frame but the last have none.
struct SliceJoiner {
    private var held: (picture: MediaPacket, isTimed: Bool)?

    /// - Parameter isTimed: the part said its time itself.
    /// - Returns: the picture before, when this part is not of it.
    mutating func take(_ part: MediaPacket, isTimed: Bool) -> MediaPacket? {
        guard var (picture, hasTime) = held, !hasTime || picture.pts == part.pts,
            picture.bytes.count + part.bytes.count <= Limits.packetBytes
        else { return replace(with: (part, isTimed)) }
        (picture.pts, picture.dts) = (part.pts, part.dts)
        picture.isKeyFrame = picture.isKeyFrame || part.isKeyFrame
        picture.bytes += part.bytes
        hasTime = isTimed
        held = (picture, hasTime)
        return nil
    }

    /// The last picture.
    mutating func finish() -> MediaPacket? { replace(with: nil) }

    private mutating func replace(with next: (MediaPacket, Bool)?) -> MediaPacket? {
        defer { held = next }
        return held?.picture
    }
}
