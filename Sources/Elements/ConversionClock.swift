import Payload
import Wire

/// The time stamps of what is made of a source's frames: those of the source, where the clocks have the same rate.
///
/// A source may go on in another format, with another clock, whose first frame follows the last one as it arrived.
struct ConversionClock {
    private let clockRate: UInt32
    /// Of the source's clock that runs now: which time stamp is which time.
    private var origin: Origin?
    /// What zero is in time stamps.
    private var start: UInt32 = 0
    private var last: (time: Interval, arrival: Instant)?

    private struct Origin {
        var clockRate: UInt32
        var timestamp: Int64
        var time: Interval
        /// The newest, to know which cycle a report's time stamp is of.
        var newest: Int64
    }

    /// - Parameter clockRate: Hz, of what is made.
    init(clockRate: UInt32) { self.clockRate = clockRate }

    /// When a frame belongs, from the first one on.
    mutating func time(of frame: EncodedFrame, clockRate: UInt32) -> Interval {
        if origin?.clockRate != clockRate || isElsewhere(frame.timestamp) { begin(frame, clockRate) }
        guard let origin else { return .zero }
        let time = origin.time + Self.time(max(frame.timestamp - origin.timestamp, 0), clockRate)
        self.origin?.newest = frame.timestamp
        last = (time, frame.arrival)
        return time
    }

    /// In another format time stamps begin anew, too, where the clock is the same.
    private func isElsewhere(_ timestamp: Int64) -> Bool {
        guard let origin else { return true }
        let jump = Self.time(max(timestamp, origin.newest) - min(timestamp, origin.newest), origin.clockRate)
        return jump > Limits.longestGap
    }

    private mutating func begin(_ frame: EncodedFrame, _ clockRate: UInt32) {
        let time = last.map { $0.time + max(frame.arrival - $0.arrival, .milliseconds(1)) } ?? .zero
        if last == nil { start = UInt32(truncatingIfNeeded: frame.timestamp) }
        origin = Origin(clockRate: clockRate, timestamp: frame.timestamp, time: time, newest: frame.timestamp)
    }

    func timestamp(at time: Interval) -> UInt32 {
        let rate = Int64(clockRate)
        let (seconds, rest) = time.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let ticks = seconds &* rate &+ (rest &* rate &+ (rest < 0 ? -500_000_000 : 500_000_000)) / 1_000_000_000
        return start &+ UInt32(truncatingIfNeeded: ticks)
    }

    func timestamp(ofSource timestamp: UInt32) -> UInt32? {
        guard let origin else { return nil }
        let distance = Int32(bitPattern: timestamp &- UInt32(truncatingIfNeeded: origin.newest))
        let ticks = origin.newest - origin.timestamp + Int64(distance)
        return self.timestamp(at: origin.time + Self.time(ticks, origin.clockRate))
    }

    private static func time(_ ticks: Int64, _ clockRate: UInt32) -> Interval {
        let rate = Int64(max(clockRate, 1))
        let (seconds, rest) = ticks.quotientAndRemainder(dividingBy: rate)
        return .seconds(seconds) + .nanoseconds(rest * 1_000_000_000 / rate)
    }
}
