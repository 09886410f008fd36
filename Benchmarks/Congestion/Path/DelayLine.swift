import Wire

/// Propagation with jitter that keeps the order: NR-BPDV of RFC 8868 section 4.5, a truncated normal distribution
/// (σ 5 ms, 3 σ), in which a late packet holds up those behind it.
///
/// *Deviation:* the distribution is not moved to the right by 3 σ, so that the mean delay stays that of the case; no
/// packet arrives before it has left.
struct DelayLine: Sendable {
    struct Waiting: BitwiseCopyable, Sendable {
        var arrival: UInt64
        var packet: Packet
    }

    /// Nanoseconds.
    private let delay: UInt64
    /// The standard deviation, in nanoseconds.
    private let jitter: Double
    private var gaussian: Gaussian
    private var latest: UInt64 = 0
    private var waiting = PacketRing<Waiting>(filler: Waiting(arrival: 0, packet: .none))
    /// RFC 8868 names it N_STD.
    static let deviations = 3.0

    init(milliseconds: Double, jitter: Double, random: SeededRandom) {
        delay = UInt64(milliseconds * 1e6)
        self.jitter = jitter * 1e6
        gaussian = Gaussian(random)
    }

    /// When the packet arrives if its arrival is to be scheduled; nil where earlier ones come first.
    mutating func enter(_ packet: Packet, now: UInt64) -> UInt64? {
        var arrival = now + delay
        if jitter > 0 {
            let offset = Int64(gaussian.next(within: Self.deviations) * jitter)
            arrival = max(now, offset < 0 ? arrival - min(arrival, offset.magnitude) : arrival + UInt64(offset))
        }
        latest = max(latest, arrival)
        let isFirst = waiting.isEmpty
        waiting.append(Waiting(arrival: latest, packet: packet))
        return isFirst ? latest : nil
    }

    /// The packet that arrives now, and when the next one does.
    mutating func arrive() -> (packet: Packet?, next: UInt64?) {
        let packet = waiting.popFirst()?.packet
        return (packet, waiting.isEmpty ? nil : waiting.first.arrival)
    }
}
