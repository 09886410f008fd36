import ArgumentParser
import Foundation
import Session
import Settings
import Signaling

/// Rolls workers, one by one, to the executable that is on their disks now.
struct UpgradeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade", abstract: "Replace workers' media processes by the executable on disk, under load.",
        discussion: """
            One worker after the other: the new process is loaded before the old one stops, and goes on with its
            sockets, keys and sessions. Callers notice a pause of some milliseconds. When a new process does not come
            up, the old one goes on, and the other workers are left as they are.
            Examples:
              apus upgrade             all workers
              apus upgrade w1 w2       these, in this order
              apus upgrade --json      for programs
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The workers' names; none means all that are alive.")
    var workers: [String] = []

    @Option(help: "A controller's address (default: the one in cluster.yml on this machine).")
    var url: String?

    @Flag(help: "Print what was done as JSON, once.")
    var json = false

    /// How long a worker may take to be heard of again under its new process.
    private static let settlingTime = Duration.seconds(10)

    private struct Report: Encodable {
        var workers: [ControlClient.Upgraded] = []
        /// Of the worker that stood still the longest, in milliseconds.
        var longestStandstillMilliseconds = 0.0
        /// The worker at which the roll ended, and why.
        var failed: String?
        var error: String?
    }

    func run() async throws {
        let client = try ControlClient(url: url, or: options)
        let names = try await chosen(client)
        let started = ContinuousClock.now
        var report = Report()
        for name in names {
            if !json { Terminal.line("  … \(name)") }
            do {
                let upgraded = try await roll(name, client)
                report.workers.append(upgraded)
                report.longestStandstillMilliseconds = max(
                    report.longestStandstillMilliseconds, upgraded.standstillMilliseconds)
                if !json {
                    Terminal.line("  ✓ \(name) stood still for \(Self.milliseconds(upgraded.standstillMilliseconds))")
                }
            } catch let failure as CommandFailure {
                (report.failed, report.error) = (name, failure.description)
                break
            }
        }
        let seconds = String(format: "%.1f", Double((ContinuousClock.now - started) / .milliseconds(1)) / 1000)
        try finish(report, of: names.count, seconds: seconds)
    }

    private func finish(_ report: Report, of count: Int, seconds: String) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            Terminal.line(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            let longest = Self.milliseconds(report.longestStandstillMilliseconds)
            let done = "\(report.workers.count) of \(count) worker(s) upgraded in \(seconds) s"
            Terminal.line("\(done), longest standstill \(longest).")
        }
        guard let failed = report.failed, let error = report.error else { return }
        throw CommandFailure(
            "\(failed) is not upgraded: \(error)."
                + (report.workers.count + 1 < count ? " The workers after it were left as they are." : ""))
    }

    /// The workers that were named, or else all that live.
    private func chosen(_ client: ControlClient) async throws -> [String] {
        let known = try await status(client).workers
        guard !workers.isEmpty else {
            let alive = known.filter(\.isAlive).map(\.id.rawValue)
            guard !alive.isEmpty else { throw CommandFailure("no worker is alive") }
            return alive
        }
        for name in workers where !known.contains(where: { $0.id.rawValue == name }) {
            let others = known.map(\.id.rawValue).joined(separator: ", ")
            throw CommandFailure("there is no worker `\(name)`; registered: \(others.isEmpty ? "none" : others)")
        }
        return workers
    }

    private func roll(_ name: String, _ client: ControlClient) async throws -> ControlClient.Upgraded {
        var upgraded: ControlClient.Upgraded?
        try await OperatorRequest.perform(on: client, options) { token in
            upgraded = try await client.upgrade(name, token: token)
        }
        guard let upgraded else { throw CommandFailure("\(client.base) did not say what became of it") }
        // The next one only when this one is heard of again.
        let end = ContinuousClock.now + Self.settlingTime
        while ContinuousClock.now < end {
            let worker = try? await status(client).workers.first { $0.id.rawValue == name }
            if let worker, worker.isAlive, worker.processID == upgraded.processID { return upgraded }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw CommandFailure("its new process does not report itself")
    }

    private func status(_ client: ControlClient) async throws -> StatusDocument {
        do {
            return try JSONDecoder().decode(StatusDocument.self, from: try await client.status())
        } catch is ControlClient.Unreachable {
            throw CommandFailure("no controller answers at \(client.base). Is the cluster up? Start it with `apus up`.")
        }
    }

    private static func milliseconds(_ value: Double) -> String { String(format: "%.1f ms", value) }
}
