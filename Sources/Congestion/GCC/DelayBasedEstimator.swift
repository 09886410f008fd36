import Wire

/// Delay gradient, detector and rate control together (libwebrtc `delay_based_bwe.cc`).
struct DelayBasedEstimator: Sendable {
    /// Without feedback for so long the queue's past says nothing.
    private static let streamTimeout = Interval.seconds(2)

    private var interArrival = InterArrival()
    private(set) var trendline = TrendlineEstimator()
    private(set) var rateControl: AIMDRateControl
    private var feedbackAt: Instant?
    /// A probe's result was taken over with the last report.
    private(set) var tookProbe = false
    /// The last report ended an underuse: the queue has drained.
    private(set) var recovered = false

    init(startRate: Double, bounds: ClosedRange<Double>) {
        rateControl = AIMDRateControl(startRate: startRate, bounds: bounds)
    }

    /// bit/s.
    var rate: Double { rateControl.rate }
    var usage: BandwidthUsage { trendline.usage }

    /// Takes one report; false when it told nothing about delay.
    mutating func update(
        _ digest: FeedbackDigest, acknowledged: Double?, probe: Double?, roundTrip: Interval?
    ) -> Bool {
        tookProbe = false
        recovered = false
        guard !digest.received.isEmpty else { return false }
        if let roundTrip { rateControl.roundTrip = roundTrip }
        let isStale = feedbackAt.map { digest.now - $0 > Self.streamTimeout } ?? false
        if isStale || digest.clockStepped {
            interArrival = InterArrival()
            trendline.reset()
        }
        feedbackAt = digest.now
        var before = trendline.usage
        for index in digest.received.indices {
            let packet = digest.received[index]
            guard let delta = interArrival.add(sent: packet.sentAt, arrival: packet.arrival, now: digest.now) else {
                continue
            }
            trendline.add(delta, arrival: packet.arrival)
            if before == .underuse, trendline.usage == .normal { recovered = true }
            before = trendline.usage
        }
        change(acknowledged: acknowledged, probe: probe, now: digest.now)
        return true
    }

    private mutating func change(acknowledged: Double?, probe: Double?, now: Instant) {
        guard trendline.usage != .overuse else {
            guard rateControl.shouldReduceFurther(acknowledged: acknowledged, now: now) else { return }
            if acknowledged != nil {
                rateControl.update(.overuse, acknowledged: acknowledged, now: now)
            } else {
                rateControl.set(rateControl.rate / 2, now: now)
            }
            return
        }
        if let probe {
            tookProbe = true
            rateControl.noteProbe(probe)
            rateControl.set(probe, now: now)
        } else {
            rateControl.update(trendline.usage, acknowledged: acknowledged, now: now)
        }
    }
}
