import Foundation
import LoadGenerator
import Wire

/// One run of the benchmark: rounds with every server, in an order of chance, then what servers cost beside.
///
/// Cancelled, it ends every child and returns what it has.
public struct BenchmarkRun: Sendable {
    let settings: BenchmarkSettings
    let executable: String
    let sources: String
    /// A line that stays.
    let note: @Sendable (String) -> Void
    /// A line that the next one replaces.
    let status: @Sendable (String) -> Void

    /// - Parameters:
    ///   - executable: path of `apus`.
    ///   - sources: the folder `Benchmarks` of the checkout.
    public init(
        settings: BenchmarkSettings, executable: String, sources: String, note: @escaping @Sendable (String) -> Void,
        status: @escaping @Sendable (String) -> Void
    ) {
        self.settings = settings
        self.executable = executable
        self.sources = sources
        self.note = note
        self.status = status
    }

    /// Installs the peers that Debian has, as root; what it did.
    public static func installPeers() throws -> String { try JanusServer.install() }

    public func run() async throws -> BenchmarkResult {
        let folder = NSTemporaryDirectory() + "apus-bench-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var result = BenchmarkResult(machine: Machine.this, settings: settings)
        var workshop = Workshop(executable: executable, sources: sources, folder: folder)
        if settings.isPinned {
            if Machine.this.cores > 1 {
                workshop.serverCPU = 0
                try Machine.pin(to: "1")
            } else {
                result.settings.isPinned = false
                result.failures.append("one core: server and generator share it")
            }
        }
        var rounds = Rounds(run: self, workshop: workshop, result: result)
        do {
            try await rounds.all()
        } catch is CancellationError {
            rounds.result.isInterrupted = true
        }
        if settings.isPinned, Machine.this.cores > 1 { try? Machine.pin(to: "0-\(Machine.this.cores - 1)") }
        return rounds.result
    }
}

extension Machine {
    /// The one that this runs on.
    public static let this: Machine = {
        func text(_ path: String) -> String {
            FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
        }
        let model = text("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }
        let name = model?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
        return Machine(
            processor: name ?? "unknown processor", cores: ProcessInfo.processInfo.processorCount,
            kernel: text("/proc/sys/kernel/osrelease").trimmingCharacters(in: .whitespacesAndNewlines))
    }()

    /// Every thread of this process, and those that they start, on `cores`, written as taskset does.
    static func pin(to cores: String) throws {
        try ChildProcess.run(["/usr/bin/taskset", "-a", "-p", "-c", cores, "\(getpid())"])
    }
}
