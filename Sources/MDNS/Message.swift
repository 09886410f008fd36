public import Wire

/// The messages of multicast DNS (RFC 6762 section 18) that a querier for addresses needs.
public enum Message {
    /// Where queries go, and answers to all.
    public static let port: UInt16 = 5353
    public static let groupIPv4 = IPAddress(ipv4: 0xE000_00FB)
    public static let groupIPv6 = IPAddress(ipv6High: 0xFF02 << 48, low: 0xFB)

    /// An address that an answer gives a name.
    public struct Address: Hashable, Sendable {
        public var name: HostName
        public var ip: IPAddress
    }

    enum RecordType {
        static let a: UInt16 = 1
        static let aaaa: UInt16 = 28
    }

    private static let internet: UInt16 = 1

    /// One-shot queries for the name's addresses (RFC 6762 section 5.1), one for each family.
    ///
    /// Deviation: draft-ietf-mmusic-mdns-ice-candidates section 3.2 asks for the unicast-response bit, and one message
    /// could ask for both families. Chromium's responder knows neither, and answers nothing then.
    public static func queries(for name: HostName) -> [[UInt8]] {
        [RecordType.a, RecordType.aaaa].map { type in
            var writer = ByteWriter(capacity: 96)
            writer.writeZeros(4)
            writer.write(UInt16(1))
            writer.writeZeros(6)
            for label in [name.label, HostName.domain] {
                writer.write(UInt8(truncatingIfNeeded: label.count))
                writer.write(label)
            }
            writer.write(UInt8(0))
            writer.write(type)
            writer.write(internet)
            return writer.bytes
        }
    }

    /// The addresses in an answer, whatever section they are in; none in anything that is not an answer.
    ///
    /// The identifier is not compared: answers to all have none (RFC 6762 section 18.1), and a peer can signal an
    /// address without any answer anyway, so a forged one gains nothing.
    public static func addresses(in datagram: RawSpan) throws(ParseError) -> [Address] {
        guard datagram.byteCount <= Limits.messageBytes else { throw .overLimit }
        var reader = ByteReader(datagram)
        try reader.skip(2)
        // An answer to a standard query, without an error and not cut (RFC 6762 section 18).
        guard try reader.readUInt16() & 0xFA0F == 0x8000 else { throw .badHeader }
        let questions = Int(try reader.readUInt16())
        let records = Int(try reader.readUInt16()) + Int(try reader.readUInt16()) + Int(try reader.readUInt16())
        guard questions <= Limits.records else { throw .overLimit }
        for _ in 0..<questions {
            _ = try NameReader.read(&reader, of: datagram)
            try reader.skip(4)
        }
        var found: [Address] = []
        for _ in 0..<min(records, Limits.records) where !reader.isAtEnd {
            if let address = try readRecord(&reader, of: datagram), !found.contains(address) { found.append(address) }
        }
        return found
    }

    private static func readRecord(
        _ reader: inout ByteReader, of datagram: RawSpan
    ) throws(ParseError) -> Address? {
        let name = try NameReader.read(&reader, of: datagram)
        let type = try reader.readUInt16()
        // The top bit says that older records are void (RFC 6762 section 10.2).
        let recordClass = try reader.readUInt16() & 0x7FFF
        let timeToLive = try reader.readUInt32()
        let data = try reader.readBytes(Int(try reader.readUInt16()))
        // RFC 6762 section 10.1: a record that is about to go has no time left.
        guard let name, recordClass == internet, timeToLive > 0 else { return nil }
        switch type {
        case RecordType.a:
            guard data.byteCount == 4 else { throw .badLength }
            return Address(name: name, ip: IPAddress(ipv4: data.uint32(at: 0)))
        case RecordType.aaaa:
            guard data.byteCount == 16 else { throw .badLength }
            return Address(name: name, ip: IPAddress(ipv6High: data.uint64(at: 0), low: data.uint64(at: 8)))
        default: return nil
        }
    }
}

/// Domain names as they stand in messages (RFC 1035 section 4.1.4).
private enum NameReader {
    /// Reads the name at the reader; nil when it is not one label under `local`.
    static func read(_ reader: inout ByteReader, of message: RawSpan) throws(ParseError) -> HostName? {
        var labels: [[UInt8]] = []
        var length = 1
        var pointers = 0
        var position = reader.offset
        /// Where the name ends in the record: behind its first pointer, if it has one.
        var end: Int?
        var ceiling = position
        while true {
            guard position < message.byteCount else { throw .truncated }
            let byte = message.uint8(at: position)
            switch byte >> 6 {
            case 0b00:
                guard byte > 0 else {
                    try reader.skip((end ?? position + 1) - reader.offset)
                    guard labels.count == 2, labels[1] == HostName.domain else { return nil }
                    return HostName(label: labels[0])
                }
                let start = position + 1
                position = start + Int(byte)
                length += 1 + Int(byte)
                guard position <= message.byteCount else { throw .truncated }
                guard length <= Limits.nameBytes else { throw .overLimit }
                // Of a longer name nothing is wanted but its end.
                guard labels.count < 3 else { continue }
                labels.append((start..<position).map { HostName.lowercased(message.uint8(at: $0)) })
            case 0b11:
                guard position + 2 <= message.byteCount else { throw .truncated }
                let target = Int(message.uint16(at: position) & 0x3FFF)
                pointers += 1
                // A prior occurrence is what a pointer leads to: each one further back, so none in a circle.
                guard target < ceiling else { throw .badValue }
                guard pointers <= Limits.pointers else { throw .overLimit }
                end = end ?? position + 2
                ceiling = target
                position = target
            default: throw .badValue
            }
        }
    }
}
