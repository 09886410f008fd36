import Testing
import Wire

@testable import Congestion

/// Whatever a peer claims, the estimate stays within its bounds and nothing traps.
@Suite struct HostileFeedbackTests {
    static let bounds: ClosedRange<UInt64> = 50_000...5_000_000

    static func controller(_ algorithm: CongestionAlgorithm, seed: UInt64 = 1) -> CongestionController {
        CongestionController(
            CongestionConfiguration(
                algorithm: algorithm, startRate: 300_000, minimumRate: bounds.lowerBound,
                maximumRate: bounds.upperBound),
            random: SeededRandom(seed: seed), now: at(0))
    }

    static func at(_ milliseconds: Int64) -> Instant {
        Instant(nanoseconds: 5_000_000_000) + .milliseconds(milliseconds)
    }

    static func check(_ controller: CongestionController) {
        #expect(bounds.contains(controller.estimate))
        #expect(bounds.contains(controller.targetRate))
        #expect(controller.pacingRate <= bounds.upperBound * 3)
        #expect(controller.pacingRate >= bounds.lowerBound)
        #expect(controller.paddingRate <= bounds.upperBound)
        #expect(controller.bytesInFlight >= 0)
        #expect((0...1).contains(controller.lossRatio))
        #expect(controller.roundTrip.map { $0 >= .zero && $0 <= Limits.longestRoundTrip } ?? true)
    }

    /// Sends a packet each 10 ms for two seconds, with honest feedback each 50 ms.
    static func run(_ controller: inout CongestionController, from start: Int64 = 0, first: Int64 = 0) -> Int64 {
        var results: [PacketResult] = []
        for index in Int64(0)..<200 {
            let now = start + index * 10
            controller.sent(SentPacket(sequence: first + index, sentAt: at(now), size: 500, kind: .video))
            results.append(PacketResult(sequence: first + index, arrival: now * 1_000_000 + 30_000_000))
            if index % 5 == 4 {
                controller.receive(results.span, now: at(now + 60))
                results = []
            }
        }
        return start + 2_060
    }

    @Test(arguments: CongestionAlgorithm.allCases)
    func futureSequenceNumbersChangeNothing(algorithm: CongestionAlgorithm) {
        var controller = Self.controller(algorithm)
        let now = Self.run(&controller)
        let before = (controller.estimate, controller.bytesInFlight, controller.lossRatio)
        let lies = (0..<5_000).map { PacketResult(sequence: 200 + $0, arrival: 3_000_000_000) }
        controller.receive(lies.span, now: Self.at(now))
        let losses = (0..<5_000).map { PacketResult.missing(.max - $0) }
        controller.receive(losses.span, now: Self.at(now))
        #expect(controller.estimate == before.0)
        #expect(controller.bytesInFlight == before.1)
        #expect(controller.lossRatio == before.2)
    }

    @Test(arguments: CongestionAlgorithm.allCases)
    func feedbackThatComesTwiceCountsOnce(algorithm: CongestionAlgorithm) {
        var controller = Self.controller(algorithm)
        let now = Self.run(&controller)
        let results = (0..<200).map { PacketResult(sequence: $0, arrival: $0 * 10_000_000) }
        let before = controller.estimate
        for _ in 0..<100 { controller.receive(results.span, now: Self.at(now)) }
        #expect(controller.estimate == before)
        #expect(controller.lossRatio == 0)
    }

    @Test(arguments: CongestionAlgorithm.allCases)
    func feedbackAfterAMinuteIsIgnored(algorithm: CongestionAlgorithm) {
        var controller = Self.controller(algorithm)
        let now = Self.run(&controller)
        controller.sent(SentPacket(sequence: 200, sentAt: Self.at(now), size: 1_000, kind: .video))
        let before = controller.estimate
        let late = [PacketResult.missing(200)]
        controller.receive(late.span, now: Self.at(now + 60_000))
        #expect(controller.estimate == before)
        #expect(controller.lossRatio == 0)
    }

    @Test(arguments: CongestionAlgorithm.allCases)
    func withoutAnyFeedbackTheRateFalls(algorithm: CongestionAlgorithm) {
        var controller = Self.controller(algorithm)
        var now = Self.run(&controller)
        let before = controller.targetRate
        for sequence in Int64(200)..<1_200 {
            controller.sent(SentPacket(sequence: sequence, sentAt: Self.at(now), size: 1_000, kind: .video))
            controller.advance(to: Self.at(now))
            now += 20
        }
        #expect(controller.targetRate < before / 2)
        Self.check(controller)
    }

