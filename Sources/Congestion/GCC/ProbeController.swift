import Wire

/// When to probe, and how fast (libwebrtc `probe_controller.cc`).
struct ProbeController: Sendable {
    private enum State: Sendable, BitwiseCopyable {
        case idle
        /// Results above `threshold` bit/s call for another probe at twice the result.
        case waiting(threshold: Double)
        case complete
    }

    /// What forbids or tempers a probe.
    struct Conditions: Sendable, BitwiseCopyable {
        var isLimitedByLoss = false
        var isRecoveringFromLoss = false
        var isBackingOff = false
        var isOverusing = false
        var isApplicationLimited = false
        var applicationLimitEndedAt: Instant?

        var forbid: Bool { isLimitedByLoss || isBackingOff || isOverusing }
    }

    private static let firstFactors = (3.0, 6.0)
    private static let furtherFactor = 2.0
    private static let furtherThreshold = 0.7
    private static let waitForResult = Interval.seconds(1)
    private static let largeDrop = 0.66
    private static let dropTimeout = Interval.seconds(5)
    private static let recoveryFraction = 0.85
    private static let recoveryUncertainty = 0.05
    private static let recoveryPause = Interval.seconds(5)
    private static let applicationLimitTimeout = Interval.seconds(3)
    private static let firstPeriodicPause = Interval.milliseconds(1_200)
    private static let longestPeriodicPause = Interval.seconds(3)
    private static let leastPackets = 5
    private static let length = 0.015
    private static let spacing = Interval.milliseconds(2)
    private static let unlimited = 5_000_000.0
    private static let pendingLimit = 4

    private let maximum: Double
    private var state = State.idle
    private var pending: [ProbeCluster] = []
    private var lastID: Int32 = 0
    private var initiatedAt = Instant.origin
    private var estimate: Double
    private var allocation = 0.0
    private var beforeDrop = 0.0
    private var droppedAt: Instant?
    private var recoveryProbeAt: Instant?

    /// For sources that use steps and not rates: what the next step takes has to be found out without using it.
    private let isPeriodic: Bool
    private var periodicPause = ProbeController.firstPeriodicPause
    private var nextPeriodic: Instant?
    private var estimateProbed = 0.0
    /// The last probe was sent whole, and reported.
    private var hasResult = true

    init(startRate: Double, maximum: Double, isPeriodic: Bool = false) {
        self.isPeriodic = isPeriodic
        estimate = startRate
        self.maximum = maximum
        pending.reserveCapacity(Self.pendingLimit)
    }

    mutating func next() -> ProbeCluster? { pending.isEmpty ? nil : pending.removeFirst() }

    /// Probes of the start: at three and six times the first rate.
    mutating func begin(now: Instant) {
        guard case .idle = state else { return }
        initiate(
            Self.firstFactors.0 * estimate, Self.firstFactors.1 * estimate, further: true, Conditions(), now: now)
    }

    /// A new estimate.
    mutating func update(_ rate: Double, _ conditions: Conditions, now: Instant) {
        if rate < Self.largeDrop * estimate {
            beforeDrop = estimate
            periodicPause = Self.firstPeriodicPause
            droppedAt = now
        }
        estimate = rate
        guard case .waiting(let threshold) = state, rate > threshold else { return }
        initiate(Self.furtherFactor * rate, nil, further: true, conditions, now: now)
    }

    /// A probe has told something, whatever it was; one that told nothing is no reason to probe less.
    mutating func noteResult() { hasResult = true }

    /// What the source could use at most, bit/s: a new need is probed for while the source is the limit.
    mutating func setAllocation(_ maximum: Double, _ conditions: Conditions, now: Instant) {
        let isRise = maximum > allocation && allocation > 0
        allocation = maximum
        guard case .complete = state, isRise, estimate < maximum, conditions.isApplicationLimited else { return }
        let limit = 2 * estimate
        let first = min(maximum, limit)
        initiate(first, first < limit ? min(2 * maximum, limit) : nil, further: true, conditions, now: now)
    }

    /// The queue has drained after a drop: the old rate may be back.
    mutating func requestRecovery(_ conditions: Conditions, now: Instant) {
        guard case .complete = state, let droppedAt, now - droppedAt <= Self.dropTimeout else { return }
        let endedRecently = conditions.applicationLimitEndedAt.map { now - $0 <= Self.applicationLimitTimeout } ?? false
        guard conditions.isApplicationLimited || endedRecently else { return }
        if let recoveryProbeAt, now - recoveryProbeAt < Self.recoveryPause { return }
        let probe = Self.recoveryFraction * beforeDrop
        guard (1 - Self.recoveryUncertainty) * probe > estimate else { return }
        recoveryProbeAt = now
        initiate(probe, nil, further: false, conditions, now: now)
    }

    /// Somebody wants to know whether the path carries this much; at most twice the estimate is tried at a time.
    mutating func request(_ rate: Double, _ conditions: Conditions, now: Instant) {
        guard case .complete = state, now - initiatedAt > Self.waitForResult, rate > estimate else { return }
        initiate(min(rate, 2 * estimate), nil, further: false, conditions, now: now)
    }

    mutating func advance(to now: Instant, _ conditions: Conditions) {
        if case .waiting = state, now - initiatedAt > Self.waitForResult { state = .complete }
        if isPeriodic { probePeriodically(conditions, now: now) }
    }

    /// Up to twice the estimate while the source could use more; the longer apart the less it helps.
    private mutating func probePeriodically(_ conditions: Conditions, now: Instant) {
        guard case .complete = state, allocation > 0, estimate < 0.98 * allocation else { return }
        guard let due = nextPeriodic else { return nextPeriodic = now + periodicPause }
        guard now >= due, !conditions.forbid else { return }
        let hasHelped = estimate > 1.1 * estimateProbed
        if hasHelped {
            periodicPause = Self.firstPeriodicPause
        } else if hasResult {
            periodicPause = min(periodicPause * 3 / 2, Self.longestPeriodicPause)
        }
        hasResult = false
        nextPeriodic = now + periodicPause
        estimateProbed = estimate
        initiate(min(Self.furtherFactor * estimate, allocation), nil, further: true, conditions, now: now)
    }

    private mutating func initiate(
        _ first: Double, _ second: Double?, further: Bool, _ conditions: Conditions, now: Instant
    ) {
        guard !conditions.forbid else {
            state = .complete
            return
        }
        var cap = maximum > 0 ? maximum : Self.unlimited
        if allocation > 0 { cap = min(cap, 2 * allocation) }
        if conditions.isRecoveringFromLoss { cap = min(cap, 1.5 * estimate) }
        initiatedAt = now
        var further = further
        var last = min(first, cap)
        further = further && first < cap
        append(last)
        if let second, further {
            further = second < cap
            last = min(second, cap)
            append(last)
        }
        state = further ? .waiting(threshold: Self.furtherThreshold * last) : .complete
    }

    private mutating func append(_ rate: Double) {
        guard pending.count < Self.pendingLimit, rate.isFinite else { return }
        lastID = lastID == .max ? 1 : lastID + 1
        pending.append(
            ProbeCluster(
                id: lastID, rate: UInt64(max(rate, 1)), minimumBytes: Int(rate * Self.length / 8),
                minimumPackets: Self.leastPackets, spacing: Self.spacing))
    }
}
