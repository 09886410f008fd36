import Foundation
import Wire

/// The one number that a run depends on. Each purpose draws from a stream of its own, named after it, so that one more
/// draw in one place shifts nothing in another (as in the simulator's `RootSeed`, with the same hash).
struct RunSeed: Hashable, Sendable {
    let value: UInt64

    init(_ value: UInt64) { self.value = value }

    /// The stream of a purpose, for example `flow 2: jitter`.
    func stream(_ name: String) -> SeededRandom { SeededRandom(seed: hash(name)) }

    /// FNV-1a with 64 bits over the seed and a name.
    func hash(_ name: String) -> UInt64 {
        var hash = Fingerprint()
        hash.add(value)
        for byte in name.utf8 { hash.add(byte) }
        return hash.value
    }
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo): the same in every build, as `Hasher` is not.
struct Fingerprint: Hashable, Sendable {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }

    mutating func add(_ word: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { add(UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
    }
}

extension SeededRandom {
    /// Uniform in [0, 1).
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Exponential with a mean.
    mutating func exponential(mean: Double) -> Double { -mean * log(1 - unit()) }
}

/// A normal distribution (Box and Muller 1958), both values of each pair used.
struct Gaussian: Sendable {
    private var random: SeededRandom
    private var spare: Double?

    init(_ random: SeededRandom) { self.random = random }

    /// Mean 0, standard deviation 1.
    mutating func next() -> Double {
        if let value = spare {
            spare = nil
            return value
        }
        let radius = (-2 * log(1 - random.unit())).squareRoot()
        let angle = 2 * Double.pi * random.unit()
        spare = radius * sin(angle)
        return radius * cos(angle)
    }

    /// The same without what lies beyond `limit` standard deviations.
    mutating func next(within limit: Double) -> Double {
        while true {
            let value = next()
            if abs(value) <= limit { return value }
        }
    }
}
