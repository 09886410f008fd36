import Wire

/// Which of the last `words` × 64 indices have been seen (RFC 3711 section 3.3.2), as a ring of bits: an index
/// has its place by its remainder, so that moving on clears bits instead of shifting them (RFC 6479).
struct ReplayWindow<let words: Int>: BitwiseCopyable, Sendable {
    /// One past the highest index seen; 0 before the first.
    private(set) var end: UInt64 = 0
    private var bits: InlineArray<words, UInt64> = InlineArray(repeating: 0)

    private static var size: UInt64 { UInt64(words) &* 64 }

    init() {}

    /// Highest index seen; nil before the first.
    @inline(__always)
    var highest: UInt64? { end == 0 ? nil : end &- 1 }

    // What only reads is inlined always, or mutating: a window that lies in a table is copied first to be read by a
    // call.

    /// Throws what a packet with this index must be dropped for. Changes nothing.
    @inline(__always)
    func check(_ index: UInt64) throws(DropReason) {
        guard index < end else { return }
        guard end &- index <= Self.size else { throw .srtpTooOld }
        guard bits[Self.word(of: index)] & Self.mask(of: index) == 0 else { throw .srtpReplayed }
    }

    /// Whether the index is within the window and has been seen.
    @inline(__always)
    func contains(_ index: UInt64) -> Bool {
        index < end && end &- index <= Self.size && bits[Self.word(of: index)] & Self.mask(of: index) != 0
    }

    /// Marks an index that ``check(_:)`` let pass.
    mutating func insert(_ index: UInt64) {
        if index >= end {
            if index &- end >= Self.size {
                for word in 0..<words { bits[word] = 0 }
            } else {
                var skipped = end
                while skipped < index {
                    bits[Self.word(of: skipped)] &= ~Self.mask(of: skipped)
                    skipped &+= 1
                }
            }
            end = index &+ 1
        }
        bits[Self.word(of: index)] |= Self.mask(of: index)
    }

    /// Refuses every index up to the highest one: what a successor does that cannot know which of them its
    /// predecessor left out.
    mutating func close() {
        guard end > 0 else { return }
        for word in 0..<words { bits[word] = .max }
    }

    @inline(__always)
    private static func word(of index: UInt64) -> Int { Int(truncatingIfNeeded: (index >> 6) % UInt64(words)) }
    @inline(__always)
    private static func mask(of index: UInt64) -> UInt64 { 1 << (index & 63) }
}

extension ReplayWindow {
    /// The 48-bit index that a 16-bit sequence number stands for: the one closest to the highest index seen
    /// (RFC 3711 section 3.3.1 and appendix A). Throws when it would lie past the last index.
    ///
    /// Deviation: a number that would lie before index 0 is taken as its first occurrence, as libsrtp2 does,
    /// where the RFC lets the rollover counter wrap to 2^32 - 1. Authentication decides either way.
    @inline(__always)
    func estimate(_ sequence: UInt16) throws(DropReason) -> UInt64 {
        guard let highest else { return UInt64(sequence) }
        let steps = Int64(Int16(bitPattern: sequence &- UInt16(truncatingIfNeeded: highest)))
        // `highest` has 48 bits, so that neither sum can wrap.
        let index = Int64(truncatingIfNeeded: highest) &+ steps
        guard index >= 0 else { return UInt64(sequence) }
        guard index <= Int64(Limits.lastIndex) else { throw .srtpIndexExhausted }
        return UInt64(index)
    }

    /// ``estimate(_:)`` and ``check(_:)`` at once.
    mutating func expect(_ sequence: UInt16) throws(DropReason) -> UInt64 {
        let index = try estimate(sequence)
        try check(index)
        return index
    }

    /// The same, and the index counts as seen.
    mutating func take(_ sequence: UInt16) throws(DropReason) -> UInt64 {
        let index = try expect(sequence)
        insert(index)
        return index
    }
}
