import Wire

/// Extends a source's sequence numbers and refuses what came before: each packet passes once, however
/// often the network or RTX brings it.
struct SequenceFilter: BitwiseCopyable {
    enum Verdict: BitwiseCopyable {
        case new(Int64)
        case duplicate
        /// Too far behind or ahead to be this stream's, so far (RFC 3550 appendix A.1).
        case outlier
        /// The second of two consecutive outliers: the sender started over. The caller resets the filter.
        case restart
    }

    private(set) var newest: Int64 = -1
    /// The number that would confirm a restart, or -1.
    private var expectedOutlier: Int32 = -1
    /// One bit per number, at the number modulo the window.
    private var seen = InlineArray<16, UInt64>(repeating: 0)

    init() {}

    /// A media packet's number.
    mutating func accept(_ number: SequenceNumber) -> Verdict {
        guard newest >= 0 else {
            newest = 0x1_0000 + Int64(number.rawValue)
            mark(newest)
            return .new(newest)
        }
        let steps = distance(number)
        guard steps > -Limits.reorderWindow, steps < Limits.sequenceJump else {
            guard Int32(number.rawValue) == expectedOutlier else {
                expectedOutlier = Int32(number.advanced(by: 1).rawValue)
                return .outlier
            }
            return .restart
        }
        expectedOutlier = -1
        return admit(newest + Int64(steps))
    }

    /// The number in an RTX packet, which can fill gaps and tails but never restarts the stream.
    mutating func acceptRecovered(_ number: SequenceNumber) -> Verdict {
        guard newest >= 0 else { return .outlier }
        let steps = distance(number)
        guard steps > -Limits.reorderWindow, steps < Limits.cachedPackets else { return .outlier }
        return admit(newest + Int64(steps))
    }

    /// A number before the newest one that did not pass, near enough to pass still.
    func isMissing(_ sequence: Int64) -> Bool {
        newest >= 0 && sequence < newest && sequence > newest - Int64(Limits.reorderWindow) && !isMarked(sequence)
    }

    private func distance(_ number: SequenceNumber) -> Int {
        number.distance(from: SequenceNumber(UInt16(truncatingIfNeeded: newest)))
    }

    private mutating func admit(_ sequence: Int64) -> Verdict {
        if sequence > newest {
            // What lies between was not seen; its bits still say what was there a window ago.
            let gap = Int(min(sequence - newest, Int64(Limits.reorderWindow)))
            for step in 0..<gap { clear(sequence - Int64(step)) }
            newest = sequence
        } else if isMarked(sequence) {
            return .duplicate
        }
        mark(sequence)
        return .new(sequence)
    }

    private static func place(_ sequence: Int64) -> (word: Int, bit: UInt64) {
        let index = Int(truncatingIfNeeded: sequence) & (Limits.reorderWindow - 1)
        return (index >> 6, 1 << UInt64(index & 63))
    }

    private func isMarked(_ sequence: Int64) -> Bool {
        let place = Self.place(sequence)
        return seen[place.word] & place.bit != 0
    }

    private mutating func mark(_ sequence: Int64) {
        let place = Self.place(sequence)
        seen[place.word] |= place.bit
    }

    private mutating func clear(_ sequence: Int64) {
        let place = Self.place(sequence)
        seen[place.word] &= ~place.bit
    }
}
