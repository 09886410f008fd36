internal import Wire

/// What stands for a handshake in a simulation that leaves the cryptography out: the four flights of DTLS 1.2 with
/// certificates on both sides (RFC 6347 section 4.2.4), of sizes such as OpenSSL's, each with the sender's fingerprint
/// in it. It proves nothing and keys nothing; it takes the same round trips, and as many lost datagrams hold it up.
struct StubbedHandshake: Sendable {
    enum Change: Sendable {
        case none
        /// A flight of our own that is to be repeated until it is answered.
        case flight
        case connected
        case closed
        /// The peer is not the announced one.
        case stranger
    }

    struct Step: Sendable {
        var answer: [UInt8]?
        var change: Change
    }

    private enum Flight: UInt8 {
        case clientHello = 1
        case serverHello, clientFinished, serverFinished, goodbye

        /// Bytes on the wire, headers of IP and UDP not counted.
        var byteCount: Int {
            switch self {
            case .clientHello: 190
            case .serverHello: 700
            case .clientFinished: 620
            case .serverFinished, .goodbye: StubbedHandshake.headerBytes + 95
            }
        }
    }

    /// A record's header (RFC 6347 section 4.1), with the flight in its last byte.
    private static let headerBytes = 13

    private static let applicationData: UInt8 = 23

    private let role: Role
    private let local: Fingerprint
    private let remote: Fingerprint
    /// A client's last flight, which it repeats; a server only answers.
    private(set) var latest: [UInt8]?
    private var expected: Flight

    init(role: Role, local: Fingerprint, remote: Fingerprint) {
        self.role = role
        self.local = local
        self.remote = remote
        expected = role == .client ? .serverHello : .clientHello
    }

    mutating func start() -> Step { send(.clientHello, .flight) }

    mutating func receive(_ datagram: [UInt8]) -> Step {
        let identity = Self.headerBytes..<(Self.headerBytes + local.value.utf8.count)
        guard datagram.count >= identity.upperBound, let flight = Flight(rawValue: datagram[Self.headerBytes - 1])
        else { return Step(answer: nil, change: .none) }
        guard datagram[identity].elementsEqual(remote.value.utf8) else { return Step(answer: nil, change: .stranger) }
        switch (role, flight) {
        case (.server, .clientHello): return send(.serverHello, .none)
        case (.server, .clientFinished): return send(.serverFinished, .connected)
        case (.client, .serverHello) where expected == .serverHello:
            expected = .serverFinished
            return send(.clientFinished, .flight)
        case (.client, .serverFinished) where expected == .serverFinished:
            latest = nil
            return Step(answer: nil, change: .connected)
        case (_, .goodbye): return Step(answer: nil, change: .closed)
        default: return Step(answer: nil, change: .none)
        }
    }

    var goodbye: [UInt8] { bytes(.goodbye) }

    /// A record of application data, in the clear: header, then a nonce and a tag's length of zeros as AES-GCM has.
    static func record(of bytes: [UInt8]) -> [UInt8] {
        [applicationData, 0xFE, 0xFD] + [UInt8](repeating: 0, count: RecordKeys.overhead - 3) + bytes
    }

    /// Nil of a flight.
    static func data(of datagram: [UInt8]) -> [UInt8]? {
        guard datagram.first == applicationData, datagram.count >= RecordKeys.overhead else { return nil }
        return Array(datagram.dropFirst(RecordKeys.overhead))
    }

    private mutating func send(_ flight: Flight, _ change: Change) -> Step {
        let bytes = bytes(flight)
        if role == .client { latest = bytes }
        return Step(answer: bytes, change: change)
    }

    private func bytes(_ flight: Flight) -> [UInt8] {
        // Content type handshake, DTLS 1.2: what demultiplexing (RFC 7983) looks at.
        var bytes: [UInt8] = [22, 0xFE, 0xFD]
        bytes += [UInt8](repeating: 0, count: Self.headerBytes - bytes.count - 1)
        bytes.append(flight.rawValue)
        bytes += local.value.utf8
        return bytes + [UInt8](repeating: 0, count: max(0, flight.byteCount - bytes.count))
    }
}
