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

    /// What happens to packets that wait for the line, all within ``queueBytes``.
    public enum Discipline: Hashable, Sendable {
        /// First come, first served; what finds no room is dropped.
        case dropTail
        /// The same with a limit to the time that a packet would wait. With a trace or after a hold that time is not
        /// known at entry: there it is how long the oldest packet has waited.
        case dropTailDelay(Interval)
        case codel(CoDel.Parameters)
        /// FQ-CoDel.
        case fairCoDel(FairQueue.Parameters)
    }

    /// Bits per second; nil is no limit.
    public var rate: UInt64?
    /// When the line can send, in place of a rate.
    public var trace: LinkTrace?
    /// From the end of sending to the arrival.
    public var delay: Interval
    /// Up to so much is added to each packet's delay.
    public var jitter = Interval.zero
    /// Jitter may change the order of packets.
    public var reorders = false
    /// Bytes that may wait for the line.
    public var queueBytes = 256 * 1024
    public var discipline = Discipline.dropTail
    public var loss = Loss.none
    public var duplication = Probability.never
    /// One bit of the payload changes.
    public var corruption = Probability.never
    /// What enters, or waits and would leave, while it is not is lost; what was sent before still arrives.
    public var isUp = true
    /// Nothing leaves: packets wait until it ends, as in a radio that is in a tunnel.
    public var isHeld = false

    public init(delay: Interval = .zero) { self.delay = delay }

    /// When a packet leaves is not known when it enters.
    var waits: Bool {
        switch discipline {
        case .codel, .fairCoDel: true
        case .dropTail, .dropTailDelay: isHeld || trace != nil
        }
    }
    /// The delay, where packets get later and nothing else happens to them; else nil.
    var onlyDelay: Interval? {
        let isPlain =
            isUp && !waits && rate == nil && jitter == .zero && !reorders && loss == .none && duplication == .never
            && corruption == .never
        return isPlain ? delay : nil
    }
}
