import Wire

/// When frames are due: where the fastest packets put them, and the delay behind that.
struct PlayoutTiming: Sendable {
    private let clockRate: UInt32
    /// Arrival less media time.
    private var floor = DelayFloor()
    private(set) var estimator: DelayEstimator
    /// Where the time line begins, and the floor of the one before, which frames may still be waiting on.
    private var lineStart = Int64.min
    private var previousMinimum: Int64 = 0
    /// On top of the estimate, so that another stream of the source keeps up.
    var extraDelay = Interval.zero

    init(clockRate: UInt32, minimum: Interval, maximum: Interval) {
        self.clockRate = clockRate
        estimator = DelayEstimator(minimum: minimum, maximum: maximum)
    }

    /// - Parameter isSample: the packet shows how late a frame may be whole: its last one, or one that was overtaken.
    mutating func observe(_ timestamp: Int64, isSample: Bool, now: Instant) {
        guard timestamp >= lineStart else { return }
        let transit = MediaTime.nanoseconds(now) &- media(timestamp)
        floor.observe(transit, now: now)
        guard isSample, let minimum = floor.minimum else { return }
        estimator.observe(.nanoseconds(transit &- minimum), now: now)
    }

    /// A new time line, which frames of the old one may still wait beside; how much the network holds packets up is the
    /// same as before.
    mutating func jump(to timestamp: Int64) {
        previousMinimum = floor.minimum ?? 0
        // Packets of the new line that were overtaken by its first one belong to it.
        lineStart = timestamp - MediaTime.ticks(nanoseconds: Limits.timestampJump.nanoseconds / 2, rate: clockRate)
        floor = DelayFloor()
    }

    /// A new time line, and nothing is left of the old one.
    mutating func restart() {
        lineStart = .min
        floor = DelayFloor()
    }

    /// When the frame is to be shown or heard.
    func due(_ timestamp: Int64) -> Instant { base(timestamp) + estimator.target + extraDelay }

    /// When it is over with: a packet that comes later than this was not worth waiting for.
    func latest(_ timestamp: Int64) -> Instant { base(timestamp) + estimator.maximum + extraDelay }

    private func base(_ timestamp: Int64) -> Instant {
        MediaTime.instant(media(timestamp) &+ (timestamp < lineStart ? previousMinimum : floor.minimum ?? 0))
    }

    private func media(_ timestamp: Int64) -> Int64 { MediaTime.nanoseconds(ticks: timestamp, rate: clockRate) }
}
