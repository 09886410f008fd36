import Wire

/// How much one audio stream is talked on, at three time scales, from RFC 6464 audio levels.
///
/// After I. Volfin and I. Cohen, "Dominant speaker identification for multipoint videoconferencing",
/// Computer Speech and Language 27 (2013): speech is judged over immediate, medium and long intervals, and
/// a speaker takes over only when ahead on all of them, so that neither a cough nor the echo of somebody
/// else's voice switches. Simplified: the scores are counts of active frames, not likelihood ratios.
struct SpeechActivity: BitwiseCopyable {
    /// One bit for each 20 ms frame, the newest lowest: 1.28 s.
    private var frames: UInt64 = 0
    /// Active frames in the past, decaying with about three seconds; in 1/256.
    private var long: UInt32 = 0
    /// When the newest bit's frame began.
    private var newest = Instant.origin

    /// A frame with less, in -dBov, is no speech.
    private static let threshold: UInt8 = 45
    private static let frame = Interval.milliseconds(20)

    init() {}

    /// A packet's level in -dBov, 0 the loudest and 127 silence. The sender's own voice flag is not
    /// believed: not all set it.
    mutating func hear(level: UInt8, now: Instant) {
        advance(to: now)
        if level <= Self.threshold { frames |= 1 }
    }

    /// Frames without a packet (DTX, loss) count as silence.
    mutating func advance(to now: Instant) {
        guard newest != .origin else { return newest = now }
        let steps = (now - newest).nanoseconds / Self.frame.nanoseconds
        guard steps > 0 else { return }
        newest = steps > 512 ? now : newest + Self.frame * steps
        for _ in 0..<min(steps, 512) {
            long = long &- long / 128 &+ (frames & 1 == 1 ? 256 : 0)
            frames <<= 1
        }
    }

    /// Active frames of the last 100 ms (0...5), of the last second (0...50), and over the long interval.
    var immediate: Int { (frames & 0x1F).nonzeroBitCount }
    var medium: Int { (frames & 0x3_FFFF_FFFF_FFFF).nonzeroBitCount }
    var longTerm: Int { Int(long / 256) }

    /// The other speaks now, and has spoken enough more, to take over from this one.
    func yields(to other: SpeechActivity) -> Bool {
        guard other.immediate >= 3, other.immediate > immediate else { return false }
        guard other.medium >= Self.leastMedium, other.medium > medium + Self.mediumLead else { return false }
        return other.longTerm >= longTerm || other.medium > 2 * medium + Self.mediumLead
    }

    /// Speech of 0.3 s begins a turn; 0.1 s more than the other's takes it over.
    private static let leastMedium = 15
    private static let mediumLead = 5
}
