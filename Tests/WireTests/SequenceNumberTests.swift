import Testing
import Wire

@Suite struct SequenceNumberTests {
    @Test(arguments: [(1, 0, 1), (0, 65535, 1), (65535, 0, -1), (32767, 0, 32767), (32768, 0, -32768)])
    func distanceWrapsAsSerialArithmetic(_ sample: (UInt16, UInt16, Int)) {
        #expect(SequenceNumber(sample.0).distance(from: SequenceNumber(sample.1)) == sample.2)
    }

    @Test func unwrappingFollowsWrapsAndTakesOldNumbersBack() {
        var unwrapper = SequenceUnwrapper()
        let first = unwrapper.unwrap(SequenceNumber(65534))
        #expect(unwrapper.unwrap(SequenceNumber(1)) == first + 3)
        #expect(unwrapper.unwrap(SequenceNumber(65535)) == first + 1)
        #expect(unwrapper.newest == first + 3)
        #expect(first >= 0)
    }

    @Test func unwrappingAgreesWithATrueCounterUnderReordering() {
        var random = SeededRandom(seed: 7)
        var unwrapper = SequenceUnwrapper()
        var sent: Int64 = Int64(UInt16.random(in: 0...UInt16.max, using: &random))
        let base = unwrapper.unwrap(SequenceNumber(UInt16(sent))) - sent
        for _ in 0..<200_000 {
            sent += 1
            let late = Int64.random(in: 0...200, using: &random)
            let number = max(0, sent - late)
            #expect(unwrapper.unwrap(SequenceNumber(UInt16(truncatingIfNeeded: number))) == number + base)
        }
    }
}
