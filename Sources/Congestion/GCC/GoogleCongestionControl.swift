import Wire

/// Google Congestion Control.
struct GoogleCongestionControl: Sendable {
    private let configuration: CongestionConfiguration
    private(set) var estimate: Double
    private var windowStart: Instant
    private var lostInWindow = 0
    private var receivedInWindow = 0
    private(set) var deadline: Instant

    init(_ configuration: CongestionConfiguration, now: Instant) {
        self.configuration = configuration
        estimate = Double(configuration.startRate)
        windowStart = now
        deadline = now + .milliseconds(100)
    }

    var targetRate: Double { estimate }

    mutating func sent(_ packet: SentPacket, bytesInFlight: Int) {}

    /// Loss alone: 8 % more in a second without loss, half the loss less above 10 %.
    mutating func receive(_ digest: FeedbackDigest) {
        lostInWindow += digest.lost.count
        receivedInWindow += digest.received.count
        let total = lostInWindow + receivedInWindow
        guard digest.now - windowStart >= .milliseconds(500), total >= 20 else { return }
        let loss = Double(lostInWindow) / Double(total)
        if loss < 0.02 { estimate *= 1.04 } else if loss > 0.1 { estimate *= 1 - 0.5 * loss }
        estimate = min(max(estimate, Double(configuration.minimumRate)), Double(configuration.maximumRate))
        windowStart = digest.now
        lostInWindow = 0
        receivedInWindow = 0
    }

    mutating func advance(to now: Instant) { deadline = now + .milliseconds(100) }
}
