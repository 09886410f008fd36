import Foundation
internal import Wire

/// What the benchmark says about series of measurements. Pure; resampling is seeded.
public enum Statistics {
    /// The middle value, or the mean of the two middle ones. Nil for none.
    public static func median(_ values: [Double]) -> Double? {
        quantile(values, 0.5)
    }

    /// The value below which the share `share` (0...1) lies, interpolated between neighbours. Nil for none.
    public static func quantile(_ values: [Double], _ share: Double) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let position = min(max(share, 0), 1) * Double(sorted.count - 1)
        let lower = Int(position.rounded(.down))
        let upper = min(lower + 1, sorted.count - 1)
        return sorted[lower] + (sorted[upper] - sorted[lower]) * (position - Double(lower))
    }

    /// Ratios are averaged by their logarithms: 2 and 1/2 make 1. Nil for none, or when one is not above 0.
    public static func geometricMean(_ values: [Double]) -> Double? {
        guard !values.isEmpty, values.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }
        return exp(values.map { log($0) }.reduce(0, +) / Double(values.count))
    }

    /// The least-squares line's rise for each step of `x`. Nil when all `x` are one.
    public static func slope(_ points: [(x: Double, y: Double)]) -> Double? {
        guard points.count > 1 else { return nil }
        let count = Double(points.count)
        let meanX = points.map(\.x).reduce(0, +) / count
        let meanY = points.map(\.y).reduce(0, +) / count
        let spread = points.map { ($0.x - meanX) * ($0.x - meanX) }.reduce(0, +)
        guard spread > 0 else { return nil }
        return points.map { ($0.x - meanX) * ($0.y - meanY) }.reduce(0, +) / spread
    }

    /// The geometric mean of `ratios` and where it lies with 95 % confidence, by the percentile bootstrap.
    ///
    /// Nil for fewer than three ratios: resampling two says nothing. With a handful of rounds the interval is
    /// somewhat too narrow, as bootstrap intervals of small samples are; a claim should not hang on its edge.
    public static func ratio(_ ratios: [Double], seed: UInt64, resamples: Int = 10_000) -> RatioEstimate? {
        guard ratios.count >= 3, let mean = geometricMean(ratios) else { return nil }
        let logarithms = ratios.map { log($0) }
        var random = SeededRandom(seed: seed)
        let means = (0..<resamples).map { _ in
            let sum = logarithms.indices.reduce(0.0) { sum, _ in
                sum + logarithms[Int(random.next() % UInt64(logarithms.count))]
            }
            return sum / Double(logarithms.count)
        }
        guard let low = quantile(means, 0.025), let high = quantile(means, 0.975) else { return nil }
        return RatioEstimate(value: mean, low: exp(low), high: exp(high), rounds: ratios.count)
    }
}

/// A ratio within rounds, with its 95 % confidence interval.
public struct RatioEstimate: Sendable, Codable, Hashable {
    public var value: Double
    public var low: Double
    public var high: Double
    /// How many rounds it is from.
    public var rounds: Int

    public init(value: Double, low: Double, high: Double, rounds: Int) {
        self.value = value
        self.low = low
        self.high = high
        self.rounds = rounds
    }

    /// Whether the interval leaves out 1: below this nothing is claimed.
    public var isClear: Bool { low > 1 || high < 1 }
}
