import ICE
import Simulator
import Wire

/// Whether one expectation was met.
public struct Verdict: Hashable, Sendable {
    /// What was expected: `a-b: connected within 500 ms`.
    public var expected: String
    public var isMet: Bool
    /// What happened.
    public var found: String
}

/// An expectation while its scenario runs.
struct ExpectationState {
    let expectation: Expectation
    private let call: Int
    private let callName: String
    private let start: Instant
    /// Where `leaves_from` is.
    private let link: Int?
    private let addresses: [[IPAddress]]
    private let hostNames: [String]
    /// When both sides had an answer that they asked for after ``Expectation/reconnectsAfter``.
    private var reconnected: Instant?

    init(_ expectation: Expectation, in scenario: Scenario, addresses: [[IPAddress]]) {
        self.expectation = expectation
        self.addresses = addresses
        link = scenario.network.hosts.firstIndex { $0.name == expectation.leavesFrom }
        hostNames = scenario.network.hosts.map(\.name)
        call = scenario.calls.firstIndex { $0.name == expectation.call } ?? 0
        callName = scenario.calls.isEmpty ? "" : scenario.calls[call].name
        start = Instant.origin + (scenario.calls.isEmpty ? .zero : scenario.calls[call].start)
    }

    private func pair(_ sides: [CallSide]) -> [CallSide] { Array(sides[(call * 2)...(call * 2 + 1)]) }

    mutating func poll(_ sides: [CallSide], _ now: Instant) {
        guard let after = expectation.reconnectsAfter, reconnected == nil, now >= Instant.origin + after else { return }
        let moment = Instant.origin + after
        if pair(sides).allSatisfy({ $0.isHeard(since: moment) }) { reconnected = now }
    }

    /// One for each part that was given.
    func verdicts(_ sides: [CallSide], end: Instant) -> [Verdict] {
        let pair = pair(sides)
        var verdicts: [Verdict] = []
        let connected = Self.connected(pair)
        let usable = pair.allSatisfy { $0.agent.state.isUsable }
        if let result = expectation.result { verdicts.append(verdict(result, pair, isUsable: usable)) }
        if let within = expectation.within {
            let time = connected.map { $0 - start }
            verdicts.append(
                Verdict(
                    expected: "\(callName): both sides have a path within \(within.text)",
                    isMet: time.map { $0 <= within } ?? false,
                    found: time.map { "after \(Self.milliseconds($0))" } ?? "never"))
        }
        if !expectation.kinds.isEmpty {
            let kinds = pair[0].kinds?.description
            verdicts.append(
                Verdict(
                    expected: "\(callName): the path is \(expectation.kinds.joined(separator: " or "))",
                    isMet: kinds.map { expectation.kinds.contains($0) } ?? false, found: kinds ?? "no path"))
        }
        if let isConnected = expectation.isConnectedAtEnd {
            verdicts.append(
                Verdict(
                    expected: "\(callName): \(isConnected ? "connected" : "not connected") at the end",
                    isMet: usable == isConnected, found: pair.map { "\($0.agent.state)" }.joined(separator: " and ")))
        }
        if let after = expectation.reconnectsAfter, let within = expectation.reconnectsWithin {
            let time = reconnected.map { $0 - (Instant.origin + after) }
            verdicts.append(
                Verdict(
                    expected: "\(callName): both sides hear each other within \(within.text) after \(after.text)",
                    isMet: time.map { $0 <= within } ?? false,
                    found: time.map { "after \(Self.milliseconds($0))" } ?? "never"))
        }
        return verdicts + pathVerdicts(pair)
    }

    /// Of what the path leads through, and how often it was made anew.
    private func pathVerdicts(_ pair: [CallSide]) -> [Verdict] {
        var verdicts: [Verdict] = []
        if let name = expectation.leavesFrom {
            let found = pair[0].leavesFrom(addresses)
            verdicts.append(
                Verdict(
                    expected: "\(callName): the path leaves from \(name)", isMet: found != nil && found == link,
                    found: found.map { hostNames[$0] } ?? "from none of its own addresses"))
        }
        if let carrier = expectation.relayOver {
            let found = pair[0].peer.relayCarrier
            verdicts.append(
                Verdict(
                    expected: "\(callName): the relay is reached over \(carrier.rawValue)", isMet: found == carrier,
                    found: found.map { "over \($0.rawValue)" } ?? "no relay"))
        }
        if let count = expectation.restarts {
            let found = pair.map(\.peer.restarts).min() ?? 0
            verdicts.append(
                Verdict(
                    expected: "\(callName): a path after each of \(count) ICE restarts", isMet: found >= count,
                    found: "after \(found)"))
        }
        return verdicts
    }

    private func verdict(_ result: Expectation.Result, _ pair: [CallSide], isUsable: Bool) -> Verdict {
        let isEver = Self.connected(pair) != nil
        let kinds = pair.compactMap(\.kinds)
        let hasRelay = kinds.contains { $0.local == .relayed || $0.remote == .relayed }
        let found =
            !isEver
            ? "no path" : kinds.isEmpty ? "a path for a time" : hasRelay ? "a path with a relay" : "a direct path"
        let isMet =
            switch result {
            case .connected: isEver
            case .direct: isEver && !kinds.isEmpty && !hasRelay
            case .relay: isEver && hasRelay
            case .fail: !pair.contains { $0.peer.connected != nil }
            }
        return Verdict(expected: "\(callName): \(result.rawValue)", isMet: isMet, found: found)
    }

    static func connected(_ pair: [CallSide]) -> Instant? {
        guard let first = pair[0].peer.connected, let second = pair[1].peer.connected else { return nil }
        return max(first, second)
    }

    static func milliseconds(_ interval: Interval) -> String {
        "\(Decimal.format(interval.microseconds / 100, unit: 10)) ms"
    }
}
