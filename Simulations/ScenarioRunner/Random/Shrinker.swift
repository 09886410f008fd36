public import Wire

/// Cuts a scenario that breaks an invariant down to one that still does and from which nothing can be left out.
///
/// Delta debugging (Zeller and Hildebrandt, 2002) over events, then calls, hosts with all that hangs on them, devices,
/// then the duration, then every single value towards its default or a round number, then NATs towards openness; again
/// and again until nothing helps. What is left may still be a local minimum: two things of which neither can go without
/// the other. So then pairs are tried, and other seeds where the failure needs luck. It needs no more than a question:
/// does this one still fail?
public struct Shrinker {
    public struct Progress: Sendable {
        public var runs: Int
        public var scenario: Scenario
    }

    /// The most scenarios that are tried.
    public var limit = 10_000
    /// When the same invariant breaks; nil when it does not.
    let failure: (Scenario) -> Instant?
    private let progress: (Progress) -> Bool
    private var runs = 0
    /// Those that do not fail, so that none is run twice.
    private var passing: Set<Scenario> = []
    private var isStopped = false

    /// - Parameter progress: told after each try; false stops.
    public init(progress: @escaping (Progress) -> Bool = { _ in true }, failure: @escaping (Scenario) -> Instant?) {
        self.failure = failure
        self.progress = progress
    }

    /// A scenario that fails.
    public mutating func shrink(_ scenario: Scenario) -> Scenario {
        var best = scenario
        best.expectations = []
        guard fails(best) else { return scenario }
        var before: Scenario
        repeat {
            before = best
            removeItems(\.events, &best)
            removeItems(\.calls, &best)
            removeServers(&best)
            removeHosts(&best)
            removeDevices(&best)
            joinHosts(&best)
            shorten(&best)
            simplify(&best)
            openNATs(&best)
            if best == before { reseed(&best) }
            if best == before { removePairs(&best) }
            if best == before { simplifyPairs(&best) }
        } while best != before && canGoOn
        return best
    }

    var canGoOn: Bool { runs < limit && !isStopped }

    mutating func fails(_ scenario: Scenario) -> Bool {
        guard canGoOn, !passing.contains(scenario) else { return false }
        runs += 1
        let fails = failure(scenario) != nil
        if !fails { passing.insert(scenario) }
        if !progress(Progress(runs: runs, scenario: scenario)) { isStopped = true }
        return fails
    }

    mutating func accept(_ candidate: Scenario, _ best: inout Scenario) -> Bool {
        guard candidate != best, fails(candidate) else { return false }
        best = candidate
        return true
    }

    // MARK: Lists

    /// Leaves out ever smaller parts of a list, from halves to single ones.
    mutating func removeItems<Item>(_ place: WritableKeyPath<Scenario, [Item]>, _ best: inout Scenario) {
        var size = best[keyPath: place].count
        while size > 0, canGoOn {
            var start = 0
            while start < best[keyPath: place].count {
                var candidate = best
                let end = min(start + size, candidate[keyPath: place].count)
                candidate[keyPath: place].removeSubrange(start..<end)
                if !accept(candidate, &best) { start += size }
            }
            size /= 2
        }
    }
}
