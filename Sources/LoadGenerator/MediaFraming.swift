import RTP
import Wire

/// The codec's own bytes around a ``LoadPayload``: what a server looks at to find key frames.
enum MediaFraming {
    /// VP8 descriptor with a picture id of 15 bits (RFC 7741 section 4.2).
    static let vp8Descriptor = 4
    /// VP8 payload header (RFC 7741 section 4.3): frame tag, and for a key frame start code and size.
    static let vp8KeyFrameHeader = 10
    static let vp8FrameHeader = 3
    /// Opus' TOC byte (RFC 6716 section 3.1).
    static let opusHeader = 1
    /// CELT, full band, 20 ms, mono, one frame in the packet.
    private static let opusTOC: UInt8 = 31 << 3

    /// Writes the first bytes of one of a VP8 frame's packets at `start`; returns where the rest begins.
    static func writeVP8(
        into packet: inout MutableRawSpan, at start: Int, isFirst: Bool, isKeyFrame: Bool, pictureID: UInt16,
        frameBytes: Int, size: (width: UInt16, height: UInt16)
    ) -> Int {
        packet.store(isFirst ? UInt8(0x90) : 0x80, at: start)
        packet.store(UInt8(0x80), at: start + 1)
        packet.store(0x8000 | pictureID & 0x7FFF, at: start + 2)
        var at = start + vp8Descriptor
        guard isFirst else { return at }
        // RFC 6386 section 9.1: key frame bit (inverted), version, show_frame, 19 bits of first partition size.
        let tag = UInt32(truncatingIfNeeded: frameBytes & 0x7FFFF) << 5 | 1 << 4 | (isKeyFrame ? 0 : 1)
        for shift in [UInt32(0), 8, 16] {
            packet.store(UInt8(truncatingIfNeeded: tag >> shift), at: at)
            at += 1
        }
        guard isKeyFrame else { return at }
        packet.store(UInt8(0x9D), at: at)
        packet.store(UInt8(0x01), at: at + 1)
        packet.store(UInt8(0x2A), at: at + 2)
        packet.store(size.width.byteSwapped, at: at + 3)
        packet.store(size.height.byteSwapped, at: at + 5)
        return at + 7
    }

    static func writeOpus(into packet: inout MutableRawSpan, at start: Int) -> Int {
        packet.store(opusTOC, at: start)
        return start + opusHeader
    }

    /// Where the ``LoadPayload`` of a received packet begins; nil when the codec's bytes are not right.
    static func payloadStart(_ kind: MediaKind, _ packet: RawSpan, _ payload: Range<Int>) -> Int? {
        guard kind == .video else { return payload.isEmpty ? nil : payload.lowerBound + opusHeader }
        guard let descriptor = try? VP8PayloadDescriptor(parsing: packet.extracting(payload)) else { return nil }
        let start = payload.lowerBound + descriptor.length
        guard descriptor.startsPartition, descriptor.partition == 0 else { return start }
        return start + (descriptor.isKeyFrameStart ? vp8KeyFrameHeader : vp8FrameHeader)
    }
}
