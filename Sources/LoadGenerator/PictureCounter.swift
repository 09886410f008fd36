import RTP
import Wire

/// Counts the pictures of a received video that came whole and in their order: what a decoder shows at once.
struct PictureCounter: Sendable {
    /// When each picture of the window was whole, in nanoseconds.
    private(set) var arrivals: [UInt64] = []
    /// Pictures of the window that were not.
    private(set) var broken: UInt64 = 0
    private var expected: SequenceNumber?
    /// Nothing was missing since the last picture's end.
    private var isWhole = false

    /// Takes every packet of the stream, those that carry padding alone included.
    mutating func receive(_ header: RTPHeader, arrival: UInt64, window: MeasurementWindow) {
        if let expected {
            guard !expected.isNewer(than: header.sequenceNumber) else { return }
            if header.sequenceNumber != expected { isWhole = false }
        }
        expected = header.sequenceNumber.advanced(by: 1)
        guard header.marker else { return }
        defer { isWhole = true }
        guard window.contains(arrival) else { return }
        if isWhole, arrivals.count < Limits.countedPictures {
            arrivals.append(arrival)
        } else {
            broken &+= 1
        }
    }
}

extension LoadReport.Pictures {
    /// - Parameters:
    ///   - arrivals: when pictures came, in nanoseconds and in their order.
    ///   - window: begins before the first and ends after the last of them.
    init(subscriber: Int, arrivals: [UInt64], broken: UInt64, window: MeasurementWindow) {
        self.subscriber = subscriber
        self.broken = broken
        count = UInt64(arrivals.count)
        guard window.end > window.start, window.end != .max else { return }
        let length = window.end - window.start
        perSecond = Double(arrivals.count) * 1e9 / Double(length)
        var seconds = [Int](repeating: 0, count: max(1, Int(length / 1_000_000_000)))
        var last = window.start
        var longest: UInt64 = 0
        for arrival in arrivals where window.contains(arrival) && arrival >= last {
            let second = Int((arrival - window.start) / 1_000_000_000)
            if second < seconds.count { seconds[second] += 1 }
            longest = max(longest, arrival - last)
            last = arrival
        }
        worstSecond = seconds.min() ?? 0
        longestGap = Double(max(longest, window.end - last)) / 1e6
    }
}
