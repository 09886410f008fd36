public import ICE
public import Wire

/// One side of a call as far as connecting goes: the production agent, a gatherer for its server-reflexive candidates,
/// and signalling that trickles (RFC 8838).
public final class PeerProcess: Process {
    public struct Configuration: Sendable {
        /// Local addresses, one socket each.
        public var sockets: [SocketAddress]
        public var stunServers: [SocketAddress] = []
        public var isControlling: Bool
        /// Answers checks and sends none, as a server may (RFC 8445 section 2.5).
        public var isLite = false
        /// Host candidates are told to the peer.
        public var signalsHosts = true
        public var nominationPatience = Interval.seconds(2)

        public init(sockets: [SocketAddress], isControlling: Bool) {
            self.sockets = sockets
            self.isControlling = isControlling
        }
    }

    public private(set) var agent: Agent
    /// When a path was there for the first time.
    public private(set) var connected: Instant?
    private let configuration: Configuration
    private var gatherer: Gatherer
    private let credentials: Credentials
    /// The other side's process.
    public var peer: Int?
    private var gathererRandom: SeededRandom

    public init(_ configuration: Configuration, random: SeededRandom, start: Instant = .origin) {
        var random = random
        self.configuration = configuration
        credentials = Credentials(random: &random)
        agent = Agent(
            configuration: AgentConfiguration(
                local: credentials, isLite: configuration.isLite, isControlling: configuration.isControlling,
                nominationPatience: configuration.nominationPatience,
                localCandidates: configuration.sockets.enumerated().map {
                    .host(address: $0.element, socket: UInt8($0.offset))
                }),
            random: random.split(), now: start)
        gathererRandom = random.split()
        gatherer = Gatherer(sockets: [], servers: [], random: gathererRandom, now: start)
    }

    public var deadline: Instant { min(agent.deadline, gatherer.deadline) }

    public func start(now: Instant, _ output: inout Output) {
        gatherer = Gatherer(
            sockets: configuration.sockets, servers: configuration.stunServers, random: gathererRandom, now: now)
        let kind = configuration.isLite ? "lite" : "full"
        signal("\(kind) \(credentials.ufrag) \(credentials.password)", &output)
        if configuration.signalsHosts {
            for candidate in agent.localCandidates { signal(candidate.sdp, &output) }
        }
        drain(now, &output)
    }

    public func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
        guard let socket = configuration.sockets.firstIndex(of: datagram.destination) else { return }
        let tuple = Tuple(socket: UInt8(socket), remote: datagram.source)
        let payload = datagram.payload
        if let found = unsafe gatherer.receive(payload.span.bytes, from: tuple) {
            if let candidate = agent.addServerReflexive(found.mapped, socket: found.socket) {
                signal(candidate.sdp, &output)
            }
        } else {
            try? unsafe agent.receive(payload.span.bytes, from: tuple, now: now)
        }
        drain(now, &output)
    }

    public func receive(_ message: [UInt8], from sender: Int, now: Instant, _ output: inout Output) {
        let text = String(decoding: message, as: UTF8.self)
        let words = text.split(separator: " ")
        if words.count == 3, words[0] == "full" || words[0] == "lite" {
            let credentials = Credentials(ufrag: String(words[1]), password: String(words[2]))
            agent.setRemote(credentials, isLite: words[0] == "lite", now: now)
        } else {
            agent.addRemoteCandidate(text, now: now)
        }
        drain(now, &output)
    }

    public func advance(to now: Instant, _ output: inout Output) {
        if gatherer.deadline <= now { gatherer.advance(to: now) }
        if agent.deadline <= now { agent.advance(to: now) }
        drain(now, &output)
    }

    private func signal(_ text: String, _ output: inout Output) {
        if let peer { output.signal(Array(text.utf8), to: peer) }
    }

    private func drain(_ now: Instant, _ output: inout Output) {
        while let transmit = gatherer.nextTransmit() ?? agent.nextTransmit() {
            output.send(
                transmit.bytes, from: configuration.sockets[Int(transmit.tuple.socket)], to: transmit.tuple.remote)
        }
        while let event = agent.nextEvent() {
            switch event {
            case .stateChanged(let state): output.note("ice \(state)")
            case .pairSelected(let local, let remote, _):
                if connected == nil { connected = now }
                output.note("selected \(local.kind) \(local.address) \(remote.kind) \(remote.address)")
            }
        }
    }
}
