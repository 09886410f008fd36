import Wire

/// Holds the queueing delay at a target that falls as the rate rises, so that each flow keeps the same few bytes in
/// the queue (as TCP Vegas does, and NADA, RFC 8698 section 4.2): flows that see one queue meet at rates in proportion
/// to their weights, whatever their round trips are.
///
/// - In the **steady** state a proportional-integral law moves the rate, and a slow pull towards the fair rate that the
///   average queue stands for brings flows together faster than the law alone could.
/// - When the queue stands well above the target, or fills faster than the law could follow, the rate **drains** it:
///   below what is delivered, until the queue is gone.
/// - When that does not help, someone else fills the queue: the rate **competes** as TCP does, with loss as the limit.
/// - When the queue has not been seen empty for some time, a short **dip** empties it, for everybody on the link to
///   learn the path's delay without it (the late comer's problem).
struct DelayTargetController: Sendable {
    enum State: Sendable, BitwiseCopyable {
        case steady
        /// `capacity` in bit/s as delivered at the start, `queue` in s as it stood then.
        case draining(since: Instant, capacity: Double, queue: Double)
        case dipping(until: Instant)
        /// Since when, and the last back-off on loss.
        case competing(since: Instant, reducedAt: Instant)
    }

    // What each packet needs comes first, so that it lies together.
    var sentSinceFeedback = false
    private var hasSent = false
    var outageAt: Instant?
    /// bit/s.
    var rate: Double
    var applicationLimit = ApplicationLimitDetector()
    let bounds: ClosedRange<Double>
    let weight: Double
    var random: SeededRandom
    var state = State.steady
    var allocation = Double(Limits.maximumRate)
    var delay = QueueingDelay()
    var delivery = DeliveryMeter()
    var inherentLoss = InherentLoss()
    var probes: ProbeController
    var probeEstimator = ProbeEstimator()
    var reports: ReportBasedEstimator
    /// s; the least round trip seen in two windows.
    var baseRoundTrip = RoundTripBase()
    var hasFeedback = false
    var feedbackAt: Instant?
    /// bit/s; the rate before reports stayed away.
    private var rateBeforeOutage: Double?
    /// s; of the report before, and averaged over seconds.
    var previousQueue = 0.0
    var averageQueue: Double?
    /// 1/s; growth on top of the law while the queue is empty.
    var growth = 0.0
    var emptyFor = 0.0
    /// No queue has been reached yet: growth need not be patient.
    var isStarting = true
    /// s²; how much the queue was above what is tolerable, and for how long.
    var excess = 0.0
    /// s; the queue over some tenths of a second.
    var slowQueue = 0.0
    /// bit/s; the rate before the last drain: whoever filled the queue may be gone.
    var remembered = 0.0
    /// s; the queue of the report before.
    private var latestQueue = 0.0
    private var jumpedAt: Instant?
    /// The queue has just grown faster than our own rate could make it.
    private(set) var isJumping = false
    var emptyAt: Instant
    var dipPause: Interval
    /// After a dip or a drain the law does not learn from what it caused itself.
    var quietUntil = Instant.origin
    /// Share of CE marks, smoothed.
    var marks = 0.0
    var lowestQueue = LeastOfWindow()
    /// How long a competition lasts before the queue is tried again.
    var competitionPause = DelayTargetController.firstCompetition
    /// Bytes that wait in the pacer.
    var backlog = 0
    private let probesPeriodically: Bool
    /// The last probe for a source that limits itself.
    var probedAt = Instant.origin
    private var nextTick: Instant

    init(_ configuration: CongestionConfiguration, random: SeededRandom, now: Instant) {
        bounds = Double(configuration.minimumRate)...Double(configuration.maximumRate)
        weight = configuration.weight
        self.random = random
        rate = Double(configuration.startRate)
        reports = ReportBasedEstimator(rate: rate, bounds: bounds, now: now)
        probes = ProbeController(
            startRate: rate, maximum: bounds.upperBound, isPeriodic: configuration.probesPeriodically)
        probesPeriodically = configuration.probesPeriodically
        emptyAt = now
        dipPause = Self.dipPause
        nextTick = now + Self.firstTick
    }

    // MARK: What happens

    mutating func sent(_ packet: SentPacket) {
        if !hasSent {
            hasSent = true
            probes.begin(now: packet.sentAt)
        }
        applicationLimit.sent(bytes: Int(packet.size), target: rate, now: packet.sentAt)
        if !sentSinceFeedback { outageAt = packet.sentAt }
        sentSinceFeedback = true
    }

    mutating func nextProbe() -> ProbeCluster? {
        guard let probe = probes.next() else { return nil }
        probeEstimator.start(probe)
        return probe
    }

    /// - Parameter padding: bit/s that would be worth having; above the rate it is asked for at once.
    mutating func setAllocation(_ maximum: Double, padding: Double, now: Instant) {
        allocation = maximum
        if padding > rate, hasFeedback { probes.request(padding, conditions, now: now) }
        probes.setAllocation(maximum, conditions, now: now)
    }

