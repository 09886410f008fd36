/// Makes one endless time line of the timestamps that feedback carries and that wrap: what ``PacketResult/arrival``
/// wants.
///
/// One for each peer; reports may come out of order, by less than half of what the field holds.
public struct ArrivalClock: Sendable, BitwiseCopyable {
    private var ticks: Int64?

    public init() {}

    /// The base of a transport-wide feedback's deltas, in ns: 24 bits in units of 64 ms
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
    public mutating func transportWide(reference: Int32) -> Int64 {
        follow(UInt32(truncatingIfNeeded: reference), bits: 24) * 64_000_000
    }

    /// The time that the ages in a congestion control feedback are counted back from, in ns: 32 bits in units of
    /// 1/65536 s
    /// (RFC 8888 section 3.1).
    public mutating func congestionControl(timestamp: UInt32) -> Int64 {
        let ticks = follow(timestamp, bits: 32)
        // Whole seconds apart from the rest, so that the product cannot overflow.
        return (ticks >> 16) * 1_000_000_000 + ((ticks & 0xFFFF) * 1_000_000_000) >> 16
    }

    /// The number with these low bits that is nearest to the last one. It moves by half the field at most: no count of
    /// reports in a call's life takes it to the end of its range.
    private mutating func follow(_ low: UInt32, bits: Int64) -> Int64 {
        let modulus = Int64(1) << bits
        let value = Int64(low) & (modulus - 1)
        guard let last = ticks else {
            ticks = value
            return value
        }
        var step = (value - last) & (modulus - 1)
        if step >= modulus / 2 { step -= modulus }
        let bound = Int64(1) << 36
        let next = min(max(last + step, -bound), bound)
        ticks = next
        return next
    }
}
