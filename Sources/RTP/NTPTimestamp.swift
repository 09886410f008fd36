public import Wire

/// A 64-bit NTP timestamp: seconds since 1900 in 32.32 fixed point (RFC 3550 section 4). Wraps in 2036.
public struct NTPTimestamp: Hashable, Sendable, BitwiseCopyable {
    public var rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// `unixOffset` is the Unix time of the clock's origin: `wall clock - now`, measured by the caller.
    public init(_ now: Instant, unixOffset: Interval) {
        let unix = now + unixOffset
        let seconds = unix.nanoseconds / 1_000_000_000
        let rest = unix.nanoseconds % 1_000_000_000
        // RFC 868: 1900 is 2 208 988 800 seconds before 1970.
        rawValue = (seconds &+ 2_208_988_800) << 32 | (rest << 32) / 1_000_000_000
    }

    /// The middle 32 bits, in units of 1/65536 s: what LSR holds and DLSR is subtracted from.
    public var middle: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 16) }

    /// The `abs-send-time` header extension: 24 bits in 6.18 fixed-point seconds, wraps every 64 s.
    public var absoluteSendTime: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 14) & 0xFF_FFFF }
}

extension Interval {
    /// In units of 1/65536 s, the unit of DLSR; 0 for negative intervals, saturating above 18 hours.
    public var ntpShort: UInt32 {
        guard nanoseconds > 0 else { return 0 }
        let whole = UInt64(nanoseconds / 1_000_000_000)
        let rest = UInt64(nanoseconds % 1_000_000_000)
        return UInt32(clamping: whole << 16 | (rest << 16) / 1_000_000_000)
    }

    /// From units of 1/65536 s.
    public init(ntpShort: UInt32) {
        self.init(nanoseconds: Int64((UInt64(ntpShort) * 1_000_000_000) >> 16))
    }
}
