import RTP
import Wire

/// Width and height of a video frame in pixels, each 1...65535.
public struct FrameSize: Hashable, Sendable, BitwiseCopyable {
    public var width: Int
    public var height: Int

    /// Nil unless both are in range.
    public init?(width: Int, height: Int) {
        guard 1...0xFFFF ~= width, 1...0xFFFF ~= height else { return nil }
        self.width = width
        self.height = height
    }

    /// What the key frame's first bytes say (RFC 6386 section 9.1); nil for other frames and cut ones.
    public init?(vp8Frame frame: RawSpan) {
        guard frame.byteCount >= 10, frame.uint8(at: 0) & 0x01 == 0 else { return nil }
        guard frame.uint8(at: 3) == 0x9D, frame.uint16(at: 4) == 0x012A else { return nil }
        self.init(
            width: Int(frame.uint16(at: 6).byteSwapped & 0x3FFF), height: Int(frame.uint16(at: 8).byteSwapped & 0x3FFF))
    }

    /// What the key frame's uncompressed header says (VP9 bitstream specification section 6.2); nil for other frames
    /// and cut or contradictory ones.
    public init?(vp9Frame frame: RawSpan) {
        guard let header = try? VP9FrameHeader(parsing: frame), let size = header.size else { return nil }
        self = size
    }

    /// Of one spatial layer, from the scalability structure of a picture's first payload (RFC 9628 section 4.2.1).
    init?(vp9Payload payload: RawSpan, spatialLayer: UInt8) {
        guard let descriptor = try? VP9PayloadDescriptor(parsing: payload),
            let range = descriptor.sizeRange(ofSpatialLayer: spatialLayer)
        else { return nil }
        self.init(
            width: Int(payload.uint16(at: range.lowerBound)), height: Int(payload.uint16(at: range.lowerBound + 2)))
    }
}
