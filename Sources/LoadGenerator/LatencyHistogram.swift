/// Counts of times in buckets that widen with them (log-linear, as HdrHistogram): from 1 µs to over an hour with an
/// error of at most 1.6 %. Recording costs a few instructions and no allocation.
struct LatencyHistogram: Sendable {
    /// 64 buckets for each doubling.
    private static let subBits = 6
    private static let bucketCount = (32 - subBits + 1) << subBits

    private var counts = [UInt64](repeating: 0, count: bucketCount)
    private(set) var count: UInt64 = 0
    /// Microseconds.
    private(set) var maximum: UInt64 = 0

    mutating func record(nanoseconds: UInt64) {
        let microseconds = min(nanoseconds / 1_000, UInt64(UInt32.max))
        counts[Self.bucket(microseconds)] &+= 1
        count &+= 1
        if microseconds > maximum { maximum = microseconds }
    }

    mutating func merge(_ other: LatencyHistogram) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
        count &+= other.count
        maximum = max(maximum, other.maximum)
    }

    /// The value that `share` (0...1) of the recorded ones do not exceed, in microseconds; 0 when nothing was recorded.
    func quantile(_ share: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let wanted = max(1, UInt64((share * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for index in counts.indices {
            seen &+= counts[index]
            if seen >= wanted { return min(Self.upperEnd(index), maximum) }
        }
        return maximum
    }

    var quantiles: LoadReport.Quantiles {
        var result = LoadReport.Quantiles()
        result.count = count
        result.p50 = Double(quantile(0.5)) / 1_000
        result.p95 = Double(quantile(0.95)) / 1_000
        result.p99 = Double(quantile(0.99)) / 1_000
        result.max = Double(maximum) / 1_000
        return result
    }

    static func bucket(_ value: UInt64) -> Int {
        let magnitude = 64 - value.leadingZeroBitCount
        guard magnitude > subBits + 1 else { return Int(truncatingIfNeeded: value) }
        let shift = magnitude - subBits - 1
        return shift << subBits + Int(truncatingIfNeeded: value >> UInt64(shift))
    }

    /// The largest value of a bucket.
    static func upperEnd(_ bucket: Int) -> UInt64 {
        guard bucket >= 2 << subBits else { return UInt64(bucket) }
        let shift = bucket >> subBits - 1
        let mantissa = UInt64(bucket - shift << subBits)
        return (mantissa + 1) << UInt64(shift) - 1
    }
}
