public import Session

/// The JSON of `/api/status`. `apus status` reads it back.
public struct StatusDocument: Hashable, Sendable, Codable {
    public struct Worker: Hashable, Sendable, Codable {
        public var id: WorkerID
        public var isAlive: Bool
        public var processID: Int32
        public var host: String
        public var incarnation: String
        public var capabilities: [String]
        public var reactors: Int
        public var addresses: [String]
        public var load: WorkerLoad
        public var assignedSessions: Int
        public var state: WorkerState
        /// Seconds until what is left is closed, of a worker that is being drained.
        public var drainSecondsLeft: Double?
        public var region: String
        public var labels: [String: String]
        /// How often its media process was replaced; absent where none can be.
        public var successions: SuccessionCounts?
    }

    public var cluster: String
    public var version: String
    public var controllers: [ControllerStatus]
    public var workers: [Worker]
    /// Whether the store answers the controller that tells this.
    public var isStoreReachable: Bool
    /// What happened lately, newest first, at most ``SignalingLimits/events``.
    public var events: [ClusterEvent]
    /// Sessions by worker, shortened to what tells them apart: a whole id lets anyone control the
    /// pipeline, and this page is for everyone.
    public var sessions: [String: [String]]

    public init(_ status: ClusterStatus) {
        cluster = status.cluster
        version = status.version
        controllers = status.controllers
        isStoreReachable = status.isStoreReachable
        events = Array(status.events.prefix(SignalingLimits.events))
        let ordered = status.workers.sorted { $0.report.id < $1.report.id }
        workers = ordered.map { worker in
            let report = worker.report
            return Worker(
                id: report.id, isAlive: worker.isAlive, processID: report.processID, host: report.host,
                incarnation: report.incarnation, capabilities: report.capabilities, reactors: report.reactors,
                addresses: report.addresses,
                load: report.load, assignedSessions: worker.assignedSessions.count, state: worker.state,
                drainSecondsLeft: worker.drain?.secondsLeft, region: report.region, labels: report.labels,
                successions: report.successions)
        }
        sessions = Dictionary(
            ordered.map { worker in
                (worker.report.id.rawValue, worker.assignedSessions.map(\.shortened).sorted())
            }, uniquingKeysWith: { first, _ in first })
    }
}
