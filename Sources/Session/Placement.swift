/// Which worker a new session goes to. A pure decision, so that the store can make it in the same step
/// as the assignment, and the simulator can make it at all.
public enum Placement {
    /// Of the candidates that have what the request needs and are below their limit, the one that its
    /// strategy names. Those of the request's region come first: only when none of them can take the
    /// session do the others.
    ///
    /// The order of the list has no effect, and the same request over the same candidates gives the same worker.
    /// - Throws: `.noWorker` when none fits at all, `.overLimit` when all that fit are full or being drained.
    public static func choose(
        _ candidates: [PlacementCandidate], for request: PlacementRequest = PlacementRequest()
    ) throws(Refusal) -> WorkerID {
        let fitting = candidates.filter { $0.fits(request) }
        let serving = fitting.filter { !$0.isDraining }
        let open = serving.filter { $0.assignedSessions < $0.sessionLimit }
        let near = open.filter { !request.region.isEmpty && $0.region == request.region }
        if let chosen = choose(ordered: (near.isEmpty ? open : near).sorted { $0.worker < $1.worker }, request) {
            return chosen.worker
        }
        if !serving.isEmpty { throw fullRefusal }
        throw fitting.isEmpty ? emptyRefusal : drainRefusal
    }

    private static func choose(ordered: [PlacementCandidate], _ request: PlacementRequest) -> PlacementCandidate? {
        switch request.strategy {
        case .leastSessions:
            return ordered.min { ($0.assignedSessions, $0.worker) < ($1.assignedSessions, $1.worker) }
        case .powerOfTwo:
            guard ordered.count > 1 else { return ordered.first }
            let first = Int(request.draw.first) % ordered.count
            let step = Int(request.draw.second) % (ordered.count - 1)
            let second = step >= first ? step + 1 : step
            return ordered[second].isLighter(than: ordered[first]) ? ordered[second] : ordered[first]
        case .pack:
            let cool = ordered.filter { $0.load < packedLoad }
            let fullest = cool.min { ($1.assignedSessions, $0.worker) < ($0.assignedSessions, $1.worker) }
            return fullest ?? ordered.min { $0.isLighter(than: $1) }
        }
    }

    /// Load that one session is taken for until a report can show its own, in thousandths of a core: a
    /// hundred new sessions are a core.
    public static let reservedLoad = 10
    /// Load of the busiest reactor, in thousandths of a core, from which ``PlacementStrategy/pack`` leaves a worker
    /// alone: what is in it keeps room for its peaks.
    public static let packedLoad = 700
    /// Seconds after which a client that was refused may try again.
    public static let retrySeconds = 5

    /// What ``choose(_:for:)`` throws when all workers are full.
    public static let fullRefusal = Refusal(
        .overLimit, "every worker holds as many sessions as it may; add a worker or try again later",
        retryAfter: retrySeconds)
    /// What ``choose(_:for:)`` throws when only workers that are being drained fit.
    public static let drainRefusal = Refusal(
        .overLimit, "every worker that could take the session is being drained; try again later",
        retryAfter: retrySeconds)
    /// What ``choose(_:for:)`` throws when no worker fits.
    public static let emptyRefusal = Refusal(
        .noWorker, "no worker is alive that can take the session", retryAfter: retrySeconds)
}

/// How ``Placement`` chooses among workers that can take a session.
public enum PlacementStrategy: String, Hashable, Sendable, Codable, CaseIterable {
    /// The one with the fewest assigned sessions; of equals, the one whose name comes first. Even to one
    /// session, but it takes all sessions for equally heavy.
    case leastSessions = "least_sessions"
    /// Of two that are drawn at random, the one with less load. Follows what sessions really cost, and does
    /// not send everybody to the one worker that looks best (Mitzenmacher, "The Power of Two Choices in
    /// Randomized Load Balancing", 2001).
    case powerOfTwo = "power_of_two"
    /// The fullest one whose load is below ``Placement/packedLoad``, so that the others can be switched off.
    case pack
}
