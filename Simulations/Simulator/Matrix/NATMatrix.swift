import ICE
import STUN
public import Wire

/// Every class of endpoint against every other: whether the production agent connects them, how, and how fast.
public enum NATMatrix {
    /// One pair of classes in one run.
    public struct Cell: Hashable, Sendable {
        public var a: EndpointClass
        public var b: EndpointClass
        /// The path as each side sees it at the end; nil where there is none.
        public var kindsAtA: PairKinds?
        public var kindsAtB: PairKinds?
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
        public var nominationPatience = Interval.seconds(2)
        /// Simulated time of a cell that does not connect.
        public var patience = Interval.seconds(35)

        public init() {}
    }

    /// All cells, row by row.
    public static func run(_ options: Options = Options(), progress: (Cell) -> Void = { _ in }) -> [Cell] {
        EndpointClass.allCases.flatMap { a in
            EndpointClass.allCases.map { b in
                let cell = run(a, b, options)
                progress(cell)
                return cell
            }
        }
    }

    /// One cell. A controls, and both begin at once.
    public static func run(_ a: EndpointClass, _ b: EndpointClass, _ options: Options = Options()) -> Cell {
        run(a, b, options, bIsLite: false)
    }

    /// A client in front of a server with one public address that runs ICE lite.
    public static func runServer(_ client: EndpointClass, _ options: Options = Options()) -> Cell {
        var options = options
        // A server's address is the only one: nothing better can follow.
        options.nominationPatience = .zero
        return run(client, .open, options, bIsLite: true)
    }

    private static func run(_ a: EndpointClass, _ b: EndpointClass, _ options: Options, bIsLite: Bool) -> Cell {
        let seed = RootSeed(options.seed)
        var network = Network(seed: seed)
        var link = LinkBehavior(delay: options.delay)
        link.loss = options.loss
        let serverAddresses = (IPAddress(ipv4: 0xCB00_7101), IPAddress(ipv4: 0xCB00_7102))
        let server = network.addHost("stun", addresses: [serverAddresses.0, serverAddresses.1])
        let places = [("a", a), ("b", b)].enumerated().map { index, place in
            place.1.place(place.0, index: UInt32(index), link: link, in: &network)
        }
        var simulation = Simulation(network)
        simulation.add(
            BindingServerProcess(BindingServer(addresses: serverAddresses, ports: (3478, 3479))), on: server)
        let peers = places.enumerated().map { index, place in
            var configuration = PeerProcess.Configuration(
                sockets: [SocketAddress(ip: place.address, port: 40_000 + UInt16(index))], isControlling: index == 0)
            configuration.isLite = bIsLite && index == 1
            configuration.nominationPatience = options.nominationPatience
            if options.hasSTUN, !configuration.isLite {
                configuration.stunServers = [SocketAddress(ip: serverAddresses.0, port: 3478)]
            }
            return PeerProcess(configuration, random: seed.stream("peer:\(index)"))
        }
        let numbers = zip(peers, places).map { simulation.add($0, on: $1.host) }
        peers[0].peer = numbers[1]
        peers[1].peer = numbers[0]
        var cell = Cell(a: a, b: b)
        simulation.run(until: Instant.origin + options.patience) {
            cell.pairs = max(cell.pairs, peers[0].agent.pairCount, peers[1].agent.pairCount)
            return !peers.allSatisfy { $0.agent.state == .completed || $0.agent.state == .failed }
        }
        cell.datagrams = simulation.log.count
        cell.replayHash = simulation.log.replayHash
        guard peers.allSatisfy({ $0.agent.state == .completed }) else { return cell }
        cell.kindsAtA = kinds(peers[0])
        cell.kindsAtB = kinds(peers[1])
        if let first = peers[0].connected, let second = peers[1].connected {
            cell.connectTime = max(first, second) - Instant.origin
        }
        return cell
    }

    private static func kinds(_ peer: PeerProcess) -> PairKinds? {
        peer.agent.selectedPair.map { PairKinds(local: $0.local.kind, remote: $0.remote.kind) }
    }
}
