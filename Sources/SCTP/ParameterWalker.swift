import Wire

/// A parameter of a chunk, or a cause of an error: both have this form (RFC 9260 sections 3.2.1 and 3.3.10).
struct Parameter: Hashable, Sendable, BitwiseCopyable {
    static let headerLength = 4

    // Of INIT and INIT ACK.
    static let stateCookie: UInt16 = 7
    static let unrecognised: UInt16 = 8
    /// RFC 5061 section 4.2.7.
    static let supportedExtensions: UInt16 = 0x8008
    /// RFC 3758 section 3.1.
    static let forwardTSNSupported: UInt16 = 0xC000

    var type: UInt16
    /// What is behind type and length, without padding.
    var value: ByteRange
}

/// Walks parameters without allocating.
struct ParameterWalker: ~Escapable {
    private let packet: RawSpan
    private var offset: Int
    private let end: Int
    private var count = 0

    @_lifetime(copy packet)
    init(_ range: ByteRange, in packet: RawSpan) {
        self.packet = packet
        offset = range.start
        end = range.end
    }

    /// The next one, nil at the end; throws when a length contradicts the bytes.
    @_lifetime(self: copy self)
    mutating func next() throws(ParseError) -> Parameter? {
        guard offset < end else { return nil }
        count += 1
        guard count <= Limits.parametersPerChunk else { throw .overLimit }
        guard end - offset >= Parameter.headerLength else { throw .truncated }
        let length = Int(packet.uint16(at: offset + 2))
        guard length >= Parameter.headerLength, length <= end - offset else { throw .badLength }
        let parameter = Parameter(
            type: packet.uint16(at: offset),
            value: ByteRange(start: offset + Parameter.headerLength, end: offset + length))
        offset = min(offset + ((length + 3) & ~3), end)
        return parameter
    }
}
