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
    /// Where it is, for clients that should go to a near one; empty when nobody said.
    public var region = ""
    /// What an operator says of it, for sessions that need it.
    public var labels: [String: String] = [:]
    /// How often its media process was replaced; nil where none can be.
    public var successions: SuccessionCounts?

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

/// Media processes of one worker that went on where another stopped, since the worker's memory was made.
public struct SuccessionCounts: Hashable, Sendable, Codable {
    /// After a process that ended unasked.
    public var failovers: UInt64 = 0
    /// After one that was asked to hand over.
    public var upgrades: UInt64 = 0
    /// Milliseconds without a packet handled, of all of them and of the last.
    public var standstill: Double = 0
    public var lastStandstill: Double = 0

    public init() {}
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
    /// The part of ``cpu`` that the busiest reactor used, by its part of the packets.
    public var hottestReactor: Double = 0
    /// Sessions that were here long enough for their load to be in these figures.
    public var settledSessions: Int = 0
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

    /// Load of the busiest reactor in thousandths of a core, as placement compares it.
    public var thousandths: Int {
        hottestReactor.isFinite ? Int((min(max(hottestReactor, 0), 1000) * 1000).rounded()) : 0
    }
}

/// A drain that an operator has ordered: the worker takes no new sessions.
public struct WorkerDrain: Hashable, Sendable, Codable {
    /// Seconds until what is left is closed; 0 when that is due.
    public var secondsLeft: Double

    public init(secondsLeft: Double) { self.secondsLeft = secondsLeft }
}

/// Where a worker stands, in a word.
public enum WorkerState: String, Hashable, Sendable, Codable {
    case alive, dead
    /// Takes no new sessions and still has some.
    case draining
    /// Is to be drained and has no sessions any more: its host may be taken away.
    case drained
}

/// A worker as the controllers see it.
public struct WorkerStatus: Hashable, Sendable, Codable {
    public var report: WorkerReport
    public var isAlive: Bool
    /// Sessions assigned to it, including those not yet in its reports.
    public var assignedSessions: [SessionID]
    /// Nil when it takes new sessions.
    public var drain: WorkerDrain?

    public init(
        report: WorkerReport, isAlive: Bool, assignedSessions: [SessionID], drain: WorkerDrain? = nil
    ) {
        self.report = report
        self.isAlive = isAlive
        self.assignedSessions = assignedSessions
        self.drain = drain
    }

    public var state: WorkerState {
        if drain != nil { return assignedSessions.isEmpty ? .drained : isAlive ? .draining : .dead }
        return isAlive ? .alive : .dead
    }
}
