import Testing
import Wire

@testable import SCTP

@Suite struct ReceivedNumbersTests {
    @Test func numbersWrapAndHolesAreTold() {
        var numbers = ReceivedNumbers(first: TSN(0xFFFF_FFFE))
        for tsn in [0xFFFF_FFFE, 0xFFFF_FFFF, 1, 2, 5] as [UInt32] {
            let number = numbers.extended(TSN(tsn))
            #expect(numbers.verdict(number) == .new)
            numbers.insert(number)
        }
        #expect(numbers.cumulativeTSN == TSN(0xFFFF_FFFF) && numbers.gaps == [2...3, 6...6])
        #expect(numbers.verdict(numbers.extended(TSN(2))) == .duplicate)
        #expect(numbers.verdict(numbers.extended(TSN(0xFFFF_FFF0))) == .duplicate)
        numbers.insert(numbers.extended(TSN(0)))
        #expect(numbers.cumulativeTSN == TSN(2) && numbers.gaps == [3...3])
        numbers.forward(to: numbers.extended(TSN(4)))
        #expect(numbers.cumulativeTSN == TSN(5) && !numbers.hasGaps)
    }

    /// Beside a set, whatever the order.
    @Test func anyOrderIsKeptAsASetWouldKeepIt() {
        var random = SeededRandom(seed: 7)
        for round in 0..<50 {
            var numbers = ReceivedNumbers(first: TSN(UInt32(truncatingIfNeeded: random.next())))
            let start = numbers.cumulative
            var seen: Set<Int64> = []
            for _ in 0..<300 {
                let number = start + 1 + Int64(random.next() % 120)
                if random.next() % 40 == 0 {
                    let to = start + Int64(random.next() % 60)
                    numbers.forward(to: to)
                    for given in start..<max(to, start) { seen.insert(given + 1) }
                }
                let isNew = !seen.contains(number)
                #expect(numbers.verdict(number) == (isNew ? .new : .duplicate), "round \(round)")
                if isNew { numbers.insert(number) }
                seen.insert(number)
                var expected = start
                while seen.contains(expected + 1) { expected += 1 }
                #expect(numbers.cumulative == expected, "round \(round)")
                let behind = seen.filter { $0 > expected }.sorted()
                #expect(numbers.gaps.flatMap { $0.map { expected + Int64($0) } } == behind, "round \(round)")
            }
        }
    }

    @Test func holesAndDistanceAreBounded() {
        var numbers = ReceivedNumbers(first: TSN(1))
        let start = numbers.cumulative
        #expect(numbers.verdict(start + Limits.numbersAhead + 1) == .tooFar)
        for index in 0..<Int64(Limits.gapRuns) { numbers.insert(start + 2 + index * 2) }
        #expect(numbers.verdict(start + 2 + Int64(Limits.gapRuns) * 2) == .tooFar)
        // What closes or lengthens a run needs no place of its own.
        #expect(numbers.verdict(start + 3) == .new && numbers.verdict(start + 1) == .new)
        for _ in 0..<100 { numbers.noteDuplicate(start) }
        #expect(numbers.duplicates.count == Limits.duplicates)
    }
}
