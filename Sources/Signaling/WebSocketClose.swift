/// Why a WebSocket is closed: a status code (RFC 6455 section 7.4.1) and words for people.
public struct WebSocketClose: Error, Hashable, Sendable {
    public var code: UInt16
    /// At most 123 bytes of UTF-8 (RFC 6455 section 5.5): the code takes two of a control frame's 125.
    public var reason: String

    public init(_ code: UInt16, _ reason: String = "") {
        self.code = code
        self.reason = reason
    }

    public static let normal = WebSocketClose(1000)
    public static let goingAway = WebSocketClose(1001, "Server going away")
    public static let invalidPath = WebSocketClose(1002, "Invalid path")
    static let tryAgainLater = WebSocketClose(1013, "Too many pages; try again later")
    static let notMasked = WebSocketClose(1002, "Frames from a client must be masked")
    static let reservedBits = WebSocketClose(1002, "No extension was negotiated")
    static let unknownOpcode = WebSocketClose(1002, "Unknown opcode")
    static let badControlFrame = WebSocketClose(1002, "Malformed control frame")
    static let badFragment = WebSocketClose(1002, "Fragments out of order")
    static let tooManyFragments = WebSocketClose(1009, "Too many fragments")
    static let onlyText = WebSocketClose(1003, "Only text messages are understood")
    static let notUTF8 = WebSocketClose(1007, "Text is not UTF-8")
    static let tooLarge = WebSocketClose(1009, "Message too large")

    /// Whether a peer may send this code (RFC 6455 section 7.4.2).
    static func isValid(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
