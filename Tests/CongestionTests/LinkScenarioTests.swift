import Testing
import Wire

@testable import Congestion

/// What the controllers do on a link: the bars of the project, on a model of a few hundred lines.
@Suite struct LinkScenarioTests {
    private func model(_ algorithm: CongestionAlgorithm, _ capacity: [(from: Double, rate: Double)], _ duration: Double)
        -> LinkModel
    {
        LinkModel(algorithm: algorithm, capacity: capacity, flows: [.init()], duration: duration)
    }

    /// The scenario of libwebrtc's `goog_cc_network_control_unittest.cc`: 500 kbit/s, raised to 800, dropped to 100.
    @Test(arguments: CongestionAlgorithm.allCases)
    func threePhasesAreFollowed(algorithm: CongestionAlgorithm) {
        var model = model(algorithm, [(0, 500_000), (25, 800_000), (45, 100_000)], 95)
        model.startRate = 300_000
        model.smallestRate = 20_000
        let result = model.run()
        #expect((350_000...550_000).contains(result.rate(22..<25)))
        #expect((600_000...900_000).contains(result.rate(42..<45)))
        #expect((65_000...115_000).contains(result.rate(85..<95)))
    }

    @Test func gccReachesItsBarsOnAVariableLink() {
        let result = model(.gcc, [(0, 1e6), (40, 2.5e6), (60, 0.6e6), (80, 1e6)], 99).run()
        #expect(result.rate(0..<40) > 0.85e6)
        #expect(result.rate(40..<60) > 0.42 * 2.5e6)
        #expect(result.rate(60..<80) > 0.85 * 0.6e6)
        #expect(result.rate(80..<99) > 0.65e6)
        #expect(result.drain(after: 60) < 10)
    }

    @Test func theDelayTargetFillsAVariableLinkWithAShortQueue() {
        let result = model(.delayTarget, [(0, 1e6), (40, 2.5e6), (60, 0.6e6), (80, 1e6)], 99).run()
        #expect(result.rate(0..<40) > 0.88e6)
        #expect(result.rate(40..<60) > 0.55 * 2.5e6)
        #expect(result.rate(60..<80) > 0.93 * 0.6e6)
        #expect(result.rate(80..<99) > 0.85e6)
        #expect(result.drain(after: 60) < 2)
        #expect(result.delay(5..<40, quantile: 0.95) < 0.05)
    }

    @Test func flowsOfTheDelayTargetMeetWhateverTheirRoundTrips() {
        var model = model(.delayTarget, [(0, 3.0e6)], 90)
        model.flows = [.init(delay: 0.01), .init(start: 5, delay: 0.05), .init(start: 10, delay: 0.15)]
        let result = model.run()
        #expect(result.jain(50..<90, flows: [0, 1, 2]) > 0.98)
        #expect(result.delay(50..<90, quantile: 0.95) < 0.045)
        #expect(result.rate(50..<90) > 0.95 * 3e6)
    }

    @Test func aWeightOfTwoGetsTwiceTheRate() {
        var model = model(.delayTarget, [(0, 2e6)], 90)
        model.flows = [.init(weight: 2), .init(start: 2), .init(start: 4)]
        let result = model.run()
        let ratio = result.rate(50..<90, flow: 0) / result.rate(50..<90, flow: 1)
        #expect((1.6...2.4).contains(ratio))
    }

    @Test func theDelayTargetLivesBesideTCP() {
        var model = model(.delayTarget, [(0, 2e6)], 90)
        model.flows = [.init(start: 5)]
        model.tcp = 0...90
        let result = model.run()
        #expect(result.rate(20..<90) > 300_000)
        #expect(result.tcpRate(20..<90) > 300_000)
    }

    @Test func afterTCPTheQueueIsShortAgain() {
        var model = model(.delayTarget, [(0, 2e6)], 80)
        model.tcp = 0...40
        let result = model.run()
        #expect(result.rate(55..<80) > 1_400_000)
        #expect(result.delay(55..<80, quantile: 0.95) < 0.05)
    }

    @Test func twoDelayTargetsDoNotCompeteForEver() {
        var model = model(.delayTarget, [(0, 2e6), (20, 0.7e6)], 60)
        model.flows = [.init(), .init()]
        let result = model.run()
        #expect(result.delay(35..<60, quantile: 0.5) < 0.06)
        #expect(result.jain(35..<60, flows: [0, 1]) > 0.95)
    }

    @Test(arguments: CongestionAlgorithm.allCases)
    func randomLossIsNoCongestion(algorithm: CongestionAlgorithm) {
        var model = model(algorithm, [(0, 1e6)], 60)
        model.loss = 0.05
        #expect(model.run().rate(10..<60) > 0.8e6)
    }

    @Test func aQueueThatMarksIsShorter() {
        var model = model(.delayTarget, [(0, 1e6)], 60)
        let unmarked = model.run()
        model.marksECN = true
        let marked = model.run()
        #expect(marked.rate(10..<60) > 0.75e6)
        #expect(marked.delay(10..<60, quantile: 0.95) < unmarked.delay(10..<60, quantile: 0.95))
    }

    /// libwebrtc's test without transport feedback: at most 300 kbit/s after 20 s of 15 % loss.
    @Test(arguments: CongestionAlgorithm.allCases)
    func receiverReportsAloneLimitTheRate(algorithm: CongestionAlgorithm) {
        var model = model(algorithm, [(0, 5e6)], 25)
        model.flows = [.init(hasFeedback: false)]
        model.loss = 0.15
        model.startRate = 600_000
        #expect(model.run().target(at: 20) <= 300_000)
        model.loss = 0
        #expect(model.run().target(at: 20) > 1_000_000)
    }

    @Test func aPausedFlowComesBackToItsShare() {
        var model = model(.delayTarget, [(0, 2e6)], 80)
        model.flows = [.init(), .init(pause: 30...45)]
        let result = model.run()
        #expect(result.rate(35..<45, flow: 0) > 1_300_000)
        #expect(result.jain(55..<80, flows: [0, 1]) > 0.97)
    }
}
