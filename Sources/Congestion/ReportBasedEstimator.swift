import Wire

/// The rate from receiver reports alone, for peers that send no transport feedback (libwebrtc's first loss-based
/// estimator, `send_side_bandwidth_estimation.cc`): 8 % a second upwards below 2 % loss, nothing up to 10 %, and half
/// the loss downwards above.
struct ReportBasedEstimator: Sendable {
    private static let lowLoss = 0.02
    private static let highLoss = 0.1
    private static let growth = 1.08
    private static let leastPackets = 20
    private static let decreasePause = Interval.milliseconds(300)
    private static let startPhase = Interval.seconds(2)

    private let bounds: ClosedRange<Double>
    /// bit/s.
    private(set) var rate: Double
    private var lost = 0.0
    private var packets = 0
    /// The least rate of the last second, from which it grows.
    private var base: Double
    private var baseAt: Instant?
    private var decreasedAt: Instant?
    private var hasLoss = false
    private let startedAt: Instant

    init(rate: Double, bounds: ClosedRange<Double>, now: Instant) {
        startedAt = now
        self.rate = rate
        self.bounds = bounds
        base = rate
    }

    /// Starts from a rate that better knowledge found.
    mutating func follow(_ rate: Double) {
        self.rate = rate
        base = rate
        baseAt = nil
    }

    /// The receiver's estimate is believed upwards while nothing else is known (libwebrtc: two seconds without loss).
    mutating func raise(to maximum: Double, now: Instant) {
        guard now - startedAt < Self.startPhase, !hasLoss, maximum > rate else { return }
        rate = min(maximum, bounds.upperBound)
        base = rate
    }

    /// - Parameter count: packets sent since the last report.
    mutating func update(loss: Double, roundTrip: Interval, packets count: Int, now: Instant) {
        lost += loss * Double(count)
        packets += count
        hasLoss = hasLoss || loss > 0
        guard packets >= Self.leastPackets else { return }
        let loss = lost / Double(packets)
        lost = 0
        packets = 0
        if baseAt.map({ now - $0 >= .seconds(1) }) ?? true {
            base = rate
            baseAt = now
        }
        if loss < Self.lowLoss {
            rate = max(rate, base * Self.growth + 1_000)
        } else if loss > Self.highLoss {
            let pause = Self.decreasePause + roundTrip
            guard decreasedAt.map({ now - $0 >= pause }) ?? true else { return }
            decreasedAt = now
            rate *= 1 - 0.5 * min(loss, 1)
            base = rate
        }
        rate = min(max(rate, bounds.lowerBound), bounds.upperBound)
    }
}
