import Foundation

/// A result as people read it.
public struct ResultTables: Sendable {
    private let result: BenchmarkResult

    public init(_ result: BenchmarkResult) { self.result = result }

    /// For a terminal.
    public var text: String { render(\.text, heading: { $0 }) }

    /// For README.
    public var markdown: String { render(\.markdown, heading: { "**\($0)**\n" }) }

    private func render(_ form: (TextTable) -> String, heading: (String) -> String) -> String {
        var parts: [String] = []
        for content in Content.allCases where !result.servers(with: content).isEmpty {
            parts.append(heading(title(of: content)) + "\n" + form(forwarding(content)))
        }
        if !result.footprints.isEmpty {
            parts.append(heading("Beside forwarding") + "\n" + form(footprints))
        }
        if !result.capacities.isEmpty {
            parts.append(
                heading("Most subscribers with loss < 1 % and added p99 < 20 ms, server and generator on all cores")
                    + "\n" + form(capacities))
        }
        if !claims.isEmpty { parts.append(claims.map { "- " + $0 }.joined(separator: "\n")) }
        parts.append(conditions.map { "- " + $0 }.joined(separator: "\n"))
        return parts.joined(separator: "\n\n")
    }

    private func title(of content: Content) -> String {
        let receivers = "\(content.publishers) → \(result.settings.subscribers)"
        let rate = result.servers(with: content).compactMap { result.summary($0, content)?.packetsPerSecond }.max() ?? 0
        return "\(content.title), \(receivers), \(Self.thousands(rate)) packets/s, \(Measurement.profile)"
    }

    private func forwarding(_ content: Content) -> TextTable {
        var table = TextTable([
            "server", "µs/packet", "least–most", "all processes", "packets/CPU-s", "kernel", "Apus ×", "95 % interval",
            "added p50/p99 ms", "packets/s", "loss", "rounds",
        ])
        for server in result.servers(with: content) {
            guard let summary = result.summary(server, content) else { continue }
            let ratio = server == .apus ? nil : result.ratio(of: .apus, to: server, content)
            table.add([
                server.title, Self.fixed(summary.cost, 2),
                "\(Self.fixed(summary.leastCost, 2))–\(Self.fixed(summary.mostCost, 2))",
                Self.fixed(summary.costOfAll, 2), Self.thousands(1e6 / summary.cost),
                "\(Self.fixed(summary.systemShare * 100, 0)) %", ratio.map { Self.fixed($0.value, 2) } ?? "–",
                ratio.map { "\(Self.fixed($0.low, 2))–\(Self.fixed($0.high, 2))" } ?? "–",
                "\(Self.fixed(summary.latency50, 1)) / \(Self.fixed(summary.latency99, 1))",
                Self.thousands(summary.packetsPerSecond), "\(Self.fixed(summary.lossRatio * 100, 2)) %",
                "\(summary.rounds)" + (summary.doubtful > 0 ? " (\(summary.doubtful)?)" : ""),
            ])
        }
        return table
    }

    private var footprints: TextTable {
        var table = TextTable([
            "server", "KiB/subscriber", "CPU ms/join", "all processes", "idle CPU",
        ])
        for footprint in result.footprints {
            table.add([
                footprint.server.title, footprint.kibibytesPerSubscriber.map { Self.fixed($0, 0) } ?? "–",
                footprint.joinMilliseconds.map { Self.fixed($0, 2) } ?? "–",
                footprint.joinMillisecondsOfAll.map { Self.fixed($0, 2) } ?? "–",
                footprint.idleLoad.map { "\(Self.fixed($0 * 100, 1)) %" } ?? "–",
            ])
        }
        return table
    }

    private var capacities: TextTable {
        var table = TextTable(["server", "subscribers", "fails at", "because"])
        for capacity in result.capacities {
            table.add([
                capacity.server.title, "\(capacity.subscribers)", capacity.failedAt.map { "\($0)" } ?? "–",
                capacity.reason,
            ])
        }
        return table
    }

    /// Sentences about who is cheaper, only where the interval leaves out 1.
    public var claims: [String] {
        var claims: [String] = []
        for content in Content.allCases {
            for other in result.servers(with: content) where other != .apus {
                guard let ratio = result.ratio(of: .apus, to: other, content), ratio.isClear else { continue }
                let interval = "\(Self.fixed(ratio.low, 2))–\(Self.fixed(ratio.high, 2))"
                claims.append(
                    "\(content.title): with a second of CPU Apus forwards \(Self.fixed(ratio.value, 2)) times"
                        + " as many packets as \(other.title) (95 %: \(interval), \(ratio.rounds) rounds)")
            }
        }
        return claims
    }

    /// Machine, versions, configurations, and what went wrong.
    public var conditions: [String] {
        let settings = result.settings
        var lines = [
            "\(result.machine.processor), \(result.machine.cores) cores, Linux \(result.machine.kernel), loopback; "
                + (settings.isPinned ? "server on core 0, generator on core 1" : "nothing pinned"),
            "\(settings.rounds) rounds of \(settings.window) s"
                + (settings.rounds > 1 ? ", the first discarded; servers fresh and in random order in each" : "")
                + "; seed \(settings.seed)",
        ]
        if let speed = Calibration.median(result.measurements.flatMap { [$0.before, $0.after] }) {
            lines.append(
                "calibration: sendto \(Self.fixed(speed.sendto, 0)) ns, EVP AES-128-GCM \(Self.fixed(speed.gcm, 0)) ns"
                    + " for 1200 bytes")
        }
        for server in ServerKind.allCases {
            guard let facts = result.servers[server.rawValue] else { continue }
            lines.append("\(server.title): \(facts.version); \(facts.configuration)")
        }
        let doubts = result.measurements.filter { !$0.doubts.isEmpty && $0.faults.isEmpty }
        if !doubts.isEmpty {
            let reasons = Set(doubts.flatMap(\.doubts)).sorted().joined(separator: "; ")
            lines.append("? marks rounds that are in doubt: \(reasons)")
        }
        lines += result.failures
        if result.isInterrupted { lines.append("interrupted: this is what was measured until then") }
        return lines
    }

    package static func fixed(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }

    /// `91000` as `91k`, below 10 000 in full.
    static func thousands(_ value: Double) -> String {
        value >= 10_000 ? "\(Int((value / 1_000).rounded()))k" : "\(Int(value.rounded()))"
    }
}
