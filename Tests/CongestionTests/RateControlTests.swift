import Testing
import Wire

@testable import Congestion

/// AIMD, link capacity, acknowledged rate, application limit and back-offs of GCC.
@Suite struct RateControlTests {
    private static let bounds = 5_000.0...30_000_000.0

    @Test func anOveruseLeavesFifteenPercentBelowWhatArrives() {
        var control = AIMDRateControl(startRate: 1_000_000, bounds: Self.bounds)
        control.update(.overuse, acknowledged: 800_000, now: Digests.at(0))
        #expect(control.rate == 0.85 * 800_000 - 5_000)
        // The next report is no reason for another one, half the rate is.
        #expect(!control.shouldReduceFurther(acknowledged: 700_000, now: Digests.at(50)))
        #expect(control.shouldReduceFurther(acknowledged: 300_000, now: Digests.at(50)))
        #expect(control.shouldReduceFurther(acknowledged: 700_000, now: Digests.at(250)))
    }

    @Test func withoutKnownCapacityItGrowsByEightPercentASecond() {
        var control = AIMDRateControl(startRate: 1_000_000, bounds: Self.bounds)
        for index in 0...20 {
            control.update(.normal, acknowledged: 1_000_000, now: Digests.at(Double(index) * 50))
        }
        #expect(abs(control.rate - 1_080_000) < 2_000)
    }

    @Test func nearTheCapacityItGrowsByAPacketPerResponse() {
        var control = AIMDRateControl(startRate: 1_000_000, bounds: Self.bounds)
        control.roundTrip = .milliseconds(100)
        control.update(.overuse, acknowledged: 1_000_000, now: Digests.at(0))
        let before = control.rate
        for index in 1...21 {
            control.update(.normal, acknowledged: 990_000, now: Digests.at(Double(index) * 50))
        }
        // One packet of 9 400 bits in each 0.4 s.
        #expect((21_000...25_000).contains(control.rate - before))
    }

    @Test func itGrowsNoFurtherThanHalfAboveWhatArrives() {
        var control = AIMDRateControl(startRate: 1_000_000, bounds: Self.bounds)
        for index in 0...200 {
            control.update(.normal, acknowledged: 200_000, now: Digests.at(Double(index) * 50))
        }
        #expect(control.rate == 1_000_000)
    }

    @Test func anUnderuseHoldsTheRate() {
        var control = AIMDRateControl(startRate: 1_000_000, bounds: Self.bounds)
        control.update(.normal, acknowledged: 1_000_000, now: Digests.at(0))
        let before = control.rate
        for index in 1...20 { control.update(.underuse, acknowledged: 1_000_000, now: Digests.at(Double(index) * 50)) }
        #expect(control.rate == before)
    }

    @Test func theAcknowledgedRateIgnoresItsLargestGap() throws {
        var digests = Digests()
        var throughput = ThroughputEstimator()
        // 1 000 bytes each 10 ms are 800 kbit/s; half way the path holds them up for half a second.
        for round in 0..<20 {
            let start = Double(round) * 50
            let delay = round >= 10 ? 550.0 : 50
            let packets = (0..<5).map { index in
                Digests.Packet(sent: start + Double(index) * 10, arrival: start + Double(index) * 10 + delay)
            }
            throughput.add(digests.report(packets, now: start + delay + 100))
        }
        let rate = try #require(throughput.rate)
        #expect((650_000...850_000).contains(rate))
    }

    @Test func tenPacketsAreNeededForARate() {
        var digests = Digests()
        var throughput = ThroughputEstimator()
        throughput.add(
            digests.report((0..<9).map { .init(sent: Double($0) * 10, arrival: Double($0) * 10 + 50) }, now: 200))
        #expect(throughput.rate == nil)
        throughput.add(digests.report([.init(sent: 90, arrival: 140)], now: 250))
        #expect(throughput.rate != nil)
    }

    @Test func aSourceThatSendsLittleIsSeen() {
        var detector = ApplicationLimitDetector()
        for index in 0..<200 { detector.sent(bytes: 125, target: 1_000_000, now: Digests.at(Double(index) * 10)) }
        #expect(detector.isLimited)
        for index in 200..<900 { detector.sent(bytes: 1_250, target: 1_000_000, now: Digests.at(Double(index) * 10)) }
        #expect(!detector.isLimited)
        #expect(detector.endedAt != nil)
    }

    @Test func lateFeedbackBacksOffOnceASecond() {
        var backoff = RoundTripBackoff()
        backoff.update(propagation: .milliseconds(100), now: Digests.at(0))
        backoff.sent(at: Digests.at(2_000))
        let early = backoff.shouldReduce(now: Digests.at(2_000))
        backoff.sent(at: Digests.at(3_500))
        let reduced = [3_500.0, 4_000, 4_600].map { backoff.shouldReduce(now: Digests.at($0)) }
        #expect(!early)
        #expect(reduced == [true, false, true])
    }

    @Test func anOverfullWindowPushesTheTargetBack() {
        var window = CongestionWindow()
        window.update(target: 1_000_000, roundTrip: .milliseconds(100))
        for _ in 0..<100 { window.fill(200_000) }
        #expect(window.target(1_000_000) == 30_000)
        window.fill(1_000)
        #expect(window.target(1_000_000) == 1_000_000)
    }

    @Test func reportsAloneMoveTheRateByTheirLoss() {
        var reports = ReportBasedEstimator(rate: 300_000, bounds: Self.bounds, now: Digests.at(0))
        for second in 1...10 {
            reports.update(loss: 0, roundTrip: .milliseconds(100), packets: 50, now: Digests.at(Double(second) * 1_000))
        }
        #expect((600_000...700_000).contains(reports.rate))
        let before = reports.rate
        reports.update(loss: 0.05, roundTrip: .milliseconds(100), packets: 50, now: Digests.at(11_000))
        #expect(reports.rate == before)
        reports.update(loss: 0.2, roundTrip: .milliseconds(100), packets: 50, now: Digests.at(12_000))
        #expect(abs(reports.rate - before * 0.9) < 1)
    }

    @Test(arguments: [1e-300, 0.1, 0.5, 1, 1.4143, 2, 10, 12_345.678, 1e12])
    func theLogarithmIsTheExponentialsInverse(x: Double) {
        let back = RealMath.exp(RealMath.log(x))
        #expect(abs(back / x - 1) < 1e-9)
    }

    @Test func knownLogarithmsComeOut() {
        #expect(abs(RealMath.log(2) - 0.693147180559945) < 1e-12)
        #expect(abs(RealMath.log(10) - 2.302585092994046) < 1e-11)
        #expect(RealMath.log(0).isFinite)
        #expect(RealMath.log(-.infinity).isFinite)
        #expect(abs(RealMath.pow(1.08, 0.5) - 1.0392304845) < 1e-9)
    }
}
