import Wire

/// The FINGERPRINT checksum (RFC 8489 section 14.7): CRC-32 of ITU-T V.42, XORed with "STUN".
public enum Fingerprint {
    static let mask: UInt32 = 0x5354_554E

    private static let table: InlineArray<256, UInt32> = InlineArray { index in
        var value = UInt32(index)
        for _ in 0..<8 { value = value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
        return value
    }

    /// The checksum of the first `count` bytes, which already carry the final length field.
    public static func value(of bytes: RawSpan, count: Int) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for index in 0..<min(count, bytes.byteCount) {
            crc = table[Int((crc ^ UInt32(bytes.uint8(at: index))) & 0xFF)] ^ crc >> 8
        }
        return ~crc ^ mask
    }
}
