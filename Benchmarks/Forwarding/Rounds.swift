import Foundation
import LoadGenerator
import Wire

/// The measurements of a run, one after the other.
struct Rounds {
    /// A measurement is repeated at most this often.
    static let repetitions = 2
    /// Calibrations before the median says anything.
    private static let calibrationsNeeded = 4

    let run: BenchmarkRun
    let workshop: Workshop
    var result: BenchmarkResult
    private var random: SeededRandom

    init(run: BenchmarkRun, workshop: Workshop, result: BenchmarkResult) {
        self.run = run
        self.workshop = workshop
        self.result = result
        random = SeededRandom(seed: result.settings.seed)
    }

    private var settings: BenchmarkSettings { result.settings }

    mutating func all() async throws {
        let servers = settings.servers.filter { server in
            guard server == .janus || server == .janusTuned,
                !FileManager.default.isExecutableFile(atPath: JanusServer.program)
            else { return true }
            result.failures.append("\(server.title) is not installed: --install-peers installs it")
            return false
        }
        for round in 1...settings.rounds {
            for content in settings.contents {
                for server in servers.shuffled(using: &random)
                where content != .simulcast || server.hasSimulcast {
                    try await measure(server, content, round: round)
                }
            }
        }
        for server in servers where settings.measuresFootprint { try await footprint(server) }
        if settings.searchesCapacity {
            for server in servers { try await capacity(server) }
        }
    }

    // MARK: Forwarding

    /// Measures, again when the machine or the generator was not well, and keeps the best of the tries.
    private mutating func measure(_ server: ServerKind, _ content: Content, round: Int) async throws {
        var best: Measurement?
        for attempt in 1...(1 + Self.repetitions) {
            let name = "round \(round)/\(settings.rounds)  \(content.title)  \(server.title)"
            do {
                let measurement = try await once(server, content, round: round, attempt: attempt, name: name)
                if best.map({ Self.isBetter(measurement, than: $0) }) ?? true { best = measurement }
                let problems = measurement.faults + measurement.doubts
                if problems.isEmpty { break }
                run.note("\(name)  try \(attempt): \(problems.joined(separator: "; "))")
            } catch {
                try Task.checkCancellation()
                run.note("\(name)  try \(attempt): \(error)")
            }
            try Task.checkCancellation()
        }
        guard let best else {
            result.failures.append("\(server.title) with \(content.title) could not be measured in round \(round)")
            return
        }
        result.measurements.append(best)
        let cost = best.microsecondsPerPacket.map { ResultTables.fixed($0, 2) } ?? "–"
        run.note(
            "round \(round)/\(settings.rounds)  \(Self.padded(content.title, 20))  \(Self.padded(server.title, 20))"
                + "  \(cost) µs/packet  \(ResultTables.thousands(best.report.media.deliveredPerSecond))/s"
                + "  added p99 \(ResultTables.fixed(best.report.addedLatency.p99, 1)) ms"
                + "  loss \(ResultTables.fixed(best.report.media.lossRatio * 100, 2)) %"
                + "  generator \(Int(((best.report.generator.threadLoads.max() ?? 0) * 100).rounded())) %")
    }

    private mutating func once(
        _ server: ServerKind, _ content: Content, round: Int, attempt: Int, name: String
    ) async throws -> Measurement {
        let before = try Self.calibrate()
        let status = run.status
        let stage = Stage(workshop: workshop) { status("\(name)  \($0)") }
        let seen = try await stage.observe(
            server, plan(content, round: round), switchesLayers: content == .simulcast)
        let after = try Self.calibrate()
        result.servers[server.rawValue] = seen.facts
        let known = result.measurements.flatMap { [$0.before, $0.after] }
        var deviation = 0.0
        if known.count >= Self.calibrationsNeeded, let usual = Calibration.median(known) {
            deviation = max(before.deviation(from: usual), after.deviation(from: usual))
        }
        if seen.report.isInterrupted { throw CancellationError() }
        return Measurement(
            round: round, server: server, content: content, subscribers: settings.subscribers, cpu: seen.cpu,
            cpuOfAll: seen.cpuOfAll, residentMemory: seen.residentMemory, before: before, after: after,
            deviation: deviation, attempt: attempt, switches: seen.switches, report: seen.report)
    }

    private static func isBetter(_ one: Measurement, than other: Measurement) -> Bool {
        (one.faults.count, one.doubts.count, one.deviation) < (other.faults.count, other.doubts.count, other.deviation)
    }

    private static func calibrate() throws -> Calibration {
        guard var calibrator = Calibrator() else { throw BenchmarkError("no sockets for the calibration") }
        return calibrator.measure()
    }

    /// The same for every server: contents depend on the seed and the round.
    func plan(
        _ content: Content, round: Int, subscribers: Int? = nil, seconds: Int? = nil, threads: Int = 1
    ) -> LoadPlan {
        let video: VideoPattern? =
            switch content {
            case .uniform: .uniform
            case .real: .real
            case .audio: nil
            case .simulcast: .simulcast
            }
        return LoadPlan(
            publishers: content.publishers, subscribers: subscribers ?? settings.subscribers, video: video,
            hasAudio: content == .audio, seed: settings.seed &+ UInt64(round),
            duration: .seconds(Int64(seconds ?? settings.window)), threads: threads, checksumInterval: 4, srtp: .gcm)
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0)
    }
}

