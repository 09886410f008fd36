/// The share of packets lost, forgotten by an eighth with each report.
struct LossStatistics: Sendable, BitwiseCopyable {
    private var lost = 0.0
    private var total = 0.0

    /// 0...1.
    var ratio: Double { total > 0 ? min(max(lost / total, 0), 1) : 0 }

    mutating func count(_ digest: FeedbackDigest) {
        lost *= 0.875
        total *= 0.875
        // A packet that was called lost is in the total already.
        for index in digest.received.indices {
            let packet = digest.received[index]
            if packet.wasLost { lost = max(lost - 1, 0) } else { total += 1 }
        }
        lost += Double(digest.lost.count)
        total += Double(digest.lost.count)
    }
}
