import ArgumentParser
import CongestionBenchmark
import Foundation
import Synchronization

/// `apus bench congestion`: the congestion controllers in the cases of RFC 8867, on virtual time.
struct CongestionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "congestion", abstract: "Measure the congestion controllers in the cases of RFC 8867.",
        discussion: """
            Examples:
              apus bench congestion                                everything; a few minutes
              apus bench congestion --cases 5.1,5.4 --seeds 3      a first look
              apus bench congestion --trace drive.txt --controller gcc --html drive.html
              apus bench congestion --check Benchmarks/Thresholds/congestion.json
            The same seeds give the same figures on every run. Use a release build (swift build -c release). Ctrl-C
            shows what there is. Benchmarks/Congestion/README.md says how to read the table.
            """)

    @Option(help: "Cases, separated by commas: \(Cases.names.joined(separator: ", ")).") var cases: String?
    @Option(help: "Seeds of each case.") var seeds = 10
    @Option(help: "The first seed.") var from: UInt64 = 1
    @Option(help: "Controllers, separated by commas: \(SuiteOptions.controllers).") var controller: String?
    @Option(help: "A link that follows this file, in mahimahi's format.") var trace: String?
    @Flag(help: "Print everything as JSON instead of the table.") var json = false
    @Option(help: "Write one page with tables and plots to this file.") var html: String?
    @Option(help: "Write a line of RFC 8868 for each packet of the first case and seed to this file.") var log: String?
    @Option(help: "Compare with the thresholds in this file; what is missed is named, and the exit code is 1.")
    var check: String?

    private var options: SuiteOptions {
        SuiteOptions(cases: cases, seeds: seeds, from: from, controller: controller, trace: trace)
    }

    func validate() throws {
        do {
            _ = try options.suite()
            if let check { _ = try CongestionThresholds(file: check) }
        } catch {
            throw ValidationError(error.description)
        }
    }

    func run() async throws {
        #if DEBUG
            Terminal.error("This is a debug build, about twenty times slower. Use swift build -c release.")
        #endif
        let suite = try options.suite()
        if let log { try writeLog(of: suite, to: log) }
        let line = SuiteProgressLine()
        let found = Mutex<SuiteResult?>(nil)
        try await runUntilSignal {
            let result = suite.run { progress in
                line.show(progress)
                return !Task.isCancelled
            }
            found.withLock { $0 = result }
        }
        line.end()
        guard let result = found.withLock({ $0 }), !result.cases.isEmpty else {
            throw CommandFailure("stopped before there was anything")
        }
        Terminal.line(json ? String(decoding: try result.json(), as: UTF8.self) : TextReport(result).text)
        if let html { try SuiteOptions.write(HTMLReport(result).html, to: html, option: "--html") }
        guard result.isComplete else { throw ExitCode(130) }
        try compare(result)
    }

    private func writeLog(of suite: CongestionSuite, to path: String) throws {
        guard let scenario = suite.scenarios.first, let algorithm = suite.settings.controllers.first else { return }
        try SuiteOptions.write(
            suite.packetLog(of: scenario, controller: algorithm), to: path, option: "--log")
    }

    private func compare(_ result: SuiteResult) throws {
        guard let check else { return }
        let missed = try CongestionThresholds(file: check).missed(by: result)
        guard missed.isEmpty else {
            throw CommandFailure("missed:\n" + missed.map { "  ✗ " + $0 }.joined(separator: "\n"))
        }
        Terminal.error("Every threshold that applies is reached.")
    }
}

/// Which run is under way, on a line of standard error that is written over; nothing where that goes to a file.
private struct SuiteProgressLine: Sendable {
    private let isTerminal = isatty(STDERR_FILENO) == 1

    func show(_ progress: CongestionSuite.Progress) {
        guard isTerminal else { return }
        let text = "\(progress.done)/\(progress.total)  \(progress.id)  \(progress.controller)"
        FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
    }

    func end() {
        if isTerminal { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
    }
}
