import Wire

/// Turns what the detector says into a rate (libwebrtc `aimd_rate_control.cc`): 8 % more in a second, or one packet
/// per response time near the known capacity; 15 % below the acknowledged rate on overuse.
struct AIMDRateControl: Sendable {
    private enum State: UInt8, Sendable, BitwiseCopyable { case hold, increase, decrease }

    private static let decrease = 0.85
    private static let growthPerSecond = 1.08
    /// bit/s; what a decrease is rounded down by.
    private static let decreaseMargin = 5_000.0
    /// bit/s per second.
    private static let leastIncrease = 4_000.0
    private static let framesPerSecond = 30.0
    private static let packetBits = 1_200.0 * 8

    private let bounds: ClosedRange<Double>
    private var state = State.hold
    private var capacity = LinkCapacityEstimator()
    /// bit/s.
    private(set) var rate: Double
    private var acknowledged: Double
    private var changedAt: Instant?
    var roundTrip = Interval.milliseconds(200)

    init(startRate: Double, bounds: ClosedRange<Double>) {
        self.bounds = bounds
        rate = startRate
        acknowledged = startRate
    }

    /// Whether another overuse deserves another decrease: a round trip later, or when half the rate is gone.
    func shouldReduceFurther(acknowledged: Double?, now: Instant) -> Bool {
        let pause = min(max(roundTrip, .milliseconds(10)), .milliseconds(200))
        guard let changedAt, now - changedAt < pause else { return true }
        return acknowledged.map { $0 < 0.5 * rate } ?? false
    }

    /// A rate from elsewhere: a probe, or half when nothing is acknowledged.
    mutating func set(_ rate: Double, now: Instant) {
        self.rate = min(max(rate, bounds.lowerBound), bounds.upperBound)
        changedAt = now
    }

    mutating func noteProbe(_ rate: Double) { capacity.probe(rate: rate) }

    mutating func update(_ usage: BandwidthUsage, acknowledged measured: Double?, now: Instant) {
        if let measured { acknowledged = measured }
        switch usage {
        case .normal where state == .hold:
            changedAt = now
            state = .increase
        case .normal: break
        case .overuse: state = .decrease
        case .underuse: state = .hold
        }
        switch state {
        case .hold: break
        case .increase: increase(now)
        case .decrease: reduce(now)
        }
        rate = min(max(rate, bounds.lowerBound), bounds.upperBound)
    }

    private mutating func increase(_ now: Instant) {
        if acknowledged > capacity.upperBound { capacity.reset() }
        let limit = 1.5 * acknowledged + 10_000
        if rate < limit {
            let elapsed = max((now - (changedAt ?? now)).seconds, 0)
            let step: Double
            if capacity.estimate != nil {
                step = additivePerSecond * elapsed
            } else {
                step = max(rate * (RealMath.pow(Self.growthPerSecond, min(elapsed, 1)) - 1), 1_000)
            }
            rate = min(rate + step, limit)
        }
        changedAt = now
    }

    private mutating func reduce(_ now: Instant) {
        var reduced = Self.decrease * acknowledged
        if reduced > Self.decreaseMargin { reduced -= Self.decreaseMargin }
        if reduced > rate, let capacity = capacity.estimate { reduced = Self.decrease * capacity }
        rate = min(rate, reduced)
        if acknowledged < capacity.lowerBound { capacity.reset() }
        capacity.overuse(acknowledged: acknowledged)
        state = .hold
        changedAt = now
    }

    /// bit/s per second: one packet of an average frame per response time.
    private var additivePerSecond: Double {
        let frame = rate / Self.framesPerSecond
        let packets = max((frame / Self.packetBits).rounded(.up), 1)
        let response = 2 * (roundTrip + .milliseconds(100)).seconds
        return max(frame / packets / response, Self.leastIncrease)
    }
}
