import Wire

/// Tells loss that the rate causes from loss that is always there, by trying: if sending less does not help, it is
/// the path's.
struct InherentLoss: Sendable, BitwiseCopyable {
    private enum State: Sendable, BitwiseCopyable {
        case calm
        /// Less is being sent since; `loss` was seen before.
        case trying(since: Instant, loss: Double)
    }

    /// Loss this far above the inherent one is looked into.
    private static let tolerance = 0.05
    private static let window = Interval.seconds(1)
    private static let trial = Interval.milliseconds(2_500)
    private static let leastPackets = 40
    static let trialFactor = 0.85
    /// Of the trial's cut, what loss must fall by to count as caused by the rate.
    private static let explained = 0.4
    private static let forgetPerWindow = 0.005

    private var state = State.calm
    /// 0...1.
    private(set) var inherent = 0.02
    private var lost = 0
    private var total = 0
    private var windowStart: Instant?

    /// Takes one report; what the rate is to be multiplied with.
    mutating func update(_ digest: FeedbackDigest) -> Double {
        lost += digest.lost.count
        total += digest.lost.count + digest.received.count
        let start = windowStart ?? digest.now
        windowStart = start
        guard digest.now - start >= Self.window, total >= Self.leastPackets else { return 1 }
        let loss = Double(lost) / Double(total)
        lost = 0
        total = 0
        windowStart = digest.now
        return judge(loss, now: digest.now)
    }

    private mutating func judge(_ loss: Double, now: Instant) -> Double {
        switch state {
        case .calm:
            if loss < inherent { inherent = max(loss, inherent - Self.forgetPerWindow) }
            guard loss > inherent + Self.tolerance else { return 1 }
            state = .trying(since: now, loss: loss)
            return Self.trialFactor
        case .trying(let since, let before):
            guard now - since >= Self.trial else { return 1 }
            state = .calm
            // Sending 15 % less takes about 15 % of loss away where the rate is the cause.
            if before - loss < Self.explained * (1 - Self.trialFactor) { inherent = max(inherent, min(loss, before)) }
            return 1
        }
    }
}
