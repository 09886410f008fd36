/// SSRCs and their slots: a handful of words that are scanned, which for tables of this size is faster than
/// hashing and needs nothing but plain data.
struct StreamTable<let capacity: Int>: BitwiseCopyable, Sendable {
    private var ssrcs: InlineArray<capacity, UInt32> = InlineArray(repeating: 0)
    private var used: UInt32 = 0
    /// Slot of the last hit, tried first: packets come in runs.
    private var recent: UInt32 = 0

    init() {}

    var isFull: Bool { count == capacity }

    /// Never above the capacity, whatever the memory holds.
    var count: Int { min(Int(used), capacity) }

    mutating func slot(of ssrc: UInt32) -> Int? {
        let guess = Int(recent)
        if guess < count, ssrcs[guess] == ssrc { return guess }
        for slot in 0..<count where ssrcs[slot] == ssrc {
            recent = UInt32(truncatingIfNeeded: slot)
            return slot
        }
        return nil
    }

    func ssrc(at slot: Int) -> UInt32 { ssrcs[slot] }

    /// The caller has checked ``isFull``. The SSRC is written before the count that makes it valid.
    mutating func append(_ ssrc: UInt32) -> Int {
        let slot = count
        ssrcs[slot] = ssrc
        used = UInt32(truncatingIfNeeded: slot &+ 1)
        return slot
    }
}
