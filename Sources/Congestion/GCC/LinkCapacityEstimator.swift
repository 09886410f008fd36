/// What the path carried whenever it was overused (libwebrtc `link_capacity_estimator.cc`); rates in kbit/s inside.
struct LinkCapacityEstimator: Sendable, BitwiseCopyable {
    private static let overuseGain = 0.05
    private static let probeGain = 0.5
    /// kbit/s; bounds of the variance divided by the estimate.
    private static let deviations = 0.4...2.5

    private var kilobits: Double?
    private var deviation = 0.4

    /// bit/s; nil until an overuse, and after the rate left the bounds.
    var estimate: Double? { kilobits.map { $0 * 1_000 } }
    var upperBound: Double { kilobits.map { ($0 + 3 * sigma($0)) * 1_000 } ?? .infinity }
    var lowerBound: Double { kilobits.map { max($0 - 3 * sigma($0), 0) * 1_000 } ?? 0 }

    mutating func reset() { kilobits = nil }
    mutating func overuse(acknowledged rate: Double) { update(rate / 1_000, gain: Self.overuseGain) }
    mutating func probe(rate: Double) { update(rate / 1_000, gain: Self.probeGain) }

    private func sigma(_ estimate: Double) -> Double { (deviation * estimate).squareRoot() }

    private mutating func update(_ sample: Double, gain: Double) {
        let updated = kilobits.map { $0 * (1 - gain) + sample * gain } ?? sample
        kilobits = updated
        let error = updated - sample
        deviation = (1 - gain) * deviation + gain * error * error / max(updated, 1)
        deviation = min(max(deviation, Self.deviations.lowerBound), Self.deviations.upperBound)
    }
}
