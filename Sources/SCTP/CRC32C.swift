import Wire

/// The checksum of SCTP packets (RFC 9260 appendix A; the polynomial of RFC 3720), eight bytes at a time by tables.
package enum CRC32C {
    /// Reflected 0x1EDC6F41.
    private static let polynomial: UInt32 = 0x82F6_3B78

    /// By how many bytes follow, and by the byte.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
            tables[byte] = value
        }
        for byte in 0..<256 {
            for row in 1..<8 {
                let before = tables[(row - 1) * 256 + byte]
                tables[row * 256 + byte] = before >> 8 ^ tables[Int(before & 0xFF)]
            }
        }
        return tables
    }()

    /// Of a packet with its checksum field taken as zero, in the byte order in which it is sent.
    static func checksum(of packet: RawSpan) -> UInt32 {
        var value = UInt32.max
        let field = PacketHeader.checksumOffset
        let end = packet.byteCount
        unsafe tables.withUnsafeBufferPointer { tables in
            var offset = 0
            while offset < end {
                if end - offset >= 8, offset < field || offset >= field + 4 {
                    // The field lies at 8..<12, on a boundary of this loop's steps.
                    let low = packet.uint32(at: offset).byteSwapped ^ value
                    let high = packet.uint32(at: offset + 4).byteSwapped
                    var next: UInt32 = 0
                    for index in 0..<4 {
                        next ^= unsafe tables[(7 - index) * 256 + Int(low >> (8 * UInt32(index)) & 0xFF)]
                        next ^= unsafe tables[(3 - index) * 256 + Int(high >> (8 * UInt32(index)) & 0xFF)]
                    }
                    value = next
                    offset += 8
                } else {
                    let byte = offset >= field && offset < field + 4 ? 0 : packet.uint8(at: offset)
                    value = unsafe value >> 8 ^ tables[Int((value ^ UInt32(byte)) & 0xFF)]
                    offset += 1
                }
            }
        }
        // The least significant byte goes first.
        return (~value).byteSwapped
    }

    /// The packet with its right checksum.
    package static func sealed(_ packet: [UInt8]) -> [UInt8] {
        guard packet.count >= PacketHeader.length else { return packet }
        let value = unsafe checksum(of: packet.span.bytes)
        var sealed = packet
        for index in 0..<4 {
            sealed[PacketHeader.checksumOffset + index] = UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32(index)))
        }
        return sealed
    }
}
