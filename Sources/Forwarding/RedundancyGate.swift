import Wire

/// Whether a subscriber gets redundant audio as it came (RFC 2198), or the newest frame of each packet alone.
///
/// Redundancy about doubles what audio takes and mends lost packets that stand alone. So a path that shows no loss for
/// a while goes without, until it shows some again; and one that is so narrow that redundancy would cost the pictures
/// much goes without in any case. Of a path about which nothing is known it is passed.
struct RedundancyGate: BitwiseCopyable {
    /// What feeds another router, which decides for those behind it.
    var isAlwaysOpen = false
    private(set) var isNarrow = false
    private var isClean = false
    /// Share of packets lost, smoothed.
    private var loss = 0.0
    /// Since when it has been low; meaningful while it is.
    private var lowSince = Instant.origin
    private var lastReport = Instant.origin

    init() {}

    var isOpen: Bool { isAlwaysOpen || !(isClean || isNarrow) }

    /// Takes a receiver report's fraction lost, in 1/256 (RFC 3550 section 6.4.1).
    mutating func note(fractionLost: UInt8, now: Instant) {
        let elapsed = max(now - lastReport, .zero)
        if lastReport == .origin { lowSince = now }
        lastReport = now
        // What a report says is of the time since the one before; the first counts in full.
        let weight = min(1, Double(elapsed.nanoseconds) / Double(Limits.redundancyWindow.nanoseconds))
        loss += (Double(fractionLost) / 256 - loss) * weight
        if loss >= Limits.redundancyLoss { isClean = false }
        guard loss < Limits.cleanLoss else { return lowSince = now }
        if now - lowSince >= Limits.cleanProof { isClean = true }
    }

    /// Takes what the path carries and what the audio of its endpoint takes as it comes, both in bit/s.
    mutating func note(path: UInt64, audio: UInt64) {
        let share = isNarrow ? Limits.audioShareToWiden : Limits.audioShareToNarrow
        isNarrow = Double(audio) > Double(path) * share
    }
}
