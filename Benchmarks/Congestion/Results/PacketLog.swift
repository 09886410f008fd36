/// A line for each packet that arrives, as RFC 8868 section 3 asks for it:
/// `sec.usec PT SSRC(hex) seq ts marker size`.
struct PacketLog: Sendable {
    private(set) var text = ""

    private static let audioType = 111
    private static let videoType = 96
    private static let repairType = 97

    mutating func add(_ packet: Packet, now: UInt64) {
        let (type, stream) =
            switch packet.kind {
            case .audio: (Self.audioType, 1)
            case .retransmission: (Self.repairType, 3)
            default: (Self.videoType, 2)
            }
        let source = UInt32(packet.owner + 1) << 8 | UInt32(stream)
        // 48 kHz and packets of 20 ms, or 90 kHz and 30 frames a second.
        let timestamp = UInt64(packet.frame) * (packet.kind == .audio ? 960 : 3000) & 0xFFFF_FFFF
        text += "\(now / 1_000_000_000).\(Self.padded(now / 1000 % 1_000_000)) \(type) "
        text +=
            "\(String(source, radix: 16)) \(packet.detail & 0xFFFF) \(timestamp) \(packet.isLast ? 1 : 0) "
        text += "\(packet.size)\n"
    }

    private static func padded(_ microseconds: UInt64) -> String {
        let digits = String(microseconds)
        return String(repeating: "0", count: 6 - digits.count) + digits
    }
}