// MARK: - Beside forwarding

extension Rounds {
    /// Seconds of media before the memory is read.
    private static let memorySeconds = 8
    private static let idleSeconds = 8

    private mutating func footprint(_ server: ServerKind) async throws {
        var footprint = Footprint(server: server)
        let most = settings.subscribers
        let status = run.status
        do {
            for count in [0, most / 4, most / 2, most] {
                let stage = Stage(workshop: workshop) { status("memory with \(count)  \(server.title)  \($0)") }
                let seen = try await stage.observe(
                    server, plan(.uniform, round: 0, subscribers: count, seconds: Self.memorySeconds))
                if seen.report.isInterrupted { throw CancellationError() }
                footprint.memory.append(MemoryPoint(subscribers: count, bytes: seen.residentMemory))
            }
            try await idle(server, &footprint)
        } catch {
            try Task.checkCancellation()
            result.failures.append("\(server.title): no footprint: \(error)")
        }
        result.footprints.append(footprint)
        run.note(
            "beside  \(Self.padded(server.title, 20))"
                + "  \(footprint.kibibytesPerSubscriber.map { ResultTables.fixed($0, 0) } ?? "–") KiB/subscriber"
                + "  \(footprint.joinMilliseconds.map { ResultTables.fixed($0, 2) } ?? "–") ms/join"
                + "  idle \(footprint.idleLoad.map { ResultTables.fixed($0 * 100, 1) } ?? "–") %")
    }

    /// Everybody joins while the publisher sends a frame a second, which is hardly more than nothing.
    private mutating func idle(_ server: ServerKind, _ footprint: inout Footprint) async throws {
        let status = run.status
        let stage = Stage(workshop: workshop) { status("joins  \(server.title)  \($0)") }
        var plan = plan(.uniform, round: 0, seconds: Self.idleSeconds)
        plan.framesPerSecond = 1
        // A join ends with its first packet, which takes up to a second here.
        plan.joinsInFlight = 64
        let seen = try await stage.observe(server, plan)
        let report = seen.report
        if report.isInterrupted { throw CancellationError() }
        guard report.joins.failed == 0, report.seconds > 0 else {
            throw BenchmarkError("\(report.joins.failed) of \(report.joins.attempted) joins failed")
        }
        let cost = result.summary(server, .uniform)?.cost ?? 0
        let idle = max(0, seen.cpu.total - Double(report.media.delivered) * cost / 1e6) / report.seconds
        let joins = Double(report.joins.succeeded + plan.publishers)
        footprint.idleLoad = idle
        footprint.joinMilliseconds = max(0, seen.joinCPU.total - idle * seen.joinTime) * 1e3 / joins
        footprint.joinMillisecondsOfAll = max(0, seen.joinCPUOfAll.total - idle * seen.joinTime) * 1e3 / joins
    }

    // MARK: Capacity

    /// Where the search ends: more sockets than this say more about the machine than about the server.
    private static let mostSubscribers = 4_000
    private static let capacitySeconds = 5

    /// Doubles until something fails, then halves the gap until it is a tenth.
    private mutating func capacity(_ server: ServerKind) async throws {
        var passed = 0
        var failed: Int?
        var reason = ""
        var next = settings.subscribers
        while next <= Self.mostSubscribers {
            let failure = try await failure(server, subscribers: next)
            run.note("capacity  \(server.title)  \(next): \(failure ?? "passes")")
            if let failure {
                failed = next
                reason = failure
            } else {
                passed = next
            }
            guard let ceiling = failed else {
                next *= 2
                continue
            }
            guard ceiling - passed > max(10, ceiling / 10) else { break }
            next = (passed + ceiling) / 2
        }
        result.capacities.append(
            Capacity(server: server, subscribers: passed, failedAt: failed, reason: reason))
    }

    /// Nil when `subscribers` are served well, with nothing pinned.
    private func failure(_ server: ServerKind, subscribers: Int) async throws -> String? {
        var free = workshop
        free.serverCPU = nil
        if settings.isPinned { try Machine.pin(to: "0-\(result.machine.cores - 1)") }
        let status = run.status
        let stage = Stage(workshop: free) { status("capacity  \(server.title)  \(subscribers)  \($0)") }
        do {
            let seen = try await stage.observe(
                server, plan(.uniform, round: 0, subscribers: subscribers, seconds: Self.capacitySeconds))
            let report = seen.report
            if report.isInterrupted { throw CancellationError() }
            var reasons: [String] = []
            if report.joins.failed > 0 { reasons.append("\(report.joins.failed) joins failed") }
            if report.media.lossRatio >= 0.01 {
                reasons.append("loss \(ResultTables.fixed(report.media.lossRatio * 100, 1)) %")
            }
            if report.addedLatency.p99 >= 20 {
                reasons.append("added p99 \(ResultTables.fixed(report.addedLatency.p99, 0)) ms")
            }
            if !reasons.isEmpty, report.generator.isOverloaded { reasons.append("the generator is overloaded") }
            return reasons.isEmpty ? nil : reasons.joined(separator: ", ")
        } catch {
            try Task.checkCancellation()
            return "\(error)"
        }
    }
}
