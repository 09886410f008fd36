import ArgumentParser
import CLinux
import ForwardingBenchmark
import Foundation
import Synchronization

/// `apus bench`: what can be measured.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure forwarding, congestion control, repair, composites and SCTP.",
        subcommands: [
            ForwardingCommand.self, CongestionCommand.self, RepairCommand.self, CompositeCommand.self,
            SCTPCommand.self, SCTPEndCommand.self,
        ])
}

/// Server CPU for each forwarded packet, and what else a subscriber costs.
struct ForwardingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forwarding", abstract: "Server CPU for each forwarded packet, in rounds with every server.",
        discussion: """
            Examples:
              apus bench forwarding --install-peers          all of it; about an hour
              apus bench forwarding --rounds 3 --window 5    a first look
              apus bench forwarding --check Benchmarks/Thresholds/forwarding.json
            Use a release build (swift build -c release). Ctrl-C ends every server and shows what there is.
            """)

    @Option(help: "Which servers, separated by commas: \(names(ServerKind.self)).", transform: { try list($0) })
    var servers: [ServerKind] = BenchmarkSettings().servers

    @Option(help: "What is sent, separated by commas: \(names(Content.self)).", transform: { try list($0) })
    var contents: [Content] = BenchmarkSettings().contents

    @Option(help: "Subscribers of every measurement.")
    var subscribers = BenchmarkSettings().subscribers

    @Option(help: "Seconds of one measurement.")
    var window = BenchmarkSettings().window

    @Option(help: "Rounds; the first is discarded, and intervals need three more.")
    var rounds = BenchmarkSettings().rounds

    @Option(help: "Orders the servers and seeds contents and statistics.")
    var seed = BenchmarkSettings().seed

    @Flag(help: "Search the most subscribers that each server carries, with nothing pinned.")
    var capacity = false

    @Flag(inversion: .prefixedNo, help: "Memory for each subscriber, CPU for each join and idle CPU.")
    var footprint = true

    @Flag(inversion: .prefixedNo, help: "Server on core 0 and generator on core 1.")
    var pin = true

    @Flag(help: "First install the peers that Debian has (as root).")
    var installPeers = false

    @Flag(help: "Print the tables as Markdown.")
    var markdown = false

    @Option(help: "Write everything that was measured to this file.")
    var json: String?

    @Option(help: "Draw the costs into this file.")
    var svg: String?

    @Option(help: "Compare with the thresholds in this file; what is missed is named, and the exit code is 1.")
    var check: String?

    @Option(help: "The folder Benchmarks of a checkout (default: the one around here or around this executable).")
    var sources: String?

    func validate() throws {
        for (name, value, range) in [
            ("subscribers", subscribers, 1...20_000), ("window", window, 1...600), ("rounds", rounds, 1...100),
        ] where !range.contains(value) {
            throw ValidationError("--\(name) takes \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func run() async throws {
        let thresholds = try check.map { try Thresholds(file: $0) }
        let executable = try Self.executable()
        let sources = try sources ?? Self.sources(beside: executable)
        _ = apus_raise_file_limit()
        #if DEBUG
            Terminal.line("This is a debug build: its figures say nothing about Apus. Use swift build -c release.")
        #endif
        if installPeers { Terminal.line(try BenchmarkRun.installPeers()) }
        let settings = BenchmarkSettings(
            servers: servers, contents: contents, subscribers: subscribers, window: window, rounds: rounds, seed: seed,
            isPinned: pin, measuresFootprint: footprint, searchesCapacity: capacity)
        let found = Mutex<BenchmarkResult?>(nil)
        let line = StatusLine()
        let run = BenchmarkRun(
            settings: settings, executable: executable, sources: sources, note: { line.note($0) },
            status: { line.show($0) })
        try await runUntilSignal {
            let result = try await run.run()
            found.withLock { $0 = result }
        }
        line.clear()
        guard let result = found.withLock({ $0 }) else { throw CommandFailure("interrupted before there was anything") }
        try show(result)
        guard let thresholds else { return }
        let missed = thresholds.missed(by: result)
        guard missed.isEmpty else {
            throw CommandFailure("missed:\n" + missed.map { "  ✗ " + $0 }.joined(separator: "\n"))
        }
        Terminal.line("\nEvery threshold that applies is reached.")
    }

    private func show(_ result: BenchmarkResult) throws {
        let tables = ResultTables(result)
        Terminal.line("\n" + (markdown ? tables.markdown : tables.text))
        if let json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try Self.write(try encoder.encode(result), to: json)
        }
        if let svg { try Self.write(Data(BarChart(result).svg.utf8), to: svg) }
    }

    private static func write(_ data: Data, to path: String) throws {
        do {
            try data.write(to: URL(fileURLWithPath: path))
        } catch {
            throw CommandFailure("cannot write \(path): \(error.localizedDescription)")
        }
    }

    /// This executable's path.
    static func executable() throws -> String {
        guard let path = Bundle.main.executablePath else { throw CommandFailure("cannot find this executable") }
        return URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    }

    /// `Benchmarks` in this folder or one above it, or above the executable, which SwiftPM puts under `.build`.
    static func sources(beside executable: String) throws -> String {
        for start in [FileManager.default.currentDirectoryPath, executable] {
            var folder = URL(fileURLWithPath: start)
            while folder.path != "/" {
                let candidate = folder.appendingPathComponent("Benchmarks").path
                if FileManager.default.fileExists(atPath: candidate + "/Limit/limit.h") { return candidate }
                folder.deleteLastPathComponent()
            }
        }
        throw CommandFailure("there is no checkout around here: name its folder Benchmarks with --sources")
    }

    private static func names<Value: CaseIterable & RawRepresentable>(_ type: Value.Type) -> String
    where Value.RawValue == String {
        Value.allCases.map(\.rawValue).joined(separator: ", ")
    }

    private static func list<Value: CaseIterable & RawRepresentable>(_ text: String) throws -> [Value]
    where Value.RawValue == String {
        try text.split(separator: ",").map { word in
            guard let value = Value(rawValue: word.trimmingCharacters(in: .whitespaces)) else {
                throw ValidationError("`\(word)` is none of \(names(Value.self))")
            }
            return value
        }
    }
}

/// A line at the bottom of a terminal that is written over; nothing when the output goes to a file.
private final class StatusLine: Sendable {
    private let isTerminal = isatty(STDOUT_FILENO) == 1
    private static let width = 100

    func show(_ text: String) {
        guard isTerminal else { return }
        FileHandle.standardOutput.write(Data("\r\u{1B}[K\(text.prefix(Self.width))".utf8))
    }

    func note(_ text: String) {
        clear()
        Terminal.line(text)
    }

    func clear() {
        guard isTerminal else { return }
        FileHandle.standardOutput.write(Data("\r\u{1B}[K".utf8))
    }
}
