import Testing
import Wire

@testable import Congestion

/// Loss-based estimation of GCC, and the second controller's way of telling whose loss it is.
@Suite struct LossTests {
    private static let bounds = 5_000.0...30_000_000.0

    /// Reports of 50 ms of 1000-byte packets at `rate`; `loss` of them are lost, evenly.
    private func feed(
        _ estimator: inout LossBasedEstimator, rate: (Double?) -> Double, loss: (Double) -> Double, seconds: Double,
        delayBased: Double
    ) {
        var digests = Digests()
        var time = 0.0
        var debt = 0.0
        var lost = 0.0
        while time < seconds * 1_000 {
            let sending = rate(estimator.rate)
            debt += sending * 0.05 / 8_000
            var packets: [Digests.Packet] = []
            let count = Int(debt)
            debt -= Double(count)
            for index in 0..<count {
                let sent = time + Double(index) * 50 / Double(max(count, 1))
                lost += loss(sending)
                if lost >= 1 {
                    lost -= 1
                    packets.append(.init(sent: sent, arrival: nil))
                } else {
                    packets.append(.init(sent: sent, arrival: sent + 50))
                }
            }
            time += 50
            estimator.update(
                digests.report(packets, now: time + 100), acknowledged: sending * (1 - loss(sending)),
                delayBased: delayBased, isApplicationLimited: false)
        }
    }

    @Test func withoutLossTheDelayBasedRateStands() {
        var estimator = LossBasedEstimator(bounds: Self.bounds)
        feed(&estimator, rate: { _ in 1_000_000 }, loss: { _ in 0 }, seconds: 5, delayBased: 1_200_000)
        #expect(estimator.state == .delayBased)
        #expect(estimator.rate == 1_200_000)
    }

    @Test func threeObservationsAreNeeded() {
        var estimator = LossBasedEstimator(bounds: Self.bounds)
        feed(&estimator, rate: { _ in 1_000_000 }, loss: { _ in 0.5 }, seconds: 0.6, delayBased: 1_000_000)
        #expect(!estimator.isReady)
        feed(&estimator, rate: { _ in 1_000_000 }, loss: { _ in 0.5 }, seconds: 2, delayBased: 1_000_000)
        #expect(estimator.isReady)
    }

    @Test func aLinkThatDropsTheExcessIsFoundByItsLoss() throws {
        var estimator = LossBasedEstimator(bounds: Self.bounds)
        feed(
            &estimator, rate: { $0 ?? 1_000_000 }, loss: { max(0, ($0 - 500_000) / $0) }, seconds: 20,
            delayBased: 1_000_000)
        let rate = try #require(estimator.rate)
        #expect((450_000...620_000).contains(rate))
        #expect(estimator.state != .delayBased)
    }

    @Test func aLittleLossThatIsAlwaysThereCostsLittle() throws {
        var estimator = LossBasedEstimator(bounds: Self.bounds)
        feed(&estimator, rate: { $0 ?? 1_000_000 }, loss: { _ in 0.02 }, seconds: 30, delayBased: 1_000_000)
        #expect(try #require(estimator.rate) > 850_000)
    }

    /// Five seconds of 100 packets/s with this loss; the product of what the rate was multiplied with.
    private func factor(_ loss: inout InherentLoss, _ digests: inout Digests, from: Double, share: (Double) -> Double)
        -> Double
    {
        var factor = 1.0
        var lost = 0.0
        for round in 0..<100 {
            let start = from + Double(round) * 50
            let packets = (0..<5).map { index -> Digests.Packet in
                lost += share(factor)
                let isLost = lost >= 1
                if isLost { lost -= 1 }
                return .init(sent: start + Double(index) * 10, arrival: isLost ? nil : start + Double(index) * 10 + 50)
            }
            factor *= loss.update(digests.report(packets, now: start + 150))
        }
        return factor
    }

    @Test func lossThatSendingLessDoesNotCureIsThePaths() {
        var loss = InherentLoss()
        var digests = Digests()
        #expect(factor(&loss, &digests, from: 0, share: { _ in 0.2 }) == InherentLoss.trialFactor)
        #expect(factor(&loss, &digests, from: 5_000, share: { _ in 0.2 }) == 1)
        #expect(loss.inherent > 0.15)
    }

    @Test func lossThatTheRateCausesTakesTheRateDown() {
        var loss = InherentLoss()
        var digests = Digests()
        let first = factor(&loss, &digests, from: 0, share: { max(0, 1 - 0.5 / $0) })
        #expect(first <= InherentLoss.trialFactor)
        #expect(loss.inherent < 0.1)
    }

    @Test func aFewPercentAreNotLookedInto() {
        var loss = InherentLoss()
        var digests = Digests()
        #expect(factor(&loss, &digests, from: 0, share: { _ in 0.05 }) == 1)
    }
}
