import CLinux
public import Wire

/// The host's clocks. Only code that owns IO may ask it; cores are told.
public enum HostClock {
    /// CLOCK_MONOTONIC.
    @inlinable public static var now: Instant { Instant(nanoseconds: monotonic()) }

    /// Nanoseconds since 1970 by the wall clock, for what leaves the host (RTCP's NTP time).
    public static var wallClock: UInt64 { apus_wall_clock_ns() }

    @usableFromInline static func monotonic() -> UInt64 { apus_monotonic_ns() }

    /// Eight bytes of the kernel's entropy.
    public static func entropy() -> UInt64 {
        var word: UInt64 = 0
        let result = unsafe withUnsafeMutableBytes(of: &word) { bytes in
            guard let base = bytes.baseAddress else { return Int32(-1) }
            return unsafe apus_entropy(base, bytes.count)
        }
        precondition(result == 0, "the kernel has no entropy to give")
        return word
    }
}
