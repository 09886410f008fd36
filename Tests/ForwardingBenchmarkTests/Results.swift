import LoadGenerator

@testable import ForwardingBenchmark

/// Made-up results: costs in microseconds for each packet, by round.
enum Results {
    static let speed = Calibration(sendto: 3_000, gcm: 400)

    static func measurement(
        _ server: ServerKind, _ content: Content = .uniform, round: Int, cost: Double,
        change: (inout LoadReport) -> Void = { _ in }
    ) -> Measurement {
        var report = LoadReport()
        report.seconds = 10
        report.srtpProfiles = ["AEAD_AES_128_GCM": 201]
        report.joins.attempted = 201
        report.joins.succeeded = 201
        report.media.delivered = 300_000
        report.media.deliveredPerSecond = 30_000
        report.addedLatency.p50 = 1.5
        report.addedLatency.p99 = 4.25
        report.generator.threadLoads = [0.35]
        change(&report)
        let total = cost * Double(report.media.delivered) / 1e6
        return Measurement(
            round: round, server: server, content: content, subscribers: 200,
            cpu: CPUTime(user: total / 4, system: total * 3 / 4), cpuOfAll: CPUTime(user: total / 2, system: total),
            residentMemory: 50 << 20, before: speed, after: speed, report: report)
    }

    static func result(_ costs: [ServerKind: [Double]], _ content: Content = .uniform) -> BenchmarkResult {
        let rounds = costs.values.map(\.count).max() ?? 1
        var result = BenchmarkResult(
            machine: Machine(processor: "A & B <1>", cores: 2, kernel: "6.1"),
            settings: BenchmarkSettings(servers: Array(costs.keys), contents: [content], rounds: rounds))
        for (server, costs) in costs {
            result.servers[server.rawValue] = ServerFacts(version: "1.0", configuration: "as it is")
            for (index, cost) in costs.enumerated() {
                result.measurements.append(measurement(server, content, round: index + 1, cost: cost))
            }
        }
        return result
    }
}
