public import LoadGenerator

/// One server with one content in one round.
public struct Measurement: Sendable, Codable, Hashable {
    public var round: Int
    public var server: ServerKind
    public var content: Content
    public var subscribers: Int
    /// CPU time of the process that forwards the media, in the window.
    public var cpu: CPUTime
    /// The same of all processes of the server.
    public var cpuOfAll: CPUTime
    /// Bytes of the media process at the end of the window.
    public var residentMemory: UInt64
    public var before: Calibration
    public var after: Calibration
    /// How far the machine's speed around this run was from the median until then; 0.15 is 15 %.
    public var deviation: Double
    /// 1 is the first try; the machine's speed or the generator's health asked for more.
    public var attempt: Int
    /// With ``Content/simulcast``.
    public var switches: LayerSwitches
    /// What the load generator says.
    public var report: LoadReport

    public init(
        round: Int, server: ServerKind, content: Content, subscribers: Int, cpu: CPUTime, cpuOfAll: CPUTime,
        residentMemory: UInt64, before: Calibration, after: Calibration, deviation: Double = 0, attempt: Int = 1,
        switches: LayerSwitches = LayerSwitches(),
        report: LoadReport
    ) {
        self.round = round
        self.server = server
        self.content = content
        self.subscribers = subscribers
        self.cpu = cpu
        self.cpuOfAll = cpuOfAll
        self.residentMemory = residentMemory
        self.before = before
        self.after = after
        self.deviation = deviation
        self.attempt = attempt
        self.switches = switches
        self.report = report
    }

    /// Microseconds of the media process's CPU for each packet that arrived; nil when none did.
    public var microsecondsPerPacket: Double? { perPacket(cpu) }

    /// The same for all processes of the server.
    public var microsecondsPerPacketOfAll: Double? { perPacket(cpuOfAll) }

    private func perPacket(_ time: CPUTime) -> Double? {
        guard report.media.delivered > 0, time.total > 0 else { return nil }
        return time.total * 1e6 / Double(report.media.delivered)
    }

    /// What makes the measurement worthless: it is neither shown nor compared.
    public var faults: [String] {
        var faults: [String] = []
        let media = report.media
        if report.isInterrupted { faults.append("interrupted") }
        if media.corrupt > 0 { faults.append("\(media.corrupt) corrupt packets") }
        if media.misdelivered > 0 { faults.append("\(media.misdelivered) misdelivered packets") }
        if report.joins.failed > 0 { faults.append("\(report.joins.failed) of \(report.joins.attempted) joins failed") }
        let profiles = report.srtpProfiles.keys.filter { $0 != Self.profile }.sorted()
        if !profiles.isEmpty { faults.append("SRTP profile \(profiles.joined(separator: ", "))") }
        if content == .simulcast, switches.done == 0 || media.keyFrameRequests == 0 {
            // A switch to another encoding begins with a key frame, which the publisher is asked for.
            faults.append("no layer was switched")
        }
        if microsecondsPerPacket == nil { faults.append("no packet arrived") }
        return faults
    }

    /// What makes the measurement doubtful: it is repeated, and if that does not help it is marked.
    public var doubts: [String] {
        var doubts: [String] = []
        let generator = report.generator
        if let load = generator.threadLoads.max(), load > 0.7 {
            doubts.append("generator at \(Int((load * 100).rounded())) % of a core")
        }
        if generator.receiveOverflow > 0 { doubts.append("generator lost \(generator.receiveOverflow) datagrams") }
        if switches.refused > 0 { doubts.append("\(switches.refused) changes of layers were refused") }
        if deviation > Self.tolerance { doubts.append("the machine's speed was off by \(Int(deviation * 100)) %") }
        return doubts
    }

    /// Beyond it the machine was not itself.
    static let tolerance = 0.15

    /// The profile that every client offers alone.
    public static let profile = "AEAD_AES_128_GCM"
}

/// How often subscribers were given another encoding.
public struct LayerSwitches: Sendable, Codable, Hashable {
    public var done = 0
    public var refused = 0

    public init(done: Int = 0, refused: Int = 0) {
        self.done = done
        self.refused = refused
    }
}

/// What a server costs apart from forwarding.
public struct Footprint: Sendable, Codable, Hashable {
    public var server: ServerKind
    /// Resident memory of the media process by number of subscribers, after some seconds of media, in bytes.
    public var memory: [MemoryPoint]
    /// Share of a core with all subscribers joined and no media but a frame a second, whose cost is taken off.
    public var idleLoad: Double?
    /// Milliseconds of CPU of the media process for each subscriber that joins.
    public var joinMilliseconds: Double?
    /// The same of all processes of the server.
    public var joinMillisecondsOfAll: Double?

    public init(server: ServerKind) {
        self.server = server
        memory = []
    }

    /// Rise of the memory with each subscriber, in KiB.
    public var kibibytesPerSubscriber: Double? {
        Statistics.slope(memory.map { (Double($0.subscribers), Double($0.bytes)) }).map { $0 / 1_024 }
    }
}

public struct MemoryPoint: Sendable, Codable, Hashable {
    public var subscribers: Int
    public var bytes: UInt64

    public init(subscribers: Int, bytes: UInt64) {
        self.subscribers = subscribers
        self.bytes = bytes
    }
}

/// How many subscribers a server carries on this machine beside the generator.
public struct Capacity: Sendable, Codable, Hashable {
    public var server: ServerKind
    /// The most that passed: loss under 1 %, added latency p99 under 20 ms.
    public var subscribers: Int
    /// The fewest that failed; nil when nothing did up to the limit of the search.
    public var failedAt: Int?
    /// Why it failed there.
    public var reason: String

    public init(server: ServerKind, subscribers: Int, failedAt: Int?, reason: String) {
        self.server = server
        self.subscribers = subscribers
        self.failedAt = failedAt
        self.reason = reason
    }
}
