import STUN
public import Simulator
public import Wire

/// A call of some parties, each behind what it is behind, through one server.
public enum CallSimulation {
    /// One of the parties.
    public struct Party: Sendable {
        /// Between its network and the internet.
        public enum Gateway: Hashable, Sendable {
            case none
            case firewall
            case nat(NATBehavior)
        }

        public var gateway: Gateway
        /// No UDP passes between it and the internet, as in many an office.
        public var blocksUDP = false
        /// It reaches the server through a TURN server only, in this way; nil is directly.
        public var relay: RelayCarrier?
        /// From the party to the internet, and back.
        public var up: LinkBehavior
        public var down: LinkBehavior
        /// When it begins.
        public var start = Instant.origin
        /// When it asks for an ICE restart.
        public var restarts: [Instant] = []
        /// When its NAT forgets everything, so that it is seen at another port.
        public var rebindings: [Instant] = []

        public init(
            _ gateway: Gateway = .none, up: LinkBehavior = LinkBehavior(delay: .milliseconds(10)),
            down: LinkBehavior = LinkBehavior(delay: .milliseconds(10))
        ) {
            self.gateway = gateway
            self.up = up
            self.down = down
        }
    }

    public struct Options: Sendable {
        public var seed: UInt64
        public var parties: [Party]
        public var crypto = CallRoom.Crypto.real
        /// The server is an ICE lite agent.
        public var isLite = false
        /// Before packets count; in it everybody has to have come in.
        public var warmup = Interval.seconds(2)
        /// While packets count.
        public var duration: Interval
        /// After the last packet that counts, for those under way and their repairs.
        public var settling = Interval.seconds(2)
        /// The server's link.
        public var server = LinkBehavior(delay: .milliseconds(5))
        public var sendsNacks = true
        /// Frames of video a second; 0 for a call without video.
        public var framesPerSecond = 30
        /// Keeps every event of the run for reading.
        public var keepsEntries = false

        public init(seed: UInt64 = 1, parties: [Party], duration: Interval) {
            self.seed = seed
            self.parties = parties
            self.duration = duration
        }
    }

    /// Runs a call to its end.
    public static func run(_ options: Options) -> CallReport {
        let seed = RootSeed(options.seed)
        let begin = Instant.origin + options.warmup
        let end = begin + options.duration
        let room = CallRoom(seed: seed, parties: options.parties.count, crypto: options.crypto, window: begin..<end)
        var network = Network(seed: seed)
        // TEST-NET-3 (RFC 5737).
        let address = SocketAddress(ip: IPAddress(ipv4: 0xCB00_7101), port: 3_478)
        let host = network.addHost("server", addresses: [address.ip], up: options.server, down: options.server)
        let places = options.parties.enumerated().map { place($1, number: $0, seed, in: &network) }
        if options.parties.contains(where: { $0.relay != nil }) {
            network.addHost(relayName, addresses: [relayAddress], up: options.server, down: options.server)
        }
        var simulation = Simulation(network, keepsEntries: options.keepsEntries)
        let server = ServerProcess(room, addresses: [address], isLite: options.isLite)
        let number = simulation.add(server, on: host)
        var clients: [ClientProcess] = []
        for (index, party) in options.parties.enumerated() {
            var configuration = ClientProcess.Configuration(
                party: index, local: SocketAddress(ip: places[index].address, port: 50_000), server: number)
            configuration.restarts = party.restarts
            configuration.sendsNacks = options.sendsNacks
            configuration.framesPerSecond = options.framesPerSecond
            configuration.relay = party.relay.map {
                RelayAccess(
                    carrier: $0, server: ObservedRelayProcess.address($0, relayAddress),
                    username: ObservedRelayProcess.user.name, password: ObservedRelayProcess.user.password)
            }
            let client = ClientProcess(room, configuration, now: party.start)
            clients.append(client)
            simulation.add(client, on: places[index].host, start: party.start)
            for time in party.rebindings {
                let segment = places[index].segment
                simulation.at(time) { network in network.change(gatewayOf: segment) { Self.reboot(&$0) } }
            }
        }
        let relay = addRelay(options, room, &simulation)
        simulation.run(until: end + options.settling)
        return CallReport(room, clients, server, relay, simulation, options)
    }

    /// TEST-NET-3 (RFC 5737).
    private static let relayAddress = IPAddress(ipv4: 0xCB00_7102)

    /// A TURN server on the internet, where a party uses one.
    private static func addRelay(
        _ options: Options, _ room: CallRoom, _ simulation: inout Simulation
    ) -> ObservedRelayProcess? {
        guard let host = simulation.network.hostNames.firstIndex(of: relayName) else { return nil }
        let relay = ObservedRelayProcess(
            relayAddress, parties: options.parties.count, random: room.seed.stream("turn"), monitor: room.monitor)
        simulation.add(relay, on: host)
        return relay
    }

    private static let relayName = "turn"

    private static func reboot(_ gateway: inout Network.Gateway) {
        guard case .nat(var nat) = gateway else { return }
        nat.reboot()
        gateway = .nat(nat)
    }

    private static func place(
        _ party: Party, number: Int, _ seed: RootSeed, in network: inout Network
    ) -> (host: Int, segment: Int, address: IPAddress) {
        // TEST-NET-2 is the internet, where parties have addresses from 10 on; behind NATs it is 192.168.n.2.
        let publicAddress = IPAddress(ipv4: 0xC633_6400 + 10 + UInt32(number))
        var address = publicAddress
        let gateway: Network.Gateway
        switch party.gateway {
        case .none: gateway = .router
        case .firewall: gateway = .firewall(Firewall())
        case .nat(let behavior):
            gateway = .nat(
                NAT(
                    behavior, externalAddresses: [publicAddress],
                    random: seed.stream("nat:party-\(number)")))
            address = IPAddress(ipv4: 0xC0A8_0002 + UInt32(number) << 8)
        }
        var parent = Network.internet
        if party.blocksUDP {
            parent = network.addSegment("party-\(number)-office", behind: .firewall(Firewall(blocksUDP: true)))
        }
        let segment = network.addSegment("party-\(number)-net", behind: gateway, in: parent)
        let host = network.addHost(
            "party-\(number)", in: segment, addresses: [address], up: party.up, down: party.down)
        return (host, segment, address)
    }
}
