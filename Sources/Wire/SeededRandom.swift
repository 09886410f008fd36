/// A small, fast, reproducible generator (xoshiro256++, Blackman and Vigna 2018), seeded by SplitMix64.
///
/// Cores take it as an argument. In production its seed comes from the operating system's entropy;
/// secrets that must resist guessing (ICE passwords) are drawn by the controller from that entropy
/// directly.
public struct SeededRandom: RandomNumberGenerator, Sendable, BitwiseCopyable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    public init(seed: UInt64) {
        var mixer = seed
        func next() -> UInt64 {
            mixer &+= 0x9E37_79B9_7F4A_7C15
            var word = mixer
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
        state = (next(), next(), next(), next())
    }

    public mutating func next() -> UInt64 {
        let sum = state.0 &+ state.3
        let result = (sum << 23 | sum >> 41) &+ state.0
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = state.3 << 45 | state.3 >> 19
        return result
    }

    public mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    /// `count` characters of the ice-char alphabet (RFC 8839 section 5.4), 6 bits each.
    public mutating func iceCharacters(_ count: Int) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        return String(decoding: (0..<count).map { _ in alphabet[Int(next() >> 58)] }, as: UTF8.self)
    }

    /// An independent stream for a named purpose: adding one consumer never shifts another's numbers.
    public mutating func split() -> SeededRandom { SeededRandom(seed: next()) }
}
