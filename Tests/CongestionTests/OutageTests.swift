import Testing
import Wire

@testable import Congestion

/// What a time without reports means to the delay target.
@Suite struct OutageTests {
    private static func at(_ milliseconds: Int64) -> Instant {
        Instant(nanoseconds: 5_000_000_000) + .milliseconds(milliseconds)
    }

    /// A controller that has had 5 s of a packet of 500 bytes and a report each 50 ms, then sent on without a report for
    /// `silence` milliseconds; with the packets of that time.
    private func silent(for silence: Int64) -> (controller: CongestionController, end: Int64, sent: [PacketResult]) {
        var controller = CongestionController(
            CongestionConfiguration(startRate: 500_000, minimumRate: 30_000, maximumRate: 5_000_000),
            random: SeededRandom(seed: 1), now: Self.at(0))
        var sent: [PacketResult] = []
        for index in Int64(0)..<(5_000 + silence) / 50 {
            let time = index * 50
            controller.advance(to: Self.at(time))
            controller.sent(SentPacket(sequence: index, sentAt: Self.at(time), size: 500, kind: .video))
            let result = PacketResult(sequence: index, arrival: (time + 20) * 1_000_000)
            guard time < 5_000 else {
                sent.append(result)
                continue
            }
            controller.receive([result].span, now: Self.at(time + 40))
        }
        return (controller, 5_000 + silence, sent)
    }

    @Test func aReportThatIsLateByLessThanASecondChangesNothing() {
        #expect(silent(for: 900).controller.estimate >= silent(for: 0).controller.estimate)
    }

    @Test func withoutReportsThePathIsThoughtToCarryLessAndLess() {
        let before = silent(for: 0).controller.estimate
        let (early, late) = (silent(for: 2_000).controller.estimate, silent(for: 5_000).controller.estimate)
        #expect(early < before)
        #expect(late < early)
    }

    @Test func whenAllHasArrivedInTimeTheOldRateIsBack() {
        let before = silent(for: 0).controller.estimate
        var (controller, end, sent) = silent(for: 5_000)
        controller.receive(sent.span, now: Self.at(end))
        #expect(controller.estimate >= before * 95 / 100)
    }

    @Test func whenSomeWasLostItIsNot() {
        let before = silent(for: 0).controller.estimate
        var (controller, end, sent) = silent(for: 5_000)
        for index in sent.indices.dropLast(20) { sent[index] = .missing(sent[index].sequence) }
        controller.receive(sent.span, now: Self.at(end))
        #expect(controller.estimate < before * 7 / 10)
    }
}
