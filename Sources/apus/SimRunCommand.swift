import ArgumentParser
import Foundation
import ScenarioRunner
import Simulator
import Wire

/// `apus sim run`: one scenario.
struct SimRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a scenario file in the simulated network.",
        discussion: """
            Examples:
              apus sim run Simulations/Scenarios/home-nat-to-server.yaml
              apus sim run FILE --seed 7 --pcap out.pcapng --report out.html
            The same file and seed give the same packets on every machine; the replay hash at the end says so. The exit
            code is 1 when an expectation of the file is not met or an invariant is broken. Simulations/README.md
            describes the files.
            """)

    @Argument(help: "The scenario, as YAML.") var file: String
    @Option(help: "Everything random is drawn from it; without it the file's own seed.") var seed: UInt64?
    @Option(help: "Write all packets to this pcapng file, for Wireshark.") var pcap: String?
    @Option(help: "Write a page with topology, messages and plots to this HTML file.") var report: String?
    @Option(help: "Write everything that happened to this text file, - for standard output.") var log: String?
    @Option(help: "Write the result to this JSON file, - for standard output.") var json: String?

    func run() async throws {
        let scenario = try ScenarioFile.read(file)
        let status = ExitStatus()
        try await runUntilSignal {
            var options = ScenarioRun.Options()
            options.keepsEntries = pcap != nil || report != nil || log != nil
            let run = try ScenarioFile.start(scenario, seed: seed, options: options, file: file)
            let progress = SimProgress()
            while run.advance(events: 500) {
                guard !Task.isCancelled else { break }
                progress.show { "\(Int(run.progress * 100)) % of \(file)" }
            }
            progress.clear()
            guard !Task.isCancelled else { return await status.set(130) }
            let result = run.report()
            if json != "-", log != "-" { print(RunText.render(result)) }
            try write(result)
            if !result.isGood { await status.set(1) }
        }
        if let code = await status.code { throw ExitCode(code) }
    }

    private func write(_ result: RunReport) throws {
        if let pcap { try ScenarioFile.write(Data(PcapFile(result).bytes), to: pcap) }
        if let report { try ScenarioFile.write(Data(Page(result).html().utf8), to: report) }
        if let log { try ScenarioFile.write(Data(TextLog.render(result).utf8), to: log) }
        guard let json else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try ScenarioFile.write(encoder.encode(ScenarioDocument(result)) + Data("\n".utf8), to: json)
    }
}

/// `apus sim soak`: random scenarios.
struct SimSoakCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak", abstract: "Run random scenarios and hold them to the invariants.",
        discussion: """
            Example: apus sim soak --seeds 1000
            A seed that breaks an invariant is cut down to the smallest scenario that still does and saved, and the exit
            code is 1. The tests run what is saved there for ever.
            """)

    @Option(help: "How many seeds.") var seeds: UInt64 = 1000
    @Option(help: "The first seed.") var first: UInt64 = 1
    @Option(help: "Stop after so many seconds.") var timeLimit: Double?
    @Option(help: "Where small failing scenarios are saved.") var output = "Simulations/FailCases"
    @Flag(help: "List the invariants and end.") var invariants = false

    func validate() throws {
        guard seeds > 0, seeds <= 1_000_000_000, first <= UInt64.max - seeds else {
            throw ValidationError("--seeds takes 1 to 1000000000")
        }
    }

    func run() async throws {
        if invariants {
            for invariant in Invariant.allCases where invariant != .planted {
                print("\(invariant.rawValue)\n    \(invariant.sentence)")
            }
            return
        }
        let status = ExitStatus()
        try await runUntilSignal {
            let failures = try soak()
            if failures > 0 { await status.set(1) }
            if Task.isCancelled { await status.set(130) }
        }
        if let code = await status.code { throw ExitCode(code) }
    }

    /// - Returns: how many seeds failed.
    private func soak() throws -> Int {
        let progress = SimProgress()
        let start = ContinuousClock.now
        var coverage = Soak.Coverage()
        var failures: [String: Int] = [:]
        for seed in first..<(first + seeds) {
            if Task.isCancelled { break }
            if let timeLimit, start.duration(to: .now) >= .seconds(timeLimit) { break }
            progress.show { "\(seed - first) of \(seeds) seeds, \(failures.values.reduce(0, +)) failures" }
            guard let outcome = Soak.run(seed: seed) else {
                throw CommandFailure(
                    "seed \(seed) gives a scenario that cannot be run; this is a fault of its generator")
            }
            Soak.add(outcome, to: &coverage)
            guard let failure = outcome.failure else { continue }
            progress.clear()
            print("seed \(seed): \(failure.violation.text)")
            let name = failure.violation.invariant.rawValue
            failures[name, default: 0] += 1
            // More of one kind are likely to be the same fault.
            guard failures[name, default: 0] <= 3 else { continue }
            let small = Soak.shrink(failure) { step in
                progress.show { "seed \(seed): cutting down, \(step.runs) tries" }
                return !Task.isCancelled
            }
            progress.clear()
            let path = "\(output)/\(name)-\(seed).yaml"
            try ScenarioFile.write(Data(small.yaml.utf8), to: path)
            print("  saved as \(path)")
        }
        progress.clear()
        summarize(coverage, failures)
        return failures.values.reduce(0, +)
    }

    private func summarize(_ coverage: Soak.Coverage, _ failures: [String: Int]) {
        print(
            "\(coverage.runs) seeds, \(coverage.connected) of \(coverage.calls) calls connected, "
                + "\(coverage.packets) packets, \(Int(coverage.time.seconds)) s simulated")
        print("replay hash over all \(coverage.replayText)")
        for (name, count) in coverage.seen.sorted(by: { $0.key < $1.key }) { print("  \(name): \(count)") }
        for (name, count) in failures.sorted(by: { $0.key < $1.key }) { print("BROKEN \(name): \(count) seeds") }
    }
}

