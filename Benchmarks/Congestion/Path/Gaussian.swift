import Foundation
import Wire

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
