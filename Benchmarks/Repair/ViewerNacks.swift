import Wire

/// Which packets a browser's receiver asks for again, by libwebrtc's rule: at once when a gap shows, then once a round
/// trip, ten times, and of the newest thousand packets at most.
struct ViewerNacks {
    private struct Missing {
        var number: Int
        var due: Instant
        var tries = 0
    }

    private let roundTrip: Interval
    private var missing: [Missing] = []
    private var newest: Int?

    init(roundTrip: Interval) { self.roundTrip = roundTrip }

    mutating func receive(_ number: Int, now: Instant) {
        guard let last = newest else { return newest = number }
        guard number > last else { return missing.removeAll { $0.number == number } }
        for gap in (last + 1)..<number { missing.append(Missing(number: gap, due: now)) }
        if missing.count > 1_000 { missing.removeFirst(missing.count - 1_000) }
        newest = number
    }

    /// Nothing before the number is waited for.
    mutating func forget(before number: Int) { missing.removeAll { $0.number < number } }

    mutating func due(now: Instant) -> [SequenceNumber] {
        var asked: [SequenceNumber] = []
        missing.removeAll { $0.tries >= 10 && $0.due <= now }
        for index in missing.indices where missing[index].due <= now {
            missing[index].tries += 1
            missing[index].due = now + roundTrip
            asked.append(SequenceNumber(UInt16(truncatingIfNeeded: missing[index].number)))
        }
        return asked
    }
}
