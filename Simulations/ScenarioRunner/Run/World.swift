import STUN
import Simulator
import TURN
import Wire

/// A scenario as a simulation, built in the one order that a scenario gives.
struct World {
    let layout: Layout
    private(set) var simulation: Simulation
    private(set) var sides: [CallSide] = []
    private(set) var servers: Set<SocketAddress> = []
    /// Of STUN servers.
    private(set) var bindingServers: Set<SocketAddress> = []
    /// Hosts with TURN servers, and who looks on at each.
    private(set) var relayHosts: [RelayHost] = []

    struct RelayHost {
        var host: Int
        /// One of its servers; all stand still at the same times.
        var process: HostProcess
        var observer: RelayObserver
    }

    private var relayProcesses: [Int: HostProcess] = [:]
    /// When the last event is over.
    private(set) var healed = Instant.origin
    private let scenario: Scenario
    private let seed: RootSeed

    init(_ scenario: Scenario, seed: RootSeed, keepsEntries: Bool) throws(ScenarioError) {
        self.scenario = scenario
        self.seed = seed
        layout = try Layout(scenario)
        var network = Network(seed: seed)
        for gateway in layout.gateways {
            network.addSegment(
                gateway.name, behind: Self.gateway(gateway, scenario, seed), in: layout.segment(gateway.behind),
                up: gateway.up.behavior, down: gateway.down.behavior)
        }
        for (host, addresses) in zip(scenario.network.hosts, layout.hostAddresses) {
            network.addHost(
                host.name, in: layout.segment(host.behind), addresses: addresses,
                up: (host.up ?? host.link).behavior, down: (host.down ?? host.link).behavior)
        }
        simulation = Simulation(network, keepsEntries: keepsEntries)
        simulation.signallingDelay = scenario.signallingDelay
        schedule()
        addServers()
        addObservers()
        addCalls()
    }

    private static func gateway(_ gateway: Layout.Gateway, _ scenario: Scenario, _ seed: RootSeed) -> Network.Gateway {
        switch gateway.kind {
        case .nat(let number):
            .nat(
                NAT(
                    scenario.network.nats[number].settings.behavior, externalAddresses: gateway.addresses,
                    random: seed.stream("nat:\(gateway.name)")))
        case .firewall(let number):
            .firewall(scenario.network.firewalls[number].firewall)
        case .router: .router
        }
    }

    private func host(_ name: String) -> Int { scenario.network.hosts.firstIndex { $0.name == name } ?? 0 }

    private func process(_ inner: any Process, on host: Int) -> HostProcess {
        let name = scenario.network.hosts[host].name
        var pauses: [Range<Instant>] = []
        let events = scenario.events.filter { $0.what == .hostPause && $0.place == name }.sorted { $0.at < $1.at }
        for event in events {
            let begin = Instant.origin + event.at
            let pause = begin..<(begin + (event.duration ?? .zero))
            if let last = pauses.last, last.upperBound >= pause.lowerBound {
                pauses[pauses.count - 1] = last.lowerBound..<max(last.upperBound, pause.upperBound)
            } else {
                pauses.append(pause)
            }
        }
        return HostProcess(inner, pauses: pauses, end: Instant.origin + scenario.duration)
    }

    private mutating func addServers() {
        for server in scenario.servers {
            let host = host(server.host)
            let addresses = layout.hostAddresses[host]
            guard server.kind == .stun else {
                addRelay(server, host, addresses)
                continue
            }
            let binding =
                addresses.count == 2
                ? BindingServer(addresses: (addresses[0], addresses[1]), ports: (server.port, server.port + 1))
                : BindingServer(endpoints: addresses.map { SocketAddress(ip: $0, port: server.port) })
            servers.formUnion(binding.endpoints)
            bindingServers.formUnion(binding.endpoints)
            simulation.add(process(BindingServerProcess(binding), on: host), on: host)
        }
    }

    /// What all calls have at all TURN servers.
    private static let user = (name: "caller", password: "secret")

    /// Over UDP and TCP at the same port.
    private mutating func addRelay(_ server: Server, _ host: Int, _ addresses: [IPAddress]) {
        let observed = Self.listeners(server, addresses)
        var configuration = ServerConfiguration(
            listeners: observed.map { ServerConfiguration.Listener(address: $0.address, isStream: $0.carrier != .udp) })
        configuration.relayIPv4 = addresses.first { $0.isIPv4 }
        configuration.relayIPv6 = addresses.first { !$0.isIPv4 }
        configuration.users = [Self.user.name: Self.user.password]
        servers.formUnion(configuration.listeners.map(\.address))
        let relay = RelayServerProcess(
            configuration, tlsListeners: Set(observed.filter { $0.carrier == .tls }.map(\.address)),
            random: seed.stream("server:\(server.name)"))
        let process = process(relay, on: host)
        relayProcesses[host] = process
        simulation.add(process, on: host)
    }

