import Testing

@testable import LoadGenerator

struct HistogramTests {
    @Test func bucketsAreContiguousAndNarrow() {
        var previous = -1
        for value in UInt64(0)..<200_000 {
            let bucket = LatencyHistogram.bucket(value)
            #expect(bucket == previous || bucket == previous + 1)
            previous = bucket
            let upper = LatencyHistogram.upperEnd(bucket)
            #expect(upper >= value && Double(upper - value) <= Double(value) / 64 + 0.5, "\(value) in \(bucket)")
        }
        #expect(LatencyHistogram.upperEnd(LatencyHistogram.bucket(UInt64(UInt32.max))) >= UInt64(UInt32.max))
    }

    @Test func quantilesAreThoseOfTheRecordedTimes() {
        var histogram = LatencyHistogram()
        for milliseconds in UInt64(1)...1_000 { histogram.record(nanoseconds: milliseconds * 1_000_000) }
        let quantiles = histogram.quantiles
        #expect(quantiles.count == 1_000 && quantiles.max == 1_000)
        for (value, exact) in [(quantiles.p50, 500.0), (quantiles.p95, 950), (quantiles.p99, 990)] {
            #expect(value >= exact && value <= exact * 1.016)
        }
    }

    @Test func noTimesGiveNothing() {
        #expect(LatencyHistogram().quantiles == LoadReport.Quantiles())
        #expect(LatencyHistogram().quantile(0.99) == 0)
    }

    @Test func timesBeyondTheRangeAreHeldAtItsEnd() {
        var histogram = LatencyHistogram()
        histogram.record(nanoseconds: .max)
        histogram.record(nanoseconds: 0)
        #expect(histogram.maximum == UInt64(UInt32.max) && histogram.count == 2)
        #expect(histogram.quantile(1) == UInt64(UInt32.max) && histogram.quantile(0.5) == 0)
    }

    @Test func mergingEqualsRecordingInOne() {
        var (left, right, both) = (LatencyHistogram(), LatencyHistogram(), LatencyHistogram())
        for value in UInt64(1)...500 {
            let time = value * value * 1_000
            if value % 2 == 0 { left.record(nanoseconds: time) } else { right.record(nanoseconds: time) }
            both.record(nanoseconds: time)
        }
        left.merge(right)
        #expect(left.quantiles == both.quantiles)
    }
}
