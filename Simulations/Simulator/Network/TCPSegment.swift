/// What a TCP header says (RFC 9293 section 3.1), as far as the simulator's stack and middleboxes use it; the payload
/// is the datagram's.
///
/// Deviation: no options, no urgent pointer and no PSH. The maximum segment size is that of Ethernet on both sides, the
/// window is not scaled, and whatever arrives is given to the application at once.
public struct TCPSegment: Hashable, Sendable {
    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8

        public init(rawValue: UInt8) { self.rawValue = rawValue }

        public static let fin = Flags(rawValue: 1)
        public static let syn = Flags(rawValue: 2)
        public static let rst = Flags(rawValue: 4)
        public static let ack = Flags(rawValue: 16)
    }

    public var flags: Flags
    /// Of the first byte, or of the SYN.
    public var sequence: UInt32
    /// The next byte that the sender waits for; counts only with ACK.
    public var acknowledgement: UInt32
    /// Bytes beyond it that the sender would take.
    public var window: UInt16
    /// See ``seal(_:)``.
    public private(set) var checksum: UInt16 = 0

    public init(flags: Flags, sequence: UInt32, acknowledgement: UInt32 = 0, window: UInt16 = 0) {
        self.flags = flags
        self.sequence = sequence
        self.acknowledgement = acknowledgement
        self.window = window
    }

    /// Without options.
    static let headerBytes = 20

    /// Sets the checksum. Deviation: ports and addresses are not in it, so that a translator need not correct it.
    public mutating func seal(_ payload: [UInt8]) { checksum = sum(payload) }

    /// Whether nothing changed on the way: one flipped bit always shows.
    public func isIntact(_ payload: [UInt8]) -> Bool { checksum == sum(payload) }

    /// The ones' complement sum of RFC 1071.
    private func sum(_ payload: [UInt8]) -> UInt16 {
        var sum = UInt64(flags.rawValue) + UInt64(window)
        for word in [sequence, acknowledgement] { sum += UInt64(word >> 16) + UInt64(word & 0xFFFF) }
        for index in payload.indices { sum += UInt64(payload[index]) << (index & 1 == 0 ? 8 : 0) }
        while sum > 0xFFFF { sum = sum >> 16 + sum & 0xFFFF }
        return ~UInt16(sum)
    }
}

extension UInt32 {
    /// Comes before another sequence number (RFC 9293 section 3.4: modulo 2^32).
    func precedes(_ other: UInt32) -> Bool { Int32(bitPattern: self &- other) < 0 }
}
