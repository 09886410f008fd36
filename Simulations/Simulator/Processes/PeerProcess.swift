public import ICE
import STUN
import TURN
public import Wire

/// One side of a call as far as connecting goes: the production agent, a gatherer for its server-reflexive candidates,
/// TURN clients for its relayed ones, and signalling that trickles (RFC 8838).
public final class PeerProcess: Process {
    /// A TURN server.
    public struct RelayServer: Hashable, Sendable {
        /// For UDP and TCP.
        public var address: SocketAddress
        /// For TLS; nil where the server has none.
        public var tlsAddress: SocketAddress?
        public var username: String
        public var password: String

        public init(address: SocketAddress, username: String, password: String) {
            self.address = address
            self.username = username
            self.password = password
        }
    }

    public struct Configuration: Sendable {
        /// Local addresses, one socket each.
        public var sockets: [SocketAddress]
        public var stunServers: [SocketAddress] = []
        public var relayServers: [RelayServer] = []
        /// Where TCP connections are accepted (RFC 6544).
        public var streamListeners: [SocketAddress] = []
        /// Addresses that TCP connections are opened from.
        public var streamOpeners: [IPAddress] = []
        public var isControlling: Bool
        /// Answers checks and sends none, as a server may (RFC 8445 section 2.5).
        public var isLite = false
        /// Host candidates are told to the peer.
        public var signalsHosts = true
        public var nominationPatience = Interval.seconds(2)
        /// The ways to TURN servers, one after the other until one of them leads to a relayed address.
        public var relayCarriers: [RelayCarrier] = [.udp, .tcp]
        /// How long a TURN server has to answer one way before the next is tried.
        public var streamFallback = Interval.milliseconds(500)
        /// Sixteen ports from here on are those of connections to TURN servers; other peers of the host have others.
        public var firstStreamPort: UInt16 = 52_000
        /// ICE restarts (RFC 8445 section 9) that it begins, in order.
        public var restarts: [Instant] = []
        /// So long after the path was lost it begins an ICE restart, and again so long after that; nil for never.
        public var restartAfterLoss: Interval?

        public init(sockets: [SocketAddress], isControlling: Bool) {
            self.sockets = sockets
            self.isControlling = isControlling
        }
    }

    public internal(set) var agent: Agent
    /// When a path was there for the first time.
    public private(set) var connected: Instant?
    /// ICE restarts after which there was a path again.
    public internal(set) var restarts = 0
    /// The other side's process.
    public var peer: Int?
    let configuration: Configuration
    private var gatherer: Gatherer
    private let gathererRandom: SeededRandom
    // `+Relays`
    var relays: [RelayConnection] = []
    var tcp: TCPStack
    var streams: PeerStreams
    var fallback = Instant.distantFuture
    var carriers: ArraySlice<RelayCarrier> = []
    var streamCount: UInt16 = 0
    // `+Restart`
    var credentials: Credentials
    var random: SeededRandom
    /// Candidates that servers told of, as they were signalled.
    var reflexiveLines: [String] = []
    var scheduledRestarts: ArraySlice<Instant>
    /// Since when there is no path, though there was one.
    var lostSince: Instant?
    /// Our new credentials are out, and the peer's have not come.
    var awaitsAnswer = false
    var awaitsPath = false

    public init(_ configuration: Configuration, random: SeededRandom, start: Instant = .origin) {
        var random = random
        self.configuration = configuration
        credentials = Credentials(random: &random)
        streams = PeerStreams(
            firstSocket: configuration.sockets.count, listeners: configuration.streamListeners,
            openers: configuration.streamOpeners)
        agent = Agent(
            configuration: AgentConfiguration(
                local: credentials, isLite: configuration.isLite, isControlling: configuration.isControlling,
                nominationPatience: configuration.nominationPatience,
                localCandidates: Candidate.hosts(configuration.sockets) + streams.candidates),
            random: random.split(), now: start)
        gathererRandom = random.split()
        gatherer = Gatherer(sockets: [], servers: [], random: gathererRandom, now: start)
        tcp = TCPStack(random: random.split())
        scheduledRestarts = configuration.restarts[...]
        self.random = random
    }

    public var takesTCP: Bool { true }

    public var deadline: Instant {
        let own = min(agent.deadline, gatherer.deadline, fallback, tcp.deadline, restartDeadline)
        return relays.reduce(own) { min($0, $1.client.deadline) }
    }

