import Wire

/// What a channel is opened with (RFC 8832 section 5.1).
public struct ChannelParameters: Hashable, Sendable {
    public var label: String
    /// The subprotocol, as in `RTCDataChannelInit`; empty for none.
    public var protocolName: String
    public var reliability: Reliability
    /// RFC 8831 section 6.4; not used for anything here.
    public var priority: UInt16

    public init(
        label: String, protocolName: String = "", reliability: Reliability = .full, priority: UInt16 = 256
    ) {
        self.label = label
        self.protocolName = protocolName
        self.reliability = reliability
        self.priority = priority
    }
}

/// Messages of the data channel establishment protocol (RFC 8832 section 5).
enum EstablishmentMessage: Hashable, Sendable {
    private static let openType: UInt8 = 3
    private static let ackType: UInt8 = 2

    case open(ChannelParameters)
    case ack

    init(parsing bytes: [UInt8]) throws(ParseError) {
        let span = unsafe bytes.span.bytes
        guard let type = bytes.first else { throw .truncated }
        guard type != Self.ackType else {
            self = .ack
            return
        }
        guard type == Self.openType else { throw .badHeader }
        guard bytes.count >= 12 else { throw .truncated }
        let limit: Reliability.Limit
        switch bytes[1] & 0x7F {
        case 0: limit = .none
        case 1: limit = .retransmissions(span.uint32(at: 4))
        case 2: limit = .lifetime(.milliseconds(Int64(span.uint32(at: 4))))
        default: throw .badValue
        }
        let labelEnd = 12 + Int(span.uint16(at: 8))
        let end = labelEnd + Int(span.uint16(at: 10))
        guard end == bytes.count else { throw .badLength }
        guard let label = String(validating: bytes[12..<labelEnd], as: UTF8.self),
            let protocolName = String(validating: bytes[labelEnd..<end], as: UTF8.self)
        else { throw .badValue }
        self = .open(
            ChannelParameters(
                label: label, protocolName: protocolName,
                reliability: Reliability(isOrdered: bytes[1] & 0x80 == 0, limit: limit),
                priority: span.uint16(at: 2)))
    }

    /// Nil when a name does not fit into its length's 16 bits.
    var bytes: [UInt8]? {
        var writer = ByteWriter(capacity: 64)
        switch self {
        case .ack: writer.write(Self.ackType)
        case .open(let parameters):
            let (label, name) = (Array(parameters.label.utf8), Array(parameters.protocolName.utf8))
            guard let labelLength = UInt16(exactly: label.count), let nameLength = UInt16(exactly: name.count) else {
                return nil
            }
            writer.write(Self.openType)
            let (type, limit) = Self.code(parameters.reliability.limit)
            writer.write(type | (parameters.reliability.isOrdered ? 0 : 0x80))
            writer.write(parameters.priority)
            writer.write(limit)
            writer.write(labelLength)
            writer.write(nameLength)
            writer.write(label)
            writer.write(name)
        }
        return writer.bytes
    }

    private static func code(_ limit: Reliability.Limit) -> (type: UInt8, parameter: UInt32) {
        switch limit {
        case .none: (0, 0)
        case .retransmissions(let count): (1, count)
        case .lifetime(let interval): (2, UInt32(clamping: interval.milliseconds))
        }
    }
}
