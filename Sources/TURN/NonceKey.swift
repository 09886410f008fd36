import Wire

/// Nonces that carry their own proof (RFC 8489 section 9.2): when they were made, and that we made them for this
/// address. A server remembers none, so that strangers cannot fill it, and who shows one has received what was sent to
/// its address.
struct NonceKey: Sendable {
    private let key: [UInt8]

    init(random: inout SeededRandom) { key = random.bytes(32) }

    /// Sixteen characters: twelve bytes, of which four are the time in seconds.
    func nonce(for client: SocketAddress, second: Int64) -> String {
        let time = UInt32(truncatingIfNeeded: second)
        return LongTermCredential.base64(bytes(time) + tag(time, client))
    }

    enum Verdict { case good, stale, foreign }

    func verify(_ nonce: String, from client: SocketAddress, second: Int64) -> Verdict {
        guard let decoded = Self.decode(nonce) else { return .foreign }
        let time = decoded[..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard LongTermCredential.isEqual(Array(decoded[4...]), tag(time, client)) else { return .foreign }
        let age = UInt32(truncatingIfNeeded: second) &- time
        return Int64(age) <= Limits.nonceLifetime ? .good : .stale
    }

    /// Of the address alone: a NAT that gives a client another port does not cost it its nonce.
    private func tag(_ time: UInt32, _ client: SocketAddress) -> [UInt8] {
        var writer = ByteWriter(capacity: 32)
        writer.write(time)
        writer.write(client.ip.high)
        writer.write(client.ip.low)
        return Array(LongTermCredential.hmac(key: key, writer.bytes)[..<8])
    }

    private func bytes(_ word: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
    }

    private static func decode(_ nonce: String) -> [UInt8]? {
        guard nonce.utf8.count == 16 else { return nil }
        var bytes: [UInt8] = []
        var word: UInt32 = 0
        for (index, character) in nonce.utf8.enumerated() {
            guard let value = value(of: character) else { return nil }
            word = word << 6 | value
            if index % 4 == 3 {
                bytes += [
                    UInt8(truncatingIfNeeded: word >> 16), UInt8(truncatingIfNeeded: word >> 8),
                    UInt8(truncatingIfNeeded: word),
                ]
                word = 0
            }
        }
        return bytes
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
