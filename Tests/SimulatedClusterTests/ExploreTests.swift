import Foundation
import SimulatedCluster
import Testing

/// A short look at what `apus sim explore` does for long.
@Suite struct ExploreTests {
    @Test func theSameSeedGivesTheSameRun() {
        let plan = ClusterPlan(seed: 3, scale: .short)
        let (one, other) = (ClusterRun.run(plan, keepsLog: true), ClusterRun.run(plan, keepsLog: true))
        #expect(one.log == other.log)
        #expect(one.hash == other.hash)
        #expect(one.log.count > 100)
        #expect(ClusterRun.run(ClusterPlan(seed: 4, scale: .short)).hash != one.hash)
    }

    @Test func lookingDoesNotChangeARun() {
        let plan = ClusterPlan(seed: 6, scale: .short)
        #expect(ClusterRun.run(plan).hash == ClusterRun.run(plan, keepsLog: true).hash)
    }

    @Test func everyInvariantHoldsUnderFaults() {
        let totals = ClusterSearch(seeds: 1...5, scale: .short).run()
        #expect(totals.seeds == 5)
        #expect(totals.failures.map { "\($0.seed): \($0.violation.map(String.init(describing:)) ?? "")" } == [])
        #expect(totals.unequal == [])
        #expect(totals.arrivals > 20)
        #expect(totals.faults.count > 5)
    }

    /// They broke once: an empty unit that the store forgot (36), a session of two controllers (281), a fence that a
    /// killed process left behind (325), a worker listed before its heartbeat (406), a lost unit that its worker put
    /// back (608), a session that had ended and came back under a lower epoch (248, 459), a worker that was
    /// given up before an outage of the store and heard again after it (770).
    @Test(arguments: [36, 248, 281, 325, 406, 459, 608, 770, 771]) func whatWasFoundStaysMended(_ seed: UInt64) {
        let report = ClusterRun.run(ClusterPlan(seed: seed, scale: ClusterPlan.Scale(busy: 90, calm: 0), isComplete: false))
        #expect(report.violation == nil)
    }

    /// As above: a controller that put clients where their session had ended (1496), what its life before had left
    /// (1864, 2183), commands that a wrong clock found late (1874, 2448).
    @Test(arguments: [1496, 1864, 1874, 2183, 2448]) func whatShortRunsFoundStaysMended(_ seed: UInt64) {
        let plan = ClusterPlan(seed: seed, scale: .short, isComplete: false)
        #expect(ClusterRun.run(plan).violation == nil)
    }

    @Test func aFailureIsMadeSmall() throws {
        let bug = try #require(PlantedBugName("lossKeepsEpoch"))
        let plan = ClusterPlan(seed: 26, scale: .short)
        let failure = ClusterRun.run(plan, planted: bug)
        var shrinker = ClusterShrinker(plan, failure, planted: bug, runs: 40)
        let (small, report) = shrinker.shrink()
        #expect(small.steps.count < plan.steps.count / 2)
        #expect(report.violation?.invariant == failure.violation?.invariant)
    }

    /// Seeds that find them soon; `apus sim explore --plants` searches for all.
    @Test(arguments: [
        ("eventsDoubled", 2), ("lossKeepsEpoch", 26), ("reconciledOnce", 26), ("callsNotExpired", 12),
        ("heartbeatsUnheard", 4), ("outagesKill", 3),
    ])
    func aPlantedBugIsFound(_ name: String, _ seed: UInt64) throws {
        let bug = try #require(PlantedBugName(name))
        #expect(ClusterRun.run(ClusterPlan(seed: seed, scale: .short), planted: bug).violation != nil)
    }

    /// Each worker of a run has memory files.
    @Test func aRunLeavesNothingBehind() {
        let before = Self.mappings
        for seed in UInt64(10)..<16 { _ = ClusterRun.run(ClusterPlan(seed: seed, scale: .short)) }
        // Other tests' runs are under way.
        #expect(Self.mappings < before + 18)
    }

    private static var mappings: Int {
        let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        return maps.split(separator: "\n").count { $0.contains("apus-slabs") }
    }
}
