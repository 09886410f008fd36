public import Reactor
public import Session
public import Store
public import Wire

/// What a worker process is told at start.
public struct WorkerConfiguration: Sendable {
    public var id: WorkerID
    /// New for each start of the worker.
    public var incarnation: String
    /// Shared with the processes before and after this one; nil for one that stands alone. A successor has its
    /// predecessor's incarnation: for everybody else it is the same worker.
    public var memory: WorkerMemory?
    public var host: String
    public var processID: Int32
    public var capabilities: [String]
    /// One per reactor thread.
    public var reactors: [ReactorConfiguration]
    /// Sessions accepted at most.
    public var sessionLimit: Int
    /// As ``WorkerReport/region`` and ``WorkerReport/labels``.
    public var region = ""
    public var labels: [String: String] = [:]
    /// Look up the mDNS names in candidates, on the links of the first reactor's addresses.
    public var resolvesNames = false
    /// Sends a direct heartbeat, or does not: whether one arrives nobody can tell. Nil for a worker that sends none.
    public var sendHeartbeat: (@Sendable (_ datagram: [UInt8], _ destination: SocketAddress) -> Void)?
    /// What it takes the time from.
    public var clock = ClusterClock.system
    /// Tells what the process has used, for its reports.
    package var usage: @Sendable () -> ProcessUsage = { .now }
    package var planted: PlantedBug?

    public init(
        id: WorkerID, incarnation: String, host: String, processID: Int32, capabilities: [String] = ["sfu"],
        reactors: [ReactorConfiguration], sessionLimit: Int = 1000
    ) {
        self.id = id
        self.incarnation = incarnation
        self.host = host
        self.processID = processID
        self.capabilities = capabilities
        self.reactors = reactors
        self.sessionLimit = sessionLimit
    }
}

/// Another living process has the worker's name.
public struct NameTaken: Error, CustomStringConvertible {
    public let worker: WorkerID

    public var description: String {
        "another process is worker \(worker) of this cluster: give this one another --id, or end the other"
    }
}

/// Bounds and periods of a worker.
enum Limits {
    /// A dead worker must be known within a second: three missed heartbeats.
    static let heartbeatInterval = Duration.milliseconds(250)
    static let timeToLive = Duration.milliseconds(750)
    /// Pause between two direct heartbeats, and between two reads of where they go.
    static let directInterval = Duration.nanoseconds(DirectHeartbeat.interval.nanoseconds)
    static let targetInterval = Duration.seconds(2)
    /// Heartbeats between two comparisons of what is held with what the store says.
    static let reconciliationPeriod = 20
    /// How long a name may stay taken before a start gives up; longer than the time to live.
    static let nameWait = Duration.milliseconds(2500)
    static let namePause = Duration.milliseconds(50)
    /// How long one read of the command stream waits.
    static let commandWait = Duration.seconds(2)
    /// Messages kept while the store is away; the oldest go first.
    static let outbox = 10_000
    /// Shards of one session that are looked for, when a further one comes: reactors of 64 workers.
    static let shardsPerSession = 64
    /// Messages per publication.
    static let publicationBatch = 256
    /// How long a process that has handed over tells controllers what they have not heard yet.
    static let farewell = Duration.milliseconds(500)
    /// Pause before what the store refused is tried again.
    static let retryPause = Duration.milliseconds(200)
    /// Characters and words of a candidate line that is searched for a name; the agent takes no more.
    static let candidateBytes = 512
    static let candidateWords = 48
    /// Names of one ICE generation of an endpoint. Browsers have one for each of their interfaces.
    static let namesPerGeneration = 8
    /// Names of one session that are looked up at the same time.
    static let lookupsPerSession = 32
    /// Multicast DNS messages that wait to be read; the oldest go first.
    static let multicastDatagrams = 256
    /// A command that was read so soon after it can have been sent is not late, whatever wall clocks say.
    static let freshness = Duration.seconds(5)
    /// Difference between two hosts' wall clocks that a command's deadline forgives, in milliseconds.
    static let clockTolerance: Int64 = 10_000
}
