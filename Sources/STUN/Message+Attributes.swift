public import Wire

/// Decoded attribute values. Each is nil when the attribute is absent or not of its form.
extension Message {
    /// The transport address that the sender saw us at (RFC 8489 section 14.2).
    public var xorMappedAddress: SocketAddress? { xorAddress(.xorMappedAddress) }

    /// Where a server relays from (RFC 8656 section 18.5).
    public var xorRelayedAddress: SocketAddress? { xorAddress(.xorRelayedAddress) }

    /// The first peer that is named (RFC 8656 section 18.3).
    public var xorPeerAddress: SocketAddress? { xorAddress(.xorPeerAddress) }

    /// All peers that are named, as CreatePermission may (RFC 8656 section 10.1), up to MESSAGE-INTEGRITY. Nil when one
    /// is not of its form.
    public var xorPeerAddresses: [SocketAddress]? {
        var peers: [SocketAddress] = []
        var offset = Self.headerBytes
        while bytes.byteCount - offset >= 4 {
            let type = AttributeType(rawValue: bytes.uint16(at: offset))
            let length = Int(bytes.uint16(at: offset + 2))
            guard type != .messageIntegrity, length <= bytes.byteCount - offset - 4 else { break }
            if type == .xorPeerAddress {
                guard let peer = xorAddress(bytes.extracting((offset + 4)..<(offset + 4 + length))) else { return nil }
                peers.append(peer)
            }
            offset += 4 + (length + 3) & ~3
        }
        return peers
    }

    /// Seconds (RFC 8656 section 18.2).
    public var lifetime: UInt32? { word(.lifetime) }

    /// RFC 8656 section 18.1.
    public var channelNumber: UInt16? { word(.channelNumber).map { UInt16($0 >> 16) } }

    /// The IP protocol to relay over (RFC 8656 section 18.8); 17 is UDP.
    public var requestedTransport: UInt8? { word(.requestedTransport).map { UInt8($0 >> 24) } }

    /// 1 is IPv4, 2 IPv6 (RFC 8656 section 18.6).
    public var requestedAddressFamily: UInt8? { word(.requestedAddressFamily).map { UInt8($0 >> 24) } }
    public var additionalAddressFamily: UInt8? { word(.additionalAddressFamily).map { UInt8($0 >> 24) } }

    /// Whether an even port is wanted, and whether the next one is to be kept too (RFC 8656 section 18.7).
    public var evenPort: (isWanted: Bool, reservesNext: Bool) {
        guard let value = value(of: .evenPort), value.byteCount == 1 else { return (false, false) }
        return (true, value.uint8(at: 0) & 0x80 != 0)
    }

    public var reservationToken: UInt64? { doubleWord(.reservationToken) }

    /// RFC 8489 section 14.1; only servers older than RFC 5389 send it alone.
    public var mappedAddress: SocketAddress? { plainAddress(.mappedAddress) }

    /// Where the answer came from, as its sender knows it (RFC 5780 section 7.3).
    public var responseOrigin: SocketAddress? { plainAddress(.responseOrigin) }

    /// The server's other address and port (RFC 5780 section 7.4).
    public var otherAddress: SocketAddress? { plainAddress(.otherAddress) }

    /// What a request wants to be answered from (RFC 5780 section 7.2).
    public var changeRequest: ChangeRequest? { word(.changeRequest).map { ChangeRequest(rawValue: $0) } }

    /// The port that a request wants to be answered at (RFC 5780 section 7.5).
    public var responsePort: UInt16? {
        guard let value = value(of: .responsePort), value.byteCount >= 2 else { return nil }
        return value.uint16(at: 0)
    }

    /// PRIORITY (RFC 8445 section 16.1).
    public var priority: UInt32? { word(.priority) }

    /// The tie-breaker of ICE-CONTROLLING or ICE-CONTROLLED (RFC 8445 section 16.1).
    public var controllingTieBreaker: UInt64? { doubleWord(.iceControlling) }
    public var controlledTieBreaker: UInt64? { doubleWord(.iceControlled) }

    public var useCandidate: Bool { has(.useCandidate) }

    /// RFC 8489 section 14.8. Nil for a class outside 3 to 6 or a number over 99.
    public var errorCode: ErrorCode? {
        guard let value = value(of: .errorCode), value.byteCount >= 4 else { return nil }
        let hundreds = UInt16(value.uint8(at: 2) & 7)
        let number = UInt16(value.uint8(at: 3))
        guard (3...6).contains(hundreds), number < 100 else { return nil }
        return ErrorCode(rawValue: hundreds * 100 + number)
    }

    public var username: String? { text(.username) }
    public var software: String? { text(.software) }
    public var realm: String? { text(.realm) }
    public var nonce: String? { text(.nonce) }

    /// The types that a 420 response names (RFC 8489 section 6.3.1).
    public var unknownAttributes: [UInt16] { (0..<unknownCount).map { unknown[$0] } }

    /// The types that a received 420 response names (RFC 8489 section 14.9).
    public var refusedAttributes: [UInt16] {
        guard let value = value(of: .unknownAttributes) else { return [] }
        let count = min(value.byteCount / 2, Limits.attributes)
        return (0..<count).map { value.uint16(at: $0 * 2) }
    }

    private func xorAddress(_ attribute: AttributeType) -> SocketAddress? {
        guard let value = value(of: attribute) else { return nil }
        return xorAddress(value)
    }

    private func xorAddress(_ value: RawSpan) -> SocketAddress? {
        let high = UInt64(Self.cookie) << 32 | UInt64(transactionID.high)
        return Self.address(value, port: UInt16(Self.cookie >> 16), high: high, low: transactionID.low)
    }

    private func plainAddress(_ attribute: AttributeType) -> SocketAddress? {
        guard let value = value(of: attribute) else { return nil }
        return Self.address(value, port: 0, high: 0, low: 0)
    }

    private static func address(_ value: RawSpan, port mask: UInt16, high: UInt64, low: UInt64) -> SocketAddress? {
        guard value.byteCount >= 8 else { return nil }
        let port = value.uint16(at: 2) ^ mask
        switch (value.uint8(at: 1), value.byteCount) {
        case (1, 8):
            return SocketAddress(ip: IPAddress(ipv4: value.uint32(at: 4) ^ UInt32(high >> 32)), port: port)
        case (2, 20):
            let ip = IPAddress(ipv6High: value.uint64(at: 4) ^ high, low: value.uint64(at: 12) ^ low)
            return SocketAddress(ip: ip, port: port)
        default:
            return nil
        }
    }

    private func word(_ attribute: AttributeType) -> UInt32? {
        guard let value = value(of: attribute), value.byteCount == 4 else { return nil }
        return value.uint32(at: 0)
    }

    private func doubleWord(_ attribute: AttributeType) -> UInt64? {
        guard let value = value(of: attribute), value.byteCount == 8 else { return nil }
        return value.uint64(at: 0)
    }

    private func text(_ attribute: AttributeType) -> String? {
        guard let value = value(of: attribute) else { return nil }
        return String(validating: value.copied(), as: UTF8.self)
    }
}
