import Testing

@testable import ForwardingBenchmark

@Suite struct StatisticsTests {
    @Test(arguments: [([3.0], 3.0), ([5.0, 1.0, 3.0], 3.0), ([4.0, 1.0, 3.0, 2.0], 2.5)] as [([Double], Double)])
    func theMedianIsTheMiddle(values: [Double], median: Double) {
        #expect(Statistics.median(values) == median)
    }

    @Test func nothingHasNoMedian() {
        #expect(Statistics.median([]) == nil)
    }

    @Test func quantilesLieBetweenNeighbours() {
        #expect(Statistics.quantile([10, 20, 30, 40, 50], 0.25) == 20)
        #expect(Statistics.quantile([10, 20], 0.75) == 17.5)
        #expect(Statistics.quantile([10, 20], 1) == 20)
    }

    @Test func doubleAndHalfMakeOne() throws {
        #expect(abs(try #require(Statistics.geometricMean([2, 0.5])) - 1) < 1e-12)
        #expect(Statistics.geometricMean([2, 0]) == nil)
    }

    @Test func theSlopeIsTheRiseForEachStep() throws {
        let points = [(0.0, 1_000.0), (50, 3_500), (100, 6_000), (200, 11_000)]
        #expect(abs(try #require(Statistics.slope(points.map { (x: $0.0, y: $0.1) })) - 50) < 1e-9)
        #expect(Statistics.slope([(x: 1, y: 1), (x: 1, y: 2)]) == nil)
    }

    @Test func theIntervalHoldsTheMeanAndWidensWithTheScatter() throws {
        let calm = try #require(Statistics.ratio([2.0, 2.1, 1.9, 2.05, 1.95, 2], seed: 1))
        let wild = try #require(Statistics.ratio([1.0, 4, 2, 1.2, 3.5, 2], seed: 1))
        #expect(calm.low < calm.value && calm.value < calm.high)
        #expect(abs(calm.value - 2) < 0.01)
        #expect(wild.high - wild.low > 5 * (calm.high - calm.low))
    }

    @Test func theSameSeedGivesTheSameInterval() {
        let ratios = [1.0, 1.31, 0.87, 1.24, 1.09, 0.93, 1.42, 1.17, 1.05]
        #expect(Statistics.ratio(ratios, seed: 7) == Statistics.ratio(ratios, seed: 7))
        #expect(Statistics.ratio(ratios, seed: 7) != Statistics.ratio(ratios, seed: 8))
    }

    @Test func twoRoundsGiveNoInterval() {
        #expect(Statistics.ratio([2, 2], seed: 1) == nil)
    }

    @Test func aRatioIsClearWhenItsIntervalLeavesOutOne() {
        #expect(RatioEstimate(value: 1.2, low: 1.01, high: 1.4, rounds: 6).isClear)
        #expect(RatioEstimate(value: 0.8, low: 0.7, high: 0.99, rounds: 6).isClear)
        #expect(!RatioEstimate(value: 1.2, low: 0.99, high: 1.4, rounds: 6).isClear)
    }

    @Test func calibrationsDifferByTheWorseOfTheTwo() {
        let usual = Calibration(sendto: 3_000, gcm: 400)
        #expect(abs(Calibration(sendto: 3_300, gcm: 300).deviation(from: usual) - 0.25) < 1e-9)
        #expect(usual.deviation(from: usual) == 0)
    }
}
