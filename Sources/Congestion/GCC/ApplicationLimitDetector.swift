import Wire

/// Whether the source sends much less than it may (libwebrtc `alr_detector.cc`, "application limited region").
struct ApplicationLimitDetector: Sendable, BitwiseCopyable {
    private static let usage = 0.80
    private static let startRatio = 0.40
    private static let stopRatio = -0.60
    /// s of rate that the budget holds either way.
    private static let window = 0.5

    private var budget = 0.0
    private var updatedAt: Instant?
    /// Since when the source is limited by itself.
    private(set) var startedAt: Instant?
    /// When it last stopped being so.
    private(set) var endedAt: Instant?

    var isLimited: Bool { startedAt != nil }

    /// Bytes left while `target` bit/s would have been allowed.
    mutating func sent(bytes: Int, target: Double, now: Instant) {
        let largest = Self.window * target * Self.usage / 8
        guard largest > 0 else { return }
        let elapsed = min(max((now - (updatedAt ?? now)).seconds, 0), Self.window)
        updatedAt = now
        budget = max(budget - Double(bytes), -largest)
        budget = min(budget + elapsed * target * Self.usage / 8, largest)
        if startedAt == nil, budget > Self.startRatio * largest {
            startedAt = now
        } else if startedAt != nil, budget < Self.stopRatio * largest {
            startedAt = nil
            endedAt = now
        }
    }
}