    private static func listeners(_ server: Server, _ addresses: [IPAddress]) -> [RelayObserver.Listener] {
        addresses.flatMap { ip in
            let ports: [(UInt16?, RelayCarrier)] = [(server.port, .udp), (server.port, .tcp), (server.tlsPort, .tls)]
            return ports.compactMap { port, carrier in
                port.map { RelayObserver.Listener(address: SocketAddress(ip: ip, port: $0), carrier: carrier) }
            }
        }
    }

    /// One for each host, since its servers share their addresses.
    private mutating func addObservers() {
        for (host, addresses) in layout.hostAddresses.enumerated() {
            let name = scenario.network.hosts[host].name
            let listeners = scenario.servers.filter { $0.kind == .turn && $0.host == name }.flatMap {
                Self.listeners($0, addresses)
            }
            guard !listeners.isEmpty, let process = relayProcesses[host] else { continue }
            relayHosts.append(
                RelayHost(
                    host: host, process: process,
                    observer: RelayObserver(listeners: listeners, relayAddresses: addresses)))
        }
    }

    private func address(ofServer name: String, isTLS: Bool = false) -> SocketAddress? {
        guard let server = scenario.servers.first(where: { $0.name == name }),
            let port = isTLS ? server.tlsPort : server.port
        else { return nil }
        return SocketAddress(ip: layout.hostAddresses[host(server.host)][0], port: port)
    }

    private func relayServer(_ name: String) -> PeerProcess.RelayServer? {
        guard let address = address(ofServer: name) else { return nil }
        var server = PeerProcess.RelayServer(
            address: address, username: Self.user.name, password: Self.user.password)
        server.tlsAddress = self.address(ofServer: name, isTLS: true)
        return server
    }

    /// A machine and its further links.
    private func links(of name: String) -> [Int] {
        scenario.network.hosts.indices.filter {
            scenario.network.hosts[$0].name == name || scenario.network.hosts[$0].linkOf == name
        }
    }

    /// Where sides of calls have their sockets.
    static let firstPort: UInt16 = 40_000

    private mutating func addCalls() {
        for (index, call) in scenario.calls.enumerated() {
            let start = Instant.origin + call.start
            var numbers: [Int] = []
            for (offset, side) in [call.from, call.to].enumerated() {
                let host = host(side.host)
                let links = links(of: side.host).filter { $0 != host }
                let number = UInt16(index * 2 + offset)
                let sockets = ([host] + links).flatMap { layout.hostAddresses[$0] }.map {
                    SocketAddress(ip: $0, port: Self.firstPort + number)
                }
                var configuration = PeerProcess.Configuration(
                    sockets: sockets, isControlling: side.controls ?? (offset == 0))
                configuration.isLite = side.isLite
                configuration.signalsHosts = !side.hidesAddresses
                configuration.nominationPatience = call.nominationPatience
                configuration.stunServers = side.stun.compactMap { address(ofServer: $0) }
                configuration.relayServers = side.turn.compactMap { relayServer($0) }
                if !side.turnOver.isEmpty { configuration.relayCarriers = side.turnOver }
                configuration.firstStreamPort += number * 16
                configuration.restarts = restarts(of: side.host, in: call)
                // Exactly one side: `from`, or the other where that is lite.
                if (offset == 0) != call.from.isLite { configuration.restartAfterLoss = call.restartAfterLoss }
                let name = offset == 0 ? "from" : "to"
                let peer = PeerProcess(
                    configuration, random: seed.stream("call:\(call.name):\(name)"), start: start)
                let process = process(peer, on: host)
                numbers.append(simulation.add(process, on: host, start: start))
                for link in links { simulation.attach(numbers[offset], to: link) }
                sides.append(
                    CallSide(
                        call: index, hosts: [host] + links, isLite: side.isLite, sockets: sockets, peer: peer,
                        process: process))
            }
            sides[index * 2].peer.peer = numbers[1]
            sides[index * 2 + 1].peer.peer = numbers[0]
        }
    }
}

// MARK: Events

extension World {
    private func restarts(of host: String, in call: Call) -> [Instant] {
        scenario.events.filter { event in
            event.what == .iceRestart && event.place == host && (event.call.isEmpty || event.call == call.name)
        }.map { Instant.origin + $0.at }.sorted()
    }
}

extension World {
    private mutating func schedule() {
        let end = Instant.origin + scenario.duration
        for (index, event) in scenario.events.enumerated() {
            let time = Instant.origin + event.at
            healed = max(healed, min(time + (event.duration ?? .zero), end))
            // Those are things that processes do.
            guard event.what != .hostPause, event.what != .iceRestart else { continue }
            let change = change(event, index)
            simulation.at(time, change)
            guard let duration = event.duration, time + duration <= end else { continue }
            simulation.at(time + duration, undoing(event))
        }
    }

    /// The link of a host or a device.
    private struct Target {
        var up: (line: Network.Line, base: LinkBehavior)
        var down: (line: Network.Line, base: LinkBehavior)

