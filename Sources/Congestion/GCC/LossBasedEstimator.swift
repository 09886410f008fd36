import Wire

/// The rate that loss allows: the likeliest channel of a capacity and a loss that is always there
/// (libwebrtc `loss_based_bwe_v2.cc`).
struct LossBasedEstimator: Sendable {
    /// What limits the rate.
    enum State: UInt8, Sendable, BitwiseCopyable {
        case delayBased, increasing, increasingWithPadding, decreasing
    }

    private struct Channel: Sendable, BitwiseCopyable {
        /// bit/s.
        var bandwidth: Double
        var inherentLoss = 0.01
    }

    /// The likeliest candidate by now.
    private struct Choice: Sendable, BitwiseCopyable {
        var winner: Channel
        var objective = -Double.infinity
        let limit: Double
        let inherentLoss: Double
    }

    private static let factors: (Double, Double, Double) = (1.02, 1, 0.95)
    private static let delayedIncrease = Interval.milliseconds(300)
    private static let firstHold = Interval.milliseconds(300)
    private static let longestHold = Interval.seconds(60)
    private static let padding = Interval.seconds(2)
    /// bit/s per unit of loss above the offset.
    private static let balance = 100_000.0
    private static let lossOffset = 0.05
    private static let leastInherentLoss = 1e-3

    private let bounds: ClosedRange<Double>
    private var observations = LossObservations()
    private var best: Channel?
    private(set) var state = State.delayBased
    /// bit/s; nil until there are observations.
    private(set) var rate: Double?
    private var recoveringSince: Instant?
    private var windowLimit = Double.infinity
    private var hold: (until: Instant, length: Interval, rate: Double) = (
        .origin, LossBasedEstimator.firstHold, .infinity
    )
    private var paddingStart: Instant?
    private var paddingRate = 0.0

    init(bounds: ClosedRange<Double>) { self.bounds = bounds }

    var isReady: Bool { observations.isReady && rate != nil }
    private var isLossLimited: Bool { state != .delayBased }

    mutating func update(
        _ digest: FeedbackDigest, acknowledged: Double?, delayBased: Double, isApplicationLimited: Bool
    ) {
        guard observations.add(digest), let latest = observations.latest else { return }
        let current = best ?? Channel(bandwidth: delayBased)
        guard observations.isReady else {
            best = current
            return
        }
        var winner = likeliest(
            current, acknowledged: acknowledged, delayBased: delayBased, isApplicationLimited: isApplicationLimited)
        // More loss than the winner explains: it knows too little to rise.
        if observations.averageLoss > winner.inherentLoss, winner.bandwidth > current.bandwidth {
            winner.bandwidth = current.bandwidth
        }
        if isLossLimited { restrain(&winner, current: current, acknowledged: acknowledged, at: latest) }
        let bounded = max(
            lowerBound(acknowledged), min(winner.bandwidth, min(upperBound, delayBased)))
        // *Deviation:* libwebrtc's source forgets the inherent loss here. Its figures under random loss (0.87 of the
        // link at 5 %, 0.82 at 10 %) come out only with it kept: learnt anew, it holds increases back for seconds.
        best = Channel(bandwidth: min(bounded, winner.bandwidth), inherentLoss: winner.inherentLoss)
        settle(bounded, delayBased: delayBased, at: latest)
    }

    // MARK: The channel

    private func likeliest(
        _ current: Channel, acknowledged: Double?, delayBased: Double, isApplicationLimited: Bool
    ) -> Channel {
        let limit = max(current.bandwidth, isLossLimited ? windowLimit : bounds.upperBound)
        var choice = Choice(winner: current, limit: limit, inherentLoss: current.inherentLoss)
        consider(current.bandwidth * Self.factors.0, &choice)
        consider(current.bandwidth * Self.factors.1, &choice)
        consider(current.bandwidth * Self.factors.2, &choice)
        if let acknowledged, !isApplicationLimited || isPadding { consider(acknowledged, &choice) }
        if delayBased > current.bandwidth { consider(delayBased, &choice) }
        return choice.winner
    }

    private func consider(_ bandwidth: Double, _ choice: inout Choice) {
        var channel = Channel(
            bandwidth: max(min(bandwidth, choice.limit), Limits.leastBandwidth), inherentLoss: choice.inherentLoss)
        improve(&channel)
        let objective = objective(channel)
        let isTie = objective == choice.objective && channel.bandwidth > choice.winner.bandwidth
        guard objective > choice.objective || isTie else { return }
        choice.objective = objective
        choice.winner = channel
    }

    private var isPadding: Bool {
        guard let paddingStart, let latest = observations.latest else { return false }
        return paddingStart + Self.padding >= latest
    }

