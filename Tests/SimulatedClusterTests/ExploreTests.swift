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

    @Test func aFailureIsMadeSmall() throws {
        let bug = try #require(PlantedBugName("nothingLetGo"))
        let search = ClusterSearch(seeds: 1...60, scale: .short, planted: bug, stopsAtFailure: true)
        let failure = try #require(search.run().failures.first)
        let plan = ClusterPlan(seed: failure.seed, scale: .short)
        var shrinker = ClusterShrinker(plan, failure, planted: bug, runs: 40)
        let (small, report) = shrinker.shrink()
        #expect(small.steps.count < plan.steps.count / 2)
        #expect(report.violation?.invariant == failure.violation?.invariant)
    }

    @Test(arguments: PlantedBugName.all) func everyPlantedBugIsFound(_ bug: PlantedBugName) {
        let search = ClusterSearch(seeds: 1...200, scale: .short, planted: bug, stopsAtFailure: true)
        let totals = search.run()
        #expect(!totals.failures.isEmpty, "\(bug) was not found in \(totals.seeds) seeds")
    }
}
