import Congestion
import Foundation
import Testing

@testable import CongestionBenchmark

@Suite struct SuiteTests {
    private func result(cases: String, seeds: Int = 2) throws -> SuiteResult {
        try SuiteOptions(cases: cases, seeds: seeds, controller: "gcc").suite().run()
    }

    @Test func everyCaseOfTheRFCIsThere() {
        #expect(
            Set(["5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "5.7", "5.8", "6.1", "6.2", "6.3"]).isSubset(of: Cases.names)
        )
        let ids = Cases.all.map(\.id)
        #expect(Set(ids).count == ids.count)
        #expect(ids.contains("5.6 q1000") && ids.contains("5.1 OWD100"))
    }

    @Test func scenariosAreSound() {
        for scenario in Cases.all {
            #expect(!scenario.windows.isEmpty)
            #expect(scenario.windows.allSatisfy { $0.to <= scenario.duration && $0.link < scenario.links.count })
            for flow in scenario.flows {
                #expect(flow.end <= scenario.duration && flow.start < flow.end)
                #expect((flow.forward + flow.backward).allSatisfy { $0 < scenario.links.count })
            }
        }
    }

    @Test(arguments: [
        (SuiteOptions(cases: "5.9"), "--cases: `5.9`"), (SuiteOptions(seeds: 0), "--seeds is 1 to 1000"),
        (SuiteOptions(controller: "vegas"), "--controller: `vegas` is none of gcc"),
        (SuiteOptions(trace: "/nowhere/x"), "--trace: there is no /nowhere/x"),
    ])
    func aWrongOptionIsNamed(options: SuiteOptions, problem: String) {
        #expect {
            try options.suite()
        } throws: { error in
            "\(error)".hasPrefix(problem)
        }
    }

    @Test func aTraceFileWithAWrongLineNamesIt() throws {
        let path = NSTemporaryDirectory() + "trace-\(UUID().uuidString)"
        try "1\n2\nthree\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect {
            try SuiteOptions(trace: path).suite()
        } throws: { error in
            "\(error)".contains("line 3: not a whole number")
        }
    }

    @Test func theJSONHoldsEveryCaseThatWasAskedFor() throws {
        let result = try result(cases: "loss", seeds: 1)
        let object = try #require(try JSONSerialization.jsonObject(with: result.json()) as? [String: Any])
        let cases = try #require(object["cases"] as? [[String: Any]])
        #expect(cases.compactMap { $0["id"] as? String } == Cases.all.filter { $0.section == "loss" }.map(\.id))
        #expect(object["isComplete"] as? Bool == true)
        #expect(try JSONDecoder().decode(SuiteResult.self, from: result.json()).cases.count == cases.count)
    }

    @Test func aSuiteThatIsStoppedShowsWhatThereIs() throws {
        var left = 5
        let result = try SuiteOptions(cases: "loss", seeds: 2, controller: "gcc").suite().run { _ in
            left -= 1
            return left >= 0
        }
        #expect(!result.isComplete)
        #expect(result.cases.map { $0.controllers.map(\.seeds) } == [[2], [2], [1]])
        #expect(TextReport(result).text.contains("Stopped before the end."))
    }

    @Test func thePageNeedsNothingElse() throws {
        let html = HTMLReport(try result(cases: "loss 1%", seeds: 1)).html
        #expect(html.contains("<svg") && html.contains("queueing delay, ms"))
        #expect(!html.contains("<script") && !html.contains("http"))
        #expect(html.contains("prefers-color-scheme:dark"))
    }

    @Test func referenceFiguresStandBesideTheirCase() throws {
        let figures = ReferenceFigures.all.window("5.1", from: 60)
        #expect(figures.map(\.controller) == ["libwebrtc GCC", "Cisco NADA", "libwebrtc SCReAM"])
        #expect(figures.first?.utilisation == 0.938 && figures.first?.percentile95 == 136)
        #expect(ReferenceFigures.all.change("5.1", Change(40, .up)).map(\.reached) == [10, 9, 0])
        let text = TextReport(try result(cases: "loss 5%", seeds: 1)).text
        #expect(text.contains("· libwebrtc GCC") && text.contains("0.871"))
    }

    @Test func figuresOfTheReferencesBelongToCases() {
        for line in ReferenceFigures.windowText.split(separator: "\n") {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            let scenario = Cases.all.first { $0.id == fields[0] }
            #expect(scenario != nil, "\(line)")
            #expect(
                scenario?.windows.contains { "\(Int($0.from))" == fields[1] && "\(Int($0.to))" == fields[2] } == true)
        }
    }

    @Test func aThresholdThatIsMissedIsNamed() throws {
        let result = try result(cases: "loss 1%", seeds: 1)
        let path = NSTemporaryDirectory() + "thresholds-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let text = """
            {"thresholds": [{"case": "loss 1%", "metric": "utilisation", "atLeast": 0.1},
            {"case": "loss 1%", "metric": "utilisation", "atLeast": 1.5},
            {"case": "5.5", "metric": "fairness", "atLeast": 2}]}
            """
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let missed = try CongestionThresholds(file: path).missed(by: result)
        #expect(missed.count == 1)
        #expect(missed.first?.contains("loss 1%, gcc, utilisation") == true)
        #expect(missed.first?.contains("wanted 1.5 or more") == true)
    }

    @Test func fairnessAndSpreadAreWhatTheyAreCalled() {
        #expect(RunMeter.fairness([1, 1, 1]) == 1)
        #expect(RunMeter.fairness([1, 0, 0, 0]) == 0.25)
        let summary = Summary([1, 2, 3, 4])
        #expect(summary.mean == 2.5)
        #expect(abs(summary.deviation - 1.2910) < 1e-4)
        var histogram = DelayHistogram()
        for value in 1...100 { histogram.add(milliseconds: Double(value)) }
        #expect(abs(histogram.quantile(0.95) - 96) < 0.3)
        #expect(abs(histogram.quantile(0.5) - 51) < 0.3)
    }
}
