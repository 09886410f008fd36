import Testing
import Wire

@testable import LoadGenerator

/// What a subscriber notices of a server's failure.
struct WitnessTests {
    static func packet(_ sequence: UInt16, payload: [UInt8]) -> [UInt8] {
        [0x80, 96, UInt8(sequence >> 8), UInt8(sequence & 0xFF), 0, 0, 0, 0, 0, 0, 0, 7] + payload
    }

    static func note(_ bytes: [UInt8], in ledger: inout IndexLedger) {
        if let entry = ledger.entry(rtp: bytes.span.bytes) { ledger.note(entry) }
    }

    @Test func anIndexThatIsUsedForTwoPacketsIsFound() {
        var ledger = IndexLedger()
        for number in UInt16(65_000)...65_535 { Self.note(Self.packet(number, payload: [1, 2, 3]), in: &ledger) }
        // After the wrap the numbers are new indices.
        for number in UInt16(0)...100 { Self.note(Self.packet(number, payload: [4, 5, 6]), in: &ledger) }
        Self.note(Self.packet(50, payload: [4, 5, 6]), in: &ledger)
        #expect(ledger.reused == 0, "the very same packet again tells nobody anything")
        Self.note(Self.packet(50, payload: [4, 5, 7]), in: &ledger)
        #expect(ledger.reused == 1)
        #expect(ledger.count == 536 + 101 + 2)
    }

    @Test func aStreamThatStoodStillHasAGap() {
        var watch = GapWatch()
        let millisecond: UInt64 = 1_000_000
        let noGap = watch.note(10 * millisecond, threshold: .milliseconds(100))
        #expect(noGap == nil, "the first packet ends no gap")
        let steady = watch.note(109 * millisecond, threshold: .milliseconds(100))
        #expect(steady == nil)
        let since = watch.note(400 * millisecond, threshold: .milliseconds(100))
        #expect(since == 109 * millisecond)
        // What was overtaken ends nothing.
        let late = watch.note(350 * millisecond, threshold: .milliseconds(100))
        #expect(late == nil)
        #expect(watch.isSilent(at: 450 * millisecond, threshold: .milliseconds(100)) == nil)
        #expect(watch.isSilent(at: 501 * millisecond, threshold: .milliseconds(100)) == 400 * millisecond)
    }
}
