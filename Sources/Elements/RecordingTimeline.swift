import Wire

/// When each frame of a recording is in its file: capture times without the pauses.
///
/// A pause ends where the recording can go on: at the first frame that is taken after it, which comes a frame's time
/// behind the last one before it.
struct RecordingTimeline {
    /// The capture time that is the file's zero, less all pauses.
    private var zero: Instant?
    /// The end of what was taken, in the file's time.
    private(set) var end = Interval.zero
    private var isCut = false

    /// What is taken next follows at once, however much later it was captured.
    mutating func cut() { isCut = zero != nil }

    /// The place of a frame that was captured then.
    mutating func place(_ capture: Instant, lasting duration: Interval) -> Interval {
        if isCut || zero == nil {
            isCut = false
            zero = Instant(nanoseconds: UInt64(clamping: Int64(clamping: capture.nanoseconds) - end.nanoseconds))
        }
        let time = max(capture - (zero ?? capture), .zero)
        end = max(end, time + duration)
        return time
    }
}
