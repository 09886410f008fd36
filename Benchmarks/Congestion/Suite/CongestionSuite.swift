public import Congestion
public import Foundation
public import Simulator

/// What is to be measured.
public struct SuiteSettings: Sendable {
    /// Sections of RFC 8867 and sweeps, or single cases; empty is all.
    public var cases: [String]
    public var seeds: Int
    /// The first seed.
    public var from: UInt64
    public var controllers: [CongestionAlgorithm]
    /// In place of the generated ones.
    public var trace: LinkTrace?

    public init(
        cases: [String] = [], seeds: Int = 10, from: UInt64 = 1,
        controllers: [CongestionAlgorithm] = CongestionAlgorithm.allCases, trace: LinkTrace? = nil
    ) {
        self.cases = cases
        self.seeds = seeds
        self.from = from
        self.controllers = controllers
        self.trace = trace
    }
}

/// Something that the caller gave and that cannot be used; says what would.
public struct SuiteError: Error, CustomStringConvertible, Sendable {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Everything that was measured; as JSON with `JSONEncoder`.
public struct SuiteResult: Sendable, Codable {
    public struct Case: Sendable, Codable {
        public var id, title: String
        public var controllers: [ControllerResult]
    }

    public var seeds: Int
    public var from: UInt64
    public var cases: [Case]
    /// Calls' seconds that were simulated, and the CPU's that it took.
    public var flowSeconds: Double
    public var processorSeconds: Double
    /// False where it was stopped before the end.
    public var isComplete: Bool

    /// As JSON, with keys in order.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}

/// The whole suite, case after case on one core.
public struct CongestionSuite: Sendable {
    public struct Progress: Sendable {
        public var id: String
        public var controller: String
        /// Runs that are done, of all.
        public var done, total: Int
    }

    public let settings: SuiteSettings
    public let scenarios: [Scenario]

    public init(_ settings: SuiteSettings) throws(SuiteError) {
        var chosen = Cases.all
        if let trace = settings.trace { chosen = chosen.filter { $0.section != "trace" } + Sweeps.traces(trace) }
        if settings.trace != nil, settings.cases.isEmpty { chosen = Sweeps.traces(settings.trace) }
        if !settings.cases.isEmpty {
            for name in settings.cases where !chosen.contains(where: { $0.id == name || $0.section == name }) {
                throw SuiteError("--cases: `\(name)` is none of \(Cases.names.joined(separator: ", "))")
            }
            chosen = chosen.filter { settings.cases.contains($0.id) || settings.cases.contains($0.section) }
        }
        self.settings = settings
        scenarios = chosen
    }

    /// - Parameter progress: is told before each run; false ends the suite, with what there is.
    public func run(progress: (Progress) -> Bool = { _ in true }) -> SuiteResult {
        let begin = clock()
        let total = scenarios.count * settings.controllers.count * settings.seeds
        var result = SuiteResult(
            seeds: settings.seeds, from: settings.from, cases: [], flowSeconds: 0, processorSeconds: 0,
            isComplete: false)
        var done = 0
        for scenario in scenarios {
            var found = SuiteResult.Case(id: scenario.id, title: scenario.title, controllers: [])
            for algorithm in settings.controllers {
                let runs = runs(of: scenario, algorithm) {
                    progress(Progress(id: scenario.id, controller: algorithm.rawValue, done: done + $0, total: total))
                }
                done += runs.count
                result.flowSeconds += scenario.flowSeconds * Double(runs.count)
                guard !runs.isEmpty else { break }
                found.controllers.append(ControllerResult(scenario, controller: algorithm.rawValue, runs: runs))
                guard runs.count == settings.seeds else { break }
            }
            if !found.controllers.isEmpty { result.cases.append(found) }
            let isWhole = found.controllers.filter { $0.seeds == settings.seeds }.count == settings.controllers.count
            guard isWhole else { break }
        }
        result.isComplete = done == total
        result.processorSeconds = Double(clock() - begin) / Double(CLOCKS_PER_SEC)
        return result
    }

    /// The runs of one case and controller, as many as there are until `goesOn` says no.
    private func runs(
        of scenario: Scenario, _ algorithm: CongestionAlgorithm, goesOn: (Int) -> Bool
    ) -> [RunResult] {
        var runs: [RunResult] = []
        while runs.count < settings.seeds, goesOn(runs.count) {
            var simulation = CallSimulation(
                scenario, algorithm: algorithm, seed: settings.from &+ UInt64(runs.count))
            runs.append(simulation.run(keepsSeries: runs.isEmpty))
        }
        return runs
    }

    /// The packets of one run that arrived, a line each (RFC 8868 section 3).
    public func packetLog(of scenario: Scenario, controller: CongestionAlgorithm) -> String {
        var simulation = CallSimulation(
            scenario, algorithm: controller, seed: settings.from, logsPackets: true)
        _ = simulation.run()
        return simulation.packetLog
    }
}
