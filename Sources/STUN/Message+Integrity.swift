import Wire

extension Message {
    /// Whether FINGERPRINT is there and right (RFC 8489 section 14.7).
    public func verifyFingerprint() -> Bool {
        guard let value = value(of: .fingerprint), value.byteCount == 4 else { return false }
        return value.uint32(at: 0) == Fingerprint.value(of: bytes, count: bytes.byteCount - 8)
    }

    /// Whether MESSAGE-INTEGRITY is there and right under `key`: the password's UTF-8 for short-term
    /// credentials (RFC 8489 section 9.1.1).
    public func verifyIntegrity(key: [UInt8]) -> Bool {
        guard let slot = AttributeType.messageIntegrity.slot, let sent = value(of: .messageIntegrity),
            sent.byteCount == MessageIntegrity.tagBytes
        else { return false }
        // The length field counts up to and with this attribute, whatever follows (section 14.5).
        let covered = Int(places[slot].offset) - 4
        let declared = UInt16(covered - Self.headerBytes + 4 + MessageIntegrity.tagBytes)
        guard let tag = MessageIntegrity.tag(of: bytes, covered: covered, declared: declared, key: key) else {
            return false
        }
        return MessageIntegrity.matches(tag, sent)
    }
}
