/// What a worker reports with every heartbeat.
public struct WorkerReport: Hashable, Sendable, Codable {
    public var id: WorkerID
    /// A new one for each start of the process: tells a restarted worker from a slow one.
    public var incarnation: String
    public var processID: Int32
    public var host: String
    public var load: WorkerLoad
    public var capabilities: [String]
    /// Threads with sockets of their own; a session's shards go to different ones.
    public var reactors: Int
    /// UDP addresses that the worker's reactors listen on, for people.
    public var addresses: [String]

    public init(
        id: WorkerID, incarnation: String, processID: Int32, host: String, load: WorkerLoad = WorkerLoad(),
        capabilities: [String] = ["sfu"], reactors: Int = 1, addresses: [String] = []
    ) {
        self.reactors = reactors
        self.id = id
        self.incarnation = incarnation
        self.processID = processID
        self.host = host
        self.load = load
        self.capabilities = capabilities
        self.addresses = addresses
    }
}

/// Measured load of a worker.
public struct WorkerLoad: Hashable, Sendable, Codable {
    public var sessions: Int = 0
    public var endpoints: Int = 0
    /// Ends of pipes to other reactors, and their packets, which count among the others as well.
    public var pipes: Int = 0
    public var pipePacketsReceivedPerSecond: Double = 0
    public var pipePacketsSentPerSecond: Double = 0
    /// Share of one core that the worker's process used since the last report: 0.5 is half a core.
    public var cpu: Double = 0
    public var packetsReceivedPerSecond: Double = 0
    public var packetsSentPerSecond: Double = 0
    public var bitsReceivedPerSecond: Double = 0
    public var bitsSentPerSecond: Double = 0
    /// Resident memory in bytes.
    public var memory: UInt64 = 0
    /// Packets dropped since start, by reason.
    public var drops: [String: UInt64] = [:]
    /// Sessions that this worker accepts at most.
    public var sessionLimit: Int = 1000

    public init() {}
}

/// A worker as the controllers see it.
public struct WorkerStatus: Hashable, Sendable, Codable {
    public var report: WorkerReport
    public var isAlive: Bool
    /// Sessions assigned to it, including those not yet in its reports.
    public var assignedSessions: [SessionID]

    public init(report: WorkerReport, isAlive: Bool, assignedSessions: [SessionID]) {
        self.report = report
        self.isAlive = isAlive
        self.assignedSessions = assignedSessions
    }
}
