import Wire

/// What the delay gradient says of the bottleneck's queue.
enum BandwidthUsage: UInt8, Sendable, BitwiseCopyable {
    case normal, underuse, overuse
}

/// Slope of the smoothed one-way delay over the last groups, held against a threshold that adapts
/// (libwebrtc `trendline_estimator.cc`).
struct TrendlineEstimator: Sendable {
    private static let windowSize = 20
    private static let smoothing = 0.9
    private static let gain = 4.0
    private static let gainDeltas = 60
    private static let largestDeltaCount = 1_000
    /// ms; a queue that grows for less is no overuse.
    private static let overuseTime = 10.0
    /// Per ms; of libwebrtc's detector, not those of the paper (see ``CongestionAlgorithm/gcc``).
    private static let gainUp = 0.0087
    private static let gainDown = 0.039
    private static let adaptationLimit = 15.0
    private static let thresholds = 6.0...600.0

    private(set) var usage = BandwidthUsage.normal
    private(set) var threshold = 12.5
    /// ms of delay per ms of time.
    private(set) var trend = 0.0
    /// The trend times gain and count, as compared with ``threshold``.
    private(set) var modifiedTrend = 0.0

    private var times: [Double]
    private var delays: [Double]
    private var next = 0
    private var filled = 0
    private var deltas = 0
    private var accumulated = 0.0
    private var smoothed = 0.0
    private var firstArrival: Int64?
    private var previousTrend = 0.0
    /// Below 0: the threshold is not passed.
    private var overuse = -1.0
    private var overuses = 0
    private var adaptedAt: Int64?

    init() {
        times = Array(repeating: 0, count: Self.windowSize)
        delays = Array(repeating: 0, count: Self.windowSize)
    }

    /// Forgets the past but keeps its memory.
    mutating func reset() {
        let (times, delays) = (times, delays)
        self.times = []
        self.delays = []
        self = TrendlineEstimator(times: times, delays: delays)
    }

    private init(times: [Double], delays: [Double]) {
        self.times = times
        self.delays = delays
    }

    /// One pair of groups, the second of which was complete at `arrival`.
    mutating func add(_ delta: InterArrival.Delta, arrival: Int64) {
        let origin = firstArrival ?? arrival
        firstArrival = origin
        deltas = min(deltas + 1, Self.largestDeltaCount)
        accumulated += delta.arrival - delta.send
        smoothed = Self.smoothing * smoothed + (1 - Self.smoothing) * accumulated
        times[next] = Double(arrival - origin) / 1e6
        delays[next] = smoothed
        next = (next + 1) % Self.windowSize
        filled = min(filled + 1, Self.windowSize)
        if filled == Self.windowSize, let slope = slope() { trend = slope }
        detect(sendDelta: delta.send, at: arrival)
    }

    /// Least squares; nil when all groups came at once.
    private func slope() -> Double? {
        var timeSum = 0.0
        var delaySum = 0.0
        for index in 0..<filled {
            timeSum += times[index]
            delaySum += delays[index]
        }
        let meanTime = timeSum / Double(filled)
        let meanDelay = delaySum / Double(filled)
        var numerator = 0.0
        var denominator = 0.0
        for index in 0..<filled {
            let time = times[index] - meanTime
            numerator += time * (delays[index] - meanDelay)
            denominator += time * time
        }
        return denominator > 0 ? numerator / denominator : nil
    }

    private mutating func detect(sendDelta: Double, at arrival: Int64) {
        guard deltas >= 2 else {
            usage = .normal
            return
        }
        modifiedTrend = Double(min(deltas, Self.gainDeltas)) * trend * Self.gain
        if modifiedTrend > threshold {
            overuse = overuse < 0 ? sendDelta / 2 : overuse + sendDelta
            overuses += 1
            if overuse > Self.overuseTime, overuses > 1, trend >= previousTrend {
                overuse = 0
                overuses = 0
                usage = .overuse
            }
        } else {
            usage = modifiedTrend < -threshold ? .underuse : .normal
            overuse = -1
            overuses = 0
        }
        previousTrend = trend
        adaptThreshold(at: arrival)
    }

    private mutating func adaptThreshold(at arrival: Int64) {
        let elapsed = Double(arrival - (adaptedAt ?? arrival)) / 1e6
        adaptedAt = arrival
        let magnitude = modifiedTrend.magnitude
        // A peak such as a route change or a capacity drop is not what the threshold should learn.
        guard magnitude <= threshold + Self.adaptationLimit else { return }
        let rate = magnitude < threshold ? Self.gainDown : Self.gainUp
        let step = rate * (magnitude - threshold) * min(max(elapsed, 0), 100)
        threshold = min(max(threshold + step, Self.thresholds.lowerBound), Self.thresholds.upperBound)
    }
}
