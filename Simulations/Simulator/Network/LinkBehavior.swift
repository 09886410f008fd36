public import Wire

/// One direction of a link.
public struct LinkBehavior: Hashable, Sendable {
    public enum Loss: Hashable, Sendable {
        case none
        /// Each packet by itself.
        case independent(Probability)
        /// Two states, good without loss and bad with nothing but loss (Gilbert 1960, Elliott 1963).
        case bursts(becomesBad: Probability, becomesGood: Probability)

        /// Bursts of a mean length, in packets, that lose a share of all packets.
        public static func bursts(share: Double, meanLength: Double) -> Loss {
            let recovery = 1 / max(meanLength, 1)
            return .bursts(
                becomesBad: Probability(share >= 1 ? 1 : recovery * share / (1 - share)),
                becomesGood: Probability(recovery))
        }
    }

    /// Bits per second; nil is no limit.
    public var rate: UInt64?
    /// From the end of sending to the arrival.
    public var delay: Interval
    /// Up to so much is added to each packet's delay.
    public var jitter = Interval.zero
    /// Jitter may change the order of packets.
    public var reorders = false
    /// Bytes that may wait for the line; what finds no room is dropped (drop-tail).
    public var queueBytes = 256 * 1024
    public var loss = Loss.none
    public var duplication = Probability.never
    /// One bit of the payload changes.
    public var corruption = Probability.never
    public var isUp = true

    public init(delay: Interval = .zero) { self.delay = delay }
}
