public import Simulator
import Wire

/// A run as a pcapng file (draft-ietf-opsawg-pcapng): one interface for each host, packets as the host sent and got
/// them, with the IP and UDP headers that they would have had. What was lost says in a comment where and why.
public struct PcapFile {
    /// The whole file.
    public private(set) var bytes: [UInt8] = []

    /// - Parameter keyLog: lines of the NSS key log format, with which Wireshark decrypts DTLS.
    public init(_ report: RunReport, keyLog: [String] = []) {
        self.init(
            title: "\(report.scenario.title), seed \(report.seed)", entries: report.entries, network: report.network,
            keyLog: keyLog)
    }

    /// - Parameter entries: of the event log of a run in `network`, whose hosts are the interfaces.
    public init(title: String, entries: [EventLog.Entry], network: Network, keyLog: [String] = []) {
        addSectionHeader(title)
        for name in network.hostNames { addInterface(name) }
        if !keyLog.isEmpty { addSecrets(keyLog) }
        let ends = Self.ends(entries, network)
        for entry in entries { add(entry, ends) }
    }

    // MARK: Blocks

    private enum BlockType: UInt32 {
        case interface = 1
        case packet = 6
        case secrets = 10
        case section = 0x0A0D_0D0A
    }

    /// LINKTYPE_RAW: each packet begins with its IP header.
    private static let linkType: UInt16 = 101
    private static let tlsKeyLog: UInt32 = 0x544C_534B

    private mutating func add(_ type: BlockType, _ body: [UInt8]) {
        let length = UInt32(body.count + 12)
        append(type.rawValue)
        append(length)
        bytes += body
        append(length)
    }

    private mutating func append(_ word: UInt32) { bytes += Self.little(word) }

    private static func little<Word: FixedWidthInteger>(_ word: Word) -> [UInt8] {
        (0..<(Word.bitWidth / 8)).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
    }

    private static func padded(_ data: [UInt8]) -> [UInt8] {
        data + [UInt8](repeating: 0, count: (4 - data.count % 4) % 4)
    }

    private static func option(_ code: UInt16, _ value: [UInt8]) -> [UInt8] {
        let value = Array(value.prefix(Int(UInt16.max)))
        return little(code) + little(UInt16(value.count)) + padded(value)
    }

    private static let endOfOptions: [UInt8] = [0, 0, 0, 0]

    private mutating func addSectionHeader(_ title: String) {
        // Byte-order magic, version 1.0, and a section of unknown length.
        var body = Self.little(UInt32(0x1A2B_3C4D)) + Self.little(UInt16(1)) + Self.little(UInt16(0))
        body += Self.little(UInt64.max)
        body += Self.option(1, Array(title.utf8))
        body += Self.option(4, Array("apus sim".utf8)) + Self.endOfOptions
        add(.section, body)
    }

    private mutating func addInterface(_ name: String) {
        // if_name and if_tsresol: nanoseconds.
        let options = Self.option(2, Array(name.utf8)) + Self.option(9, [9]) + Self.endOfOptions
        add(.interface, Self.little(Self.linkType) + [0, 0] + Self.little(UInt32(0)) + options)
    }

    private mutating func addSecrets(_ lines: [String]) {
        let text = Array((lines.joined(separator: "\n") + "\n").utf8)
        add(.secrets, Self.little(Self.tlsKeyLog) + Self.little(UInt32(text.count)) + Self.padded(text))
    }

    // MARK: Packets

    /// What became of each packet that did not arrive as it was sent, by its number.
    private static func ends(_ entries: [EventLog.Entry], _ network: Network) -> [UInt64: [String]] {
        var ends: [UInt64: [String]] = [:]
        for entry in entries {
            guard let number = entry.datagram?.number else { continue }
            if entry.kind == .dropped {
                let place = entry.spot.map { network.name(of: $0) } ?? "somewhere"
                ends[number, default: []].append("dropped at \(place): \(entry.text)")
            } else if entry.kind == .copied {
                ends[number, default: []].append("a link made a copy")
            }
        }
        return ends
    }

