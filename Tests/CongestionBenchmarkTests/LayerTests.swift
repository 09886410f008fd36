import Testing

@testable import CongestionBenchmark

@Suite struct LayerTests {
    private let second: UInt64 = 1_000_000_000

    /// Tells the selector of a target ten times a second.
    private func follow(_ selector: inout LayerSelector, _ target: UInt64, from: Double, to: Double) {
        for tick in Int(from * 10)..<Int(to * 10) {
            _ = selector.follow(target: target, now: UInt64(tick) * second / 10)
        }
    }

    @Test func itGoesDownAtOnceAndUpAfterTwoSecondsOfRoom() {
        var selector = LayerSelector(steps: LayerStep.simulcast, now: 0)
        follow(&selector, 2_500_000, from: 0, to: 1.9)
        #expect(selector.current == 0)
        follow(&selector, 2_500_000, from: 1.9, to: 2.2)
        #expect(selector.current == LayerStep.simulcast.count - 1)
        follow(&selector, 400_000, from: 2.2, to: 2.3)
        #expect(selector.current == 2)
    }

    @Test func roomOfLessThan15PercentIsNotEnough() {
        var selector = LayerSelector(steps: LayerStep.simulcast, now: 0)
        let next = LayerStep.simulcast[1].wireRate + MediaSizes.audioWireRate
        follow(&selector, next * 114 / 100, from: 0, to: 10)
        #expect(selector.current == 0)
        follow(&selector, next * 116 / 100, from: 10, to: 12.5)
        #expect(selector.current == 1)
    }

    @Test func belowTheLowestStepOnlyAudioIsSent() {
        var selector = LayerSelector(steps: LayerStep.simulcast, now: 0)
        follow(&selector, 60_000, from: 0, to: 1)
        #expect(selector.current == nil)
        #expect(selector.allocation.minimum == MediaSizes.audioWireRate)
    }

    @Test func paddingIsAskedForNowAndThenAndMoreRarelyAfterItFailed() {
        var selector = LayerSelector(steps: LayerStep.simulcast, now: 0)
        var starts: [Int] = []
        var wasPadding = false
        for tick in 0..<600 {
            _ = selector.follow(target: 170_000, now: UInt64(tick) * second / 10)
            let isPadding = selector.allocation.padding > 0
            if isPadding, !wasPadding { starts.append(tick) }
            wasPadding = isPadding
        }
        #expect(starts.first == 30)
        let gaps = zip(starts.dropFirst(), starts).map { $0 - $1 }
        #expect(gaps.count >= 3)
        #expect(gaps == gaps.sorted() && gaps.first != gaps.last)
    }

    @Test func aChangeOfThePictureWaitsForAKeyFrameAndOneOfTheRateDoesNot() {
        var selector = LayerSelector(steps: LayerStep.simulcast, now: 0)
        #expect(selector.frameIsKey(now: 0) == true)
        follow(&selector, 400_000, from: 0, to: 2.2)
        #expect(LayerStep.simulcast[selector.current ?? 0].height == 180)
        #expect(selector.frameIsKey(now: 3 * second) == false)
        follow(&selector, 2_500_000, from: 2.2, to: 4.5)
        #expect(LayerStep.simulcast[selector.current ?? 0].height == 720)
        let now = 43 * second / 10
        #expect(selector.frameIsKey(now: now) == nil)
        #expect(selector.frameIsKey(now: now + second / 5) == true)
        #expect(selector.frameIsKey(now: now + second / 4) == false)
    }
}
