import Wire

/// Symbols of a packet status (draft-holmer-01 section 3.1.1).
enum StatusSymbol: UInt8, Sendable, BitwiseCopyable {
    case lost = 0
    /// Received, delta in one byte.
    case smallDelta = 1
    /// Received, delta in two signed bytes.
    case largeDelta = 2
    /// Received without a time: reserved in section 3.1.1, but used so by the example of section 3.1.4.
    case untimed = 3

    init(bits: UInt16) {
        switch bits & 3 {
        case 0: self = .lost
        case 1: self = .smallDelta
        case 2: self = .largeDelta
        default: self = .untimed
        }
    }

    /// Bytes of the delta that goes with it.
    var deltaBytes: Int {
        switch self {
        case .lost, .untimed: 0
        case .smallDelta: 1
        case .largeDelta: 2
        }
    }
}

/// One 16-bit packet status chunk (sections 3.1.3 and 3.1.4).
struct StatusChunk: Hashable, Sendable, BitwiseCopyable {
    static let longestRun = 0x1FFF
    static let oneBitCapacity = 14
    static let twoBitCapacity = 7

    let rawValue: UInt16

    /// How many packets the chunk speaks of; a run may say 0.
    var count: Int {
        if rawValue & 0x8000 == 0 { return Int(rawValue & 0x1FFF) }
        return rawValue & 0x4000 == 0 ? Self.oneBitCapacity : Self.twoBitCapacity
    }

    func symbol(at index: Int) -> StatusSymbol {
        if rawValue & 0x8000 == 0 { return StatusSymbol(bits: rawValue >> 13) }
        if rawValue & 0x4000 == 0 { return StatusSymbol(bits: rawValue >> (13 - index) & 1) }
        return StatusSymbol(bits: rawValue >> (12 - 2 * index))
    }

    /// Bytes of the deltas of the first `used` packets.
    func deltaBytes(ofFirst used: Int) -> Int {
        if rawValue & 0x8000 == 0 { return used * symbol(at: 0).deltaBytes }
        var sum = 0
        for index in 0..<used { sum += symbol(at: index).deltaBytes }
        return sum
    }

    init(rawValue: UInt16) { self.rawValue = rawValue }

    init(run symbol: StatusSymbol, count: Int) {
        rawValue = UInt16(symbol.rawValue) << 13 | UInt16(count & Self.longestRun)
    }
}
