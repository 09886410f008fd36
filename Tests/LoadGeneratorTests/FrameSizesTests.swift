import Testing
import Wire

@testable import LoadGenerator

struct FrameSizesTests {
    private func frames(
        _ pattern: VideoPattern, _ count: Int, seed: UInt64 = 1, encoding: Int = 0
    ) -> [(isKeyFrame: Bool, plan: FramePlan)] {
        var sizes = FrameSizes(
            pattern, encoding: encoding, framesPerSecond: 30, random: SeededRandom(seed: seed))
        return (0..<count).map { _ in sizes.next(isKeyFrameWanted: false) }
    }

    @Test func uniformFramesAreFiveFullPackets() {
        for frame in frames(.uniform, 400) { #expect(frame.plan == FramePlan(packets: 5, base: 1_200)) }
        #expect(frames(.uniform, 601).enumerated().filter { $1.isKeyFrame }.map(\.offset) == [0, 300, 600])
    }

    @Test func realFramesAreKeyFramesOfFortyAndDeltasOfTwoToEight() {
        let all = frames(.real, 3_000)
        #expect(all.enumerated().filter { $1.isKeyFrame }.map(\.offset) == Array(stride(from: 0, to: 3_000, by: 60)))
        for frame in all {
            #expect(frame.isKeyFrame ? frame.plan.packets == 40 : (2...8).contains(frame.plan.packets))
            #expect(frame.plan.larger < frame.plan.packets)
            #expect(frame.plan.base + (frame.plan.larger > 0 ? 1 : 0) <= FrameSizes.fullPacket)
        }
        let sizes = Set(all.filter { !$0.isKeyFrame }.map(\.plan.packets))
        #expect(sizes == Set(2...8), "all sizes occur")
        // Trains break where sizes differ: most frames must not divide evenly.
        #expect(all.count { $0.plan.larger > 0 } > 2_000)
        let perSecond = Double(all.reduce(0) { $0 + $1.plan.packets }) / 100
        #expect((130...180).contains(perSecond), "\(perSecond) packets per second")
    }

    @Test func theSeedDecidesTheSizes() {
        let first = frames(.real, 200, seed: 5).map(\.plan)
        #expect(first == frames(.real, 200, seed: 5).map(\.plan))
        #expect(first != frames(.real, 200, seed: 6).map(\.plan))
    }

    @Test func aKeyFrameComesWhenItIsAskedForAndStartsTheIntervalAnew() {
        var sizes = FrameSizes(.real, encoding: 0, framesPerSecond: 30, random: SeededRandom(seed: 1))
        var keys: [Int] = []
        for frame in 0..<120 where sizes.next(isKeyFrameWanted: frame == 20).isKeyFrame { keys.append(frame) }
        #expect(keys == [0, 20, 80])
    }

    @Test func encodingsGrowWithTheirIndex() {
        let bytes = (0..<3).map { frames(.simulcast, 1, encoding: $0)[0].plan.byteCount }
        #expect(bytes == bytes.sorted() && Set(bytes).count == 3)
    }

    @Test func splittingKeepsEveryByteAndPacketsAlikeButForOne() {
        for total in [1, 64, 1_199, 1_200, 1_201, 2_401, 47_999] {
            let plan = FramePlan.splitting(total, limit: 1_200)
            let sizes = (0..<plan.packets).map { plan.byteCount(of: $0) }
            #expect(sizes.reduce(0, +) == total && plan.byteCount == total)
            #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1 && (sizes.max() ?? 0) <= 1_200)
            #expect(plan.packets == (total + 1_199) / 1_200)
        }
    }
}