    public func start(now: Instant, _ output: inout Output) {
        streams.listen(&tcp)
        gather(gathererRandom, now)
        carriers = configuration.relayCarriers[...]
        connectRelays(now)
        signalCredentials(&output)
        if configuration.signalsHosts {
            for candidate in agent.localCandidates { signal(candidate.sdp, &output) }
        }
        drain(now, &output)
    }

    public func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
        if datagram.segment != nil {
            // The other ports of the host are others' to refuse.
            guard streamPorts.contains(datagram.destination.port) || streams.has(datagram.destination) else { return }
            tcp.receive(datagram, now: now)
        } else if let socket = configuration.sockets.firstIndex(of: datagram.destination) {
            receive(datagram.payload, from: Tuple(socket: UInt8(socket), remote: datagram.source), now, &output)
        }
        drain(now, &output)
    }

    private func receive(_ payload: [UInt8], from tuple: Tuple, _ now: Instant, _ output: inout Output) {
        if let found = unsafe gatherer.receive(payload.span.bytes, from: tuple) {
            if let candidate = agent.addServerReflexive(found.mapped, socket: found.socket) {
                signalReflexive(candidate, &output)
            }
            return
        }
        for index in relays.indices where relays[index].server == tuple.remote {
            guard case .datagrams(Int(tuple.socket)) = relays[index].carrier else { continue }
            try? unsafe relays[index].client.receive(payload.span.bytes, now: now)
            return
        }
        try? unsafe agent.receive(payload.span.bytes, from: tuple, now: now)
    }

    public func receive(_ message: [UInt8], from sender: Int, now: Instant, _ output: inout Output) {
        let text = String(decoding: message, as: UTF8.self)
        let words = text.split(separator: " ")
        if words.count == 4, words[0] == "new" || words[0] == "restart" {
            let credentials = Credentials(ufrag: String(words[2]), password: String(words[3]))
            if words[0] == "restart" { answerRestart(now, &output) }
            agent.setRemote(credentials, isLite: words[1] == "lite", now: now)
        } else {
            agent.addRemoteCandidate(text, now: now)
        }
        drain(now, &output)
    }

    public func advance(to now: Instant, _ output: inout Output) {
        if gatherer.deadline <= now { gatherer.advance(to: now) }
        if agent.deadline <= now { agent.advance(to: now) }
        if tcp.deadline <= now { tcp.advance(to: now) }
        if fallback <= now { connectRelays(now) }
        if restartDeadline <= now { beginRestart(now, &output) }
        for index in relays.indices where relays[index].client.deadline <= now { relays[index].client.advance(to: now) }
        drain(now, &output)
    }

    // MARK: Outputs

    /// Asks STUN servers how the sockets look from there.
    func gather(_ random: SeededRandom, _ now: Instant) {
        gatherer = Gatherer(
            sockets: configuration.sockets, servers: configuration.stunServers, random: random, now: now)
    }

    func signalReflexive(_ candidate: Candidate, _ output: inout Output) {
        reflexiveLines.append(candidate.sdp)
        signal(candidate.sdp, &output)
    }

    private func transmit(_ transmit: Transmit, _ now: Instant, _ output: inout Output) {
        let socket = Int(transmit.tuple.socket)
        if socket < configuration.sockets.count {
            output.send(transmit.bytes, from: configuration.sockets[socket], to: transmit.tuple.remote)
        } else if streams.sockets.contains(socket) {
            streams.send(transmit.bytes, to: transmit.tuple, &tcp, now: now)
        } else if let index = relays.firstIndex(where: { $0.agentSocket == transmit.tuple.socket }) {
            relays[index].client.send(transmit.bytes, to: transmit.tuple.remote, now: now)
        }
    }

    func signal(_ text: String, _ output: inout Output) {
        if let peer { output.signal(Array(text.utf8), to: peer) }
    }

    private func drain(_ now: Instant, _ output: inout Output) {
        passStreams(now)
        passRelays(now, &output)
        while let transmit = gatherer.nextTransmit() ?? agent.nextTransmit() { self.transmit(transmit, now, &output) }
        passRelays(now, &output)
        while let datagram = tcp.nextDatagram() { output.send(datagram) }
        while let event = agent.nextEvent() {
            switch event {
            case .stateChanged(let state):
                output.note("ice \(state)")
                noteState(state, now)
            case .pairSelected(let local, let remote, _):
                if connected == nil { connected = now }
                output.note("selected \(local.kind) \(local.address) \(remote.kind) \(remote.address)")
            }
        }
    }
}
