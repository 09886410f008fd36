internal import LoadGenerator

/// All that a run of the benchmark found; its JSON is what `--json` writes.
public struct BenchmarkResult: Sendable, Codable {
    public var machine: Machine
    public var settings: BenchmarkSettings
    /// By ``ServerKind``.
    public var servers: [String: ServerFacts] = [:]
    /// Every measurement that was taken, the discarded first round's as well.
    public var measurements: [Measurement] = []
    public var footprints: [Footprint] = []
    public var capacities: [Capacity] = []
    /// What could not be measured, and why.
    public var failures: [String] = []
    public var isInterrupted = false

    public init(machine: Machine, settings: BenchmarkSettings) {
        self.machine = machine
        self.settings = settings
    }

    /// Measurements that count: without the first round, which warms the machine up, when there is another.
    public func counted(_ server: ServerKind, _ content: Content) -> [Measurement] {
        measurements.filter {
            $0.server == server && $0.content == content && $0.faults.isEmpty
                && ($0.round > 1 || settings.rounds == 1)
        }
    }

    /// The servers that were measured with `content`, in the order of ``ServerKind``.
    public func servers(with content: Content) -> [ServerKind] {
        ServerKind.allCases.filter { !counted($0, content).isEmpty }
    }

    /// With simulcast each server decides when a switch is done, and so how much it sends. What differs by more than
    /// this share is another task, and not compared.
    static let sameTask = 0.1

    /// How many times as many packets `server` forwards with a second of CPU as `other` does, round by round. Only
    /// rounds with both count.
    public func ratio(of server: ServerKind, to other: ServerKind, _ content: Content) -> RatioEstimate? {
        let others = Dictionary(counted(other, content).map { ($0.round, $0) }) { $1 }
        let ratios = counted(server, content).compactMap { own -> Double? in
            guard let other = others[own.round], let cost = own.microsecondsPerPacket,
                let otherCost = other.microsecondsPerPacket
            else { return nil }
            let share = Double(own.report.media.delivered) / Double(other.report.media.delivered)
            if content == .simulcast, abs(share - 1) > Self.sameTask { return nil }
            return otherCost / cost
        }
        return Statistics.ratio(ratios, seed: settings.seed)
    }

    public func summary(_ server: ServerKind, _ content: Content) -> Summary? {
        Summary(counted(server, content), usual: Calibration.median(measurements.flatMap { [$0.before, $0.after] }))
    }
}

/// Where it ran.
public struct Machine: Sendable, Codable, Hashable {
    public var processor: String
    public var cores: Int
    public var kernel: String

    public init(processor: String, cores: Int, kernel: String) {
        self.processor = processor
        self.cores = cores
        self.kernel = kernel
    }
}

/// What was asked for.
public struct BenchmarkSettings: Sendable, Codable, Hashable {
    public var servers: [ServerKind]
    public var contents: [Content]
    public var subscribers: Int
    /// Seconds of one measurement.
    public var window: Int
    /// The first is discarded.
    public var rounds: Int
    /// Orders servers, and seeds contents and resampling.
    public var seed: UInt64
    /// Server on one core and generator on another.
    public var isPinned: Bool
    public var measuresFootprint: Bool
    public var searchesCapacity: Bool

    public init(
        servers: [ServerKind] = [.apus, .limit, .janus, .janusTuned], contents: [Content] = Content.allCases,
        subscribers: Int = 200, window: Int = 10, rounds: Int = 7, seed: UInt64 = 1, isPinned: Bool = true,
        measuresFootprint: Bool = true, searchesCapacity: Bool = false
    ) {
        self.servers = servers
        self.contents = contents
        self.subscribers = subscribers
        self.window = window
        self.rounds = rounds
        self.seed = seed
        self.isPinned = isPinned
        self.measuresFootprint = measuresFootprint
        self.searchesCapacity = searchesCapacity
    }
}

/// One row of the table: a server with one content over its rounds.
public struct Summary: Sendable, Codable, Hashable {
    /// Microseconds of CPU for each delivered packet: median, least and most.
    public var cost: Double
    public var leastCost: Double
    public var mostCost: Double
    /// The same of all processes.
    public var costOfAll: Double
    /// The cost as it would be at the machine's median speed, by the calibrations around each run.
    public var normalisedCost: Double
    /// Share of the CPU time that was the kernel's.
    public var systemShare: Double
    public var packetsPerSecond: Double
    /// Worst of all rounds.
    public var lossRatio: Double
    /// Milliseconds that the server adds, medians over rounds.
    public var latency50: Double
    public var latency99: Double
    public var rounds: Int
    /// Of the rounds, those with a doubt that repeating did not cure.
    public var doubtful: Int

    /// Nil for no measurements.
    init?(_ measurements: [Measurement], usual: Calibration?) {
        let costs = measurements.compactMap(\.microsecondsPerPacket)
        guard let cost = Statistics.median(costs), let least = costs.min(), let most = costs.max() else { return nil }
        self.cost = cost
        leastCost = least
        mostCost = most
        costOfAll = Statistics.median(measurements.compactMap(\.microsecondsPerPacketOfAll)) ?? cost
        normalisedCost =
            Statistics.median(
                measurements.compactMap { run in
                    guard let cost = run.microsecondsPerPacket, let usual else { return nil }
                    let around = [run.before, run.after].map { ($0.sendto + $0.gcm) / (usual.sendto + usual.gcm) }
                    return cost / ((around[0] + around[1]) / 2)
                }) ?? cost
        systemShare = Statistics.median(measurements.map { $0.cpu.system / max($0.cpu.total, 1e-9) }) ?? 0
        packetsPerSecond = Statistics.median(measurements.map(\.report.media.deliveredPerSecond)) ?? 0
        lossRatio = measurements.map(\.report.media.lossRatio).max() ?? 0
        latency50 = Statistics.median(measurements.map(\.report.addedLatency.p50)) ?? 0
        latency99 = Statistics.median(measurements.map(\.report.addedLatency.p99)) ?? 0
        rounds = measurements.count
        doubtful = measurements.filter { !$0.doubts.isEmpty }.count
    }
}
