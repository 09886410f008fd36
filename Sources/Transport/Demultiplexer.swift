import Wire

/// Who gets a datagram, by its first byte (RFC 7983 section 7) and, for RTP against RTCP, its second
/// (RFC 5761 section 4).
enum PacketClass: Sendable, BitwiseCopyable {
    case stun, dtls, rtp, rtcp
    /// ZRTP, TURN channel data and whatever nobody has assigned.
    case unknown

    init(of datagram: RawSpan) {
        guard datagram.byteCount > 1 else {
            self = .unknown
            return
        }
        switch datagram.uint8(at: 0) {
        case 0...3: self = .stun
        case 20...63: self = .dtls
        case 128...191: self = (192...223).contains(datagram.uint8(at: 1)) ? .rtcp : .rtp
        default: self = .unknown
        }
    }
}