/// The exit code that a task leaves behind.
actor ExitStatus {
    private(set) var code: Int32?

    func set(_ code: Int32) { if self.code == nil { self.code = code } }
}

/// How far it is, for what takes longer than a second: a line on a terminal that is written over, elsewhere a line now
/// and then.
final class SimProgress {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let start = ContinuousClock.now
    private var last = ContinuousClock.now
    private var isShown = false

    func show(_ text: () -> String) {
        let now = ContinuousClock.now
        let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(30)
        guard start.duration(to: now) > .seconds(1), last.duration(to: now) > pause else { return }
        last = now
        isShown = isTerminal
        FileHandle.standardError.write(Data((isTerminal ? "\r\u{1B}[K\(text())" : "\(text())\n").utf8))
    }

    func clear() {
        if isShown { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
        isShown = false
    }
}

/// Scenario files, with errors for people.
enum ScenarioFile {
    static func read(_ path: String) throws -> Scenario {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw CommandFailure("\(path) cannot be read: \(error.localizedDescription)")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw CommandFailure("\(path) is not UTF-8 text. Save it as UTF-8")
        }
        do throws(ScenarioError) {
            return try Scenario(yaml: text)
        } catch {
            throw CommandFailure("\(path): \(error)")
        }
    }

    static func start(
        _ scenario: Scenario, seed: UInt64?, options: ScenarioRun.Options, file: String
    ) throws -> ScenarioRun {
        do throws(ScenarioError) {
            return try ScenarioRun(scenario, seed: seed, options: options)
        } catch {
            throw CommandFailure("\(file): \(error)")
        }
    }

    /// `-` is standard output.
    static func write(_ data: Data, to path: String) throws {
        guard path != "-" else { return FileHandle.standardOutput.write(data) }
        do {
            try data.write(to: URL(filePath: path))
        } catch {
            throw CommandFailure("\(path) cannot be written: \(error.localizedDescription)")
        }
    }
}

/// A result for programs.
struct ScenarioDocument: Codable {
    struct Side: Codable {
        var host: String
        var state: String
        var kinds: String?
        /// Milliseconds since the call began.
        var connected: Double?
    }

    struct Call: Codable {
        var name: String
        var from: Side
        var to: Side
        /// Milliseconds until both sides had a path.
        var connect: Double?
    }

    struct Verdict: Codable {
        var expected: String
        var met: Bool
        var found: String
    }

    struct Drop: Codable {
        var place: String
        var reason: String
        var count: Int
    }

    var title: String
    var seed: UInt64
    var replay: String
    var events: Int
    var good: Bool
    var calls: [Call]
    var expectations: [Verdict]
    var violations: [String]
    var drops: [Drop]

    init(_ report: RunReport) {
        title = report.scenario.title
        seed = report.seed
        replay = report.replayText
        events = report.eventCount
        good = report.isGood
        calls = report.calls.map { call in
            func side(_ side: RunReport.Side) -> Side {
                Side(
                    host: side.host, state: "\(side.state)", kinds: side.kinds?.description,
                    connected: side.connected.map { Double(($0 - call.start).microseconds) / 1000 })
            }
            return Call(
                name: call.name, from: side(call.from), to: side(call.to),
                connect: call.connectTime.map { Double($0.microseconds) / 1000 })
        }
        expectations = report.verdicts.map { Verdict(expected: $0.expected, met: $0.isMet, found: $0.found) }
        violations = report.violations.map(\.text)
        drops = report.drops.map { Drop(place: $0.place, reason: $0.reason, count: $0.count) }
    }
}
