import Foundation
import FoundationXML
import Testing

@testable import ForwardingBenchmark

@Suite struct OutputTests {
    @Test func columnsAreAligned() {
        var table = TextTable(["server", "µs"])
        table.add(["Apus", "4.00"])
        table.add(["Janus, default", "36.90"])
        #expect(
            table.text == """
                server             µs
                ──────────────  ─────
                Apus             4.00
                Janus, default  36.90
                """)
    }

    @Test func markdownEscapesBars() {
        var table = TextTable(["a", "b"])
        table.add(["x|y"])
        #expect(table.markdown == "| a | b |\n| --- | ---: |\n| x\\|y |  |")
    }

    @Test func theTableSaysWhoWasMeasuredHow() {
        let text = ResultTables(Results.result([.apus: [9, 4, 4, 4], .janusTuned: [9, 16, 16, 16]])).text
        #expect(text.contains("uniform video, 1 → 200, 30k packets/s, AEAD_AES_128_GCM"))
        #expect(text.contains("4.00–4.00"))
        #expect(text.contains("250k"))
        #expect(text.contains("Janus, event_loops=2: 1.0; as it is"))
        #expect(text.contains("A & B <1>, 2 cores, Linux 6.1"))
    }

    @Test func theChartIsWellFormedAndShowsEveryServer() throws {
        let chart = BarChart(Results.result([.apus: [9, 4, 4, 5], .janusTuned: [9, 16, 15, 18]])).svg
        let reader = Reader()
        let parser = XMLParser(data: Data(chart.utf8))
        parser.delegate = reader
        #expect(parser.parse(), "\(String(describing: parser.parserError))")
        #expect(reader.bars.count == 2)
        #expect(reader.text.contains("Janus, event_loops=2"))
        #expect(reader.text.contains("4.00 µs"))
        // 16 is the median of Janus, 4 that of Apus: four times as long.
        #expect(abs(reader.bars[1] / reader.bars[0] - 4) < 0.05)
    }

    @Test func anEmptyResultMakesAChartToo() {
        #expect(XMLParser(data: Data(BarChart(Results.result([:])).svg.utf8)).parse())
    }

    private final class Reader: NSObject, XMLParserDelegate {
        var bars: [Double] = []
        var text = ""

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            guard name == "rect", attributes["class"]?.hasPrefix("bar") == true else { return }
            bars.append(Double(attributes["width"] ?? "") ?? 0)
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
    }
}

@Suite struct ThresholdTests {
    private let thresholds = Thresholds(
        ratios: [
            .init(content: .uniform, server: .janusTuned, atLeast: 3),
            .init(content: .real, server: .janusTuned, atLeast: 3),
        ], memoryPerSubscriber: 48, cpuPerJoin: 1.5, addedLatency: 10)

    private func result(_ own: [Double], _ other: [Double], memory: Int) -> BenchmarkResult {
        var result = Results.result([.apus: own, .janusTuned: other])
        var footprint = Footprint(server: .apus)
        footprint.memory = [0, 200].map { MemoryPoint(subscribers: $0, bytes: UInt64($0 * memory * 1_024)) }
        footprint.joinMilliseconds = 1
        result.footprints = [footprint]
        return result
    }

    @Test func aResultThatReachesAllMissesNone() {
        #expect(thresholds.missed(by: result([4, 4, 4, 4], [13, 13, 13, 13], memory: 40)).isEmpty)
    }

    @Test func whatIsMissedIsNamed() {
        let missed = thresholds.missed(by: result([4, 4, 4, 4], [8, 8, 8, 8], memory: 60))
        #expect(missed.count == 2)
        #expect(missed.contains("uniform video: Apus against Janus, event_loops=2: 2.00, wanted 3.0 or more"))
        #expect(missed.contains("KiB per subscriber: 60.00, wanted 48.0 or less"))
    }

    @Test func whatCouldNotBeMeasuredIsMissed() {
        var broken = result([4, 4, 4, 4], [13, 13, 13, 13], memory: 40)
        broken.measurements.removeAll { $0.server == .janusTuned }
        broken.footprints = []
        #expect(thresholds.missed(by: broken).count == 3)
    }

    @Test func whatWasNotAskedForIsNotMissed() {
        var part = result([4, 4, 4, 4], [13, 13, 13, 13], memory: 40)
        part.settings.servers = [.apus]
        part.settings.measuresFootprint = false
        part.footprints = []
        #expect(thresholds.missed(by: part).isEmpty)
    }

    @Test func theCheckoutsThresholdsAreRead() throws {
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
        let thresholds = try Thresholds(file: root + "/Benchmarks/Thresholds/forwarding.json")
        #expect(thresholds.ratios.contains { $0.server == .janusTuned && $0.content == .uniform })
    }

    @Test func aFileThatIsNoneIsAnErrorInWords() {
        #expect(throws: BenchmarkError.self) { try Thresholds(file: "/nonexistent.json") }
    }
}
