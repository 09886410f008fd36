public import RTP

/// `a=crypto`: a key for SRTP in the session description itself (RFC 4568).
public struct CryptoAttribute: Hashable, Sendable, CustomStringConvertible {
    /// Which of the section's lines this is; an answer repeats the tag that it accepts.
    public var tag: UInt32
    public var suite: CryptoSuite
    /// Master key, then master salt.
    public var inline: [UInt8]
    /// Packets that the key is good for; nil for as many as SRTP allows.
    public var lifetime: UInt64?
    /// Master key identifier: its value and how many bytes of each packet it may take; nil for none.
    public var identifier: KeyIdentifier?

    public init(
        tag: UInt32, suite: CryptoSuite, inline: [UInt8], lifetime: UInt64? = nil, identifier: KeyIdentifier? = nil
    ) {
        self.tag = tag
        self.suite = suite
        self.inline = inline
        self.lifetime = lifetime
        self.identifier = identifier
    }

    /// Without the key.
    public var description: String { "\(tag) \(suite.rawValue)" }
}

/// The master key identifier of SRTP (RFC 3711 section 3.1).
public struct KeyIdentifier: Hashable, Sendable {
    public var value: UInt32
    /// Bytes: 1 to 4.
    public var length: Int

    public init(value: UInt32, length: Int) {
        self.value = value
        self.length = length
    }
}

/// `a=rtcp`: where RTCP goes when it is not the port above RTP's (RFC 3605).
public struct RTCPAddress: Hashable, Sendable {
    public var port: UInt16
    /// Nil for the address of RTP.
    public var connection: ConnectionData?

    public init(port: UInt16, connection: ConnectionData? = nil) {
        self.port = port
        self.connection = connection
    }
}

/// `a=direction` of the drafts that became RFC 4145: an active side sends first, from an address that the passive one
/// learns by it.
public enum ConnectionRole: String, Hashable, Sendable {
    case active, passive, both
}

// MARK: - Reading and writing

extension CryptoAttribute {
    /// `tag suite inline:key|lifetime|identifier:length parameter…` (RFC 4568 section 9.1). Nil for what is well formed
    /// and cannot be used here: another suite, several keys, parameters that change the transform.
    init?(parsing value: ArraySlice<UInt8>) throws(SDPError) {
        var cursor = TextCursor(value)
        tag = try Field.number(cursor.word(), "a=crypto's tag", as: UInt32.self)
        guard tag <= 999_999_999 else { throw Field.malformed("a=crypto's tag", "write at most nine digits") }
        let name = try Field.token(cursor.word(), "a=crypto's suite")
        guard let keys = cursor.word() else { throw Field.malformed("a=crypto", "write tag, suite and inline:key") }
        let parameters = try Field.words(&cursor, "a=crypto")
        guard let suite = CryptoSuite(rawValue: name) else { return nil }
        self.suite = suite
        // Only the window's size means nothing to a receiver that keeps its own (section 6.3.7).
        guard parameters.allSatisfy({ $0.split(at: Byte.equals).0.equals("WSH") || $0.first == Byte.dash }) else {
            return nil
        }
        guard !keys.contains(Byte.semicolon) else { return nil }
        let (method, rest) = keys.split(at: Byte.colon)
        guard method.equals("inline"), let rest else {
            throw Field.malformed("a=crypto's key", "write inline: and the key in base64")
        }
        let parts = rest.split(separator: Byte.bar, omittingEmptySubsequences: false)
        guard let key = parts.first, parts.count <= 3 else {
            throw Field.malformed("a=crypto's key", "write inline:key|lifetime|identifier:length")
        }
        guard let bytes = Base64.decode(key) else {
            throw Field.malformed("a=crypto's key", "write it in base64 (RFC 4648 section 4)")
        }
        guard bytes.count == suite.inlineLength else {
            throw SDPError(
                .malformed, "a=crypto's key has \(bytes.count) bytes",
                hint: "\(suite.rawValue) takes \(suite.inlineLength): key and salt")
        }
        inline = bytes
        for part in parts.dropFirst() {
            if part.contains(Byte.colon) {
                guard identifier == nil else { throw Field.malformed("a=crypto's identifier", "write it once") }
                guard let read = try Self.identifier(part) else { return nil }
                identifier = read
            } else {
                guard lifetime == nil, identifier == nil else {
                    throw Field.malformed("a=crypto's lifetime", "write it once, before the identifier")
                }
                lifetime = try Self.lifetime(part)
            }
        }
    }

    /// `2^31`, or a decimal number (RFC 4568 section 6.1); at most 2^48.
    private static func lifetime(_ text: ArraySlice<UInt8>) throws(SDPError) -> UInt64 {
        let (base, exponent) = text.split(at: Byte.caret)
        let limit = UInt64(1) << 48
        guard let exponent else {
            guard let number = text.decimal(limit: limit), number > 0 else {
                throw Field.malformed("a=crypto's lifetime", "write for example 2^31, at most 2^48")
            }
            return number
        }
        guard base.equals("2"), let power = exponent.decimal(limit: 48) else {
            throw Field.malformed("a=crypto's lifetime", "write for example 2^31, at most 2^48")
        }
        return 1 << power
    }

    /// `1:1`: value and length. Nil for one of more bytes than are looked for here.
    private static func identifier(_ text: ArraySlice<UInt8>) throws(SDPError) -> KeyIdentifier? {
        let (value, length) = text.split(at: Byte.colon)
        guard let value = value.decimal(), let length = length?.decimal(limit: 128), length > 0 else {
            throw Field.malformed("a=crypto's identifier", "write value:length, for example 1:4")
        }
        guard length <= 4, length == 4 || value >> (8 * length) == 0, value <= UInt64(UInt32.max) else { return nil }
        return KeyIdentifier(value: UInt32(truncatingIfNeeded: value), length: Int(length))
    }

    var text: String {
        var text = "\(tag) \(suite.rawValue) inline:\(Base64.encode(inline))"
        if let lifetime { text += "|\(Self.text(ofLifetime: lifetime))" }
        if let identifier { text += "|\(identifier.value):\(identifier.length)" }
        return text
    }

    private static func text(ofLifetime lifetime: UInt64) -> String {
        lifetime.nonzeroBitCount == 1 ? "2^\(lifetime.trailingZeroBitCount)" : String(lifetime)
    }
}
