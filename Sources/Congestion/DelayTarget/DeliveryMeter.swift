import Wire

/// How fast packets left and came over the last reports; quicker and rougher than ``ThroughputEstimator``.
struct DeliveryMeter: Sendable {
    private struct Report: Sendable, BitwiseCopyable {
        var lastArrival: Int64 = 0
        var lastSent = Instant.origin
        var received = 0.0
        var sent = 0.0
    }

    private static let capacity = 64

    private var reports: [Report]
    private var count = 0
    private var next = 0

    init() { reports = Array(repeating: Report(), count: Self.capacity) }

    mutating func reset() { count = 0 }

    mutating func add(_ digest: FeedbackDigest) {
        if digest.clockStepped { reset() }
        guard !digest.received.isEmpty else {
            // What is lost counts with the next report that has arrivals.
            guard count > 0 else { return }
            for index in digest.lost.indices {
                let packet = digest.lost[index]
                reports[slot(0)].sent += Double(packet.size)
            }
            return
        }
        var report = Report(lastArrival: digest.lastArrival)
        for index in digest.received.indices {
            let packet = digest.received[index]
            report.received += Double(packet.size)
            report.sent += packet.wasLost ? 0 : Double(packet.size)
            report.lastSent = max(report.lastSent, packet.sentAt)
        }
        for index in digest.lost.indices {
            let packet = digest.lost[index]
            report.sent += Double(packet.size)
            report.lastSent = max(report.lastSent, packet.sentAt)
        }
        reports[next] = report
        next = (next + 1) % Self.capacity
        count = min(count + 1, Self.capacity)
    }

    /// bit/s that came and that left over at least `span`; nil before there is so much.
    func rates(over span: Interval) -> (received: Double, sent: Double)? {
        guard count > 1 else { return nil }
        let last = reports[slot(0)]
        var received = 0.0
        var sent = 0.0
        for age in 1..<count {
            received += reports[slot(age - 1)].received
            sent += reports[slot(age - 1)].sent
            let start = reports[slot(age)]
            let arrivalSpan = last.lastArrival - start.lastArrival
            guard arrivalSpan >= span.nanoseconds else { continue }
            let sendSpan = max((last.lastSent - start.lastSent).seconds, 0.01)
            return (received * 8e9 / Double(max(arrivalSpan, 10_000_000)), sent * 8 / sendSpan)
        }
        return nil
    }

    /// The place of the report that is `age` reports old.
    private func slot(_ age: Int) -> Int { (next + Self.capacity - 1 - age) % Self.capacity }
}