    /// One step of Newton's method on the inherent loss.
    private func improve(_ channel: inout Channel) {
        channel.inherentLoss = feasible(channel.inherentLoss, bandwidth: channel.bandwidth)
        var first = 0.0
        var second = 0.0
        for index in 0..<observations.count {
            let seen = observations.observation(index)
            let loss = lossProbability(channel, sendRate: seen.sendRate)
            let kept = 1 - loss
            first += seen.weight * (seen.lost / loss - seen.received / kept)
            second -= seen.weight * (seen.lost / (loss * loss) + seen.received / (kept * kept))
        }
        if second > -1e-6 { second = -1e-6 }
        channel.inherentLoss = feasible(channel.inherentLoss - 0.75 * first / second, bandwidth: channel.bandwidth)
    }

    private func feasible(_ loss: Double, bandwidth: Double) -> Double {
        let upper = min(Self.lossOffset + Self.balance / max(bandwidth, 1), 1)
        guard loss.isFinite else { return 0.01 }
        return min(max(loss, Self.leastInherentLoss), upper)
    }

    private func lossProbability(_ channel: Channel, sendRate: Double) -> Double {
        var loss = channel.inherentLoss
        if sendRate > channel.bandwidth, sendRate > 0 {
            loss += (1 - loss) * (sendRate - channel.bandwidth) / sendRate
        }
        return min(max(loss, 1e-6), 1 - 1e-6)
    }

    private func objective(_ channel: Channel) -> Double {
        let kilobits = channel.bandwidth / 1_000
        let bias = lean(0.0002) * kilobits + lean(0.02) * RealMath.log(1 + kilobits)
        var sum = 0.0
        for index in 0..<observations.count {
            let seen = observations.observation(index)
            let loss = lossProbability(channel, sendRate: seen.sendRate)
            sum += seen.weight * (seen.lost * RealMath.log(loss) + seen.received * RealMath.log(1 - loss))
            sum += seen.weight * seen.total * bias
        }
        return sum
    }

    /// How much more bandwidth is liked: less as loss comes near a fifth, disliked beyond.
    private func lean(_ factor: Double) -> Double {
        let distance = 0.2 - observations.averageLoss
        return factor * distance / (0.002 + distance.magnitude)
    }

    // MARK: Guards

    private mutating func restrain(_ winner: inout Channel, current: Channel, acknowledged: Double?, at latest: Instant)
    {
        if let recoveringSince, recoveringSince + Self.delayedIncrease > latest {
            winner.bandwidth = min(winner.bandwidth, windowLimit)
        }
        guard let acknowledged, isIncreasing(from: current.bandwidth, to: winner.bandwidth) else { return }
        let factor = acknowledged < 1.3 * hold.rate && hold.rate.isFinite ? 1.2 : 1.5
        winner.bandwidth = max(current.bandwidth, min(winner.bandwidth, factor * acknowledged))
        // One bit/s more, so that the state can change.
        if state == .decreasing, winner.bandwidth == current.bandwidth { winner.bandwidth += 1 }
    }

    private func isIncreasing(from old: Double, to new: Double) -> Bool {
        guard isLossLimited else { return false }
        return old < new || (old == new && state != .decreasing)
    }

    private func lowerBound(_ acknowledged: Double?) -> Double { max(acknowledged ?? 0, bounds.lowerBound) }

    private var upperBound: Double {
        let excess = observations.averageLoss - Self.lossOffset
        return excess > 0 ? Self.balance / excess : .infinity
    }

    private mutating func settle(_ bounded: Double, delayBased: Double, at latest: Instant) {
        if state == .decreasing, hold.until > latest, bounded < delayBased {
            rate = min(hold.rate, bounded)
            return
        }
        let isLimiting = bounded < delayBased && bounded < bounds.upperBound
        if isLimiting, isIncreasing(from: rate ?? delayBased, to: bounded), canKeepIncreasing(bounded, at: latest) {
            if bounded > paddingRate {
                paddingStart = latest
                paddingRate = bounded
                state = .increasingWithPadding
            } else if state != .increasingWithPadding {
                state = .increasing
            }
        } else if isLimiting {
            if state != .decreasing {
                hold = (latest + hold.length, min(hold.length * 2, Self.longestHold), bounded)
            }
            paddingStart = nil
            paddingRate = 0
            state = .decreasing
        } else {
            hold = (.origin, Self.firstHold, .infinity)
            paddingStart = nil
            paddingRate = 0
            state = .delayBased
        }
        rate = bounded
        guard isLossLimited, recoveringSince.map({ $0 + Self.delayedIncrease < latest }) ?? true else { return }
        windowLimit = max(Limits.leastBandwidth, 1.3 * (best?.bandwidth ?? bounded))
        recoveringSince = latest
    }

    private func canKeepIncreasing(_ estimate: Double, at latest: Instant) -> Bool {
        guard state == .increasingWithPadding, let paddingStart else { return true }
        return paddingStart + Self.padding >= latest || paddingRate < estimate
    }
}

extension Limits {
    /// bit/s; below it a channel is none.
    fileprivate static let leastBandwidth = Double(minimumRate)
}
