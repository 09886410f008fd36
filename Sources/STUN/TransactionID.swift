public import Wire

/// The 96 bits that tie a response to its request (RFC 8489 section 5).
public struct TransactionID: Hashable, Sendable, BitwiseCopyable {
    public let high: UInt32
    public let low: UInt64

    @inlinable public init(high: UInt32, low: UInt64) {
        self.high = high
        self.low = low
    }

    public init(random: inout SeededRandom) {
        high = UInt32(truncatingIfNeeded: random.next())
        low = random.next()
    }
}
