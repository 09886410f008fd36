import Testing
import Wire

@testable import LoadGenerator

struct PlanTests {
    /// What is out of range is refused by the name of the option that sets it.
    @Test func eachRangeIsHeldAndItsOptionNamed() throws {
        let good = LoadPlan(subscribers: 10)
        try good.check()
        let changes: [(String, (inout LoadPlan) -> Void)] = [
            ("--publishers", { $0.publishers = 0 }), ("--publishers", { $0.publishers = 1_001 }),
            ("--subscribers", { $0.subscribers = -1 }), ("--subscribers", { $0.subscribers = 50_001 }),
            ("--rogues", { $0.rogues = -1 }), ("--rogues", { $0.rogues = 50_000 }),
            ("--video", { $0.video = nil }), ("--rate", { $0.framesPerSecond = 0 }),
            ("--rate", { $0.framesPerSecond = 1_001 }), ("--threads", { $0.threads = 0 }),
            ("--threads", { $0.threads = 17 }), ("--join-parallel", { $0.joinsInFlight = 0 }),
            ("--join-parallel", { $0.joinsInFlight = 1_001 }), ("--verify", { $0.checksumInterval = 0 }),
            ("--receive-loss", { $0.receiveLoss = 0.95 }), ("--receive-loss", { $0.receiveLoss = .nan }),
            ("--duration", { $0.duration = .zero }), ("--warmup", { $0.warmup = .seconds(-1) }),
            (
                "--publishers",
                {
                    $0.publishers = 40
                    $0.hasAudio = true
                }
            ),
        ]
        for (option, change) in changes {
            var plan = good
            change(&plan)
            let error = #expect(throws: LoadError.self) { try plan.check() }
            #expect(error?.description.contains(option) == true, "\(option): \(error?.description ?? "accepted")")
        }
    }

    @Test func aReportSaysWhyItDidNotPass() {
        var report = LoadReport()
        report.media.delivered = 1
        #expect(report.failures(maximumLoss: 0.001).isEmpty)
        report.media.lossRatio = 0.002
        #expect(report.failures(maximumLoss: 0.001).count == 1 && report.failures(maximumLoss: 0.01).isEmpty)
        report.media.corrupt = 1
        report.media.misdelivered = 1
        report.media.duplicated = 1
        report.joins.failed = 1
        #expect(report.failures(maximumLoss: 1).count == 4)
    }

    @Test func numbersAreWrittenWithTheirDecimals() {
        #expect(LoadReport.decimal(0.05, 1) == "0.1" && LoadReport.decimal(-1.25, 2) == "-1.25")
        #expect(LoadReport.decimal(12.005, 0) == "12" && LoadReport.decimal(0.999, 2) == "1.00")
        #expect(LoadReport.decimal(3.07, 2) == "3.07")
        #expect(LoadReport.percent(0.0005) == "0.0500 %" && LoadReport.percent(0.123) == "12.3 %")
        #expect(LoadReport.short(1_500) == "1.5 k" && LoadReport.short(2.5e6) == "2.50 M")
    }

    @Test func processTimesAreReadWhateverTheCommandIsCalled() throws {
        let line = "42 (a (b) c) S 7 42 42 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 5 0 1 2 3"
        let stat = try #require(ServerProcess.parse(line))
        #expect(stat.parent == 7 && stat.user == 2.5 && stat.system == 0.5)
        #expect(ServerProcess.parse("42 (a) S 7") == nil && ServerProcess.parse("") == nil)
    }
}
