import Wire

/// Keeps a subscriber's NACKs from costing more than they help: one answer per packet and round trip,
/// and no more bytes again than were sent in the first place.
struct RetransmissionThrottle {
    private struct Answered: BitwiseCopyable {
        var sequence: Int64 = -1
        var instant = Instant.origin
    }

    /// By sequence number modulo its size; empty before the first NACK.
    private var answered: [Answered] = []
    private var budget = Limits.retransmissionBurstBytes

    init() {}

    /// Bytes went out for the first time.
    mutating func earn(_ bytes: Int) {
        budget = min(budget + Int64(bytes), Limits.retransmissionBudgetBytes)
    }

    /// True when the packet may go out again; counts it as answered.
    mutating func admit(_ sequence: Int64, bytes: Int, roundTripTime: Interval?, now: Instant) -> Bool {
        if answered.isEmpty { answered = Array(repeating: Answered(), count: Limits.cachedPackets) }
        let slot = Int(truncatingIfNeeded: sequence) & (Limits.cachedPackets - 1)
        let wait = max(Limits.retransmissionInterval, min(roundTripTime ?? .zero, Limits.roundTripCeiling))
        let last = answered[slot]
        guard last.sequence != sequence || now - last.instant >= wait else { return false }
        guard budget >= Int64(bytes) else { return false }
        budget -= Int64(bytes)
        answered[slot] = Answered(sequence: sequence, instant: now)
        return true
    }
}