        func change(
            _ network: inout Network, _ ways: Incident.Ways, _ body: (inout LinkBehavior, LinkBehavior) -> Void
        ) {
            for (line, base) in ways == .both ? [up, down] : ways == .up ? [up] : [down] {
                network.change(line) { body(&$0, base) }
            }
        }
    }

    private func target(_ name: String) -> Target {
        if let index = scenario.network.hosts.firstIndex(where: { $0.name == name }) {
            let host = scenario.network.hosts[index]
            return Target(
                up: (.hostUp(index), (host.up ?? host.link).behavior),
                down: (.hostDown(index), (host.down ?? host.link).behavior))
        }
        let segment = layout.segment(name)
        let gateway = layout.gateways[max(segment - 1, 0)]
        return Target(
            up: (.segmentUp(segment), gateway.up.behavior), down: (.segmentDown(segment), gateway.down.behavior))
    }

    private func change(_ event: Incident, _ index: Int) -> (inout Network) -> Void {
        let segment = layout.segment(event.place)
        switch event.what {
        case .linkDown, .linkUp, .linkChange, .linkHold:
            let target = target(event.place)
            return { network in target.change(&network, event.direction) { link, _ in event.apply(to: &link) } }
        case .natReboot: return Self.changingNAT(segment) { $0.reboot() }
        case .natRebinding: return Self.changingNAT(segment) { $0.rebind() }
        case .natAddress:
            let random = seed.stream("nat:\(event.place):address:\(index)")
            return Self.changingNAT(segment) { nat in
                guard let address = event.address else { return }
                nat = NAT(nat.behavior, externalAddresses: [address], random: random)
            }
        case .blockUDP: return Self.changingFirewall(segment) { $0.blocksUDP = true }
        case .allowUDP: return Self.changingFirewall(segment) { $0.blocksUDP = false }
        case .firewallFlush: return Self.changingFirewall(segment) { $0.flush() }
        case .hostPause, .iceRestart: return { _ in }
        case .heal: return healing()
        }
    }

    private func undoing(_ event: Incident) -> (inout Network) -> Void {
        switch event.what {
        case .linkDown, .linkChange, .linkHold:
            let target = target(event.place)
            return { network in target.change(&network, event.direction) { event.undo(on: &$0, base: $1) } }
        case .blockUDP: return Self.changingFirewall(layout.segment(event.place)) { $0.blocksUDP = false }
        default: return { _ in }
        }
    }

    private func healing() -> (inout Network) -> Void {
        let targets = (scenario.network.hosts.map(\.name) + layout.gateways.map(\.name)).map { target($0) }
        let firewalls = scenario.network.firewalls.map { (layout.segment($0.name), $0.blocksUDP) }
        return { network in
            for target in targets {
                target.change(&network, .both) { link, base in
                    link = base
                    link.isUp = true
                }
            }
            for (segment, blocks) in firewalls { Self.changingFirewall(segment) { $0.blocksUDP = blocks }(&network) }
        }
    }

    private static func changingNAT(_ segment: Int, _ body: @escaping (inout NAT) -> Void) -> (inout Network) -> Void {
        { network in
            network.change(gatewayOf: segment) { gateway in
                guard case .nat(var nat) = gateway else { return }
                body(&nat)
                gateway = .nat(nat)
            }
        }
    }

    private static func changingFirewall(
        _ segment: Int, _ body: @escaping (inout Firewall) -> Void
    ) -> (inout Network) -> Void {
        { network in
            network.change(gatewayOf: segment) { gateway in
                guard case .firewall(var firewall) = gateway else { return }
                body(&firewall)
                gateway = .firewall(firewall)
            }
        }
    }
}

extension Incident {
    fileprivate func apply(to link: inout LinkBehavior) {
        switch what {
        case .linkDown: link.isUp = false
        case .linkUp: link.isUp = true
        case .linkHold: link.isHeld = true
        case .linkChange:
            if let rate { link.rate = rate.bitsPerSecond }
            if let delay { link.delay = delay }
            if let jitter { link.jitter = jitter }
            if let loss { link.loss = LinkSettings.loss(loss, burst: burst ?? 1) }
        default: break
        }
    }

    fileprivate func undo(on link: inout LinkBehavior, base: LinkBehavior) {
        switch what {
        case .linkDown: link.isUp = true
        case .linkHold: link.isHeld = false
        case .linkChange:
            let (isUp, isHeld) = (link.isUp, link.isHeld)
            link = base
            link.isUp = isUp
            link.isHeld = isHeld
        default: break
        }
    }
}

extension FirewallDevice {
    fileprivate var firewall: Firewall {
        var firewall = Firewall(blocksUDP: blocksUDP, lifetime: lifetime)
        if !tcpPorts.isEmpty { firewall.tcpPorts = Set(tcpPorts) }
        firewall.demandsTLS = demandsTLS
        return firewall
    }
}
