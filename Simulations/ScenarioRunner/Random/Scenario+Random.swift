import ICE
import STUN
import Simulator
import Wire

// Swarm testing: every seed draws which kinds of faults it has at all, and leaves the others out. A mix of everything
// in every run hides what only shows when something else is quiet (Groce and others, "Swarm Testing", 2012).

extension Scenario {
    /// A scenario that nothing but the seed decides: hosts, chains of NATs and firewalls in front of them, links,
    /// calls, and what goes wrong. Everything is in it as data, so that it can be written down and made smaller.
    public static func random(seed: UInt64) -> Scenario {
        let root = RootSeed(seed)
        var scenario = Scenario()
        scenario.title = "Random scenario \(seed)"
        scenario.seed = seed
        var faults = root.stream("random:faults")
        let kinds = RandomFault.allCases.filter { _ in faults.flip() }
        // A part of the seeds has none, to hold calls to the matrix of NATs.
        let isQuiet = faults.chance(30)
        var draw = ScenarioDraw(root: root, links: isQuiet ? [] : kinds)
        draw.network(&scenario)
        draw.calls(&scenario)
        let quietTime = Interval.seconds(60)
        guard !isQuiet else {
            scenario.duration = .seconds(40)
            scenario.addExtras(root, isQuiet: true)
            return scenario
        }
        let faultTime = draw.incidents(kinds, &scenario)
        scenario.duration = faultTime + quietTime
        scenario.addExtras(root, isQuiet: false)
        return scenario
    }
}

/// What a seed may have or not.
enum RandomFault: CaseIterable {
    case loss, bursts, jitter, reordering, duplication, corruption, slowLink
    case linkDown, oneWayDown, linkChange, linkHold, natReboot, natRebinding, natAddress, blockUDP, firewallFlush,
        hostPause
}

extension SeededRandom {
    mutating func flip() -> Bool { next() >> 63 == 1 }
    mutating func chance(_ percent: UInt64) -> Bool { next() % 100 < percent }

    mutating func pick<Value>(_ values: [Value]) -> Value { values[Int(next() % UInt64(values.count))] }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.count))
    }

    mutating func interval(_ milliseconds: ClosedRange<Int>) -> Interval {
        .milliseconds(Int64(number(milliseconds)))
    }
}

/// Draws the parts of a scenario, each from a stream of its own.
struct ScenarioDraw {
    private let linkFaults: [RandomFault]
    private var topology: SeededRandom
    private var links: SeededRandom
    private var talk: SeededRandom
    private var faults: SeededRandom

    init(root: RootSeed, links kinds: [RandomFault]) {
        linkFaults = kinds
        topology = root.stream("random:topology")
        links = root.stream("random:links")
        talk = root.stream("random:calls")
        faults = root.stream("random:incidents")
    }

    // MARK: Network

    mutating func network(_ scenario: inout Scenario) {
        let gateways = topology.number(0...5)
        var names: [String] = [""]
        var depth = ["": 0]
        for _ in 0..<gateways {
            let behind = topology.pick(names.filter { depth[$0, default: 0] < 3 })
            let name = gateway(behind, &scenario.network)
            depth[name] = depth[behind, default: 0] + 1
            names.append(name)
        }
        for index in 0..<topology.number(2...5) {
            var host = HostDevice()
            host.name = "host-\(index)"
            host.behind = topology.pick(names)
            host.link = link(isAccess: true)
            if links.chance(15) { host.up = link(isAccess: true) }
            scenario.network.hosts.append(host)
        }
        var server = HostDevice()
        server.name = "stun-host"
        scenario.network.hosts.append(server)
        var stun = Server()
        stun.name = "stun"
        stun.host = server.name
        scenario.servers = [stun]
        guard topology.chance(40) else { return }
        var relayHost = HostDevice()
        relayHost.name = "turn-host"
        scenario.network.hosts.append(relayHost)
        var turn = Server()
        turn.name = "turn"
        turn.kind = .turn
        turn.host = relayHost.name
        scenario.servers.append(turn)
    }

