import Wire

/// Hashes for the replay hash: multiplication of eight bytes at a time, because a run hashes every packet and a byte at
/// a time would be its largest cost. The same on every machine; not for anything that an adversary may choose.
enum PayloadHash {
    private static let prime: UInt64 = 0x9E37_79B1_85EB_CA87

    /// Where a packet is from, where it goes, and what is in it.
    /// - Parameter contents: the hash of the payload.
    static func of(_ datagram: borrowing Datagram, contents: UInt64) -> UInt64 {
        mix(mix(prime, datagram.source), mix(contents, datagram.destination))
    }

    private static func mix(_ hash: UInt64, _ address: SocketAddress) -> UInt64 {
        mix(mix(mix(hash, address.ip.high), address.ip.low), UInt64(address.port))
    }

    static func of(_ time: Instant, kind: UInt8, host: Int) -> UInt64 {
        mix(mix(prime, time.nanoseconds), UInt64(kind) << 56 ^ UInt64(bitPattern: Int64(host)))
    }

    /// Four lanes, each a bijection of every word that goes into it.
    static func of(_ payload: [UInt8]) -> UInt64 {
        let bytes = unsafe payload.span.bytes
        let count = bytes.byteCount
        var (a, b, c, d) = (prime, ~prime, prime << 1, prime >> 1)
        var at = 0
        while at &+ 32 <= count {
            a = mix(a, word(bytes, at))
            b = mix(b, word(bytes, at &+ 8))
            c = mix(c, word(bytes, at &+ 16))
            d = mix(d, word(bytes, at &+ 24))
            at &+= 32
        }
        while at &+ 8 <= count {
            a = mix(a, word(bytes, at))
            at &+= 8
        }
        while at < count {
            b = mix(b, UInt64(bytes.uint8(at: at)))
            at &+= 1
        }
        return mix(mix(mix(a, b), mix(c, d)), UInt64(count))
    }

    /// Turned before and not after, where a compiler would make two multiplications of it.
    @inline(__always)
    static func mix(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        ((lane << 31 | lane >> 33) ^ word) &* 0xC2B2_AE3D_27D4_EB4F
    }

    /// The caller has checked the bounds.
    @inline(__always)
    private static func word(_ bytes: RawSpan, _ at: Int) -> UInt64 {
        unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt64.self))
    }
}
