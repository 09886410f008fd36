import Testing

@testable import CongestionBenchmark

@Suite struct TCPTests {
    private func run(
        _ tcp: [TCPDescription], megabits: Double = 2, queue: Double = 300, loss: Double = 0, seconds: Double = 60
    ) -> WindowResult {
        var scenario = Scenario(
            id: "tcp", title: "TCP alone", duration: seconds,
            links: [Cases.bottleneck([(0, megabits)], queue: queue, loss: loss)], flows: [],
            windows: [Window(seconds / 6, seconds - 1)])
        scenario.tcp = tcp
        var simulation = CallSimulation(scenario, algorithm: .gcc, seed: 1)
        return simulation.run().windows[0]
    }

    @Test(arguments: TCPAlgorithm.allCases, [100.0, 300, 1000])
    func aTransferAloneFillsTheLink(algorithm: TCPAlgorithm, queue: Double) {
        let result = run([TCPDescription(algorithm: algorithm, use: .long, end: 60)], queue: queue)
        #expect(result.utilisation > 0.97 && result.utilisation < 1.001)
    }

    @Test func twoTransfersShareTheLink() {
        let result = run([TCPDescription(use: .long, end: 60), TCPDescription(use: .long, start: 3, end: 60)])
        #expect(result.utilisation > 0.97)
    }

    /// Mathis et al. 1997: 1.22 segments per round trip over the root of the loss. With 1 % and 100 ms and a little
    /// queue that is 1.4 Mbit/s.
    @Test func lossLimitsARenoTransferAsTheoryHasIt() {
        let result = run([TCPDescription(use: .long, end: 300)], loss: 0.01, seconds: 300)
        #expect(result.crossRate > 0.8e6 && result.crossRate < 1.6e6)
    }

    /// RFC 9438 section 5.1: with a loss of 0.05 % and 200 ms its mean window is 105 segments, where Reno's is 54.
    @Test func cubicGrowsFasterThanRenoOnALongFastPath() {
        func rate(_ algorithm: TCPAlgorithm) -> Double {
            let tcp = TCPDescription(algorithm: algorithm, use: .long, end: 300, delay: 100)
            return run([tcp], megabits: 20, loss: 0.0005, seconds: 300).crossRate
        }
        let ratio = rate(.cubic) / rate(.newReno)
        #expect(ratio > 1.6 && ratio < 2.6)
    }

    /// Ten sources of 40 kB with pauses of 10 s: about 0.3 Mbit/s with headers.
    @Test func shortTransfersComeAndGo() {
        let sources = (0..<10).map { TCPDescription(use: .short(startsOn: $0 < 2), end: 300) }
        let result = run(sources, seconds: 300)
        #expect(result.crossRate > 0.2e6 && result.crossRate < 0.45e6)
    }

    @Test func aTransferGoesOnAfterEverythingWasLost() {
        // A link with a queue for a single packet: nearly every window ends in a timeout.
        let result = run([TCPDescription(use: .long, end: 120)], queue: 10, loss: 0.2, seconds: 120)
        #expect(result.crossRate > 10_000)
    }
}
