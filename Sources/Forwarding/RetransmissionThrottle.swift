import Wire

/// Keeps a subscriber's NACKs from costing more than they help: one answer per packet and round trip,
/// and no more bytes again than were sent in the first place.
struct RetransmissionThrottle {
    /// By sequence number modulo its size: the number's lower half, and when, in 2^16 ns (65 µs). Empty
    /// before the first NACK.
    private var answered: [Answered] = []
    private var budget = Limits.retransmissionBurstBytes

    private struct Answered: BitwiseCopyable {
        var sequence: UInt32
        var tick: UInt32
    }

    init() {}

    /// Bytes went out for the first time.
    mutating func earn(_ bytes: Int) {
        budget = min(budget + Int64(bytes), Limits.retransmissionBudgetBytes)
    }

    /// True when the packet may go out again; counts it as answered.
    mutating func admit(_ sequence: Int64, bytes: Int, roundTripTime: Interval?, now: Instant) -> Bool {
        let low = UInt32(truncatingIfNeeded: sequence)
        let tick = UInt32(truncatingIfNeeded: now.nanoseconds >> 16)
        // Extended numbers start above 2^16: nothing is taken for answered that was not.
        if answered.isEmpty {
            answered = Array(repeating: Answered(sequence: 0, tick: 0), count: Limits.answeredPackets)
        }
        let slot = Int(low) & (Limits.answeredPackets - 1)
        let wait = max(Limits.retransmissionInterval, min(roundTripTime ?? .zero, Limits.roundTripCeiling))
        let last = answered[slot]
        let waited = Interval(nanoseconds: Int64(tick &- last.tick) << 16)
        // One tick more, for what rounding took.
        guard last.sequence != low || waited + .nanoseconds(1 << 16) >= wait else { return false }
        guard budget >= Int64(bytes) else { return false }
        budget -= Int64(bytes)
        answered[slot] = Answered(sequence: low, tick: tick)
        return true
    }
}