    mutating func receive(_ digest: FeedbackDigest) {
        let now = digest.now
        hasFeedback = true
        sentSinceFeedback = false
        let elapsed = min(max((now - (feedbackAt ?? now)).seconds, 0), 0.5)
        feedbackAt = now
        if let propagation = digest.propagation { baseRoundTrip.add(propagation.seconds, now: now) }
        delivery.add(digest)
        delay.add(digest)
        lowestQueue.add(delay.latestQueue, now: now)
        if delay.latestQueue > latestQueue + Self.jump { jumpedAt = now }
        isJumping = jumpedAt.map { now - $0 < Self.jumpMemory } ?? false
        latestQueue = delay.latestQueue
        if delay.queue < emptyThreshold { emptyAt = now }
        endOutage(digest)
        takeProbes(digest)
        react(to: digest, elapsed: elapsed)
        clamp()
        reports.follow(rate)
        probes.update(rate, conditions, now: now)
        probes.advance(to: now, conditions)
        nextTick = now + Self.tick
        if !probesPeriodically { considerProbe(now) }
    }

    /// The receiver's own estimate, while no transport feedback comes.
    mutating func receiveMaximumRate(_ maximum: Double, now: Instant) {
        guard !hasFeedback else { return }
        reports.raise(to: maximum, now: now)
        rate = reports.rate
    }

    mutating func receiveReport(loss: Double, roundTrip: Interval?, packets: Int, now: Instant) {
        guard !hasFeedback else { return }
        reports.update(loss: loss, roundTrip: roundTrip ?? .milliseconds(200), packets: packets, now: now)
        rate = reports.rate
        clamp()
    }

    /// Without feedback the path is thought to carry less and less.
    mutating func advance(to now: Instant) {
        nextTick = now + (hasFeedback ? Self.tick : Self.firstTick)
        probes.advance(to: now, conditions)
        if case .dipping(let until) = state, now >= until { endDip(now) }
        guard hasFeedback, sentSinceFeedback, let since = outageAt else { return }
        guard now - since > .nanoseconds(Int64((Self.outage + 3 * baseRoundTrip.value) * 1e9)) else { return }
        outageAt = now
        rateBeforeOutage = rateBeforeOutage ?? rate
        rate *= Self.outageFactor
        clamp()
    }

    /// When everything arrived in time, only the reports were late: a receiver that is busy says nothing of the path.
    private mutating func endOutage(_ digest: FeedbackDigest) {
        guard let before = rateBeforeOutage else { return }
        rateBeforeOutage = nil
        guard digest.lost.isEmpty, !digest.received.isEmpty, delay.latestQueue < delayTarget + Self.overuse else {
            return
        }
        rate = max(rate, before)
    }

    /// When to look again. Reports drive nearly everything; what happens without them is a matter of seconds.
    private var deadline: Instant {
        guard case .dipping(let until) = state else { return nextTick }
        return min(nextTick, until)
    }

    // MARK: What follows

    // What only reads is inlined always: a call that borrows a struct of this size copies it first.

    /// Mutating so that it happens in place. What the source needs at least is let out in any case.
    mutating func tell(_ outputs: inout ControllerOutputs, minimum: Double) {
        outputs.estimate = rate
        outputs.targetRate = targetRate
        outputs.pacingRate = pacingRate(minimum: minimum)
        outputs.window = window
        outputs.deadline = deadline
    }

    /// bit/s.
    @inline(__always)
    var targetRate: Double {
        switch state {
        case .steady, .competing: max(rate - Double(backlog) * 8 / Self.backlogTime, rate / 2)
        case .draining(_, let capacity, _): min(rate, capacity * drainFactor)
        case .dipping: rate * Self.dipFactor
        }
    }

    /// Mutating so that it happens in place.
    private mutating func pacingRate(minimum: Double) -> Double {
        switch state {
        case .steady: max(rate, minimum) * (hasFeedback ? pacingFactor : 2.5)
        case .competing: max(rate, minimum) * Self.largestPacing
        case .draining, .dipping: targetRate
        }
    }

    /// The queue is kept short at once by what the pacer holds back, long before the source has followed.
    @inline(__always)
    private var pacingFactor: Double {
        let excess = delay.queue - delayTarget
        return min(max(Self.pacing - excess * Self.pacingGain, Self.leastPacing), Self.largestPacing)
    }

    /// Bytes: what the path holds and a queue of some hundred milliseconds.
    @inline(__always)
    private var window: Int {
        guard hasFeedback else { return .max }
        let window = rate / 8 * (baseRoundTrip.value + Self.windowQueue) + 3_000
        return window < 1e12 ? Int(window) : 1_000_000_000_000
    }

    /// s; the standing queue that this rate is entitled to.
    @inline(__always)
    var delayTarget: Double { targetOffset + max(weight * Self.queuedBits / max(rate, 1), Self.leastQueue) }

    /// s; an empty queue seems this long, since the base is the least of many.
    @inline(__always)
    var targetOffset: Double { min(max(Self.offsetPerNoise * delay.noise, 0.001), 0.008) }

    @inline(__always)
    var emptyThreshold: Double { targetOffset + 0.002 }

    @inline(__always)
    var conditions: ProbeController.Conditions {
        var conditions = ProbeController.Conditions()
        if case .steady = state {
            conditions.isOverusing = delay.queue > delayTarget + Self.overuse / 2
        } else {
            conditions.isOverusing = true
        }
        conditions.isApplicationLimited = applicationLimit.isLimited
        conditions.applicationLimitEndedAt = applicationLimit.endedAt
        return conditions
    }

    mutating func clamp() {
        rate = min(max(rate.isFinite ? rate : bounds.lowerBound, bounds.lowerBound), bounds.upperBound)
    }
}
