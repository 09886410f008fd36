import Wire

/// Packs a sequence of packet statuses into as few chunks as a greedy reading gives
/// (draft-holmer-01 section 3.1.2: runs, one-bit vectors for small deltas only, else two-bit vectors).
struct StatusChunkEncoder: Sendable, BitwiseCopyable {
    /// The first fourteen pending symbols, two bits each, the oldest lowest.
    private var pending: UInt32 = 0
    private var count = 0
    private var isRun = true
    private var hasLarge = false

    mutating func add(_ symbol: StatusSymbol, to writer: inout ByteWriter) {
        while !accepts(symbol) { emit(to: &writer) }
        push(symbol)
    }

    /// Writes what is pending; the last chunk's unused symbols are zero.
    mutating func finish(to writer: inout ByteWriter) {
        while count > 0 {
            if isRun || hasLarge || count == StatusChunk.oneBitCapacity {
                emit(to: &writer)
            } else {
                writer.write(oneBitVector())
                clear()
            }
        }
    }

    private func accepts(_ symbol: StatusSymbol) -> Bool {
        if count < StatusChunk.twoBitCapacity { return true }
        if count < StatusChunk.oneBitCapacity, !hasLarge, symbol != .largeDelta { return true }
        return isRun && count < StatusChunk.longestRun && symbol == first
    }

    private var first: StatusSymbol { StatusSymbol(bits: UInt16(pending & 3)) }

    private mutating func push(_ symbol: StatusSymbol) {
        isRun = count == 0 || (isRun && symbol == first)
        hasLarge = hasLarge || symbol == .largeDelta
        if count < StatusChunk.oneBitCapacity { pending |= UInt32(symbol.rawValue) << (2 * count) }
        count += 1
    }

    private mutating func emit(to writer: inout ByteWriter) {
        if isRun {
            writer.write(StatusChunk(run: first, count: count).rawValue)
            clear()
        } else if !hasLarge, count == StatusChunk.oneBitCapacity {
            writer.write(oneBitVector())
            clear()
        } else {
            emitTwoBitVector(to: &writer)
        }
    }

    private func oneBitVector() -> UInt16 {
        var word: UInt16 = 0x8000
        for index in 0..<min(count, StatusChunk.oneBitCapacity) {
            word |= UInt16(pending >> (2 * index) & 1) << (13 - index)
        }
        return word
    }

    /// Takes the oldest seven and keeps the rest pending.
    private mutating func emitTwoBitVector(to writer: inout ByteWriter) {
        var word: UInt16 = 0xC000
        let taken = min(count, StatusChunk.twoBitCapacity)
        for index in 0..<taken { word |= UInt16(pending >> (2 * index) & 3) << (12 - 2 * index) }
        writer.write(word)
        let rest = pending >> (2 * taken)
        let restCount = count - taken
        clear()
        for index in 0..<restCount { push(StatusSymbol(bits: UInt16(truncatingIfNeeded: rest >> (2 * index)))) }
    }

    private mutating func clear() { self = StatusChunkEncoder() }
}
