/// What a session needs from its worker, and how that is chosen.
public struct PlacementRequest: Hashable, Sendable, Codable {
    /// Every one of these is needed: `sfu`, `media`, `vision`.
    public var capabilities: [String]
    /// Not these, for instance because they have just refused.
    public var excluded: [WorkerID]
    /// The new epoch is higher than this: the highest that the controller has seen for the session. It
    /// keeps fencing right when the store has lost its data.
    public var epochFloor: Epoch
    /// The session is taken from the owner that it has under this epoch; under another it stays where it is.
    public var movedFrom: Epoch?
    /// Which life of the controller asks: what another one had placed is not what this one opens, and is taken from
    /// its worker. Asked for twice by one life, a session is placed once. Empty for who takes what is there.
    public var life = ""
    public var strategy = PlacementStrategy.leastSessions
    /// Workers of this region are taken before others; empty prefers none.
    public var region = ""
    /// The worker must have each of these labels with this value.
    public var labels: [String: String] = [:]
    /// What chance there is in the choice.
    public var draw = PlacementDraw()

    public init(capabilities: [String] = ["sfu"], excluded: [WorkerID] = [], epochFloor: Epoch = Epoch(0)) {
        self.capabilities = capabilities
        self.excluded = excluded
        self.epochFloor = epochFloor
    }
}

/// Two random numbers. Drawn by the caller, so that the choice itself is a function of its arguments; of 32 bits,
/// so that a script that counts with doubles gets the same remainders.
public struct PlacementDraw: Hashable, Sendable, Codable {
    public var first: UInt32
    public var second: UInt32

    public init(first: UInt32 = 0, second: UInt32 = 0) {
        self.first = first
        self.second = second
    }

    /// The halves of one random word.
    public init(_ word: UInt64) {
        self.init(first: UInt32(truncatingIfNeeded: word >> 32), second: UInt32(truncatingIfNeeded: word))
    }
}

/// A living worker as placement sees it.
public struct PlacementCandidate: Hashable, Sendable {
    public var worker: WorkerID
    /// Sessions assigned to it, including those that its load reports do not show yet.
    public var assignedSessions: Int
    public var sessionLimit: Int
    public var capabilities: [String]
    /// Of the busiest reactor, in thousandths of a core, as reported.
    public var measuredLoad = 0
    /// Sessions that ``measuredLoad`` shows.
    public var settledSessions = 0
    public var reactors = 1
    public var region = ""
    public var labels: [String: String] = [:]
    /// Takes no new sessions.
    public var isDraining = false

    public init(worker: WorkerID, assignedSessions: Int, sessionLimit: Int, capabilities: [String] = ["sfu"]) {
        self.worker = worker
        self.assignedSessions = assignedSessions
        self.sessionLimit = sessionLimit
        self.capabilities = capabilities
    }

    public init(_ report: WorkerReport, assignedSessions: Int, isDraining: Bool = false) {
        self.init(
            worker: report.id, assignedSessions: assignedSessions, sessionLimit: report.load.sessionLimit,
            capabilities: report.capabilities)
        measuredLoad = report.load.thousandths
        settledSessions = report.load.settledSessions
        reactors = report.reactors
        region = report.region
        labels = report.labels
        self.isDraining = isDraining
    }

    /// Measured, plus what is reserved for sessions that no report shows yet; those spread over the reactors.
    public var load: Int {
        let reserved = max(0, assignedSessions - settledSessions)
        return measuredLoad + reserved * Placement.reservedLoad / max(1, reactors)
    }

    func fits(_ request: PlacementRequest) -> Bool {
        !request.excluded.contains(worker) && request.capabilities.allSatisfy { capabilities.contains($0) }
            && request.labels.allSatisfy { labels[$0.key] == $0.value }
    }

    func isLighter(than other: PlacementCandidate) -> Bool {
        (load, assignedSessions, worker) < (other.load, other.assignedSessions, other.worker)
    }
}
