/// The two class bits of a message type (RFC 8489 section 5).
public enum MessageClass: UInt16, Sendable, BitwiseCopyable {
    case request = 0, indication = 1, success = 2, error = 3
}

/// The twelve method bits (RFC 8489 section 18.1, RFC 8656 section 17); ICE uses Binding alone.
public struct Method: Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue & 0x0FFF }
    public static let binding = Method(rawValue: 1)
    public static let allocate = Method(rawValue: 3)
    public static let refresh = Method(rawValue: 4)
    public static let send = Method(rawValue: 6)
    public static let data = Method(rawValue: 7)
    public static let createPermission = Method(rawValue: 8)
    public static let channelBind = Method(rawValue: 9)
}

/// Class and method, interleaved on the wire (RFC 8489 figure 3).
public struct MessageType: Hashable, Sendable, BitwiseCopyable {
    public var messageClass: MessageClass
    public var method: Method

    public init(_ messageClass: MessageClass, _ method: Method = .binding) {
        self.messageClass = messageClass
        self.method = method
    }

    /// Nil when the two top bits are not zero, which no STUN message has.
    public init?(wire: UInt16) {
        guard wire & 0xC000 == 0,
            let messageClass = MessageClass(rawValue: (wire >> 7) & 2 | (wire >> 4) & 1)
        else { return nil }
        self.messageClass = messageClass
        method = Method(rawValue: (wire & 0x3E00) >> 2 | (wire & 0x00E0) >> 1 | wire & 0x000F)
    }

    public var wire: UInt16 {
        let bits = method.rawValue
        let classBits = messageClass.rawValue
        return (bits & 0x0F80) << 2 | (bits & 0x0070) << 1 | bits & 0x000F
            | (classBits & 2) << 7 | (classBits & 1) << 4
    }
}
