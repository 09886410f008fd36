public import Wire

/// How likely something is, as a threshold for a draw: no floating point decides anything in a run.
public struct Probability: Hashable, Sendable {
    /// Draws below it count; `.max` is always.
    let threshold: UInt64

    /// Clamped to 0...1.
    public init(_ share: Double) {
        threshold = share >= 1 ? .max : share > 0 ? UInt64(share * 18_446_744_073_709_551_616) : 0
    }

    public static let never = Probability(0)

    /// One draw; none where it cannot matter.
    public func happens(_ random: inout SeededRandom) -> Bool {
        if threshold == 0 { return false }
        if threshold == .max { return true }
        return random.next() < threshold
    }
}
