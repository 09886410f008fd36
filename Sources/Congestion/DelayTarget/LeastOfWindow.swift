import Wire

/// The least value of the last half to whole second.
struct LeastOfWindow: Sendable, BitwiseCopyable {
    private static let length = Interval.milliseconds(500)
    private var current = Double.infinity
    private var previous = Double.infinity
    private var start: Instant?

    var value: Double { min(current, previous) }

    mutating func add(_ sample: Double, now: Instant) {
        if let start, now - start < Self.length {
            current = min(current, sample)
        } else {
            previous = current
            current = sample
            start = now
        }
    }
}

/// The least round trip of the last half to whole minute, in s.
struct RoundTripBase: Sendable, BitwiseCopyable {
    private static let length = Interval.seconds(30)
    private var current = Double.infinity
    private var previous = Double.infinity
    private var start: Instant?

    /// 0.1 before the first sample.
    var value: Double {
        let least = min(current, previous)
        return least.isFinite ? min(least, 2) : 0.1
    }

    mutating func add(_ sample: Double, now: Instant) {
        if let start, now - start < Self.length {
            current = min(current, sample)
        } else {
            previous = current
            current = sample
            start = now
        }
    }
}
