import Foundation
import Synchronization

/// Runs many seeds, on as many threads as there are processors.
public final class ClusterSearch: Sendable {
    public struct Totals: Sendable {
        public var seeds = 0
        /// Nanoseconds of virtual time.
        public var duration: UInt64 = 0
        public var faults: [String: Int] = [:]
        public var checks: UInt64 = 0
        public var events: UInt64 = 0
        public var arrivals = 0
        public var longestGap: UInt64 = 0
        /// By seed.
        public var failures: [ClusterReport] = []
        /// Runs that were done twice to see that they are the same.
        public var repeated = 0
        /// Seeds whose two runs were not.
        public var unequal: [UInt64] = []
    }

    private let state = Mutex((next: UInt64(0), totals: Totals(), isStopped: false))
    private let seeds: ClosedRange<UInt64>
    private let scale: ClusterPlan.Scale
    private let planted: PlantedBugName?
    private let stopsAtFailure: Bool
    private let threads: Int

    /// - Parameter stopsAtFailure: begins no seed after the first that failed.
    public init(
        seeds: ClosedRange<UInt64>, scale: ClusterPlan.Scale, planted: PlantedBugName? = nil,
        stopsAtFailure: Bool = false, threads: Int? = nil
    ) {
        self.seeds = seeds
        self.scale = scale
        self.planted = planted
        self.stopsAtFailure = stopsAtFailure
        self.threads = max(1, threads ?? ProcessInfo.processInfo.activeProcessorCount)
        state.withLock { $0.next = seeds.lowerBound }
    }

    public var totals: Totals { state.withLock { $0.totals } }

    public func stop() { state.withLock { $0.isStopped = true } }

    /// Returns when all are done. `progress` is called after each seed, on one thread or another.
    public func run(_ progress: @escaping @Sendable (Totals) -> Void = { _ in }) -> Totals {
        let group = DispatchGroup()
        for _ in 0..<threads {
            group.enter()
            let thread = Thread { [self] in
                while let seed = takeSeed() {
                    note(seed)
                    progress(totals)
                }
                group.leave()
            }
            thread.start()
        }
        group.wait()
        return state.withLock { state in
            state.totals.failures.sort { $0.seed < $1.seed }
            return state.totals
        }
    }

    private func takeSeed() -> UInt64? {
        state.withLock { state in
            guard !state.isStopped, seeds.contains(state.next) else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    /// One in fifty is run again: what differs was decided by something that is not of the seed.
    private func note(_ seed: UInt64) {
        let plan = ClusterPlan(seed: seed, scale: scale)
        let report = ClusterRun.run(plan, planted: planted)
        let isRepeated = seed % 50 == 0 && planted == nil
        let isEqual = !isRepeated || ClusterRun.run(plan).hash == report.hash
        state.withLock { state in
            state.totals.seeds += 1
            state.totals.duration += report.duration
            state.totals.faults.merge(report.faults) { $0 + $1 }
            state.totals.checks += report.checks
            state.totals.events += report.events
            state.totals.arrivals += report.arrivals
            state.totals.longestGap = max(state.totals.longestGap, report.longestGap)
            if isRepeated { state.totals.repeated += 1 }
            if !isEqual { state.totals.unequal.append(seed) }
            guard report.violation != nil else { return }
            state.totals.failures.append(report)
            if stopsAtFailure { state.isStopped = true }
        }
    }
}
