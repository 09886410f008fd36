import STUN
import Simulator
import Wire

// What random scenarios have besides: drawn after everything else and from streams of its own, so that a seed that
// draws none of it is the scenario that it was before there was any.

extension Scenario {
    /// Adds second links, TURN over TLS, ICE restarts, and now and then a call through a relay that lasts longer than
    /// anything that the relay grants.
    mutating func addExtras(_ root: RootSeed, isQuiet: Bool) {
        var draw = root.stream("random:extras")
        if draw.chance(20) { addLink(&draw) }
        if draw.chance(50) { addTLS(&draw) }
        if !isQuiet, draw.chance(40) { addRestarts(&draw) }
        if draw.chance(20) {
            for index in calls.indices where draw.flip() { calls[index].restartAfterLoss = draw.interval(1000...8000) }
        }
        if draw.chance(5) { becomeLong(&draw) }
    }

    private var callers: [String] {
        network.hosts.map(\.name).filter { name in calls.contains { $0.from.host == name || $0.to.host == name } }
    }

    /// A host that calls has another link, behind something else or nothing; it may go down, and the first one too.
    private mutating func addLink(_ draw: inout SeededRandom) {
        var link = HostDevice()
        link.name = "second-link"
        link.linkOf = draw.pick(callers)
        let places =
            [""] + network.nats.map(\.name) + network.firewalls.map(\.name) + network.routers.map(\.name)
        let first = network.hosts.first { $0.name == link.linkOf }?.behind ?? ""
        link.behind = draw.pick(places.filter { $0 != first || $0.isEmpty })
        link.link.delay = draw.interval(1...80)
        network.hosts.append(link)
        guard let heal = events.last?.at, draw.chance(70) else { return }
        for name in [link.linkOf, link.name] where draw.flip() {
            let at = draw.interval(1000...40_000)
            guard at < heal else { continue }
            let longest = Int(clamping: (heal - at).milliseconds)
            insert(Incident(.linkDown, at: at, place: name, for: draw.interval(min(500, longest)...longest)))
        }
    }

    /// In the order of time, and before what heals everything.
    private mutating func insert(_ event: Incident) {
        events.insert(event, at: events.firstIndex { $0.at > event.at } ?? events.count)
    }

    private mutating func addTLS(_ draw: inout SeededRandom) {
        guard let turn = servers.firstIndex(where: { $0.kind == .turn }) else { return }
        servers[turn].tlsPort = 443
        let ways: [[RelayCarrier]] = [[.udp, .tcp, .tls], [.udp, .tls], [.tls], [.tcp, .tls], [.tcp], []]
        for index in calls.indices {
            for side in [\Call.from, \Call.to] where !calls[index][keyPath: side].turn.isEmpty {
                calls[index][keyPath: side].turnOver = draw.pick(ways)
            }
        }
        for index in network.firewalls.indices where draw.chance(40) {
            network.firewalls[index].tcpPorts = draw.pick([[443], [80, 443], [3478]])
            network.firewalls[index].demandsTLS = draw.flip()
        }
    }

    private mutating func addRestarts(_ draw: inout SeededRandom) {
        for _ in 0..<draw.number(1...4) {
            let call = draw.pick(calls)
            var event = Incident(
                .iceRestart, at: draw.interval(0...50_000), place: draw.flip() ? call.from.host : call.to.host)
            event.call = call.name
            // Both at once, too.
            let other = event.place == call.from.host ? call.to.host : call.from.host
            if draw.chance(25) {
                var twin = event
                twin.place = other
                twin.at = event.at + draw.interval(0...40)
                restart(twin)
            }
            restart(event)
        }
    }

    private mutating func restart(_ event: Incident) {
        guard event.at < duration else { return }
        insert(event)
    }

    /// NATs that leave nothing but a relay, and more time than a channel lasts.
    private mutating func becomeLong(_ draw: inout SeededRandom) {
        guard servers.contains(where: { $0.kind == .turn }) else { return }
        for index in network.nats.indices {
            network.nats[index].settings.mapping = .addressAndPortDependent
            network.nats[index].settings.filtering = .addressAndPortDependent
        }
        for index in calls.indices {
            for side in [\Call.from, \Call.to] where !calls[index][keyPath: side].isLite {
                calls[index][keyPath: side].turn = ["turn"]
            }
        }
        duration = duration + draw.interval(620_000...1_300_000)
    }
}
