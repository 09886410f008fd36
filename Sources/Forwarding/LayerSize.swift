import Wire

/// How large one simulcast layer is, as far as its packets show it.
struct LayerSize: BitwiseCopyable {
    /// Width times height on its last key frame; 0 while unknown.
    var pixels: UInt32 = 0
    /// Bits per second in the last whole window; 0 before one.
    private(set) var bitsPerSecond: UInt64 = 0
    private var windowStart = Instant.origin
    private var windowBytes: UInt64 = 0

    /// Counts a packet; true when a window ended with it.
    mutating func count(_ bytes: Int, now: Instant) -> Bool {
        let elapsed = now - windowStart
        guard windowStart == .origin || elapsed >= Limits.rateWindow else {
            windowBytes &+= UInt64(bytes)
            return false
        }
        // After a pause the window says nothing.
        let isWhole = windowStart != .origin && elapsed < Limits.rateWindow * 2
        if isWhole { bitsPerSecond = windowBytes &* 8 &* 1000 / UInt64(max(elapsed.milliseconds, 1)) }
        windowStart = now
        windowBytes = UInt64(bytes)
        return isWhole
    }

    /// Whether the layer is surely larger than another: more pixels; or, where they are not known, well
    /// more bits.
    func isLarger(than other: LayerSize) -> Bool {
        if pixels > 0, other.pixels > 0 { return pixels > other.pixels }
        guard bitsPerSecond > 0, other.bitsPerSecond > 0 else { return false }
        return bitsPerSecond / 2 > other.bitsPerSecond
    }
}
