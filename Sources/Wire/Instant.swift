/// A point on a monotonic time line, in nanoseconds since an origin that only its owner knows.
///
/// Cores never read a clock: the reactor passes the host's monotonic clock, the simulator its
/// virtual one. Two instants are comparable only when they come from the same owner.
public struct Instant: Hashable, Comparable, Sendable, BitwiseCopyable {
    /// Nanoseconds since the owner's origin.
    public var nanoseconds: UInt64

    @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// The owner's origin. Real clocks never return it, so it also marks "never".
    public static let origin = Instant(nanoseconds: 0)

    /// The end of time: a timer set here never fires.
    public static let distantFuture = Instant(nanoseconds: .max)

    @inlinable public static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Saturates at both ends of the line instead of wrapping.
    @inlinable public static func + (instant: Instant, interval: Interval) -> Instant {
        if interval.nanoseconds >= 0 {
            let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(UInt64(interval.nanoseconds))
            return overflow ? .distantFuture : Instant(nanoseconds: sum)
        }
        let magnitude = interval.nanoseconds.magnitude
        return Instant(nanoseconds: instant.nanoseconds > magnitude ? instant.nanoseconds - magnitude : 0)
    }

    @inlinable public static func - (instant: Instant, interval: Interval) -> Instant {
        instant + Interval(nanoseconds: 0 &- interval.nanoseconds)
    }

    /// The signed distance from `right` to `left`, saturating at ±292 years.
    @inlinable public static func - (left: Instant, right: Instant) -> Interval {
        if left.nanoseconds >= right.nanoseconds {
            return Interval(nanoseconds: Int64(clamping: left.nanoseconds - right.nanoseconds))
        }
        return Interval(nanoseconds: -Int64(clamping: right.nanoseconds - left.nanoseconds))
    }
}

/// A signed length of time in nanoseconds (±292 years).
///
/// Not `Swift.Duration`: that one is 128 bits wide and costs a division per conversion.
public struct Interval: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var nanoseconds: Int64

    @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static let zero = Interval(nanoseconds: 0)

    @inlinable public static func nanoseconds(_ count: Int64) -> Interval { Interval(nanoseconds: count) }
    @inlinable public static func microseconds(_ count: Int64) -> Interval { scaled(count, 1_000) }
    @inlinable public static func milliseconds(_ count: Int64) -> Interval { scaled(count, 1_000_000) }
    @inlinable public static func seconds(_ count: Int64) -> Interval { scaled(count, 1_000_000_000) }

    /// Whole milliseconds, rounded towards zero.
    @inlinable public var milliseconds: Int64 { nanoseconds / 1_000_000 }

    /// Whole microseconds, rounded towards zero.
    @inlinable public var microseconds: Int64 { nanoseconds / 1_000 }

    /// Seconds with their fraction, for reports.
    @inlinable public var seconds: Double { Double(nanoseconds) / 1e9 }

    @inlinable public static func < (left: Interval, right: Interval) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    @inlinable public static func + (left: Interval, right: Interval) -> Interval {
        let (sum, overflow) = left.nanoseconds.addingReportingOverflow(right.nanoseconds)
        return Interval(nanoseconds: overflow ? (left.nanoseconds < 0 ? .min : .max) : sum)
    }

    @inlinable public static func - (left: Interval, right: Interval) -> Interval {
        let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
        return Interval(nanoseconds: overflow ? (left.nanoseconds < 0 ? .min : .max) : difference)
    }

    @inlinable public static func * (interval: Interval, factor: Int64) -> Interval {
        scaled(interval.nanoseconds, factor)
    }

    @inlinable public static func / (interval: Interval, divisor: Int64) -> Interval {
        Interval(nanoseconds: interval.nanoseconds / divisor)
    }

    @usableFromInline static func scaled(_ count: Int64, _ unit: Int64) -> Interval {
        let (product, overflow) = count.multipliedReportingOverflow(by: unit)
        return Interval(nanoseconds: overflow ? ((count < 0) != (unit < 0) ? .min : .max) : product)
    }
}
