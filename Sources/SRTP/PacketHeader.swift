import Wire

/// The few fields of an RTP or RTCP packet that SRTP looks at.
struct PacketHeader: BitwiseCopyable {
    var ssrc: UInt32
    /// 0 for RTCP.
    var sequence: UInt16
    /// Bytes that stay in the clear: fixed header, CSRCs and extension (RFC 3711 section 3.1).
    var length: Int

    /// Header of the RTP packet in the first `end` bytes (RFC 3550 section 5.1, 5.3.1).
    init(rtp bytes: RawSpan, end: Int) throws(DropReason) {
        guard end >= 12, end <= bytes.byteCount, bytes.uint8(at: 0) >> 6 == 2 else { throw .srtpMalformed }
        let first = bytes.uint8(at: 0)
        var offset = 12 + 4 * Int(first & 0x0F)
        if first & 0x10 != 0 {
            guard offset + 4 <= end else { throw .srtpMalformed }
            offset += 4 + 4 * Int(bytes.uint16(at: offset + 2))
        }
        guard offset <= end else { throw .srtpMalformed }
        sequence = bytes.uint16(at: 2)
        ssrc = bytes.uint32(at: 8)
        length = offset
    }

    /// Header of the RTCP packet in the first `end` bytes: type, length and sender (RFC 3550 section 6.4.1).
    init(rtcp bytes: RawSpan, end: Int) throws(DropReason) {
        guard end >= 8, end <= bytes.byteCount, bytes.uint8(at: 0) >> 6 == 2 else { throw .srtpMalformed }
        sequence = 0
        ssrc = bytes.uint32(at: 4)
        length = 8
    }
}
