import RTP
import Wire

/// Times of media and of packets as signed nanoseconds, where the difference of two origins is one number.
enum MediaTime {
    /// Of a count of ticks of `rate` Hz, rounded towards zero.
    static func nanoseconds(ticks: Int64, rate: UInt32) -> Int64 {
        let rate = Int64(max(rate, 1))
        let (seconds, rest) = ticks.quotientAndRemainder(dividingBy: rate)
        return seconds &* 1_000_000_000 &+ rest * 1_000_000_000 / rate
    }

    /// The count of ticks of `rate` Hz, rounded towards zero.
    static func ticks(nanoseconds: Int64, rate: UInt32) -> Int64 {
        let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return seconds &* Int64(rate) &+ rest * Int64(rate) / 1_000_000_000
    }

    static func nanoseconds(_ instant: Instant) -> Int64 { Int64(clamping: instant.nanoseconds) }

    /// The origin for what lies before it.
    static func instant(_ nanoseconds: Int64) -> Instant { Instant(nanoseconds: UInt64(clamping: nanoseconds)) }
}

/// Extends the 32 bits of RTP timestamps by following the newest one.
struct TimestampUnwrapper: Sendable, BitwiseCopyable {
    /// The newest extended timestamp, or nil before the first packet.
    private(set) var newest: Int64?

    /// The extended timestamp nearest to the newest one. The first starts one cycle up, so that those older than it are
    /// not negative.
    func extended(_ timestamp: UInt32) -> Int64 {
        guard let newest else { return Int64(timestamp) + 1 << 32 }
        return newest + Int64(Int32(bitPattern: timestamp &- UInt32(truncatingIfNeeded: newest)))
    }

    /// The least one that is not older than the newest: where a time line begins that has nothing to do with the last.
    func extendedForward(_ timestamp: UInt32) -> Int64 {
        guard let newest else { return extended(timestamp) }
        return newest + Int64(timestamp &- UInt32(truncatingIfNeeded: newest))
    }

    mutating func follow(_ extended: Int64) { newest = max(newest ?? extended, extended) }
}

extension NTPTimestamp {
    /// Nanoseconds since 1900.
    var nanoseconds: Int64 {
        Int64(rawValue >> 32) * 1_000_000_000 + Int64(((rawValue & 0xFFFF_FFFF) * 1_000_000_000) >> 32)
    }
}
