import CAllocationCount
import Testing
import Wire

@testable import Congestion

@Suite struct AllocationTests {
    /// Two seconds of packets with feedback each 50 ms, a tenth of it lost, and the pacer asked for each of them.
    private func run(
        _ controller: inout CongestionController, _ pacer: inout Pacer, _ scratch: inout FeedbackScratch,
        reports: [[PacketResult]], from start: Int64
    ) {
        for round in reports.indices {
            let report = reports[round]
            for index in report.indices {
                let result = report[index]
                let now = Digests.at(Double(start + Int64(round) * 50 + Int64(index) * 5))
                _ = pacer.decide(Pacer.Backlog(video: 1_200, oldest: now), windowRoom: controller.windowRoom, now: now)
                pacer.sent(1_200, kind: .video, now: now)
                controller.sent(SentPacket(sequence: result.sequence, sentAt: now, size: 1_200, kind: .video))
            }
            let now = Digests.at(Double(start + Int64(round) * 50 + 100))
            controller.receive(report.span, scratch: &scratch, now: now)
            controller.advance(to: now)
            while let probe = controller.nextProbe(now: now) { pacer.startProbe(probe, now: now) }
            pacer.setRates(
                pacing: controller.pacingRate, padding: controller.paddingRate, burst: controller.pacingBurst, now: now)
        }
    }

    /// Where the first allocations came from.
    private static func stacks() -> String {
        var text = [CChar](repeating: 0, count: 20_000)
        apus_allocation_count_describe(&text, UInt64(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func reports(_ first: Int64, from start: Int64) -> [[PacketResult]] {
        (0..<40).map { round in
            (0..<10).map { index in
                let sequence = first + Int64(round * 10 + index)
                let arrival = (start + Int64(round) * 50 + Int64(index) * 5 + 30) * 1_000_000
                return index == 3 ? .missing(sequence) : PacketResult(sequence: sequence, arrival: arrival)
            }
        }
    }

    @Test(arguments: CongestionAlgorithm.allCases)
    func packetsAndFeedbackAllocateNothing(algorithm: CongestionAlgorithm) {
        guard apus_allocation_count_is_available() == 1 else { return }
        var controller = HostileFeedbackTests.controller(algorithm)
        var pacer = Pacer(pacingRate: controller.pacingRate, now: Digests.at(0))
        var scratch = FeedbackScratch()
        let warmUp = reports(0, from: 5_000)
        let counted = reports(400, from: 7_000)
        run(&controller, &pacer, &scratch, reports: warmUp, from: 5_000)
        apus_allocation_count_start()
        run(&controller, &pacer, &scratch, reports: counted, from: 7_000)
        let count = apus_allocation_count_stop()
        #expect(count == 0, "\(Self.stacks())")
    }
}
