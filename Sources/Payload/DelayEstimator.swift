import Wire

/// How long packets must be held so that nearly all are there in time: a high percentile of their delays over some
/// seconds.
///
/// It grows with the packet that shows that it must, and shrinks slowly, so that a network that is bad now and then is
/// not trusted again each time, and sound is never sped up much.
struct DelayEstimator: Sendable {
    /// Hundredths of packets that are to be in time. Less would do for one who stretches sound over what is missing, as
    /// libwebrtc's NetEq does.
    private static let percentile: UInt32 = 99
    /// Two windows of this length are looked at: delays of the last four to eight seconds.
    private static let windowLength = Interval.seconds(4)
    /// Shrinking takes back this part of the time that passes: a fiftieth, which nobody hears.
    private static let shrinking: Int64 = 50
    private static let bins = 200

    let minimum: Interval
    let maximum: Interval
    /// What packets are held for now, within the bounds.
    private(set) var target: Interval
    /// How many delays fell into each bin; one behind the last for those above the maximum.
    private var counts = [UInt32](repeating: 0, count: DelayEstimator.bins + 1)
    private var previousCounts = [UInt32](repeating: 0, count: DelayEstimator.bins + 1)
    private var windowStart: Instant?
    private var lastUpdate = Instant.origin

    init(minimum: Interval, maximum: Interval) {
        self.maximum = min(max(maximum, .milliseconds(1)), Limits.delay)
        self.minimum = min(max(minimum, .zero), self.maximum)
        target = self.minimum
    }

    /// `delay` is how much later a packet came than the fastest would have.
    mutating func observe(_ delay: Interval, now: Instant) {
        turn(now)
        let width = maximum.nanoseconds / Int64(Self.bins) + 1
        counts[Int(min(max(delay.nanoseconds, 0) / width, Int64(Self.bins)))] &+= 1
        let wanted = min(max(Interval.nanoseconds(width) * Int64(percentileBin() + 1), minimum), maximum)
        if wanted >= target {
            target = wanted
        } else {
            target = max(wanted, target - min(max(now - lastUpdate, .zero), .seconds(1)) / Self.shrinking)
        }
        lastUpdate = now
    }

    private mutating func turn(_ now: Instant) {
        guard let start = windowStart, now - start < Self.windowLength else {
            let isFresh = windowStart.map { now - $0 < Self.windowLength + Self.windowLength } ?? false
            windowStart = now
            for bin in counts.indices {
                previousCounts[bin] = isFresh ? counts[bin] : 0
                counts[bin] = 0
            }
            return
        }
    }

    private func percentileBin() -> Int {
        var total: UInt64 = 0
        for bin in counts.indices { total += UInt64(counts[bin]) + UInt64(previousCounts[bin]) }
        // Of fewer than a hundred, all.
        var left = total - total * UInt64(100 - Self.percentile) / 100
        for bin in counts.indices {
            let count = UInt64(counts[bin]) + UInt64(previousCounts[bin])
            if count >= left { return bin }
            left -= count
        }
        return Self.bins
    }
}
