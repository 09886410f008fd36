/// What the first bytes of a packet of Opus say.
enum OpusPacket {
    /// In samples at 48 kHz (RFC 6716 section 3.1); nil for an empty packet, a count of frames that is cut off, or more
    /// than 120 ms.
    static func duration(of packet: [UInt8]) -> UInt32? {
        guard let first = packet.first else { return nil }
        let frame: UInt32
        switch first >> 3 {
        // SILK: 10, 20, 40, 60 ms.
        case 0..<12: frame = [480, 960, 1_920, 2_880][Int(first >> 3 & 3)]
        // Hybrid: 10, 20 ms.
        case 12..<16: frame = first >> 3 & 1 == 0 ? 480 : 960
        // CELT: 2.5, 5, 10, 20 ms.
        default: frame = 120 << UInt32(first >> 3 & 3)
        }
        let count: UInt32
        switch first & 3 {
        case 0: count = 1
        case 1, 2: count = 2
        default:
            guard packet.count > 1 else { return nil }
            count = UInt32(packet[1] & 0x3F)
        }
        guard count > 0, frame * count <= 5_760 else { return nil }
        return frame * count
    }
}
