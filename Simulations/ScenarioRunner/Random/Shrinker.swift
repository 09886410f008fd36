import STUN
public import Wire

/// Cuts a scenario that breaks an invariant down to one that still does and from which nothing can be left out.
///
/// Delta debugging (Zeller and Hildebrandt, 2002) over events, then calls, hosts and devices, then the duration, then
/// every single value towards its default, then NATs towards openness; again and again until nothing helps. It needs
/// no more than a question: does this one still fail?
public struct Shrinker {
    public struct Progress: Sendable {
        public var runs: Int
        public var scenario: Scenario
    }

    /// The most scenarios that are tried.
    public var limit = 3000
    /// When the same invariant breaks; nil when it does not.
    private let failure: (Scenario) -> Instant?
    private let progress: (Progress) -> Bool
    private var runs = 0
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
            removeUnused(&best)
            removeDevices(&best)
            shorten(&best)
            simplify(&best)
            openNATs(&best)
        } while best != before && canGoOn
        return best
    }

    private var canGoOn: Bool { runs < limit && !isStopped }

    private mutating func fails(_ scenario: Scenario) -> Bool {
        guard canGoOn else { return false }
        runs += 1
        let fails = failure(scenario) != nil
        if !progress(Progress(runs: runs, scenario: scenario)) { isStopped = true }
        return fails
    }

    private mutating func accept(_ candidate: Scenario, _ best: inout Scenario) -> Bool {
        guard candidate != best, fails(candidate) else { return false }
        best = candidate
        return true
    }

    // MARK: Lists

    /// Leaves out ever smaller parts of a list, from halves to single ones.
    private mutating func removeItems<Item>(_ place: WritableKeyPath<Scenario, [Item]>, _ best: inout Scenario) {
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

    private mutating func removeUnused(_ best: inout Scenario) {
        for index in best.servers.indices.reversed() {
            var candidate = best
            let name = candidate.servers.remove(at: index).name
            for call in candidate.calls.indices {
                candidate.calls[call].from.stun.removeAll { $0 == name }
                candidate.calls[call].from.turn.removeAll { $0 == name }
                candidate.calls[call].to.stun.removeAll { $0 == name }
                candidate.calls[call].to.turn.removeAll { $0 == name }
            }
            _ = accept(candidate, &best)
        }
        for index in best.network.hosts.indices.reversed() {
            var candidate = best
            let name = candidate.network.hosts.remove(at: index).name
            candidate.events.removeAll { $0.place == name }
            _ = accept(candidate, &best)
        }
    }

    /// Takes NATs, firewalls and routers out of the way; what was behind them moves up.
    private mutating func removeDevices(_ best: inout Scenario) {
        let names =
            best.network.nats.map(\.name) + best.network.firewalls.map(\.name) + best.network.routers.map(\.name)
        for name in names.reversed() {
            var candidate = best
            candidate.network.remove(name)
            candidate.events.removeAll { $0.place == name }
            if accept(candidate, &best) { continue }
            if best.events.contains(where: { $0.place == name }), moveEvents(from: name, &best) { continue }
            // It cannot go; something in front of it may.
            candidate = best
            candidate.network.setBehind("", of: name)
            _ = accept(candidate, &best)
        }
    }

    /// Lets what happens to a device happen to another of its kind, and takes it out.
    private mutating func moveEvents(from name: String, _ best: inout Scenario) -> Bool {
        let kinds = [
            best.network.nats.map(\.name), best.network.firewalls.map(\.name), best.network.routers.map(\.name),
        ]
        for other in kinds.first(where: { $0.contains(name) }) ?? [] where other != name {
            var candidate = best
            candidate.network.remove(name)
            for index in candidate.events.indices where candidate.events[index].place == name {
                candidate.events[index].place = other
            }
            if accept(candidate, &best) { return true }
        }
        return false
    }

    // MARK: Values

    /// Ends right after the invariant broke, and rounds that up.
    private mutating func shorten(_ best: inout Scenario) {
        for divisor: Int64 in [1_000_000_000, 100_000_000, 1_000_000] {
            guard let time = failure(best) else { return }
            var candidate = best
            let nanoseconds = Int64(clamping: time.nanoseconds)
            candidate.duration = Interval(nanoseconds: (nanoseconds / divisor + 1) * divisor)
            candidate.events.removeAll { $0.at > candidate.duration }
            if candidate.duration < best.duration { _ = accept(candidate, &best) }
        }
        // What is only judged at the end breaks at any end.
        while best.duration > .seconds(1), canGoOn {
            var candidate = best
            let seconds = best.duration.nanoseconds / 2_000_000_000
            candidate.duration = .seconds(max(seconds, 1))
            candidate.events.removeAll { $0.at > candidate.duration }
            guard candidate.calls.allSatisfy({ $0.start < candidate.duration }), accept(candidate, &best) else {
                return
            }
        }
    }

    private mutating func simplify(_ best: inout Scenario) {
        var isBetter = true
        while isBetter, canGoOn {
            isBetter = false
            for candidate in best.simpler where accept(candidate, &best) {
                isBetter = true
                break
            }
        }
        roundTimes(&best)
    }

    /// Times of events to whole seconds, where that does not matter.
    private mutating func roundTimes(_ best: inout Scenario) {
        for index in best.events.indices {
            var candidate = best
            candidate.events[index].at = Self.rounded(candidate.events[index].at)
            candidate.events[index].duration = candidate.events[index].duration.map(Self.rounded)
            guard candidate.events[index].at <= candidate.duration else { continue }
            _ = accept(candidate, &best)
        }
    }

    private static func rounded(_ interval: Interval) -> Interval {
        .seconds(max((interval.nanoseconds + 500_000_000) / 1_000_000_000, 1))
    }

    /// One step towards a NAT that lets everything through.
    private mutating func openNATs(_ best: inout Scenario) {
        for index in best.network.nats.indices {
            while canGoOn {
                var steps: [Scenario] = []
                let settings = best.network.nats[index].settings
                if let weaker = Self.before(settings.mapping) {
                    steps.append(best)
                    steps[steps.count - 1].network.nats[index].settings.mapping = weaker
                }
                if let weaker = Self.before(settings.filtering) {
                    steps.append(best)
                    steps[steps.count - 1].network.nats[index].settings.filtering = weaker
                }
                guard let next = steps.first(where: { fails($0) }) else { break }
                best = next
            }
        }
    }

    private static func before<Value: CaseIterable & Equatable>(_ value: Value) -> Value? {
        let all = Array(Value.allCases)
        guard let index = all.firstIndex(of: value), index > 0 else { return nil }
        return all[index - 1]
    }
}

extension Topology {
    /// Takes a device out; what is behind it is then where it was.
    fileprivate mutating func remove(_ name: String) {
        let behind =
            nats.first { $0.name == name }?.behind ?? firewalls.first { $0.name == name }?.behind
            ?? routers.first { $0.name == name }?.behind ?? ""
        nats.removeAll { $0.name == name }
        firewalls.removeAll { $0.name == name }
        routers.removeAll { $0.name == name }
        for index in nats.indices where nats[index].behind == name { nats[index].behind = behind }
        for index in firewalls.indices where firewalls[index].behind == name { firewalls[index].behind = behind }
        for index in routers.indices where routers[index].behind == name { routers[index].behind = behind }
        for index in hosts.indices where hosts[index].behind == name { hosts[index].behind = behind }
    }

    fileprivate mutating func setBehind(_ behind: String, of name: String) {
        for index in nats.indices where nats[index].name == name { nats[index].behind = behind }
        for index in firewalls.indices where firewalls[index].name == name { firewalls[index].behind = behind }
        for index in routers.indices where routers[index].name == name { routers[index].behind = behind }
    }
}
