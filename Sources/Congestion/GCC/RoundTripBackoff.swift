import Wire

/// Backs off when feedback is very late (libwebrtc `send_side_bandwidth_estimation.cc`, `RttBasedBackoff`).
struct RoundTripBackoff: Sendable, BitwiseCopyable {
    private static let limit = Interval.seconds(3)
    private static let pause = Interval.seconds(1)
    static let factor = 0.8
    /// bit/s.
    static let floor = 5_000.0

    private var propagation = Interval.zero
    private var updatedAt: Instant?
    private var lastSent: Instant?
    private var reducedAt: Instant?

    mutating func sent(at now: Instant) { lastSent = now }

    mutating func update(propagation: Interval, now: Instant) {
        self.propagation = propagation
        updatedAt = now
    }

    /// Propagation, and how long packets have left without feedback.
    var correctedRoundTrip: Interval {
        guard let updatedAt, let lastSent else { return propagation }
        return propagation + max(lastSent - updatedAt, .zero)
    }

    var isAboveLimit: Bool { correctedRoundTrip > Self.limit }

    /// Whether the rate should fall now; at most once a second.
    mutating func shouldReduce(now: Instant) -> Bool {
        guard isAboveLimit else { return false }
        if let reducedAt, now - reducedAt < Self.pause { return false }
        reducedAt = now
        return true
    }
}
