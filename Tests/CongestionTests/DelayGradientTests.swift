import Testing
import Wire

@testable import Congestion

/// Inter-arrival groups, trendline and detector of GCC.
@Suite struct DelayGradientTests {
    @Test func packetsWithinFiveMillisecondsAreOneGroup() throws {
        var groups = InterArrival()
        let at = Digests.at
        func add(_ sent: Double, _ arrival: Double) -> InterArrival.Delta? {
            groups.add(sent: at(sent), arrival: Int64(arrival * 1e6), now: at(sent + 100))
        }
        #expect(add(0, 50) == nil)
        #expect(add(3, 56) == nil)
        #expect(add(20, 80) == nil)
        // The third group completes the second: deltas are between last packets.
        let delta = try #require(add(40, 110))
        #expect(delta.send == 17)
        #expect(delta.arrival == 24)
    }

    @Test func aBurstThatAQueueLetOutIsOneGroup() {
        var groups = InterArrival()
        let at = Digests.at
        _ = groups.add(sent: at(0), arrival: 50_000_000, now: at(100))
        _ = groups.add(sent: at(20), arrival: 90_000_000, now: at(100))
        // Sent 10 ms later, but it came 1 ms later: the queue let both out together.
        #expect(groups.add(sent: at(30), arrival: 91_000_000, now: at(100)) == nil)
        let delta = groups.add(sent: at(60), arrival: 130_000_000, now: at(150))
        #expect(delta?.send == 30)
    }

    @Test func aClockThatJumpsStartsTheGroupsAfresh() {
        var groups = InterArrival()
        let at = Digests.at
        for index in 0..<3 {
            _ = groups.add(sent: at(Double(index) * 20), arrival: Int64(index) * 20_000_000, now: at(100))
        }
        #expect(groups.add(sent: at(60), arrival: 5_000_000_000, now: at(100)) != nil)
        #expect(groups.add(sent: at(80), arrival: 5_020_000_000, now: at(100)) == nil)
        #expect(groups.add(sent: at(100), arrival: 5_040_000_000, now: at(100)) == nil)
    }

    /// Groups 20 ms apart whose delay grows by `step` ms each.
    private func feed(_ trendline: inout TrendlineEstimator, groups: Int, step: Double) -> BandwidthUsage {
        var arrival = 0.0
        for _ in 0..<groups {
            arrival += 20 + step
            trendline.add(InterArrival.Delta(send: 20, arrival: 20 + step), arrival: Int64(arrival * 1e6))
        }
        return trendline.usage
    }

    @Test(arguments: [(2.0, BandwidthUsage.overuse), (-2.0, .underuse), (0, .normal), (0.02, .normal)])
    func theSlopeOfTheDelayTellsTheUsage(step: Double, usage: BandwidthUsage) {
        var trendline = TrendlineEstimator()
        var seen: Set<UInt8> = []
        var arrival = 0.0
        for _ in 0..<60 {
            arrival += 20 + step
            trendline.add(InterArrival.Delta(send: 20, arrival: 20 + step), arrival: Int64(arrival * 1e6))
            seen.insert(trendline.usage.rawValue)
        }
        #expect(seen.contains(usage.rawValue))
        if usage == .normal { #expect(seen.count == 1) }
    }

    @Test func withoutAFullWindowThereIsNoSlope() {
        var trendline = TrendlineEstimator()
        #expect(feed(&trendline, groups: 19, step: 5) == .normal)
        #expect(trendline.trend == 0)
    }

    @Test func theThresholdFallsInQuietAndStaysWithinBounds() {
        var trendline = TrendlineEstimator()
        _ = feed(&trendline, groups: 3_000, step: 0)
        #expect(trendline.threshold == 6)
    }

    @Test func resetForgetsThePast() {
        var trendline = TrendlineEstimator()
        _ = feed(&trendline, groups: 60, step: 3)
        trendline.reset()
        #expect(trendline.trend == 0)
        #expect(feed(&trendline, groups: 19, step: 0) == .normal)
    }
}
