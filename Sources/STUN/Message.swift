public import Wire

/// A received message, borrowed from its datagram: the header and the places of known attributes.
///
/// Parsing checks the structure only. ``verifyFingerprint()`` and ``verifyIntegrity(key:)`` say
/// whether to believe it.
public struct Message: ~Escapable {
    /// The magic cookie (RFC 8489 section 5).
    public static let cookie: UInt32 = 0x2112_A442
    public static let headerBytes = 20

    /// Where an attribute's value is; offset 0 means absent, since the header is there.
    struct Place: BitwiseCopyable {
        var offset: UInt16 = 0
        var length: UInt16 = 0
    }

    let bytes: RawSpan
    public let type: MessageType
    public let transactionID: TransactionID
    private(set) var places: InlineArray<30, Place>
    private(set) var unknown: InlineArray<8, UInt16>
    /// Unknown comprehension-required attributes, counted up to ``Limits/reportedUnknownAttributes``.
    public private(set) var unknownCount: Int

    /// Parses `datagram` as exactly one message.
    ///
    /// Of repeated attributes the first counts (RFC 8489 section 14). After MESSAGE-INTEGRITY only
    /// MESSAGE-INTEGRITY-SHA256 and FINGERPRINT count (section 14.5); FINGERPRINT must be last
    /// (section 14.7). Padding bytes may hold anything (section 14).
    @_lifetime(copy datagram)
    public init(parsing datagram: RawSpan) throws(ParseError) {
        let header = try Self.header(of: datagram)
        bytes = datagram
        type = header.type
        transactionID = header.transactionID
        places = InlineArray(repeating: Place())
        unknown = InlineArray(repeating: 0)
        unknownCount = 0
        var offset = Self.headerBytes
        var walked = 0
        var isSealed = false
        while offset < datagram.byteCount {
            guard walked < Limits.attributes else { throw .overLimit }
            walked += 1
            guard datagram.byteCount - offset >= 4 else { throw .truncated }
            let attribute = AttributeType(rawValue: datagram.uint16(at: offset))
            let length = Int(datagram.uint16(at: offset + 2))
            let padded = (length + 3) & ~3
            guard padded <= datagram.byteCount - offset - 4 else { throw .badLength }
            if attribute == .fingerprint, offset + 4 + padded != datagram.byteCount { throw .badLength }
            note(attribute, offset: offset + 4, length: length, isSealed: isSealed)
            if attribute == .messageIntegrity || attribute == .messageIntegritySHA256 { isSealed = true }
            offset += 4 + padded
        }
    }

    static func header(
        of datagram: RawSpan
    ) throws(ParseError) -> (type: MessageType, transactionID: TransactionID) {
        guard datagram.byteCount >= headerBytes else { throw .truncated }
        guard datagram.byteCount <= STUN.Limits.messageBytes else { throw .overLimit }
        guard let type = MessageType(wire: datagram.uint16(at: 0)), datagram.uint32(at: 4) == cookie else {
            throw .badHeader
        }
        let length = Int(datagram.uint16(at: 2))
        guard length % 4 == 0, length == datagram.byteCount - headerBytes else { throw .badLength }
        return (type, TransactionID(high: datagram.uint32(at: 8), low: datagram.uint64(at: 12)))
    }

    @_lifetime(self: copy self)
    private mutating func note(_ attribute: AttributeType, offset: Int, length: Int, isSealed: Bool) {
        let counts = !isSealed || attribute == .fingerprint || attribute == .messageIntegritySHA256
        guard counts else { return }
        guard let slot = attribute.slot else {
            guard attribute.isComprehensionRequired, unknownCount < Limits.reportedUnknownAttributes else { return }
            for index in 0..<unknownCount where unknown[index] == attribute.rawValue { return }
            unknown[unknownCount] = attribute.rawValue
            unknownCount += 1
            return
        }
        guard places[slot].offset == 0 else { return }
        places[slot] = Place(offset: UInt16(offset), length: UInt16(length))
    }

    /// Whether the attribute is present and counts.
    public func has(_ attribute: AttributeType) -> Bool {
        guard let slot = attribute.slot else { return false }
        return places[slot].offset != 0
    }

    /// Where in the datagram the attribute's value lies; nil when absent.
    public func place(of attribute: AttributeType) -> Range<Int>? {
        guard let slot = attribute.slot, places[slot].offset != 0 else { return nil }
        let start = Int(places[slot].offset)
        return start..<(start + Int(places[slot].length))
    }

    /// The attribute's value without padding, borrowed from the datagram; nil when absent.
    @_lifetime(copy self)
    public func value(of attribute: AttributeType) -> RawSpan? {
        guard let slot = attribute.slot, places[slot].offset != 0 else { return nil }
        let start = Int(places[slot].offset)
        return bytes.extracting(start..<(start + Int(places[slot].length)))
    }
}
