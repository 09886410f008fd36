/// Which TSNs have arrived: all up to one, and runs behind holes (RFC 9260 section 6.2).
///
/// Numbers are extended to 64 bits; the first one expected lies one cycle up, so that none is negative.
struct ReceivedNumbers: Sendable {
    enum Verdict: Sendable {
        case new, duplicate
        /// Further ahead, or behind more holes, than is kept: as if it had been lost.
        case tooFar
    }

    /// The last one before the first hole.
    private(set) var cumulative: Int64
    /// Behind the first hole, rising, with holes between them.
    private var runs: [ClosedRange<Int64>] = []
    /// Those that came again since the last SACK.
    private(set) var duplicates: [TSN] = []

    init(first: TSN) { cumulative = Int64(first.rawValue) + 0xFFFF_FFFF }

    /// On the wire.
    var cumulativeTSN: TSN { TSN(UInt32(truncatingIfNeeded: cumulative)) }
    var hasGaps: Bool { !runs.isEmpty }
    /// As steps from ``cumulative``, for a SACK.
    var gaps: [ClosedRange<Int>] {
        runs.map { Int($0.lowerBound - cumulative)...Int($0.upperBound - cumulative) }
    }

    func extended(_ tsn: TSN) -> Int64 { cumulative + Int64(tsn.distance(from: cumulativeTSN)) }

    /// What inserting the number would say.
    func verdict(_ number: Int64) -> Verdict {
        guard number > cumulative else { return .duplicate }
        guard number - cumulative <= Limits.numbersAhead else { return .tooFar }
        let index = firstRun(endingAtOrAfter: number - 1)
        if index < runs.count, runs[index].contains(number) { return .duplicate }
        let touches = index < runs.count && runs[index].lowerBound <= number + 1
        return touches || number == cumulative + 1 || runs.count < Limits.gapRuns ? .new : .tooFar
    }

    mutating func noteDuplicate(_ number: Int64) {
        guard duplicates.count < Limits.duplicates else { return }
        duplicates.append(TSN(UInt32(truncatingIfNeeded: number)))
    }

    mutating func forgetDuplicates() { duplicates.removeAll(keepingCapacity: true) }

    /// A number that ``verdict(_:)`` calls new.
    mutating func insert(_ number: Int64) {
        guard number != cumulative + 1 else {
            cumulative = number
            return absorb()
        }
        let index = firstRun(endingAtOrAfter: number - 1)
        guard index < runs.count, runs[index].lowerBound <= number + 1 else {
            return runs.insert(number...number, at: index)
        }
        let merged = min(runs[index].lowerBound, number)...max(runs[index].upperBound, number)
        runs[index] = merged
        guard index + 1 < runs.count, runs[index + 1].lowerBound == merged.upperBound + 1 else { return }
        runs[index] = merged.lowerBound...runs[index + 1].upperBound
        runs.remove(at: index + 1)
    }

    /// Nothing up to `number` is waited for any more (RFC 3758 section 3.6).
    mutating func forward(to number: Int64) {
        guard number > cumulative else { return }
        cumulative = number
        runs.removeAll { $0.upperBound <= number }
        if let first = runs.first, first.lowerBound <= number { runs[0] = (number + 1)...first.upperBound }
        absorb()
    }

    private mutating func absorb() {
        guard let first = runs.first, first.lowerBound == cumulative + 1 else { return }
        cumulative = first.upperBound
        runs.removeFirst()
    }

    private func firstRun(endingAtOrAfter number: Int64) -> Int {
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].upperBound < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
