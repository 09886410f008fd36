import Simulator

/// A figure over the seeds.
public struct Summary: Sendable, Hashable, Codable {
    public var mean: Double
    /// The sample's standard deviation; 0 of one value.
    public var deviation: Double

    public init(_ values: [Double]) {
        let count = Double(values.count)
        let mean = values.isEmpty ? 0 : values.reduce(0, +) / count
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        self.mean = mean
        deviation = values.count > 1 ? (squares / (count - 1)).squareRoot() : 0
    }
}

/// One controller in one case over the seeds.
public struct ControllerResult: Sendable, Codable {
    public struct Window: Sendable, Codable {
        /// Seconds.
        public var from, to: Double
        public var link: String
        /// Bits per second, as a mean over the window.
        public var capacity: Double
        public var utilisation, mediaRate, crossRate: Summary
        /// Milliseconds.
        public var queueingMedian, queueing95: Summary
        public var fairness, loss, oscillation: Summary
        /// Bits per second of the flows over the link.
        public var flowRates: [Summary]
    }

    public struct Change: Sendable, Codable {
        public var at: Double
        public var kind: String
        /// Seconds, of the seeds that reached it.
        public var seconds: Summary
        public var reached: Int
    }

    /// Means over the flows of each run.
    public struct Picture: Sendable, Codable {
        public var loss, residualLoss, freezesPerMinute, frozenShare, framesPerSecond, height: Summary
    }

    public var controller: String
    public var seeds: Int
    public var windows: [Window]
    public var changes: [Change]
    public var picture: Picture
    /// The largest ratio between equal flows over windows of 1, 5 and 20 s; empty where flows are not equal.
    public var ratios: [Summary]
    /// A fingerprint over all runs.
    public var fingerprint: String
    /// Of the first seed.
    public var series: RunSeries?

    private enum CodingKeys: String, CodingKey {
        case controller, seeds, windows, changes, picture, ratios, fingerprint
    }

    init(_ scenario: Scenario, controller: String, runs: [RunResult]) {
        self.controller = controller
        seeds = runs.count
        windows = scenario.windows.indices.map { Self.window($0, scenario, runs) }
        changes = scenario.changes.enumerated().map { index, change in
            let times = runs.compactMap { $0.changes[index] }
            return Change(at: change.at, kind: change.kind.rawValue, seconds: Summary(times), reached: times.count)
        }
        picture = Self.picture(runs)
        let count = runs.first?.ratios.count ?? 0
        ratios = (0..<count).map { index in Summary(runs.map { $0.ratios[index] }) }
        var hash = FNV1a()
        for run in runs { hash.add(run.fingerprint) }
        fingerprint = String(hash.value, radix: 16)
        series = runs.first?.series
    }

    private static func window(_ index: Int, _ scenario: Scenario, _ runs: [RunResult]) -> Window {
        let window = scenario.windows[index]
        let link = scenario.links[window.link]
        func summary(_ figure: (WindowResult) -> Double) -> Summary { Summary(runs.map { figure($0.windows[index]) }) }
        return Window(
            from: window.from, to: window.to, link: link.name,
            capacity: scenario.bits(of: window.link, from: window.from, to: window.to) / (window.to - window.from),
            utilisation: summary(\.utilisation), mediaRate: summary(\.mediaRate), crossRate: summary(\.crossRate),
            queueingMedian: summary(\.median), queueing95: summary(\.percentile95), fairness: summary(\.fairness),
            loss: summary(\.loss), oscillation: summary(\.oscillation),
            flowRates: scenario.flows.indices.filter { scenario.flows[$0].forward.contains(window.link) }
                .map { flow in summary { $0.flowRates[flow] } })
    }

    private static func picture(_ runs: [RunResult]) -> Picture {
        func summary(_ figure: (FlowResult) -> Double) -> Summary {
            Summary(runs.map { run in run.flows.reduce(0) { $0 + figure($1) } / Double(max(run.flows.count, 1)) })
        }
        return Picture(
            loss: summary(\.loss), residualLoss: summary(\.residualLoss),
            freezesPerMinute: summary(\.freezesPerMinute), frozenShare: summary(\.frozenShare),
            framesPerSecond: summary(\.framesPerSecond), height: summary(\.height))
    }
}
