/// Makes a failing plan small: leaves out what it fails without, as long as the same invariant breaks.
public struct ClusterShrinker {
    private var best: ClusterPlan
    private let invariant: ClusterInvariant
    private let planted: PlantedBugName?
    private var runsLeft: Int
    private var lastReport: ClusterReport

    /// - Parameters:
    ///   - report: of a run of `plan` that broke an invariant.
    ///   - runs: how many runs it may take at most.
    public init(_ plan: ClusterPlan, _ report: ClusterReport, planted: PlantedBugName? = nil, runs: Int = 200) {
        guard let violation = report.violation else { preconditionFailure("only what failed is shrunk") }
        best = plan
        invariant = violation.invariant
        self.planted = planted
        runsLeft = runs
        lastReport = report
    }

    /// The smallest plan that was found, and what became of its run.
    public mutating func shrink() -> (plan: ClusterPlan, report: ClusterReport) {
        cutEnd()
        // First faults, then what clients do: delta debugging (Zeller and Hildebrandt 2002) by halves.
        for keepsClients in [true, false] {
            var size = max(1, best.steps.count / 2)
            while size >= 1, runsLeft > 0 {
                if !removeChunks(of: size, keepsClients: keepsClients) { size /= 2 }
            }
        }
        shorten()
        return (best, lastReport)
    }

    /// What comes after the break cannot matter.
    private mutating func cutEnd() {
        guard let violation = lastReport.violation else { return }
        var plan = best
        plan.steps.removeAll { $0.at > violation.at }
        _ = take(plan)
    }

    /// Whether any was of no use.
    private mutating func removeChunks(of size: Int, keepsClients: Bool) -> Bool {
        var hasRemoved = false
        var end = best.steps.count
        while end > 0, runsLeft > 0 {
            let chunk = max(0, end - size)..<end
            end = chunk.lowerBound
            var plan = best
            let kept = keepsClients ? chunk.filter { best.steps[$0].action.fault == nil } : []
            plan.steps.removeAll()
            for (index, step) in best.steps.enumerated() where !chunk.contains(index) || kept.contains(index) {
                plan.steps.append(step)
            }
            guard plan.steps.count < best.steps.count else { continue }
            if take(plan) { hasRemoved = true }
        }
        return hasRemoved
    }

    /// Shorter faults, and a network without surprises.
    private mutating func shorten() {
        for index in best.steps.indices where best.steps[index].lasts > 1_000_000_000 {
            var plan = best
            plan.steps[index].lasts /= 2
            _ = take(plan)
        }
        var plan = best
        plan.delay = (1_000_000, 0)
        _ = take(plan)
    }

    private mutating func take(_ plan: ClusterPlan) -> Bool {
        guard runsLeft > 0 else { return false }
        runsLeft -= 1
        let report = ClusterRun.run(plan, planted: planted)
        guard report.violation?.invariant == invariant else { return false }
        best = plan
        lastReport = report
        return true
    }
}
