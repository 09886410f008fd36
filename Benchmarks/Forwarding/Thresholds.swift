import Foundation

/// What a run must reach, as `Benchmarks/Thresholds/forwarding.json` says. Ratios within one run, because absolute
/// figures are the machine's.
public struct Thresholds: Sendable, Codable, Hashable {
    /// Apus against another server with one content.
    public struct Ratio: Sendable, Codable, Hashable {
        public var content: Content
        public var server: ServerKind
        /// How many times as many packets for a second of CPU Apus must forward.
        public var atLeast: Double

        public init(content: Content, server: ServerKind, atLeast: Double) {
            self.content = content
            self.server = server
            self.atLeast = atLeast
        }
    }

    public var ratios: [Ratio]
    /// KiB of the worker's memory for each subscriber.
    public var memoryPerSubscriber: Double?
    /// Milliseconds of the worker's CPU for each join.
    public var cpuPerJoin: Double?
    /// Milliseconds; p99 with uniform video.
    public var addedLatency: Double?

    public init(
        ratios: [Ratio], memoryPerSubscriber: Double? = nil, cpuPerJoin: Double? = nil, addedLatency: Double? = nil
    ) {
        self.ratios = ratios
        self.memoryPerSubscriber = memoryPerSubscriber
        self.cpuPerJoin = cpuPerJoin
        self.addedLatency = addedLatency
    }

    public init(file: String) throws { self = try Self.read(file) }

    /// Thresholds of any benchmark.
    package static func read<Value: Decodable>(_ file: String) throws -> Value {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw BenchmarkError("there is no \(file), or it cannot be read")
        }
        do {
            return try JSONDecoder().decode(Value.self, from: data)
        } catch {
            throw BenchmarkError("\(file) holds no thresholds: \(error)")
        }
    }

    /// What `result` misses, in words; what it does not hold is missed too, unless it was not asked for.
    public func missed(by result: BenchmarkResult) -> [String] {
        var missed: [String] = []
        let settings = result.settings
        for ratio in ratios where settings.servers.contains(ratio.server) && settings.contents.contains(ratio.content) {
            let name = "\(ratio.content.title): Apus against \(ratio.server.title)"
            guard let found = result.ratio(of: .apus, to: ratio.server, ratio.content) else {
                missed.append("\(name): not measured in three rounds")
                continue
            }
            if found.value < ratio.atLeast {
                missed.append("\(name): \(ResultTables.fixed(found.value, 2)), wanted \(ratio.atLeast) or more")
            }
        }
        if settings.measuresFootprint, settings.servers.contains(.apus) {
            let footprint = result.footprints.first { $0.server == .apus }
            missed += over("KiB per subscriber", footprint?.kibibytesPerSubscriber, memoryPerSubscriber)
            missed += over("CPU ms per join", footprint?.joinMilliseconds, cpuPerJoin)
        }
        if settings.servers.contains(.apus), settings.contents.contains(.uniform) {
            let latency = result.summary(.apus, .uniform)?.latency99
            missed += over("added latency p99 in ms, uniform video", latency, addedLatency)
        }
        return missed
    }

    private func over(_ name: String, _ value: Double?, _ limit: Double?) -> [String] {
        guard let limit else { return [] }
        guard let value else { return ["\(name): not measured"] }
        return value > limit ? ["\(name): \(ResultTables.fixed(value, 2)), wanted \(limit) or less"] : []
    }
}
