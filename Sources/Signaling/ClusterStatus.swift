public import Session

/// The cluster at one moment, as the executable knows it.
public struct ClusterStatus: Sendable {
    public var cluster: String
    public var version: String
    /// The controllers known to this one, itself first.
    public var controllers: [ControllerStatus]
    public var workers: [WorkerStatus]
    /// Whether the store answers this controller.
    public var isStoreReachable: Bool
    /// What happened lately, newest first.
    public var events: [ClusterEvent]

    public init(
        cluster: String, version: String, controllers: [ControllerStatus], workers: [WorkerStatus],
        isStoreReachable: Bool = true, events: [ClusterEvent] = []
    ) {
        self.isStoreReachable = isStoreReachable
        self.events = events
        self.cluster = cluster
        self.version = version
        self.controllers = controllers
        self.workers = workers
    }
}

/// A controller and what its protocol front doors hold.
public struct ControllerStatus: Hashable, Sendable, Codable {
    public var id: ControllerID
    public var processID: Int32
    public var host: String
    /// Seconds since it started.
    public var uptime: Double
    public var kurento: KurentoStatus
    public var whip: WHIPStatus
    public var isAlive = true
    /// Where clients come in.
    public var addresses: [String] = []
    /// False of other controllers: what they serve, they tell themselves.
    public var hasFigures = true
    /// What came to its port for workers' direct heartbeats; nil of others, and of one that has no such port.
    public var heartbeats: HeartbeatCounts?

    public init(
        id: ControllerID, processID: Int32, host: String, uptime: Double, kurento: KurentoStatus = KurentoStatus(),
        whip: WHIPStatus = WHIPStatus()
    ) {
        self.kurento = kurento
        self.whip = whip
        self.id = id
        self.processID = processID
        self.host = host
        self.uptime = uptime
    }
}

/// What a controller's Kurento engine holds and has done.
public struct KurentoStatus: Hashable, Sendable, Codable {
    public var sessions = 0
    public var pipelines = 0
    public var endpoints = 0
    public var objects = 0
    /// Encoders between peers whose codecs differ.
    public var transcoders = 0
    /// Connections that speak the Kurento protocol.
    public var connections = 0
    public var requests: [RequestCount] = []
    /// Since start.
    public var events: UInt64 = 0
    public var droppedEvents: UInt64 = 0

    public init() {}
}

/// Requests answered since start, by method and result.
public struct RequestCount: Hashable, Sendable, Codable {
    /// A method that the server knows, or `all` where they are not told apart.
    public var method: String
    /// `ok`, or `error` or its code.
    public var result: String
    public var count: UInt64

    public init(method: String, result: String, count: UInt64) {
        self.method = method
        self.result = result
        self.count = count
    }
}

/// What a controller's WHIP and WHEP engine holds and has done.
public struct WHIPStatus: Hashable, Sendable, Codable {
    public var rooms = 0
    public var publishers = 0
    public var players = 0
    /// Publishers and players with a working path.
    public var connected = 0
    public var requests: [WHIPRequestCount] = []

    public init() {}
}

/// HTTP requests answered since start.
public struct WHIPRequestCount: Hashable, Sendable, Codable {
    /// `whip` or `whep`.
    public var endpoint: String
    public var method: String
    public var status: Int
    public var count: UInt64

    public init(endpoint: String, method: String, status: Int, count: UInt64) {
        self.endpoint = endpoint
        self.method = method
        self.status = status
        self.count = count
    }
}

/// Who carries a session.
public struct SessionOwner: Hashable, Sendable, Codable {
    public var worker: WorkerID
    /// Of each shard, in their order; a worker with several reactors may come twice.
    public var shards: [WorkerID]
    public var workerPid: Int32?
    public var controllerPid: Int32

    public init(worker: WorkerID, shards: [WorkerID] = [], workerPid: Int32?, controllerPid: Int32) {
        self.worker = worker
        self.shards = shards.isEmpty ? [worker] : shards
        self.workerPid = workerPid
        self.controllerPid = controllerPid
    }
}

/// Where status pages, metrics and readiness get what they tell.
public protocol StatusSource: Sendable {
    func snapshot() async -> ClusterStatus
    /// Why new sessions cannot be taken now, in words for people; empty when they can.
    func reasonsNotReady() async -> [String]
    /// The worker that carries the session.
    func owner(of session: SessionID) async -> SessionOwner?
}
