/// What the source could use; bit/s.
struct Allocation: Sendable, BitwiseCopyable {
    var maximum: UInt64 = Limits.maximumRate
    var minimum: UInt64 = 0
    var padding: UInt64 = 0
}

/// Between what every rate stays.
struct RateBounds: Sendable, BitwiseCopyable {
    let minimum: UInt64
    let maximum: UInt64
    /// The receiver's own limit (REMB).
    var receiverMaximum = UInt64.max
    var allocation = Allocation()

    init(_ configuration: CongestionConfiguration) {
        minimum = configuration.minimumRate
        maximum = configuration.maximumRate
    }

    /// A rate within the bounds, also when it is no number at all.
    func clamp(_ rate: Double) -> UInt64 {
        let upper = max(min(maximum, receiverMaximum), minimum)
        guard rate > Double(minimum) else { return minimum }
        return rate >= Double(upper) ? upper : UInt64(rate)
    }

    /// What the pacer may let out: at least the minimum, and a few times the maximum in a probe or a start.
    func pacing(_ rate: Double) -> UInt64 {
        guard rate > Double(minimum) else { return minimum }
        let upper = maximum * 3
        return rate >= Double(upper) ? upper : UInt64(rate)
    }

    /// Up to what the pacer fills: what was allowed, within the target, or what the controller itself wants.
    func padding(_ rate: Double, target: Double) -> UInt64 { max(min(allocation.padding, clamp(target)), limit(rate)) }

    /// A rate that may be 0, below the upper bound.
    func limit(_ rate: Double) -> UInt64 { rate > 0 ? min(clamp(rate), maximum) : 0 }
}
