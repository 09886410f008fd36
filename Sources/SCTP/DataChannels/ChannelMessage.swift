/// What data channels carry (RFC 8831 section 8).
public struct ChannelMessage: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// UTF-8.
        case text
        case binary
    }

    public var kind: Kind
    public var bytes: [UInt8]

    public init(_ kind: Kind, _ bytes: [UInt8]) {
        self.kind = kind
        self.bytes = bytes
    }

    public init(_ text: String) { self.init(.text, Array(text.utf8)) }
}

/// Payload protocol identifiers (RFC 8831 section 8).
enum PayloadProtocol {
    static let establishment: UInt32 = 50
    static let text: UInt32 = 51
    static let binary: UInt32 = 53
    static let emptyText: UInt32 = 56
    static let emptyBinary: UInt32 = 57
}

extension ChannelMessage {
    /// Nil of what is neither text nor binary. SCTP has no empty messages: one byte that is not looked at stands for
    /// nothing.
    init?(_ message: Message) {
        switch message.payloadProtocol {
        case PayloadProtocol.text: self.init(.text, message.bytes)
        case PayloadProtocol.binary: self.init(.binary, message.bytes)
        case PayloadProtocol.emptyText: self.init(.text, [])
        case PayloadProtocol.emptyBinary: self.init(.binary, [])
        default: return nil
        }
    }

    func message(on stream: UInt16) -> Message {
        let payloadProtocol =
            switch (kind, bytes.isEmpty) {
            case (.text, false): PayloadProtocol.text
            case (.text, true): PayloadProtocol.emptyText
            case (.binary, false): PayloadProtocol.binary
            case (.binary, true): PayloadProtocol.emptyBinary
            }
        return Message(stream: stream, payloadProtocol: payloadProtocol, bytes: bytes.isEmpty ? [0] : bytes)
    }
}
