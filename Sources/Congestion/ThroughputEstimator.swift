import Wire

/// The rate at which packets reach the far end (libwebrtc `robust_throughput_estimator.cc`): the lesser of how fast
/// they left and how fast they came, without the largest gap.
struct ThroughputEstimator: Sendable {
    private struct Sample: Sendable, BitwiseCopyable {
        var sentAt: Instant
        var arrival: Int64
        var size: Int32
    }

    private static let wantedPackets = 20
    private static let requiredPackets = 10
    private static let mostPackets = 500
    private static let wantedSpan = Interval.seconds(1).nanoseconds
    private static let longestSpan = Interval.seconds(5).nanoseconds
    private static let largestReordering = Interval.seconds(1).nanoseconds
    private static let capacity = 512

    private var samples: [Sample]
    private var head = 0
    private var count = 0
    /// The latest departure among packets that fell out.
    private var discarded = Instant.origin

    init() {
        samples = Array(repeating: Sample(sentAt: .origin, arrival: 0, size: 0), count: Self.capacity)
    }

    /// Takes the packets of one report.
    mutating func add(_ digest: FeedbackDigest) {
        if digest.clockStepped { reset() }
        for index in digest.received.indices {
            let packet = digest.received[index]
            if count > 0, sample(count - 1).arrival - packet.arrival > Self.largestReordering { reset() }
            append(Sample(sentAt: packet.sentAt, arrival: packet.arrival, size: packet.size))
            while isFirstOutside {
                discarded = max(discarded, sample(0).sentAt)
                head = (head + 1) % Self.capacity
                count -= 1
            }
        }
    }

    mutating func reset() {
        count = 0
        discarded = .origin
    }

    /// bit/s; nil before ten packets.
    var rate: Double? {
        guard count >= Self.requiredPackets else { return nil }
        var gaps = (largest: Int64(0), second: Int64(0))
        var received = 0.0
        var sent = 0.0
        var sentPackets = 0
        var firstSend = Instant.distantFuture
        var lastSend = Instant.origin
        var lastSendSize = 0.0
        for index in 0..<count {
            let sample = sample(index)
            let size = Double(sample.size)
            if index > 0 {
                received += size
                let gap = sample.arrival - self.sample(index - 1).arrival
                if gap > gaps.largest { gaps = (gap, gaps.largest) } else { gaps.second = max(gaps.second, gap) }
            }
            // The packets before it are gone: its departure would stretch the span.
            guard sample.sentAt >= discarded else { continue }
            if sample.sentAt > lastSend {
                lastSend = sample.sentAt
                lastSendSize = size
            }
            firstSend = min(firstSend, sample.sentAt)
            sent += size
            sentPackets += 1
        }
        let span = sample(count - 1).arrival - sample(0).arrival - gaps.largest + gaps.second
        let receiveRate = received * 8 / seconds(span)
        guard sentPackets >= Self.requiredPackets else { return receiveRate }
        return min(receiveRate, (sent - lastSendSize) * 8 / seconds((lastSend - firstSend).nanoseconds))
    }

    private func seconds(_ nanoseconds: Int64) -> Double { max(Double(nanoseconds) / 1e9, 0.001) }

    private func sample(_ index: Int) -> Sample { samples[(head + index) % Self.capacity] }

    private var isFirstOutside: Bool {
        guard count > 0 else { return false }
        if count > Self.mostPackets { return true }
        let span = sample(count - 1).arrival - sample(0).arrival
        return span > Self.longestSpan || (count > Self.wantedPackets && span > Self.wantedSpan)
    }

    /// In order of arrival: a late packet moves to its place.
    private mutating func append(_ sample: Sample) {
        var index = count
        count += 1
        while index > 0, self.sample(index - 1).arrival > sample.arrival {
            samples[(head + index) % Self.capacity] = self.sample(index - 1)
            index -= 1
        }
        samples[(head + index) % Self.capacity] = sample
    }
}
