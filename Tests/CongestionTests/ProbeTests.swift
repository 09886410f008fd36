import Testing
import Wire

@testable import Congestion

@Suite struct ProbeTests {
    private static let cluster = ProbeCluster(
        id: 1, rate: 2_000_000, minimumBytes: 3_750, minimumPackets: 5, spacing: .milliseconds(2))

    private static func nextRate(_ probes: inout ProbeController) -> UInt64? { probes.next()?.rate }

    /// What five packets of 1000 bytes, 4 ms apart (2 Mbit/s), show when they come `spacing` ms apart.
    private func result(spacing: Double, packets: Int = 5) -> Double? {
        var digests = Digests()
        var estimator = ProbeEstimator()
        estimator.start(Self.cluster)
        let sent = (0..<packets).map {
            Digests.Packet(sent: Double($0) * 4, arrival: 50 + Double($0) * spacing, probe: 1)
        }
        var result: Double?
        for packet in digests.report(sent, now: 200).received { result = estimator.add(packet) ?? result }
        return result
    }

    @Test func aTrainThatComesAsItLeftShowsItsRate() throws {
        let rate = try #require(result(spacing: 4))
        #expect(abs(rate - 2_000_000) < 1_000)
    }

    @Test func aTrainThatIsSpreadShowsALittleLessThanTheLink() throws {
        let rate = try #require(result(spacing: 8))
        #expect(abs(rate - 950_000) < 1_000)
    }

    @Test func tooFewPacketsOrAnImpossibleSpeedUpShowNothing() {
        #expect(result(spacing: 4, packets: 3) == nil)
        #expect(result(spacing: 1) == nil)
    }

    @Test func theStartIsProbedAtThreeAndSixTimesTheRateAndOnWhileItHolds() throws {
        var probes = ProbeController(startRate: 300_000, maximum: 30_000_000)
        probes.begin(now: Digests.at(0))
        let (next, afterwards) = (probes.next(), probes.next())
        let first = try #require(next)
        let second = try #require(afterwards)
        #expect(first.rate == 900_000)
        #expect(second.rate == 1_800_000)
        #expect(first.id != second.id)
        #expect(Self.nextRate(&probes) == nil)
        probes.update(1_700_000, ProbeController.Conditions(), now: Digests.at(100))
        #expect(Self.nextRate(&probes) == 3_400_000)
        // 0.7 of the probe were not reached: that was all.
        probes.update(2_000_000, ProbeController.Conditions(), now: Digests.at(200))
        #expect(Self.nextRate(&probes) == nil)
    }

    @Test func aResultAfterASecondStartsNoFurtherProbe() {
        var probes = ProbeController(startRate: 300_000, maximum: 30_000_000)
        probes.begin(now: Digests.at(0))
        while probes.next() != nil {}
        probes.advance(to: Digests.at(1_100), ProbeController.Conditions())
        probes.update(1_700_000, ProbeController.Conditions(), now: Digests.at(1_200))
        #expect(Self.nextRate(&probes) == nil)
    }

    @Test func anOveruseForbidsProbes() {
        var probes = ProbeController(startRate: 300_000, maximum: 30_000_000)
        probes.begin(now: Digests.at(0))
        while probes.next() != nil {}
        var conditions = ProbeController.Conditions()
        conditions.isOverusing = true
        probes.update(1_700_000, conditions, now: Digests.at(100))
        #expect(Self.nextRate(&probes) == nil)
    }

    @Test func probesStayBelowTwiceWhatTheSourceCouldUse() {
        var probes = ProbeController(startRate: 300_000, maximum: 30_000_000)
        probes.setAllocation(500_000, ProbeController.Conditions(), now: Digests.at(0))
        probes.begin(now: Digests.at(0))
        #expect(Self.nextRate(&probes) == 900_000)
        #expect(Self.nextRate(&probes) == 1_000_000)
    }

    @Test func aLargeDropIsProbedForItsOldRate() throws {
        var probes = ProbeController(startRate: 1_000_000, maximum: 30_000_000)
        probes.begin(now: Digests.at(0))
        while probes.next() != nil {}
        probes.advance(to: Digests.at(2_000), ProbeController.Conditions())
        var conditions = ProbeController.Conditions()
        probes.update(400_000, conditions, now: Digests.at(3_000))
        probes.requestRecovery(conditions, now: Digests.at(4_000))
        #expect(Self.nextRate(&probes) == nil)
        conditions.isApplicationLimited = true
        probes.requestRecovery(conditions, now: Digests.at(4_000))
        #expect(Self.nextRate(&probes) == 850_000)
        probes.requestRecovery(conditions, now: Digests.at(4_500))
        #expect(Self.nextRate(&probes) == nil)
    }

    /// How many periodic probes there are in 30 s whose results are `reported`, and show nothing new.
    private func periodicProbes(reported: Bool) -> Int {
        var probes = ProbeController(startRate: 300_000, maximum: 30_000_000, isPeriodic: true)
        let conditions = ProbeController.Conditions()
        probes.begin(now: Digests.at(0))
        while probes.next() != nil {}
        probes.setAllocation(2_000_000, conditions, now: Digests.at(0))
        var count = 0
        for time in stride(from: 0.0, to: 30_000, by: 25) {
            probes.advance(to: Digests.at(time), conditions)
            while probes.next() != nil {
                count += 1
                if reported { probes.noteResult() }
            }
        }
        return count
    }

    @Test func probesThatShowNothingNewAreRepeatedLessOftenButNotThoseThatShowNothing() {
        #expect(periodicProbes(reported: true) < 13)
        #expect(periodicProbes(reported: false) > 20)
    }
}
