import ICE
import STUN
import Simulator
import Wire

/// I10: where the rules of RFC 4787 let a call connect.
final class ReachabilityWatch: Watch {
    func atEnd(_ run: ScenarioRun) {
        for call in run.scenario.calls.indices {
            guard let isPossible = Reachability.isPossible(run.scenario, call: call, layout: run.layout) else {
                continue
            }
            let pair = [run.sides[call * 2], run.sides[call * 2 + 1]]
            let isConnected = pair.allSatisfy { $0.agent.state == .completed }
            guard isConnected != isPossible else { continue }
            let name = run.scenario.calls[call].name
            run.violate(
                .reachability,
                isPossible
                    ? "\(name) has a way and did not find it: \(pair.map { "\($0.agent.state)" })"
                    : "\(name) has no way and is connected: \(pair[0].kinds?.description ?? "?")")
        }
    }
}

/// The closed form of the matrix of NATs: a chain of NATs and firewalls is like one of the strictest mapping and the
/// strictest filter in it.
enum Reachability {
    private enum Class {
        case open
        case blocked
        case behind(MappingBehavior, FilteringBehavior)
    }

    /// Whether a call connects without a relay; nil where the closed form does not say.
    static func isPossible(_ scenario: Scenario, call: Int, layout: Layout) -> Bool? {
        let call = scenario.calls[call]
        guard scenario.events.isEmpty, isGentle(scenario),
            call.start + ICE.Limits.connectTimeout <= scenario.duration
        else { return nil }
        var classes: [Class] = []
        var gateways: Set<String> = []
        for side in [call.from, call.to] {
            guard !side.isLite, !side.hidesAddresses, side.turn.isEmpty, let host = host(side.host, scenario),
                hasServer(side, scenario),
                host.addresses.count <= 1, !scenario.network.hosts.contains(where: { $0.linkOf == side.host })
            else { return nil }
            let chain = layout.chain(host.behind)
            // With a common gateway there are more ways than the closed form knows.
            for gateway in chain where !gateways.insert(gateway.name).inserted { return nil }
            guard let found = classify(chain, scenario) else { return nil }
            classes.append(found)
        }
        return connects(classes[0], classes[1])
    }

    private static func host(_ name: String, _ scenario: Scenario) -> HostDevice? {
        scenario.network.hosts.first { $0.name == name }
    }

    /// Asks a server that is on the internet.
    private static func hasServer(_ side: Call.Side, _ scenario: Scenario) -> Bool {
        side.stun.contains { name in
            guard let server = scenario.servers.first(where: { $0.name == name }) else { return false }
            return host(server.host, scenario)?.behind.isEmpty ?? false
        }
    }

    /// Losses and delays that ICE has time for.
    private static func isGentle(_ scenario: Scenario) -> Bool {
        let network = scenario.network
        let links =
            network.nats.flatMap(\.links) + network.firewalls.flatMap(\.links) + network.routers.flatMap(\.links)
            + network.hosts.flatMap(\.links)
        return links.allSatisfy {
            $0.loss <= .percent(5) && $0.burst <= 3 && $0.delay + $0.jitter <= .milliseconds(150) && !$0.isDown
                && $0.corruption <= .percent(1) && ($0.rate?.bitsPerSecond ?? .max) >= 200_000
                && $0.queue.bytes >= 16_384
        } && scenario.signallingDelay <= .seconds(1)
    }

    private static func classify(_ chain: [Layout.Gateway], _ scenario: Scenario) -> Class? {
        var mapping = MappingBehavior.endpointIndependent
        var filtering = FilteringBehavior.endpointIndependent
        var isOpen = true
        for gateway in chain {
            switch gateway.kind {
            case .router: continue
            case .firewall(let number):
                let firewall = scenario.network.firewalls[number]
                if firewall.blocksUDP { return .blocked }
                guard firewall.lifetime >= .seconds(30) else { return nil }
                filtering = .addressAndPortDependent
            case .nat(let number):
                let nat = scenario.network.nats[number]
                guard isPlain(nat) else { return nil }
                mapping = max(mapping, nat.settings.mapping, by: strictness)
                filtering = max(filtering, nat.settings.filtering, by: strictness)
            }
            isOpen = false
        }
        return isOpen ? .open : .behind(mapping, filtering)
    }

    private static func isPlain(_ nat: NATDevice) -> Bool {
        let settings = nat.settings
        return settings.filterScope == .mapping && nat.addresses.count <= 1 && settings.ports != .overloading
            && (settings.ports != .blocks || settings.blockSize >= 256) && !settings.changesWhenPortIsTaken
            && settings.mappingsPerSubscriber >= 256 && settings.lifetime >= .seconds(30)
    }

    private static func strictness(_ mapping: MappingBehavior) -> Int {
        MappingBehavior.allCases.firstIndex(of: mapping) ?? 0
    }

    private static func strictness(_ filtering: FilteringBehavior) -> Int {
        FilteringBehavior.allCases.firstIndex(of: filtering) ?? 0
    }

    private static func max<Value>(_ left: Value, _ right: Value, by strictness: (Value) -> Int) -> Value {
        strictness(left) >= strictness(right) ? left : right
    }

    private static func connects(_ a: Class, _ b: Class) -> Bool {
        switch (a, b) {
        case (.blocked, _), (_, .blocked): return false
        case (.open, _), (_, .open): return true
        case (.behind(let mappingA, let filterA), .behind(let mappingB, let filterB)):
            let dependsA = mappingA != .endpointIndependent
            let dependsB = mappingB != .endpointIndependent
            switch (dependsA, dependsB) {
            case (false, false): return true
            case (false, true): return filterA != .addressAndPortDependent
            case (true, false): return filterB != .addressAndPortDependent
            case (true, true):
                let filters = [filterA, filterB]
                return !filters.contains(.addressAndPortDependent) && filters.contains(.endpointIndependent)
                    && (mappingA == .addressDependent || mappingB == .addressDependent)
            }
        }
    }
}
