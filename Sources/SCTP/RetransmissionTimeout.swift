import Wire

/// How long to wait for an acknowledgement (RFC 9260 section 6.3.1).
///
/// *Deviation:* RTO.Min is 400 ms and not one second, as in libwebrtc: a call does not wait that long.
struct RetransmissionTimeout: Sendable, BitwiseCopyable {
    private static let initial = Interval.milliseconds(500)
    private static let least = Interval.milliseconds(400)
    private static let most = Interval.seconds(60)
    /// The peer's delayed acknowledgement (section 6.2) and timers' grain.
    private static let slack = Interval.milliseconds(220)

    private var smoothed: Interval?
    private var variation = Interval.zero
    private(set) var value = initial

    /// A chunk that was sent once took so long to be acknowledged (Karn's rule is the caller's).
    mutating func sample(_ roundTrip: Interval) {
        let sample = min(max(roundTrip, .zero), Self.most)
        if let before = smoothed {
            let error = before > sample ? before - sample : sample - before
            variation = variation + (error - variation) / 4
            smoothed = before + (sample - before) / 8
        } else {
            smoothed = sample
            variation = sample / 2
        }
        let spread = max(variation * 4, Self.slack)
        value = min(max((smoothed ?? sample) + spread, Self.least), Self.most)
    }

    /// It ran out (section 6.3.3, rule E2).
    mutating func backOff() { value = min(value * 2, Self.most) }
}
