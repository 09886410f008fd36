import NIOCore
import NIOWebSocket

/// Puts the fragments of a text message together (RFC 6455 section 5.4).
struct MessageAssembler {
    private let limits: SignalingLimits
    private var buffer: ByteBuffer?
    private var fragments = 0

    init(limits: SignalingLimits) {
        self.limits = limits
    }

    /// The message that this unmasked data frame completes, or nil when more has to come.
    mutating func add(
        _ data: ByteBuffer, opcode: WebSocketOpcode, isFinal: Bool
    ) throws(WebSocketClose) -> String? {
        if opcode == .continuation {
            guard buffer != nil else { throw .badFragment }
        } else {
            guard buffer == nil else { throw .badFragment }
            guard opcode == .text else { throw .onlyText }
            if isFinal { return try Self.string(data) }
        }
        fragments += 1
        guard fragments <= limits.fragments else { throw .tooManyFragments }
        var whole = buffer ?? ByteBuffer()
        guard whole.readableBytes + data.readableBytes <= limits.messageBytes else { throw .tooLarge }
        buffer = nil  // So that the append below need not copy.
        whole.writeImmutableBuffer(data)
        guard isFinal else {
            buffer = whole
            return nil
        }
        fragments = 0
        return try Self.string(whole)
    }

    private static func string(_ data: ByteBuffer) throws(WebSocketClose) -> String {
        guard let text = String(validating: data.readableBytesView, as: UTF8.self) else { throw .notUTF8 }
        return text
    }
}
