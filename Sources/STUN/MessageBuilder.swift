public import Wire

/// Writes one message. Add attributes, then ``finish(key:)``.
public struct MessageBuilder: Sendable {
    private var writer: ByteWriter
    private let transactionID: TransactionID

    public init(_ type: MessageType, transactionID: TransactionID) {
        writer = ByteWriter(capacity: 128)
        self.transactionID = transactionID
        writer.write(type.wire)
        writer.write(UInt16(0))
        writer.write(Message.cookie)
        writer.write(transactionID.high)
        writer.write(transactionID.low)
    }

    public mutating func add(_ attribute: AttributeType, _ value: [UInt8] = []) {
        precondition(value.count <= Limits.messageBytes)
        writer.write(attribute.rawValue)
        writer.write(UInt16(value.count))
        writer.write(value)
        writer.padToWord()
    }

    public mutating func add(_ attribute: AttributeType, _ value: UInt32) {
        writer.write(attribute.rawValue)
        writer.write(UInt16(4))
        writer.write(value)
    }

    public mutating func add(_ attribute: AttributeType, _ value: UInt64) {
        writer.write(attribute.rawValue)
        writer.write(UInt16(8))
        writer.write(value)
    }

    public mutating func addUsername(_ username: String) { add(.username, Array(username.utf8)) }

    /// RFC 8489 section 14.2.
    public mutating func addXORMappedAddress(_ address: SocketAddress) { addXOR(.xorMappedAddress, address) }

    /// The form of XOR-MAPPED-ADDRESS, which TURN's addresses have too (RFC 8656 section 18.3).
    public mutating func addXOR(_ attribute: AttributeType, _ address: SocketAddress) {
        writer.write(attribute.rawValue)
        writer.write(UInt16(address.ip.isIPv4 ? 8 : 20))
        writer.write(UInt16(address.ip.isIPv4 ? 1 : 2))
        writer.write(address.port ^ UInt16(Message.cookie >> 16))
        if address.ip.isIPv4 {
            writer.write(UInt32(truncatingIfNeeded: address.ip.low) ^ Message.cookie)
        } else {
            writer.write(address.ip.high ^ (UInt64(Message.cookie) << 32 | UInt64(transactionID.high)))
            writer.write(address.ip.low ^ transactionID.low)
        }
    }

    /// The form of MAPPED-ADDRESS (RFC 8489 section 14.1), which RFC 5780's attributes have too.
    public mutating func add(_ attribute: AttributeType, _ address: SocketAddress) {
        writer.write(attribute.rawValue)
        writer.write(UInt16(address.ip.isIPv4 ? 8 : 20))
        writer.write(UInt16(address.ip.isIPv4 ? 1 : 2))
        writer.write(address.port)
        if address.ip.isIPv4 {
            writer.write(UInt32(truncatingIfNeeded: address.ip.low))
        } else {
            writer.write(address.ip.high)
            writer.write(address.ip.low)
        }
    }

    /// RFC 8489 section 14.8, without a reason phrase: nobody reads it and responses stay small.
    public mutating func addErrorCode(_ code: ErrorCode) {
        add(.errorCode, UInt32(code.rawValue / 100) << 8 | UInt32(code.rawValue % 100))
    }

    /// RFC 8489 section 14.9.
    public mutating func addUnknownAttributes(_ types: [UInt16]) {
        add(.unknownAttributes, types.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] })
    }

    /// The message, with MESSAGE-INTEGRITY when there is a key, and FINGERPRINT last.
    public consuming func finish(key: [UInt8]?, fingerprint: Bool = true) -> [UInt8] {
        if let key {
            let covered = writer.count
            let declared = UInt16(covered - Message.headerBytes + 4 + MessageIntegrity.tagBytes)
            guard
                let tag = unsafe MessageIntegrity.tag(
                    of: writer.bytes.span.bytes, covered: covered, declared: declared, key: key)
            else { preconditionFailure("OpenSSL refused an HMAC of a message of our own") }
            add(.messageIntegrity, tag)
        }
        let total = writer.count - Message.headerBytes + (fingerprint ? 8 : 0)
        writer.patch(UInt16(total), at: 2)
        if fingerprint {
            let checksum = unsafe Fingerprint.value(of: writer.bytes.span.bytes, count: writer.count)
            add(.fingerprint, checksum)
        }
        return writer.bytes
    }
}
