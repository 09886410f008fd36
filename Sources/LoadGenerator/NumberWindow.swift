/// Which of the last ``Limits/rememberedNumbers`` packet numbers of a stream have come: a ring of bits.
struct NumberWindow: Sendable {
    enum Seen: Hashable, BitwiseCopyable {
        case new, before
        /// Too old to tell.
        case forgotten
    }

    /// One past the highest number; 0 before the first.
    private(set) var end: UInt64 = 0
    private var bits = [UInt64](repeating: 0, count: Limits.rememberedNumbers / 64)

    mutating func insert(_ number: UInt64) -> Seen {
        let size = UInt64(Limits.rememberedNumbers)
        if number >= end {
            if number &- end >= size {
                for index in bits.indices { bits[index] = 0 }
            } else {
                var skipped = end
                while skipped < number {
                    bits[Self.word(skipped)] &= ~Self.mask(skipped)
                    skipped &+= 1
                }
            }
            end = number &+ 1
        } else if end &- number > size {
            return .forgotten
        } else if bits[Self.word(number)] & Self.mask(number) != 0 {
            return .before
        }
        bits[Self.word(number)] |= Self.mask(number)
        return .new
    }

    private static func word(_ number: UInt64) -> Int {
        Int(truncatingIfNeeded: number % UInt64(Limits.rememberedNumbers) / 64)
    }
    private static func mask(_ number: UInt64) -> UInt64 { 1 << (number & 63) }
}
