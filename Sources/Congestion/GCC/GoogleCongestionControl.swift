import Wire

/// Google Congestion Control as libwebrtc runs it by default in 2026 (`goog_cc_network_control.cc`).
///
/// Three estimates side by side: what the delay gradient allows, what loss allows below that, and what probes have
/// shown. Behaviour and constants follow libwebrtc so that a peer cannot tell the two apart; its legacy estimators and
/// experiments are left out.
struct GoogleCongestionControl: Sendable {
    private static let tick = Interval.milliseconds(50)
    private static let startPhase = Interval.seconds(2)
    private static let probeDropShare = 0.85
    private static let feedbackRoundTrips = 32
    private static let pacingBeforeFeedback = 2.5
    private static let pacingAfterFeedback = 1.1
    /// libwebrtc's burst interval: packets leave in lumps of so much time.
    static let burst = Interval.milliseconds(40)

    private let bounds: ClosedRange<Double>
    private let startedAt: Instant
    private var delayBased: DelayBasedEstimator
    private var lossBased: LossBasedEstimator
    private var throughput = ThroughputEstimator()
    private var probes: ProbeController
    private var probeEstimator = ProbeEstimator()
    private var applicationLimit = ApplicationLimitDetector()
    private var backoff = RoundTripBackoff()
    private var window = CongestionWindow()
    private var roundTrips: [Interval]
    private var roundTripCount = 0
    private var hasFeedback = false
    private var hasLoss = false
    private var reports: ReportBasedEstimator
    private var smoothedRoundTrip: Interval?
    /// bit/s.
    private var estimate: Double
    private var deadline: Instant

    init(_ configuration: CongestionConfiguration, now: Instant) {
        let start = Double(configuration.startRate)
        bounds = Double(configuration.minimumRate)...Double(configuration.maximumRate)
        startedAt = now
        delayBased = DelayBasedEstimator(startRate: start, bounds: bounds)
        lossBased = LossBasedEstimator(bounds: bounds)
        reports = ReportBasedEstimator(rate: start, bounds: bounds, now: now)
        probes = ProbeController(
            startRate: start, maximum: bounds.upperBound, isPeriodic: configuration.probesPeriodically)
        roundTrips = Array(repeating: .zero, count: Self.feedbackRoundTrips)
        estimate = start
        deadline = now + Self.tick
    }

    /// Mutating so that it happens in place. What the source needs at least is let out in any case.
    mutating func tell(_ outputs: inout ControllerOutputs, minimum: Double) {
        outputs.estimate = estimate
        // Pushed back while the window is overfull.
        outputs.targetRate = window.target(estimate)
        outputs.pacingRate =
            max(estimate, minimum) * (hasFeedback ? Self.pacingAfterFeedback : Self.pacingBeforeFeedback)
        // Filled up for loss recovery.
        outputs.paddingRate = lossBased.state == .increasingWithPadding ? estimate : 0
        outputs.deadline = deadline
    }

    mutating func nextProbe() -> ProbeCluster? {
        guard let probe = probes.next() else { return nil }
        probeEstimator.start(probe)
        return probe
    }

    mutating func setAllocation(_ maximum: Double, now: Instant) {
        probes.setAllocation(maximum, conditions, now: now)
    }

    mutating func sent(_ packet: SentPacket) {
        probes.begin(now: packet.sentAt)
        applicationLimit.sent(bytes: Int(packet.size), target: estimate, now: packet.sentAt)
        backoff.sent(at: packet.sentAt)
    }

    mutating func receive(_ digest: FeedbackDigest, roundTrip: Interval?) {
        smoothedRoundTrip = roundTrip
        hasFeedback = true
        hasLoss = hasLoss || !digest.lost.isEmpty
        if let propagation = digest.propagation {
            backoff.update(propagation: propagation, now: digest.now)
            roundTrips[roundTripCount % Self.feedbackRoundTrips] = digest.longestRoundTrip
            roundTripCount += 1
        }
        throughput.add(digest)
        let acknowledged = throughput.rate
        var probe: Double?
        for index in digest.received.indices {
            let packet = digest.received[index]
            probe = probeEstimator.add(packet) ?? probe
        }
        if probe != nil { probes.noteResult() }
        if let result = probe, let acknowledged {
            probe = max(result, min(delayBased.rate, Self.probeDropShare * acknowledged))
        }
        let isUpdated = delayBased.update(
            digest, acknowledged: acknowledged, probe: probe, roundTrip: smoothedRoundTrip)
        if isUpdated, delayBased.tookProbe { estimate = delayBased.rate }
        lossBased.update(
            digest, acknowledged: acknowledged, delayBased: delayBased.rate,
            isApplicationLimited: applicationLimit.isLimited)
        combine(now: digest.now)
        reports.follow(estimate)
        probes.update(estimate, conditions, now: digest.now)
        if isUpdated, delayBased.recovered { probes.requestRecovery(conditions, now: digest.now) }
        window.update(target: estimate, roundTrip: leastRoundTrip)
        window.fill(digest.bytesInFlight)
    }

    /// The receiver's own estimate, while no transport feedback comes.
    mutating func receiveMaximumRate(_ maximum: Double, now: Instant) {
        guard !hasFeedback else { return }
        reports.raise(to: maximum, now: now)
        estimate = reports.rate
    }

    /// A receiver report, while no transport feedback comes.
    mutating func receiveReport(loss: Double, roundTrip: Interval?, packets: Int, now: Instant) {
        guard !hasFeedback else { return }
        reports.update(loss: loss, roundTrip: roundTrip ?? .milliseconds(200), packets: packets, now: now)
        estimate = reports.rate
    }

    mutating func advance(to now: Instant, bytesInFlight: Int) {
        deadline = now + Self.tick
        window.fill(bytesInFlight)
        probes.advance(to: now, conditions)
        if backoff.shouldReduce(now: now) {
            let reduced = max(estimate * RoundTripBackoff.factor, RoundTripBackoff.floor)
            estimate = max(min(estimate, reduced), bounds.lowerBound)
        }
    }

    private mutating func combine(now: Instant) {
        guard !backoff.isAboveLimit else { return }
        let isStarting = now - startedAt < Self.startPhase
        if let rate = lossBased.rate, lossBased.isReady {
            estimate = rate
        } else if isStarting, !hasLoss {
            estimate = max(estimate, delayBased.rate)
        }
        estimate = min(max(min(estimate, delayBased.rate), bounds.lowerBound), bounds.upperBound)
    }

    private var conditions: ProbeController.Conditions {
        ProbeController.Conditions(
            isLimitedByLoss: lossBased.state == .decreasing || lossBased.state == .increasingWithPadding,
            isRecoveringFromLoss: lossBased.state == .increasing, isBackingOff: backoff.isAboveLimit,
            isOverusing: delayBased.usage == .overuse, isApplicationLimited: applicationLimit.isLimited,
            applicationLimitEndedAt: applicationLimit.endedAt)
    }

    private var leastRoundTrip: Interval {
        var least = Limits.longestRoundTrip
        for index in 0..<min(max(roundTripCount, 1), Self.feedbackRoundTrips) { least = min(least, roundTrips[index]) }
        return least
    }
}
