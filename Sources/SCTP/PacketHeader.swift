import Wire

/// The twelve bytes that every packet begins with (RFC 9260 section 3.1).
struct PacketHeader: Hashable, Sendable, BitwiseCopyable {
    static let length = 12
    static let checksumOffset = 8

    var sourcePort: UInt16
    var destinationPort: UInt16
    var verificationTag: UInt32
    var checksum: UInt32

    init(sourcePort: UInt16, destinationPort: UInt16, verificationTag: UInt32) {
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.verificationTag = verificationTag
        checksum = 0
    }

    /// Checks the length only.
    init(parsing packet: RawSpan) throws(ParseError) {
        guard packet.byteCount <= Limits.packetLength else { throw .overLimit }
        guard packet.byteCount >= Self.length else { throw .truncated }
        sourcePort = packet.uint16(at: 0)
        destinationPort = packet.uint16(at: 2)
        verificationTag = packet.uint32(at: 4)
        checksum = packet.uint32(at: 8)
    }
}
