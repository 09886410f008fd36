public import Wire

/// Changes of single header fields in place. The packet must have passed ``RTPHeader/init(parsing:)``.
extension RTPHeader {
    /// 0...127; the marker keeps its value.
    public static func setPayloadType(_ payloadType: UInt8, in packet: inout MutableRawSpan) {
        let second = packet.bytes.uint8(at: 1)
        packet.store(second & 0x80 | payloadType & 0x7F, at: 1)
    }

    public static func setMarker(_ marker: Bool, in packet: inout MutableRawSpan) {
        let second = packet.bytes.uint8(at: 1)
        packet.store(second & 0x7F | (marker ? 0x80 : 0), at: 1)
    }

    public static func setSequenceNumber(_ number: SequenceNumber, in packet: inout MutableRawSpan) {
        packet.store(number.rawValue, at: 2)
    }

    public static func setTimestamp(_ timestamp: UInt32, in packet: inout MutableRawSpan) {
        packet.store(timestamp, at: 4)
    }

    public static func setSSRC(_ ssrc: UInt32, in packet: inout MutableRawSpan) {
        packet.store(ssrc, at: 8)
    }
}
