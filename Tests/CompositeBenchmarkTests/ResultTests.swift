import ForwardingBenchmark
import LoadGenerator
import Testing

@testable import CompositeBenchmark

struct ResultTests {
    private func measurement(
        _ round: Int, p99: Double, rates: [Double]? = nil, edit: (inout CompositeMeasurement) -> Void = { _ in }
    ) -> CompositeMeasurement {
        var forwarding = LoadReport()
        forwarding.addedLatency.p99 = p99
        forwarding.media.delivered = 100
        var beside: LoadReport?
        if let rates {
            beside = LoadReport()
            beside?.pictures = rates.map { rate in
                var pictures = LoadReport.Pictures()
                pictures.perSecond = rate
                pictures.worstSecond = Int(rate) - 1
                pictures.longestGap = 1_000 / rate
                return pictures
            }
        }
        var result = CompositeMeasurement(
            round: round, forwarding: forwarding, beside: beside,
            usage: ProcessorUsage(media: rates == nil ? 0.1 : 0.6, others: 0.02, generator: 0.1))
        edit(&result)
        return result
    }

    private func result(_ measurements: [CompositeMeasurement]) -> CompositeResult {
        var result = CompositeResult(
            machine: Machine(processor: "one", cores: 2, kernel: "6.1"), settings: CompositeSettings(), bitRate: 600_000)
        result.measurements = measurements
        return result
    }

    private let thresholds = CompositeThresholds(picturesPerSecond: 15, addedLatency: 10)

    @Test func theTableHasMediansAndWhatMixingAdds() {
        let result = result([
            measurement(1, p99: 1), measurement(1, p99: 3, rates: [15, 14.9]), measurement(2, p99: 9, rates: [15, 15]),
            measurement(2, p99: 1.5), measurement(3, p99: 2), measurement(3, p99: 4, rates: [15, 15]),
        ])
        let rows = result.text.split(separator: "\n").map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
        #expect(rows.contains { $0.contains("p99,") && $0.suffix(3) == ["1.50", "4.00", "2.50"] })
        #expect(rows.contains { $0.contains("media") && $0.suffix(3) == ["0.10", "0.60", "0.50"] })
        #expect(result.picturesPerSecond == 14.9)
        #expect(result.text.contains("14.9 pictures/s"))
        #expect(result.text.contains("worst second 13"))
    }

    @Test func aTableWithoutAMeasurementBesideSaysSo() {
        let rows = result([measurement(1, p99: 1)]).text.split(separator: "\n")
        #expect(rows.contains { $0.contains("p99") && $0.contains("–") })
    }

    @Test func aRunThatReachesEverythingMissesNothing() {
        // A window of 30 s may hold 449 pictures of a stream of 15 a second.
        let result = result([measurement(1, p99: 1), measurement(1, p99: 9.9, rates: [449.0 / 30, 15])])
        #expect(thresholds.missed(by: result).isEmpty)
    }

    @Test func whatIsMissedIsNamed() {
        let slow = result([measurement(1, p99: 1), measurement(1, p99: 9, rates: [15, 14.5])])
        #expect(thresholds.missed(by: slow).count == 1)
        #expect(thresholds.missed(by: slow).contains { $0.contains("14.5") })
        let late = result([measurement(1, p99: 1), measurement(1, p99: 10.1, rates: [15])])
        #expect(thresholds.missed(by: late).contains { $0.contains("10.10") })
        #expect(thresholds.missed(by: result([measurement(1, p99: 1)])).count == 2)
        // A viewer who saw nothing.
        #expect(thresholds.missed(by: result([measurement(1, p99: 1, rates: [])])).contains { $0.contains("0.00") })
    }

    @Test func aRunWithBrokenPacketsOrAnOverloadedGeneratorIsMissed() {
        for edit: (inout CompositeMeasurement) -> Void in [
            { $0.forwarding.media.corrupt = 1 }, { $0.forwarding.media.delivered = 0 },
            { $0.forwarding.generator.isOverloaded = true }, { $0.beside?.joins.failed = 1 },
            { $0.beside?.isInterrupted = true },
        ] {
            let result = result([measurement(1, p99: 1, rates: [15], edit: edit)])
            #expect(thresholds.missed(by: result).count == 1)
        }
    }

    @Test func sizesAreTwoEvenNumbers() {
        #expect(CompositeSettings.Size("640x360") == CompositeSettings.Size(width: 640, height: 360))
        #expect(CompositeSettings.Size("640x360")?.description == "640x360")
        for text in ["640", "640x", "641x360", "8x8", "640x360x2", "wide", "8192x360"] {
            #expect(CompositeSettings.Size(text) == nil, "\(text)")
        }
    }
}
