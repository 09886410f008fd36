/// TLS 1.3 as far as a network can tell it from the real one (RFC 8446): the records with their headers and their
/// overhead, a handshake of one round trip with flights of usual sizes, and a tag on every record.
///
/// Deviation: nothing is encrypted and nobody is authenticated. The tag is a hash, so that damage shows, and whoever
/// watches a simulation can read what passes. What the product does with TLS is tested elsewhere, over real sockets;
/// what is simulated is the time that it takes, and that it looks like TLS to a firewall.
public struct SimulatedTLS: Sendable {
    public enum Role: Hashable, Sendable { case client, server }

    public enum Phase: Hashable, Sendable {
        case handshaking
        case open
        /// The peer said that it sends no more.
        case closed
        /// What came is not TLS, or was damaged: end the connection.
        case broken
    }

    public let role: Role
    public private(set) var phase = Phase.handshaking
    private var reader = TLSRecordReader()
    /// Records for the stream, and contents for the application.
    private var outgoing: [UInt8] = []
    private var plaintext: [UInt8] = []
    /// Waits for the end of the handshake.
    private var waiting: [UInt8] = []

    /// Handshake messages as they are in calls: a browser's hello, and a server's answer with a chain of two
    /// certificates.
    private static let clientHello = 517
    private static let serverHello = 122
    private static let certificates = 2_900
    private static let finished = 36
    /// What the application may send before the handshake is over.
    private static let waitingBytes = 64 * 1024

    /// A client greets at once.
    public init(_ role: Role) {
        self.role = role
        if role == .client { add(.handshake, [1] + [UInt8](repeating: 0, count: Self.clientHello - 1)) }
    }

    /// Bytes of the stream, in order.
    public mutating func receive(_ bytes: [UInt8]) {
        guard phase == .handshaking || phase == .open else { return }
        reader.receive(bytes)
        while let record = reader.next() { take(record) }
        if reader.isBroken { phase = .broken }
    }

    /// Bytes of the application. Before the handshake is over they wait; what is beyond 64 KiB then is lost.
    public mutating func send(_ bytes: [UInt8]) {
        switch phase {
        case .open: seal(.applicationData, bytes)
        case .handshaking:
            if waiting.count + bytes.count <= Self.waitingBytes { waiting += bytes }
        case .closed, .broken: break
        }
    }

    /// Says that no more is sent.
    public mutating func close() { seal(.alert, [1, 0]) }

    /// What is to go into the stream now; empty when there is nothing.
    public mutating func takeOutgoing() -> [UInt8] {
        defer { outgoing = [] }
        return outgoing
    }

    /// What came for the application; empty when there is nothing.
    public mutating func takePlaintext() -> [UInt8] {
        defer { plaintext = [] }
        return plaintext
    }

    // MARK: Handshake

    private mutating func take(_ record: TLSRecord) {
        switch (record.type, role) {
        case (.handshake, .server) where record.content.first == 1 && phase == .handshaking:
            add(.handshake, [2] + [UInt8](repeating: 0, count: Self.serverHello - 1))
            add(.changeCipherSpec, [1])
            seal(.handshake, [11] + [UInt8](repeating: 0, count: Self.certificates - 1))
            seal(.handshake, [20] + [UInt8](repeating: 0, count: Self.finished - 1))
        case (.handshake, .server) where record.content.first == 20: open()
        case (.handshake, .client) where record.content.first == 20 && phase == .handshaking:
            add(.changeCipherSpec, [1])
            seal(.handshake, [20] + [UInt8](repeating: 0, count: Self.finished - 1))
            open()
        case (.applicationData, _) where phase == .open: plaintext += record.content
        case (.alert, _): phase = .closed
        default: break
        }
    }

    private mutating func open() {
        phase = .open
        guard !waiting.isEmpty else { return }
        seal(.applicationData, waiting)
        waiting = []
    }

    // MARK: Records

    private mutating func add(_ type: TLSRecord.Kind, _ content: [UInt8]) {
        outgoing += [type.rawValue, 3, 3, UInt8(content.count >> 8), UInt8(content.count & 0xFF)]
        outgoing += content
    }

    /// A record as they are after the hellos (RFC 8446 section 5.2): all look like application data.
    private mutating func seal(_ type: TLSRecord.Kind, _ content: [UInt8]) {
        for start in stride(from: 0, to: content.count, by: TLSRecord.maximumContent) {
            let inner = content[start..<min(start + TLSRecord.maximumContent, content.count)] + [type.rawValue]
            add(.applicationData, Array(inner) + TLSRecord.tag(Array(inner)))
        }
    }
}

/// One record of ``SimulatedTLS``.
public struct TLSRecord: Hashable, Sendable {
    /// RFC 8446 section 5.1.
    public enum Kind: UInt8, Sendable {
        case changeCipherSpec = 20
        case alert = 21
        case handshake = 22
        case applicationData = 23
    }

    /// Of sealed ones the inner kind.
    public var type: Kind
    public var content: [UInt8]

    static let headerBytes = 5
    static let maximumContent = 1 << 14
    static let tagBytes = 16

    static func tag(_ inner: [UInt8]) -> [UInt8] {
        let hash = PayloadHash.of(inner)
        return (0..<tagBytes).map { (place: Int) -> UInt8 in
            let word: UInt64 = hash ^ UInt64(place / 8)
            return UInt8(truncatingIfNeeded: word >> UInt64(place % 8 * 8))
        }
    }
}

/// Cuts a stream into records of ``SimulatedTLS``, also for those who only look on.
public struct TLSRecordReader: Sendable {
    private var buffer: [UInt8] = []
    /// What came is not TLS, or was damaged.
    public private(set) var isBroken = false

    public init() {}

    public mutating func receive(_ bytes: [UInt8]) {
        if !isBroken { buffer += bytes }
    }

    /// The next record; nil when more must come first, or when the stream is broken.
    public mutating func next() -> TLSRecord? {
        guard !isBroken, buffer.count >= TLSRecord.headerBytes else { return nil }
        let length = Int(buffer[3]) << 8 | Int(buffer[4])
        guard let outer = TLSRecord.Kind(rawValue: buffer[0]), buffer[1] == 3,
            length <= TLSRecord.maximumContent + 1 + TLSRecord.tagBytes
        else { return give(up: true) }
        let end = TLSRecord.headerBytes + length
        guard buffer.count >= end else { return nil }
        let content = Array(buffer[TLSRecord.headerBytes..<end])
        buffer.removeFirst(end)
        guard outer == .applicationData else { return TLSRecord(type: outer, content: content) }
        guard length > TLSRecord.tagBytes else { return give(up: true) }
        let inner = Array(content.dropLast(TLSRecord.tagBytes))
        guard let type = inner.last.flatMap({ TLSRecord.Kind(rawValue: $0) }),
            TLSRecord.tag(inner) == Array(content.suffix(TLSRecord.tagBytes))
        else { return give(up: true) }
        return TLSRecord(type: type, content: Array(inner.dropLast()))
    }

    private mutating func give(up isBroken: Bool) -> TLSRecord? {
        self.isBroken = isBroken
        buffer = []
        return nil
    }
}
