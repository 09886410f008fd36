/// Which worker a new session goes to. A pure decision, so that the store can make it in the same step
/// as the assignment, and the simulator can make it at all.
public enum Placement {
    /// The candidate with the fewest assigned sessions that has what the request needs and is below its
    /// limit; of equals, the one whose name comes first.
    ///
    /// Counts assignments, not reported load: reports are up to a heartbeat old, and a burst of sessions
    /// placed by old reports would all land on one worker.
    /// - Throws: `.noWorker` when none fits at all, `.overLimit` when all that fit are full.
    public static func choose(
        _ candidates: [PlacementCandidate], for request: PlacementRequest = PlacementRequest()
    ) throws(Refusal) -> WorkerID {
        var best: PlacementCandidate?
        var fits = false
        for candidate in candidates where candidate.fits(request) {
            fits = true
            guard candidate.assignedSessions < candidate.sessionLimit else { continue }
            if let current = best, !candidate.isBetter(than: current) { continue }
            best = candidate
        }
        if let best { return best.worker }
        throw fits ? fullRefusal : emptyRefusal
    }

    /// What ``choose(_:for:)`` throws when all workers are full.
    public static let fullRefusal = Refusal(
        .overLimit, "every worker holds as many sessions as it may; add a worker or try again later")
    /// What ``choose(_:for:)`` throws when no worker fits.
    public static let emptyRefusal = Refusal(.noWorker, "no worker is alive that can take the session")
}

/// What a session needs from its worker.
public struct PlacementRequest: Hashable, Sendable, Codable {
    /// Every one of these is needed: `sfu`, `media`, `vision`.
    public var capabilities: [String]
    /// Not these, for instance because they have just refused.
    public var excluded: [WorkerID]
    /// The new epoch is higher than this: the highest that the controller has seen for the session. It
    /// keeps fencing right when the store has lost its data.
    public var epochFloor: Epoch

    public init(capabilities: [String] = ["sfu"], excluded: [WorkerID] = [], epochFloor: Epoch = Epoch(0)) {
        self.capabilities = capabilities
        self.excluded = excluded
        self.epochFloor = epochFloor
    }
}

/// A living worker as placement sees it.
public struct PlacementCandidate: Hashable, Sendable {
    public var worker: WorkerID
    /// Sessions assigned to it, including those that its load reports do not show yet.
    public var assignedSessions: Int
    public var sessionLimit: Int
    public var capabilities: [String]

    public init(worker: WorkerID, assignedSessions: Int, sessionLimit: Int, capabilities: [String] = ["sfu"]) {
        self.worker = worker
        self.assignedSessions = assignedSessions
        self.sessionLimit = sessionLimit
        self.capabilities = capabilities
    }

    fileprivate func fits(_ request: PlacementRequest) -> Bool {
        !request.excluded.contains(worker) && request.capabilities.allSatisfy { capabilities.contains($0) }
    }

    fileprivate func isBetter(than other: PlacementCandidate) -> Bool {
        assignedSessions == other.assignedSessions
            ? worker < other.worker : assignedSessions < other.assignedSessions
    }
}