    private mutating func gateway(_ behind: String, _ network: inout Topology) -> String {
        let kind = topology.number(0...9)
        if kind < 7 {
            var nat = NATDevice()
            nat.name = "nat-\(network.nats.count)"
            nat.behind = behind
            nat.settings = natSettings()
            nat.link = link(isAccess: false)
            network.nats.append(nat)
            return nat.name
        }
        if kind < 9 {
            var firewall = FirewallDevice()
            firewall.name = "firewall-\(network.firewalls.count)"
            firewall.behind = behind
            firewall.blocksUDP = topology.chance(10)
            firewall.link = link(isAccess: false)
            network.firewalls.append(firewall)
            return firewall.name
        }
        var router = RouterDevice()
        router.name = "router-\(network.routers.count)"
        router.behind = behind
        router.link = link(isAccess: false)
        network.routers.append(router)
        return router.name
    }

    private mutating func natSettings() -> NATSettings {
        var settings = NATSettings()
        settings.mapping = topology.pick(MappingBehavior.allCases)
        settings.filtering = topology.pick(FilteringBehavior.allCases)
        settings.hairpin = topology.pick(HairpinBehavior.allCases)
        settings.ports = topology.pick([.preserving, .preserving, .sequential, .random, .blocks])
        if topology.chance(20) { settings.filterScope = .endpoint }
        if topology.chance(20) { settings.preservesParity = true }
        if topology.chance(20) { settings.refreshesInbound = true }
        if topology.chance(10) { settings.changesWhenPortIsTaken = true }
        if topology.chance(20) { settings.lifetime = topology.pick([.seconds(20), .seconds(30), .seconds(300)]) }
        if topology.chance(10) { settings.mappingsPerSubscriber = topology.number(1...40) }
        if topology.chance(10) { settings.portRest = .seconds(120) }
        return settings
    }

    private mutating func link(isAccess: Bool) -> LinkSettings {
        var link = LinkSettings()
        link.delay = links.interval(isAccess ? 1...60 : 0...20)
        if has(.jitter) { link.jitter = links.interval(1...40) }
        if has(.reordering) { link.reorders = true }
        if has(.loss) { link.loss = Share(millionths: links.number(1000...100_000)) }
        if has(.bursts), link.loss > .zero { link.burst = links.number(2...10) }
        if has(.duplication) { link.duplication = Share(millionths: links.number(1000...200_000)) }
        if has(.corruption) { link.corruption = Share(millionths: links.number(100...10_000)) }
        if has(.slowLink) {
            link.rate = DataRate(bitsPerSecond: UInt64(links.number(64...4000)) * 1000)
            link.queue = ByteCount(bytes: links.number(2...64) * 1024)
            link.queueKind = links.pick(LinkSettings.QueueKind.allCases)
        }
        return link
    }

    /// Of the kinds that the seed has, a link has each with even odds.
    private mutating func has(_ fault: RandomFault) -> Bool { linkFaults.contains(fault) && links.flip() }

    // MARK: Calls

    mutating func calls(_ scenario: inout Scenario) {
        let hosts = scenario.network.hosts.dropLast(scenario.servers.count).map(\.name)
        for index in 0..<talk.number(1...3) {
            let first = talk.pick(hosts)
            let second = talk.pick(hosts.filter { $0 != first })
            var call = Call()
            call.name = "call-\(index)"
            call.from.host = first
            call.to.host = second
            for side in [\Call.from, \Call.to] where talk.chance(90) { call[keyPath: side].stun = ["stun"] }
            for side in [\Call.from, \Call.to] where scenario.servers.count > 1 && talk.flip() {
                call[keyPath: side].turn = ["turn"]
            }
            let isLite = talk.chance(15)
            if isLite { call.to.turn = [] }
            call.to.isLite = isLite
            if !isLite, talk.chance(20) {
                let role = talk.flip()
                call.from.controls = role
                call.to.controls = role
            }
            if talk.chance(15) { call.from.hidesAddresses = true }
            call.start = talk.interval(0...2000)
            call.nominationPatience = talk.pick([.zero, .milliseconds(500), .seconds(2)])
            scenario.calls.append(call)
        }
    }

