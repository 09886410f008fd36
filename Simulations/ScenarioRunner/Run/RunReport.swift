public import ICE
public import Simulator
public import Wire

/// What became of a scenario.
public struct RunReport: Sendable {
    /// One end of a call.
    public struct Side: Sendable {
        public var host: String
        public var isLite: Bool
        public var isControlling: Bool
        public var state: AgentState
        /// When it had a path for the first time.
        public var connected: Instant?
        /// Of its path at the end.
        public var kinds: PairKinds?
        public var states: [(time: Instant, state: AgentState)]
        public var selections: [(time: Instant, kinds: PairKinds?, remote: SocketAddress?)]
        public var pairs: Int
        public var roundTripTime: Interval?
    }

    public struct Call: Sendable {
        public var name: String
        public var start: Instant
        public var from: Side
        public var to: Side

        /// From the start until both sides had a path.
        public var connectTime: Interval? {
            guard let first = from.connected, let second = to.connected else { return nil }
            return max(first, second) - start
        }
    }

    public struct Drops: Hashable, Sendable {
        public var place: String
        public var reason: String
        public var count: Int
    }

    public var scenario: Scenario
    public var seed: UInt64
    /// Equal for runs in which the same happened.
    public var replayHash: UInt64
    /// What the hash is over.
    public var eventCount: Int
    /// Simulated time that passed.
    public var time: Interval
    public var calls: [Call]
    public var traffic: [HostTraffic]
    /// By place, then by reason.
    public var drops: [Drops]
    public var verdicts: [Verdict]
    /// What was seen how often, by name: what a TURN server did.
    public var counts: [String: Int]
    public var violations: [Violation]
    /// Addresses of each host, in the order of the scenario.
    public var addresses: [[IPAddress]]
    /// Outer addresses of each NAT, in the order of the scenario.
    public var natAddresses: [[IPAddress]]
    /// Names of the network's places, which the entries refer to.
    public var network: Network
    /// Where it was asked for them.
    public var entries: [EventLog.Entry]

    /// Every expectation was met, and no invariant broken.
    public var isGood: Bool { violations.isEmpty && verdicts.allSatisfy(\.isMet) }

    /// As people compare it: 16 hexadecimal digits.
    public var replayText: String { Self.hexadecimal(replayHash) }

    static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension ScenarioRun {
    /// What has happened so far.
    public func report() -> RunReport {
        func side(_ side: CallSide) -> RunReport.Side {
            RunReport.Side(
                host: scenario.network.hosts[side.host].name, isLite: side.isLite,
                isControlling: side.agent.isControlling, state: side.agent.state, connected: side.peer.connected,
                kinds: side.kinds, states: side.states, selections: side.selections, pairs: side.agent.pairCount,
                roundTripTime: side.agent.roundTripTime)
        }
        let calls = scenario.calls.enumerated().map { index, call in
            RunReport.Call(
                name: call.name, start: Instant.origin + call.start, from: side(sides[index * 2]),
                to: side(sides[index * 2 + 1]))
        }
        return RunReport(
            scenario: scenario, seed: seed, replayHash: simulation.log.replayHash, eventCount: simulation.log.count,
            time: min(simulation.now, end) - .origin, calls: calls, traffic: traffic,
            drops: drops.map { RunReport.Drops(place: $0.key.place, reason: $0.key.reason, count: $0.value) }
                .sorted { ($0.place, $0.reason) < ($1.place, $1.reason) },
            verdicts: expectations.flatMap { $0.verdicts(sides, end: end) }, counts: counts, violations: violations,
            addresses: layout.hostAddresses,
            natAddresses: scenario.network.nats.map { nat in
                layout.gateways.first { $0.name == nat.name }?.addresses ?? []
            }, network: simulation.network, entries: entries)
    }
}
