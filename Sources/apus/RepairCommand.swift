import ArgumentParser
import Foundation
import RepairBenchmark
import Synchronization

/// `apus bench repair`: what a viewer sees and hears when packets get lost, on virtual time.
struct RepairCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair", abstract: "Measure what a viewer sees and hears when packets get lost.",
        discussion: """
            Examples:
              apus bench repair                            everything; a few seconds
              apus bench repair --loss 5,20 --seeds 10     closer
              apus bench repair --json > repair.json
            The same seeds give the same figures on every run. Use a release build (swift build -c release). Ctrl-C
            shows what there is. Benchmarks/Repair/README.md says how to read the table.
            """)

    @Option(help: "Per cent of the packets lost, separated by commas.") var loss: String?
    @Option(help: "Calls of each kind.") var seeds = 3
    @Option(help: "The first seed.") var from: UInt64 = 1
    @Option(help: "Seconds of each call.") var seconds = 60
    @Flag(help: "Print everything as JSON instead of the table.") var json = false

    private func suite() throws -> RepairSuite {
        var suite = RepairSuite()
        suite.seeds = seeds
        suite.from = from
        suite.seconds = seconds
        guard let loss else { return suite }
        suite.losses = try loss.split(separator: ",").map { word in
            guard let value = Double(word.trimmingCharacters(in: .whitespaces)), (0...90).contains(value) else {
                throw ValidationError("--loss takes numbers from 0 to 90, such as 1,5,20")
            }
            return value / 100
        }
        return suite
    }

    func validate() throws {
        for (name, value, range) in [("seeds", seeds, 1...1_000), ("seconds", seconds, 5...3_600)]
        where !range.contains(value) {
            throw ValidationError("--\(name) takes \(range.lowerBound) to \(range.upperBound)")
        }
        _ = try suite()
    }

    func run() async throws {
        #if DEBUG
            Terminal.error("This is a debug build, about ten times slower. Use swift build -c release.")
        #endif
        let suite = try suite()
        let found = Mutex<RepairResult?>(nil)
        try await runUntilSignal {
            let result = suite.run { _ in !Task.isCancelled }
            found.withLock { $0 = result }
        }
        guard let result = found.withLock({ $0 }), !result.rows.isEmpty else {
            throw CommandFailure("stopped before there was anything")
        }
        Terminal.line(json ? try result.json() : result.text)
        guard result.isComplete else { throw ExitCode(130) }
    }
}