    // MARK: What goes wrong

    /// - Returns: when it is over, and everything healed.
    mutating func incidents(_ kinds: [RandomFault], _ scenario: inout Scenario) -> Interval {
        let network = scenario.network
        let links =
            network.hosts.dropLast(scenario.servers.count).map(\.name) + network.nats.map(\.name)
            + network.firewalls.map(\.name)
            + network.routers.map(\.name)
        let nats = network.nats.map(\.name)
        let firewalls = network.firewalls.map(\.name)
        for kind in kinds {
            for _ in 0..<faults.number(0...3) {
                let time = faults.interval(0...40_000)
                switch kind {
                case .linkDown, .oneWayDown:
                    var event = Incident(
                        .linkDown, at: time, place: faults.pick(links), for: faults.interval(50...35_000))
                    if kind == .oneWayDown { event.direction = faults.flip() ? .up : .down }
                    scenario.events.append(event)
                case .linkHold:
                    scenario.events.append(
                        Incident(.linkHold, at: time, place: faults.pick(links), for: faults.interval(50...5000)))
                case .linkChange: scenario.events.append(change(at: time, place: faults.pick(links)))
                case .natReboot, .natRebinding, .natAddress:
                    guard !nats.isEmpty else { continue }
                    var event = Incident(.natReboot, at: time, place: faults.pick(nats))
                    if kind == .natRebinding { event.what = .natRebinding }
                    if kind == .natAddress { readdress(&event, &scenario) }
                    scenario.events.append(event)
                case .blockUDP, .firewallFlush:
                    guard !firewalls.isEmpty else { continue }
                    var event = Incident(.firewallFlush, at: time, place: faults.pick(firewalls))
                    if kind == .blockUDP {
                        event.what = .blockUDP
                        event.duration = faults.interval(100...35_000)
                    }
                    scenario.events.append(event)
                case .hostPause:
                    let host = faults.pick(network.hosts.dropLast(scenario.servers.count).map(\.name))
                    scenario.events.append(
                        Incident(.hostPause, at: time, place: host, for: faults.interval(10...40_000)))
                case .loss, .bursts, .jitter, .reordering, .duplication, .corruption, .slowLink: break
                }
            }
        }
        return heal(&scenario)
    }

    /// Another address of the range that automatic ones leave free, for a NAT that is on the internet.
    private mutating func readdress(_ event: inout Incident, _ scenario: inout Scenario) {
        let outer = scenario.network.nats.filter { $0.behind.isEmpty }.map(\.name)
        guard !outer.isEmpty else { return }
        event.what = .natAddress
        event.place = faults.pick(outer)
        event.address = IPAddress(ipv4: 0xC633_6500 + UInt32(scenario.events.count % 250) + 1)
    }

    private mutating func change(at time: Interval, place: String) -> Incident {
        var event = Incident(.linkChange, at: time, place: place, for: faults.interval(500...20_000))
        switch faults.number(0...3) {
        case 0: event.loss = .percent(faults.number(1...60))
        case 1: event.delay = faults.interval(1...800)
        case 2: event.rate = DataRate(bitsPerSecond: UInt64(faults.number(8...500)) * 1000)
        default:
            event.loss = .percent(faults.number(5...40))
            event.burst = faults.number(2...30)
        }
        return event
    }

    private func heal(_ scenario: inout Scenario) -> Interval {
        scenario.events.sort { $0.at < $1.at }
        let over = scenario.events.map { $0.at + ($0.duration ?? .zero) }.max() ?? .zero
        guard !scenario.events.isEmpty else { return .seconds(1) }
        scenario.events.append(Incident(.heal, at: over + .seconds(1)))
        return over + .seconds(1)
    }
}
