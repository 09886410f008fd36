import Wire

/// How long packets wait in the bottleneck's queue, told from one-way delays that carry jitter and two clocks.
///
/// The least delay of a report is the queue's floor: it leaves out most jitter and what a frame's own packets wait for
/// each other. Smoothed, it is held against the least smoothed floor of the last seconds. Both sides of that
/// difference are smoothed alike, so that jitter cancels instead of looking like a queue.
struct QueueingDelay: Sendable {
    /// s; time constant of the smoothing.
    private static let smoothing = 0.06
    private static let noiseGain = 0.05
    /// The window of the base: eight buckets. A clock that drifts by 100 ppm errs by 2 ms in it.
    private static let bucketCount = 8
    private static let bucketLength = Interval.milliseconds(2_500)
    /// A competitor's queue may stand for longer than that window. What is this much above the least of the last one to
    /// two minutes, in s, is not taken for a longer path before they are over.
    private static let standingQueue = 0.06
    private static let memoryLength = Interval.seconds(60)

    /// s on a scale without origin.
    private(set) var floor = 0.0
    private var smoothed = 0.0
    private var buckets: [Double]
    private var bucket = 0
    private var bucketStart: Instant?
    private var updatedAt: Instant?
    private var memory = (current: Double.infinity, previous: Double.infinity)
    private var memoryStart: Instant?
    /// s; how far floors scatter around the smoothed one.
    private(set) var noise = 0.001
    /// The base may not age: a competitor keeps the queue from emptying.
    var isFrozen = false

    init() { buckets = Array(repeating: .infinity, count: Self.bucketCount) }

    var hasSample: Bool { updatedAt != nil }

    /// s; smoothed.
    var queue: Double { hasSample ? max(smoothed - base, 0) : 0 }

    /// s; of the last report alone.
    var latestQueue: Double { hasSample ? max(floor - base, 0) : 0 }

    private var base: Double {
        var least = smoothed
        for index in buckets.indices { least = min(least, buckets[index]) }
        return least
    }

    /// Starts afresh, as after a step of the receiver's clock.
    mutating func reset() {
        for index in buckets.indices { buckets[index] = .infinity }
        bucketStart = nil
        memory = (.infinity, .infinity)
        memoryStart = nil
        updatedAt = nil
    }

    /// Takes one report.
    mutating func add(_ digest: FeedbackDigest) {
        if digest.clockStepped { reset() }
        var least = Int64.max
        for index in digest.received.indices {
            let packet = digest.received[index]
            least = min(least, packet.arrival - Int64(clamping: packet.sentAt.nanoseconds))
        }
        guard least < .max else { return }
        floor = Double(least) / 1e9
        guard let before = updatedAt, digest.now - before < .seconds(5) else {
            if !hasSample { smoothed = floor }
            updatedAt = digest.now
            age(digest.now)
            return
        }
        let elapsed = (digest.now - before).seconds
        updatedAt = digest.now
        noise += Self.noiseGain * (min((floor - smoothed).magnitude, 0.02) - noise)
        smoothed += (floor - smoothed) * elapsed / (elapsed + Self.smoothing)
        age(digest.now)
    }

    private mutating func age(_ now: Instant) {
        remember(now)
        let isStanding = smoothed - min(memory.current, memory.previous) > Self.standingQueue
        if let start = bucketStart, now - start < Self.bucketLength || isFrozen || isStanding {
            buckets[bucket] = min(buckets[bucket], smoothed)
            return
        }
        bucketStart = now
        bucket = (bucket + 1) % Self.bucketCount
        buckets[bucket] = smoothed
    }

    private mutating func remember(_ now: Instant) {
        if let start = memoryStart, now - start < Self.memoryLength {
            memory.current = min(memory.current, smoothed)
        } else {
            memory = (smoothed, memory.current)
            memoryStart = now
        }
    }
}