    private mutating func add(_ entry: EventLog.Entry, _ ends: [UInt64: [String]]) {
        guard let datagram = entry.datagram, entry.kind == .sent || entry.kind == .delivered else { return }
        let isSent = entry.kind == .sent
        let packet = IPPacket.bytes(of: datagram)
        let time = entry.time.nanoseconds
        var body = Self.little(UInt32(entry.host)) + Self.little(UInt32(time >> 32))
        body += Self.little(UInt32(truncatingIfNeeded: time))
        body += Self.little(UInt32(packet.count)) + Self.little(UInt32(packet.count)) + Self.padded(packet)
        var comment = "packet \(datagram.number)"
        if isSent, let end = ends[datagram.number] { comment += ", " + end.joined(separator: ", ") }
        body += Self.option(1, Array(comment.utf8))
        // epb_flags: outbound is 2, inbound 1.
        body += Self.option(2, Self.little(UInt32(isSent ? 2 : 1))) + Self.endOfOptions
        add(.packet, body)
    }
}

/// The headers that a datagram would have had on the wire.
enum IPPacket {
    static func bytes(of datagram: Datagram) -> [UInt8] {
        let (number, segment) = transport(datagram)
        return header(datagram, number, segment.count) + segment
    }

    /// The transport protocol's number, and its header with what it carries.
    private static func transport(_ datagram: Datagram) -> (number: UInt8, segment: [UInt8]) {
        if let segment = datagram.segment { return (6, tcp(datagram, segment)) }
        // Longer ones cannot be on the wire.
        let payload = datagram.payload.prefix(65_507)
        let length = UInt16(payload.count + 8)
        var segment = big(datagram.source.port) + big(datagram.destination.port) + big(length) + [0, 0]
        segment += payload
        let checksum = checksum(pseudoHeader(datagram, 17, segment.count) + segment)
        // Zero means that there is none (RFC 768).
        segment.replaceSubrange(6..<8, with: big(checksum == 0 ? 0xFFFF : checksum))
        return (17, segment)
    }

    private static func tcp(_ datagram: Datagram, _ header: TCPSegment) -> [UInt8] {
        var segment = big(datagram.source.port) + big(datagram.destination.port) + big(header.sequence)
        segment += big(header.acknowledgement)
        // Five words without options; no urgent pointer.
        segment += [0x50, header.flags.rawValue] + big(header.window) + [0, 0, 0, 0] + datagram.payload.prefix(65_495)
        segment.replaceSubrange(16..<18, with: big(checksum(pseudoHeader(datagram, 6, segment.count) + segment)))
        return segment
    }

    private static func header(_ datagram: Datagram, _ number: UInt8, _ length: Int) -> [UInt8] {
        let source = address(datagram.source.ip)
        let destination = address(datagram.destination.ip)
        guard datagram.source.ip.isIPv4, datagram.destination.ip.isIPv4 else {
            return [0x60, 0, 0, 0] + big(UInt16(clamping: length)) + [number, 64] + source + destination
        }
        // Do not fragment; the identification is the packet's number.
        var header: [UInt8] = [0x45, 0] + big(UInt16(clamping: length + 20))
        header += big(UInt16(truncatingIfNeeded: datagram.number)) + [0x40, 0, 64, number, 0, 0] + source + destination
        header.replaceSubrange(10..<12, with: big(checksum(header)))
        return header
    }

    private static func pseudoHeader(_ datagram: Datagram, _ number: UInt8, _ length: Int) -> [UInt8] {
        let addresses = address(datagram.source.ip) + address(datagram.destination.ip)
        guard datagram.source.ip.isIPv4, datagram.destination.ip.isIPv4 else {
            return addresses + big(UInt32(length)) + [0, 0, 0, number]
        }
        return addresses + [0, number] + big(UInt16(clamping: length))
    }

    private static func address(_ ip: IPAddress) -> [UInt8] {
        ip.isIPv4 ? big(UInt32(truncatingIfNeeded: ip.low)) : big(ip.high) + big(ip.low)
    }

    /// The Internet checksum (RFC 1071).
    static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for index in stride(from: 0, to: bytes.count, by: 2) {
            let low = index + 1 < bytes.count ? bytes[index + 1] : 0
            sum += UInt32(bytes[index]) << 8 | UInt32(low)
            sum = (sum & 0xFFFF) + sum >> 16
        }
        return ~UInt16(truncatingIfNeeded: sum)
    }

    private static func big<Word: FixedWidthInteger>(_ word: Word) -> [UInt8] {
        stride(from: Word.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> $0) }
    }
}
