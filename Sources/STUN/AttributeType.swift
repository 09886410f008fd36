/// Attribute types (RFC 8489 section 18.3, RFC 8445 section 16.1, RFC 5780 section 7, RFC 8656 section 18).
public struct AttributeType: Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let mappedAddress = AttributeType(rawValue: 0x0001)
    public static let changeRequest = AttributeType(rawValue: 0x0003)
    public static let username = AttributeType(rawValue: 0x0006)
    public static let messageIntegrity = AttributeType(rawValue: 0x0008)
    public static let errorCode = AttributeType(rawValue: 0x0009)
    public static let unknownAttributes = AttributeType(rawValue: 0x000A)
    public static let channelNumber = AttributeType(rawValue: 0x000C)
    public static let lifetime = AttributeType(rawValue: 0x000D)
    public static let xorPeerAddress = AttributeType(rawValue: 0x0012)
    public static let data = AttributeType(rawValue: 0x0013)
    public static let realm = AttributeType(rawValue: 0x0014)
    public static let nonce = AttributeType(rawValue: 0x0015)
    public static let xorRelayedAddress = AttributeType(rawValue: 0x0016)
    public static let requestedAddressFamily = AttributeType(rawValue: 0x0017)
    public static let evenPort = AttributeType(rawValue: 0x0018)
    public static let requestedTransport = AttributeType(rawValue: 0x0019)
    public static let messageIntegritySHA256 = AttributeType(rawValue: 0x001C)
    public static let xorMappedAddress = AttributeType(rawValue: 0x0020)
    public static let reservationToken = AttributeType(rawValue: 0x0022)
    public static let priority = AttributeType(rawValue: 0x0024)
    public static let useCandidate = AttributeType(rawValue: 0x0025)
    public static let responsePort = AttributeType(rawValue: 0x0027)
    public static let additionalAddressFamily = AttributeType(rawValue: 0x8000)
    public static let addressErrorCode = AttributeType(rawValue: 0x8001)
    public static let software = AttributeType(rawValue: 0x8022)
    public static let fingerprint = AttributeType(rawValue: 0x8028)
    public static let iceControlled = AttributeType(rawValue: 0x8029)
    public static let iceControlling = AttributeType(rawValue: 0x802A)
    public static let responseOrigin = AttributeType(rawValue: 0x802B)
    public static let otherAddress = AttributeType(rawValue: 0x802C)

    /// A receiver that does not know such an attribute must refuse the message (RFC 8489 section 5).
    @inlinable public var isComprehensionRequired: Bool { rawValue < 0x8000 }

    /// Where ``Message`` keeps the attribute's place, nil for a type it does not know.
    @usableFromInline var slot: Int? {
        switch rawValue {
        case 0x0001: 0
        case 0x0006: 1
        case 0x0008: 2
        case 0x0009: 3
        case 0x000A: 4
        case 0x0014: 5
        case 0x0015: 6
        case 0x001C: 7
        case 0x0020: 8
        case 0x0024: 9
        case 0x0025: 10
        case 0x8022: 11
        case 0x8028: 12
        case 0x8029: 13
        case 0x802A: 14
        case 0x0003: 15
        case 0x0027: 16
        case 0x802B: 17
        case 0x802C: 18
        case 0x000C: 19
        case 0x000D: 20
        case 0x0012: 21
        case 0x0013: 22
        case 0x0016: 23
        case 0x0017: 24
        case 0x0018: 25
        case 0x0019: 26
        case 0x0022: 27
        case 0x8000: 28
        case 0x8001: 29
        default: nil
        }
    }
}
