import Wire

/// Sent and lost bytes in steps of a quarter second of sending, the last fifteen of them.
struct LossObservations: Sendable {
    struct Observation: Sendable, BitwiseCopyable {
        /// KB.
        var lost = 0.0
        var total = 0.0
        /// bit/s.
        var sendRate = 0.0
        /// 0.9 to the power of its age.
        var weight = 0.0

        var received: Double { total - lost }
    }

    private static let step = Interval.milliseconds(250)
    private static let window = 15
    private static let ageWeight = 0.9
    private static let required = 3

    private var ring: [Observation]
    private var partial = Observation()
    private(set) var count = 0
    private var next = 0
    /// The last departure that a complete observation covers.
    private(set) var latest: Instant?
    private var partialEnd = Instant.origin
    /// The share of bytes lost, weighted, 0...1.
    private(set) var averageLoss = 0.0

    init() { ring = Array(repeating: Observation(), count: Self.window) }

    var isReady: Bool { count >= Self.required }
    var capacity: Int { Self.window }

    /// Weight 0: there is none.
    func observation(_ index: Int) -> Observation { ring[index] }

    /// Takes one report; true when an observation is complete.
    mutating func add(_ digest: FeedbackDigest) -> Bool {
        for index in digest.received.indices {
            let packet = digest.received[index]
            let size = Double(packet.size) / 1_000
            // Called lost before: it is in the total already.
            if packet.wasLost { partial.lost = max(partial.lost - size, 0) } else { partial.total += size }
            partialEnd = max(partialEnd, packet.sentAt)
        }
        for index in digest.lost.indices {
            let packet = digest.lost[index]
            let size = Double(packet.size) / 1_000
            partial.total += size
            partial.lost += size
            partialEnd = max(partialEnd, packet.sentAt)
        }
        guard let start = latest else {
            guard !digest.isEmpty else { return false }
            latest = digest.received.isEmpty ? digest.lost[0].sentAt : digest.received[0].sentAt
            return false
        }
        let span = partialEnd - start
        guard span >= Self.step, partial.total > 0 else { return false }
        partial.sendRate = partial.total * 8_000 / span.seconds
        for index in 0..<count { ring[index].weight *= Self.ageWeight }
        partial.weight = 1
        ring[next] = partial
        next = (next + 1) % Self.window
        count = min(count + 1, Self.window)
        latest = partialEnd
        partial = Observation()
        measureAverage()
        return true
    }

    /// Without the best and the worst observation, unless the worst was a burst of our own.
    private mutating func measureAverage() {
        var worst = 0
        var best = 0
        for index in 1..<max(count, 1) {
            if ratio(index) > ratio(worst) { worst = index }
            if ratio(index) < ratio(best) { best = index }
        }
        let isOwnBurst = 2 * medianSendRate <= ring[worst].sendRate
        var lost = 0.0
        var total = 0.0
        for index in 0..<count {
            if !isOwnBurst, count > 2, index == worst || index == best { continue }
            lost += ring[index].weight * ring[index].lost
            total += ring[index].weight * ring[index].total
        }
        averageLoss = total > 0 ? lost / total : 0
    }

    private func ratio(_ index: Int) -> Double {
        ring[index].total > 0 ? ring[index].lost / ring[index].total : 0
    }

    /// By counting: the ring is short, and sorting would need a copy.
    private var medianSendRate: Double {
        for index in 0..<count {
            var below = 0
            var equal = 0
            for other in 0..<count {
                if ring[other].sendRate < ring[index].sendRate { below += 1 }
                if ring[other].sendRate == ring[index].sendRate { equal += 1 }
            }
            if below <= count / 2, count / 2 < below + equal { return ring[index].sendRate }
        }
        return 0
    }
}
