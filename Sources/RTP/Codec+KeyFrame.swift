import Wire

extension Codec {
    static func isVP8KeyFrameStart(_ payload: RawSpan) -> Bool {
        guard let descriptor = try? VP8PayloadDescriptor(parsing: payload) else { return false }
        return descriptor.isKeyFrameStart
    }

    /// RFC 9628 section 4.2: not inter-picture predicted (P), begins a frame (B), and of the lowest
    /// spatial layer, since higher layers of a key picture build on it.
    static func isVP9KeyFrameStart(_ payload: RawSpan) -> Bool {
        guard let descriptor = try? VP9PayloadDescriptor(parsing: payload) else { return false }
        return descriptor.isKeyPictureStart
    }

    /// RFC 6184: SPS or IDR as a single NAL unit (section 5.6), inside a STAP-A (5.7.1), or the first
    /// fragment of one (5.8).
    static func isH264KeyFrameStart(_ payload: RawSpan) -> Bool {
        guard payload.byteCount > 0 else { return false }
        switch payload.uint8(at: 0) & 0x1F {
        case let type where opensH264(type):
            return true
        case 24:
            var offset = 1
            while payload.byteCount - offset > 2 {
                let size = Int(payload.uint16(at: offset))
                guard size > 0, payload.byteCount - offset - 2 >= size else { return false }
                if opensH264(payload.uint8(at: offset + 2) & 0x1F) { return true }
                offset += 2 + size
            }
            return false
        case 28:
            guard payload.byteCount > 1 else { return false }
            let fragment = payload.uint8(at: 1)
            return fragment & 0x80 != 0 && opensH264(fragment & 0x1F)
        default:
            return false
        }
    }

    /// NAL unit types that a decoder can start from: 5 is an IDR slice, 7 the sequence parameters.
    private static func opensH264(_ type: UInt8) -> Bool { type == 5 || type == 7 }

    /// AV1 RTP payload format section 4.4: N marks the first packet of a coded video sequence; with it
    /// Z (continuation) must be clear.
    static func isAV1KeyFrameStart(_ payload: RawSpan) -> Bool {
        guard payload.byteCount > 1 else { return false }
        let aggregation = payload.uint8(at: 0)
        return aggregation & 0x08 != 0 && aggregation & 0x80 == 0
    }
}
