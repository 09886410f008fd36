import Wire

/// Data with four bytes of header instead of a STUN message (RFC 8656 section 12.4).
public enum ChannelData {
    public static let headerBytes = 4

    /// Whether a datagram is channel data, by its first two bits (RFC 5766 section 11.6).
    public static func isChannelData(_ datagram: RawSpan) -> Bool {
        datagram.byteCount > 0 && datagram.uint8(at: 0) & 0xC0 == 0x40
    }

    /// Channel and place of the data; what follows it is padding (section 12.5). Nil when the datagram is shorter than
    /// its length field says.
    public static func parse(_ datagram: RawSpan) -> (channel: UInt16, data: Range<Int>)? {
        guard datagram.byteCount >= headerBytes else { return nil }
        let channel = datagram.uint16(at: 0)
        let length = Int(datagram.uint16(at: 2))
        guard Limits.channelNumbers.contains(channel), datagram.byteCount - headerBytes >= length else { return nil }
        return (channel, headerBytes..<(headerBytes + length))
    }

    /// Header and data; padded to a multiple of four where it goes over a stream (section 12.5).
    public static func message(_ channel: UInt16, _ data: [UInt8], isPadded: Bool) -> [UInt8] {
        var writer = ByteWriter(capacity: headerBytes + data.count + 3)
        writer.write(channel)
        writer.write(UInt16(truncatingIfNeeded: data.count))
        writer.write(data)
        if isPadded { writer.padToWord() }
        return writer.bytes
    }
}
