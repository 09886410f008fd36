import ICE
import STUN
import TURN
public import Wire

/// Two hosts that want to talk, wherever they are, and the servers that help them: what every table of NATs is made of.
public struct Encounter {
    /// How it went.
    public struct Outcome: Hashable, Sendable {
        /// The path as each side sees it at the end; nil where there is none.
        public var kindsAtA: PairKinds?
        public var kindsAtB: PairKinds?
        /// The path is a TCP connection.
        public var isStream = false
        /// Until both sides had a path.
        public var connectTime: Interval?
        /// The most pairs that a side had, and everything that happened to a packet, to see that nothing grows without
        /// end.
        public var pairs = 0
        public var datagrams = 0
        public var replayHash: UInt64 = 0

        /// The same for the eyes: `SP`, or `--`.
        public var text: String { kindsAtA?.description ?? "--" }
    }

    public struct Options: Sendable {
        public var seed: UInt64 = 1
        /// One way between a host and the internet.
        public var delay = Interval.milliseconds(10)
        public var loss = LinkBehavior.Loss.none
        /// Both sides ask a STUN server.
        public var hasSTUN = true
        public var relays = Relays.none
        /// B runs ICE lite, as a server may.
        public var isLite = false
        /// A opens TCP connections, and B accepts them (RFC 6544).
        public var hasStreams = false
        /// Host candidates are told; without, they are names that nobody can resolve.
        public var signalsHosts = true
        public var nominationPatience = Interval.seconds(2)
        /// Simulated time of one that does not connect.
        public var patience = Interval.seconds(35)

        public init() {}

        var link: LinkBehavior {
            var link = LinkBehavior(delay: delay)
            link.loss = loss
            return link
        }
    }

    /// Who has a TURN server besides the STUN server that both have; the names are those of the tables.
    public enum Relays: String, Hashable, Sendable, CaseIterable {
        case none = "stun_only"
        case both = "stun_turn_both"
        case onlyA = "turn_only_A"
        case onlyB = "turn_only_B"

        func has(_ side: Int) -> Bool {
            switch self {
            case .none: false
            case .both: true
            case .onlyA: side == 0
            case .onlyB: side == 1
            }
        }
    }

    /// A side: its host and the host's address.
    typealias Place = (host: Int, address: IPAddress)

    private let options: Options
    private let stunHost: Int
    var network: Network

    /// The servers' hosts, on the internet; TEST-NET-3 (RFC 5737) is theirs.
    private static let stunAddresses = (IPAddress(ipv4: 0xCB00_7101), IPAddress(ipv4: 0xCB00_7102))
    private static let relayAddresses = [IPAddress(ipv4: 0xCB00_7111), IPAddress(ipv4: 0xCB00_7112)]

    init(_ options: Options) {
        self.options = options
        network = Network(seed: RootSeed(options.seed))
        stunHost = network.addHost("stun", addresses: [Self.stunAddresses.0, Self.stunAddresses.1])
    }

    /// Lets the two meet. A controls, and both begin at once.
    func run(_ a: Place, _ b: Place) -> Outcome {
        let seed = RootSeed(options.seed)
        var network = network
        let relays = [0, 1].filter { options.relays.has($0) }
        let hosts = relays.map { network.addHost("turn-\($0)", addresses: [Self.relayAddresses[$0]]) }
        var simulation = Simulation(network)
        simulation.add(
            BindingServerProcess(BindingServer(addresses: Self.stunAddresses, ports: (3478, 3479))), on: stunHost)
        for (side, host) in zip(relays, hosts) {
            simulation.add(Self.relayServer(side, seed.stream("turn:\(side)")), on: host)
        }
        let peers = [a, b].enumerated().map { side, place in
            PeerProcess(configuration(side, place), random: seed.stream("peer:\(side)"))
        }
        let numbers = zip(peers, [a, b]).map { simulation.add($0, on: $1.host) }
        peers[0].peer = numbers[1]
        peers[1].peer = numbers[0]
        var outcome = Outcome()
        simulation.run(until: Instant.origin + options.patience) {
            outcome.pairs = max(outcome.pairs, peers[0].agent.pairCount, peers[1].agent.pairCount)
            return !peers.allSatisfy { $0.agent.state == .completed || $0.agent.state == .failed }
        }
        outcome.datagrams = simulation.log.count
        outcome.replayHash = simulation.log.replayHash
        guard peers.allSatisfy({ $0.agent.state == .completed }) else { return outcome }
        outcome.kindsAtA = Self.kinds(peers[0])
        outcome.kindsAtB = Self.kinds(peers[1])
        outcome.isStream = peers[0].agent.selectedPair?.remote.transport.isStream ?? false
        if let first = peers[0].connected, let second = peers[1].connected {
            outcome.connectTime = max(first, second) - Instant.origin
        }
        return outcome
    }

    private func configuration(_ side: Int, _ place: Place) -> PeerProcess.Configuration {
        var configuration = PeerProcess.Configuration(
            sockets: [SocketAddress(ip: place.address, port: 40_000 + UInt16(side))], isControlling: side == 0)
        configuration.isLite = options.isLite && side == 1
        if options.hasStreams, side == 0 { configuration.streamOpeners = [place.address] }
        if options.hasStreams, side == 1 {
            configuration.streamListeners = [SocketAddress(ip: place.address, port: 443)]
        }
        configuration.nominationPatience = options.nominationPatience
        configuration.signalsHosts = options.signalsHosts
        guard !configuration.isLite else { return configuration }
        if options.hasSTUN { configuration.stunServers = [SocketAddress(ip: Self.stunAddresses.0, port: 3478)] }
        if options.relays.has(side) {
            configuration.relayServers = [
                PeerProcess.RelayServer(
                    address: SocketAddress(ip: Self.relayAddresses[side], port: 3478), username: "side-\(side)",
                    password: "secret-\(side)")
            ]
        }
        return configuration
    }

    private static func relayServer(_ side: Int, _ random: SeededRandom) -> RelayServerProcess {
        let address = SocketAddress(ip: relayAddresses[side], port: 3478)
        var configuration = ServerConfiguration(listeners: [
            ServerConfiguration.Listener(address: address),
            ServerConfiguration.Listener(address: address, isStream: true),
        ])
        configuration.relayIPv4 = relayAddresses[side]
        configuration.users = ["side-\(side)": "secret-\(side)"]
        // What a call needs, and not what a server for thousands does: each encounter makes its own.
        configuration.allocations = 16
        return RelayServerProcess(configuration, random: random)
    }

    private static func kinds(_ peer: PeerProcess) -> PairKinds? {
        peer.agent.selectedPair.map { PairKinds(local: $0.local.kind, remote: $0.remote.kind) }
    }
}