    @Test(arguments: CongestionAlgorithm.allCases)
    func arrivalsAtTheEndsOfTimeDoNotTrap(algorithm: CongestionAlgorithm) {
        let times: [Int64] = [.min + 1, .max, 0, -1, 1, .max - 1, .min + 2, 1 << 62, -(1 << 62)]
        var controller = Self.controller(algorithm)
        var sequence: Int64 = 0
        for round in 0..<20 {
            var results: [PacketResult] = []
            for arrival in times {
                let now = Self.at(Int64(round) * 100)
                controller.sent(SentPacket(sequence: sequence, sentAt: now, size: 1_200, kind: .video))
                results.append(PacketResult(sequence: sequence, arrival: arrival))
                sequence += 1
            }
            controller.receive(results.span, now: Self.at(Int64(round) * 100 + 50))
            Self.check(controller)
        }
    }

    @Test(arguments: CongestionAlgorithm.allCases, [UInt64](1...8))
    func randomLiesStayWithinBounds(algorithm: CongestionAlgorithm, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var controller = Self.controller(algorithm, seed: seed)
        var pacer = Pacer(pacingRate: 300_000, now: Self.at(0))
        var sequence: Int64 = 0
        var now: Int64 = 0
        for _ in 0..<1_000 {
            now += Int64.random(in: -5...40, using: &random)
            if random.next() % 200 == 0 { now += Int64.random(in: -1_000...100_000, using: &random) }
            let instant = Self.at(max(now, -4_000))
            switch random.next() % 8 {
            case 0, 1, 2:
                for _ in 0..<random.next() % 20 {
                    sequence += random.next() % 50 == 0 ? Int64.random(in: -5...10_000, using: &random) : 1
                    let size = random.next() % 30 == 0 ? Int32(truncatingIfNeeded: random.next()) : 1_200
                    let probe = controller.nextProbe(now: instant)
                    if let probe { pacer.startProbe(probe, now: instant) }
                    controller.sent(
                        SentPacket(
                            sequence: sequence, sentAt: instant, size: size, kind: .video,
                            probeCluster: probe?.id ?? Int32.random(in: 0...5, using: &random)))
                }
            case 3, 4, 5:
                var results: [PacketResult] = []
                for _ in 0..<random.next() % 60 {
                    let number = sequence &- Int64.random(in: -20...80, using: &random)
                    let arrival: Int64 =
                        switch random.next() % 12 {
                        case 0: Int64(bitPattern: random.next())
                        case 1: PacketResult.lost
                        default: now * 1_000_000 + Int64.random(in: -300_000_000...300_000_000, using: &random)
                        }
                    results.append(
                        PacketResult(sequence: number, arrival: arrival, isCE: random.next() % 4 == 0))
                }
                controller.receive(results.span, now: instant)
            case 6:
                controller.receiveMaximumRate(random.next() >> (random.next() % 64), now: instant)
                let fractions = [Double.nan, -.infinity, .infinity, 0, 0.5, 1, 2]
                controller.receiveReceiverReport(
                    lossFraction: fractions[Int(random.next() % 7)],
                    roundTrip: Interval(nanoseconds: Int64(bitPattern: random.next())), now: instant)
                controller.setAllocation(
                    maximum: random.next() >> (random.next() % 64), minimum: random.next() >> (random.next() % 64),
                    padding: random.next() >> (random.next() % 64), now: instant)
                controller.setBacklog(Int(truncatingIfNeeded: random.next()))
            default:
                controller.advance(to: instant)
                pacer.setRates(
                    pacing: controller.pacingRate, padding: controller.paddingRate, burst: controller.pacingBurst,
                    now: instant)
                _ = pacer.decide(
                    Pacer.Backlog(video: 3_000, oldest: instant), windowRoom: controller.windowRoom, now: instant)
            }
            #expect(Self.bounds.contains(controller.estimate))
            #expect(Self.bounds.contains(controller.targetRate))
            #expect(controller.pacingRate <= 30_000_000_000)
            #expect((0...1).contains(controller.lossRatio))
            #expect(controller.bytesInFlight >= 0)
        }
    }

    @Test func aConfigurationThatContradictsItselfIsPutInOrder() {
        let configuration = CongestionConfiguration(startRate: 10, minimumRate: 900_000, maximumRate: 100, weight: .nan)
        #expect(configuration.minimumRate == 900_000)
        #expect(configuration.startRate == 900_000)
        #expect(configuration.maximumRate == 900_000)
        #expect(configuration.weight == 1)
    }
}
