public import Wire

/// The one number that a run depends on. Every purpose draws from a stream of its own, named after it: one more draw
/// in one place shifts nothing in another, which is also what makes shrinking a failure possible.
public struct RootSeed: Hashable, Sendable {
    public let value: UInt64

    public init(_ value: UInt64) { self.value = value }

    /// The stream of a purpose, for example `link:alice→router:loss`.
    public func stream(_ name: String) -> SeededRandom { SeededRandom(seed: hash(name)) }

    /// A seed for what has streams of its own.
    public func hash(_ name: String) -> UInt64 {
        var hash = FNV1a()
        hash.add(value)
        for byte in name.utf8 { hash.add(byte) }
        return hash.value
    }
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo): the same on every machine and in every build, as `Hasher` is not.
public struct FNV1a: Hashable, Sendable {
    public private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    public init() {}

    public mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }

    public mutating func add(_ word: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { add(UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
    }

    public mutating func add(_ bytes: [UInt8]) {
        add(UInt64(bytes.count))
        for byte in bytes { add(byte) }
    }
    mutating func add(_ address: SocketAddress) {
        add(address.ip.high)
        add(address.ip.low)
        add(UInt64(address.port))
    }
}
