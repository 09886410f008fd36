import Congestion
import Foundation
import struct Simulator.RootSeed
import Testing

@testable import CongestionBenchmark

@Suite struct CallTests {
    private func scenario(_ id: String) throws -> Scenario { try #require(Cases.all.first { $0.id == id }) }

    /// A case cut short.
    private func short(_ id: String, seconds: Double) throws -> Scenario {
        var scenario = try scenario(id)
        scenario.duration = seconds
        scenario.windows = [Window(0, seconds)]
        scenario.changes = []
        for index in scenario.flows.indices { scenario.flows[index].end = seconds }
        return scenario
    }

    private func run(_ scenario: Scenario, _ algorithm: CongestionAlgorithm = .gcc, seed: UInt64 = 1) -> RunResult {
        var simulation = CallSimulation(scenario, algorithm: algorithm, seed: seed)
        return simulation.run()
    }

    @Test(arguments: CongestionAlgorithm.allCases, ["5.1", "5.3", "5.6 q300", "5.7", "6.3", "repair 5%", "trace 1"])
    func equalSeedsGiveEqualRuns(algorithm: CongestionAlgorithm, id: String) throws {
        let scenario = try short(id, seconds: 12)
        let first = run(scenario, algorithm)
        #expect(first.fingerprint == run(scenario, algorithm).fingerprint)
        #expect(first.fingerprint != run(scenario, algorithm, seed: 2).fingerprint)
    }

    @Test(arguments: CongestionAlgorithm.allCases)
    func aCallUsesALinkOfItsOwnAndLeavesNoLoss(algorithm: CongestionAlgorithm) throws {
        let result = run(try short("5.1", seconds: 30), algorithm)
        let window = try #require(result.windows.first)
        #expect(window.utilisation > 0.7 && window.utilisation <= 1.001)
        #expect(window.loss < 0.01)
        let flow = try #require(result.flows.first)
        #expect(flow.framesPerSecond > 28 && flow.framesPerSecond < 30.5)
        #expect(flow.frozenShare < 0.05)
    }

    @Test func repairBringsWhatWasLost() throws {
        let bare = try #require(run(try short("loss 5%", seconds: 20)).flows.first)
        let repaired = try #require(run(try short("repair 5%", seconds: 20)).flows.first)
        #expect(abs(bare.loss - 0.05) < 0.015)
        #expect(bare.residualLoss > 0.03)
        #expect(repaired.residualLoss < 0.005)
        #expect(repaired.framesPerSecond > bare.framesPerSecond)
    }

    @Test func aPausedCallSendsNothing() throws {
        var scenario = try scenario("5.8")
        scenario.duration = 30
        scenario.flows[1].pause = 10...20
        scenario.windows = [Window(11, 20), Window(25, 30)]
        let windows = run(scenario).windows
        #expect(windows[0].flowRates[1] == 0)
        #expect(windows[0].flowRates[0] > 300_000)
        #expect(windows[1].flowRates[1] > 100_000)
    }

    @Test func aFlowOverTwoBottlenecksCountsAtBoth() throws {
        let scenario = try short("6.3", seconds: 20)
        let result = run(scenario)
        #expect(result.windows.count == 1)
        #expect(result.windows[0].flowRates[0] > 0)
        #expect(result.windows[0].flowRates[1] > 0)
        // The third flow does not use the first link.
        #expect(result.windows[0].flowRates[2] == 0)
    }

    @Test func theLogHasALineOfRFC8868ForEachPacket() throws {
        let suite = try SuiteOptions(cases: "5.1", seeds: 1).suite()
        let lines = suite.packetLog(of: try short("5.1", seconds: 3), controller: .gcc).split(separator: "\n")
        #expect(lines.count > 200)
        let pattern = /[0-9]+\.[0-9]{6} (96|97|111) [0-9a-f]+ [0-9]+ [0-9]+ [01] [0-9]+/
        #expect(lines.allSatisfy { $0.wholeMatch(of: pattern) != nil })
        let times = lines.compactMap { Double($0.prefix { $0 != " " }) }
        #expect(times == times.sorted())
    }

    @Test func aNumberOf16BitsIsExtendedToTheNearest() {
        #expect(FeedbackCollector.extend(5, near: 3) == 5)
        #expect(FeedbackCollector.extend(2, near: 65_535) == 65_538)
        #expect(FeedbackCollector.extend(65_535, near: 65_538) == 65_535)
        #expect(FeedbackCollector.extend(0, near: 131_071) == 131_072)
    }

    @Test func feedbackTellsOfThosePacketsThatCameBeforeIt() throws {
        var collector = FeedbackCollector()
        #expect(collector.receive(1, isMarked: false, now: 10_300_000) == 0)
        #expect(collector.receive(4, isMarked: true, now: 20_100_000) == 2)
        let report = collector.report()
        #expect(report?.first == 1 && report?.count == 4)
        _ = collector.receive(2, isMarked: false, now: 30_000_000)
        var results: [PacketResult] = []
        collector.results(first: 1, count: 4, sent: 6, reported: 21_000_000, into: &results)
        #expect(results.map(\.isReceived) == [true, false, false, true])
        #expect(results[3].arrival - results[0].arrival == 9_750_000)
        #expect(results.map(\.isCE) == [false, false, false, true])
        #expect(collector.report() == nil)
    }

    @Test func aGapOfThreeFramesIsAFreeze() {
        var quality = PictureQuality()
        var now: UInt64 = 0
        for _ in 0..<60 {
            now += 33_000_000
            quality.show(height: 720, now: now)
        }
        #expect(quality.freezes == 0)
        now += 170_000_000
        quality.show(height: 720, now: now)
        #expect(quality.freezes == 0)
        now += 250_000_000
        quality.show(height: 720, now: now)
        #expect(quality.freezes == 1)
        #expect(abs(quality.frozen - 0.25) < 1e-9)
    }

    @Test func theEncoderFollowsItsTargetAfterItsLag() {
        var encoder = VideoEncoder(EncoderDescription(), random: RootSeed(1).stream("encoder"))
        var sizes: [Int] = []
        for _ in 0..<300 { sizes.append(encoder.encode(target: 1_200_000).bytes) }
        // 150 kbit/s and then 1.2 Mbit/s, at 30 frames a second.
        #expect(sizes.prefix(3).allSatisfy { $0 < 1000 })
        let mean = Double(sizes.dropFirst(3).reduce(0, +)) / 297
        #expect(abs(mean - 5000) < 100)
    }
}
