/// Attribute types (RFC 8489 section 18.3, RFC 8445 section 16.1, RFC 5780 section 7).
public struct AttributeType: Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let mappedAddress = AttributeType(rawValue: 0x0001)
    public static let changeRequest = AttributeType(rawValue: 0x0003)
    public static let username = AttributeType(rawValue: 0x0006)
    public static let messageIntegrity = AttributeType(rawValue: 0x0008)
    public static let errorCode = AttributeType(rawValue: 0x0009)
    public static let unknownAttributes = AttributeType(rawValue: 0x000A)
    public static let realm = AttributeType(rawValue: 0x0014)
    public static let nonce = AttributeType(rawValue: 0x0015)
    public static let messageIntegritySHA256 = AttributeType(rawValue: 0x001C)
    public static let xorMappedAddress = AttributeType(rawValue: 0x0020)
    public static let priority = AttributeType(rawValue: 0x0024)
    public static let useCandidate = AttributeType(rawValue: 0x0025)
    public static let responsePort = AttributeType(rawValue: 0x0027)
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
        default: nil
        }
    }
}
