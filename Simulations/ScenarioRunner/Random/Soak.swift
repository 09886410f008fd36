import Simulator
public import Wire

/// Random scenarios, one seed after the other, held to the invariants.
public enum Soak {
    /// A seed that broke an invariant.
    public struct Failure: Sendable {
        public var seed: UInt64
        public var scenario: Scenario
        public var violation: Violation
    }

    /// What was seen over all seeds: a kind of fault or a state that never occurs is one that nothing was tested with.
    public struct Coverage: Sendable {
        public var runs = 0
        public var calls = 0
        public var connected = 0
        public var packets = 0
        public var time = Interval.zero
        /// How often each was seen, by name.
        public private(set) var seen: [String: Int] = [:]
        private var hash = FNV1a()

        /// One number for all runs, to compare machines and builds by.
        public var replayText: String { RunReport.hexadecimal(hash.value) }

        public init() {}

        mutating func add(_ report: RunReport) {
            runs += 1
            hash.add(report.replayHash)
            calls += report.calls.count
            connected += report.calls.count { $0.connectTime != nil }
            packets += report.traffic.reduce(0) { $0 + $1.sent.packets }
            time = time + report.time
            for event in report.scenario.events { seen["event: \(event.what.rawValue)", default: 0] += 1 }
            for drop in report.drops { seen["drop: \(drop.reason)", default: 0] += drop.count }
            for (name, count) in report.counts { seen[name, default: 0] += count }
            for call in report.calls {
                for side in [call.from, call.to] {
                    for change in side.states { seen["state: \(change.state)", default: 0] += 1 }
                    if let kinds = side.kinds { seen["path: \(kinds)", default: 0] += 1 }
                }
            }
        }
    }

    /// How one seed went.
    public struct Outcome: Sendable {
        public var report: RunReport
        public var failure: Failure?
    }

    /// One in so many seeds runs twice.
    private static let repeatEvery: UInt64 = 20

    /// Runs one seed.
    public static func run(seed: UInt64) -> Outcome? {
        let scenario = Scenario.random(seed: seed)
        guard let run = try? ScenarioRun(scenario) else { return nil }
        let report = run.run()
        var violation = report.violations.first
        if violation == nil, seed % repeatEvery == 0 { violation = difference(scenario, report) }
        return Outcome(
            report: report,
            failure: violation.map { Failure(seed: seed, scenario: scenario, violation: $0) })
    }

    /// What a second run of the same seed did otherwise.
    private static func difference(_ scenario: Scenario, _ first: RunReport) -> Violation? {
        guard let again = try? ScenarioRun(scenario).run(), again.replayHash != first.replayHash else { return nil }
        return Violation(
            invariant: .determinism, time: .origin,
            detail: "the hashes of two runs are \(first.replayText) and \(again.replayText)")
    }

    /// Adds what a run has seen.
    public static func add(_ outcome: Outcome, to coverage: inout Coverage) { coverage.add(outcome.report) }

    /// A smaller scenario that breaks the same invariant.
    public static func shrink(_ failure: Failure, progress: @escaping (Shrinker.Progress) -> Bool = { _ in true })
        -> Scenario
    {
        var shrinker = Shrinker(progress: progress) { scenario in
            guard let run = try? ScenarioRun(scenario) else { return nil }
            let report = run.run()
            if failure.violation.invariant == .determinism { return difference(scenario, report)?.time }
            return report.violations.first { $0.signature == failure.violation.signature }?.time
        }
        var small = shrinker.shrink(failure.scenario)
        small.title = "\(failure.violation.invariant.rawValue), seed \(failure.seed)"
        small.description =
            "Found by random scenario \(failure.seed) and cut down. It broke: "
            + failure.violation.invariant.sentence
        return small
    }
}
