import Testing
import Wire

@testable import RepairBenchmark

private func call(
    _ leg: Leg, _ loss: Double, _ pattern: LossPattern = .random, isRepaired: Bool = true, seed: UInt64 = 1
) -> RepairFigures {
    let settings = RepairCall.Settings(
        leg: leg, pattern: pattern, loss: loss, isRepaired: isRepaired, seconds: 20, seed: seed)
    return RepairCall(settings).run()
}

@Suite struct RepairTests {
    @Test func withoutLossEverythingIsShownAndNothingRepeated() {
        for isRepaired in [true, false] {
            let figures = call(.down, 0, isRepaired: isRepaired)
            #expect(figures.framesInTime == 1 && figures.freezesPerMinute == 0)
            #expect(figures.audioLost == 0 && figures.repeated == 0)
            #expect(figures.keyFramesPerMinute <= 6, "those that begin, in 20 s")
        }
    }

    /// What a person may expect; the measured figures are in the benchmark's README.
    @Test(arguments: Leg.allCases, [(0.02, 0.999, 0.0), (0.05, 0.995, 0.5), (0.1, 0.98, 1.0)])
    func repairKeepsThePictureMoving(leg: Leg, bar: (loss: Double, inTime: Double, frozen: Double)) {
        let figures = call(leg, bar.loss)
        #expect(figures.framesInTime >= bar.inTime)
        #expect(figures.frozenPerMinute <= bar.frozen)
        #expect(figures.longestGap < 1.5)
    }

    @Test(arguments: Leg.allCases)
    func repairIsBetterThanKeyFramesAlone(leg: Leg) {
        for pattern in LossPattern.allCases {
            let (with, without) = (call(leg, 0.05, pattern), call(leg, 0.05, pattern, isRepaired: false))
            #expect(with.framesInTime > without.framesInTime)
            #expect(with.frozenPerMinute < without.frozenPerMinute)
            #expect(with.keyFramesPerMinute < without.keyFramesPerMinute)
        }
    }

    /// Of lost packets that stand alone redundancy brings nearly all back: what is left are two in a row.
    @Test(arguments: Leg.allCases)
    func redundancyMendsSound(leg: Leg) {
        let (with, without) = (call(leg, 0.1), call(leg, 0.1, isRepaired: false))
        #expect((0.05...0.15).contains(without.audioLost))
        #expect(with.audioLost < 0.03)
    }

    /// What the way to the server lost comes back for a viewer who does not know redundancy, too; what the way from it
    /// loses does not.
    @Test func redundancyMendsTheFirstLegForEverybody() {
        for (leg, range) in [(Leg.up, 0..<0.03), (.down, 0.05..<0.15)] {
            let settings = RepairCall.Settings(
                leg: leg, pattern: .random, loss: 0.1, isRepaired: true, knowsRedundancy: false, seconds: 20, seed: 1)
            #expect(range.contains(RepairCall(settings).run().audioLost))
        }
    }

    /// Nothing that was lost is asked for more often than it helps.
    @Test func whatRepairCostsIsInProportion() {
        for loss in [0.02, 0.1, 0.2] {
            let repeated = call(.down, loss).repeated
            #expect(repeated >= loss * 0.7 && repeated < loss * 2.5)
        }
    }

    @Test func equalSeedsGiveEqualFigures() {
        #expect(call(.up, 0.1, .bursts, seed: 7) == call(.up, 0.1, .bursts, seed: 7))
        #expect(call(.up, 0.1, .bursts, seed: 7) != call(.up, 0.1, .bursts, seed: 8))
    }

    @Test func bothPatternsLoseTheirShareAndBurstsInRuns() {
        for pattern in LossPattern.allCases {
            var process = LossProcess(pattern, ratio: 0.1, random: SeededRandom(seed: 3))
            // A packet each 4 ms.
            let lost = (0..<400_000).map { process.loses(at: .origin + .milliseconds(1_000 + 4 * Int64($0))) }
            let share = Double(lost.count { $0 }) / 400_000
            #expect((0.09...0.11).contains(share))
            let runs = zip(lost, [false] + lost).count { $0 && !$1 }
            let mean = share * 400_000 / Double(runs)
            #expect(pattern == .random ? mean < 1.2 : (9...12).contains(mean))
        }
    }
}
