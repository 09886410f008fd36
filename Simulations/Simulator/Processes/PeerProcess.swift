public import ICE
import STUN
import TURN
public import Wire

/// One side of a call as far as connecting goes: the production agent, a gatherer for its server-reflexive candidates,
/// TURN clients for its relayed ones, and signalling that trickles (RFC 8838).
public final class PeerProcess: Process {
    /// A TURN server, by UDP and, where that is not answered soon, by TCP.
    public struct RelayServer: Hashable, Sendable {
        public var address: SocketAddress
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
        /// How long a TURN server has to answer over UDP before it is tried over TCP.
        public var streamFallback = Interval.milliseconds(500)

        public init(sockets: [SocketAddress], isControlling: Bool) {
            self.sockets = sockets
            self.isControlling = isControlling
        }
    }

    public private(set) var agent: Agent
    /// When a path was there for the first time.
    public private(set) var connected: Instant?
    /// The other side's process.
    public var peer: Int?
    private let configuration: Configuration
    private var gatherer: Gatherer
    private var relays: [RelayConnection] = []
    private var tcp: TCPStack
    private var streams: PeerStreams
    private var fallback = Instant.distantFuture
    private let credentials: Credentials
    private var random: SeededRandom
    private var gathererRandom: SeededRandom

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
        self.random = random
    }

    public var takesTCP: Bool { true }

    public var deadline: Instant {
        let own = min(agent.deadline, gatherer.deadline, fallback, tcp.deadline)
        return relays.reduce(own) { min($0, $1.client.deadline) }
    }

    public func start(now: Instant, _ output: inout Output) {
        gatherer = Gatherer(
            sockets: configuration.sockets, servers: configuration.stunServers, random: gathererRandom, now: now)
        for server in configuration.relayServers {
            for (socket, local) in configuration.sockets.enumerated() where local.ip.isIPv4 == server.address.ip.isIPv4
            {
                connect(server, .datagrams(socket: socket), now)
                fallback = now + configuration.streamFallback
            }
        }
        streams.listen(&tcp)
        let kind = configuration.isLite ? "lite" : "full"
        signal("\(kind) \(credentials.ufrag) \(credentials.password)", &output)
        if configuration.signalsHosts {
            for candidate in agent.localCandidates { signal(candidate.sdp, &output) }
        }
        drain(now, &output)
    }

    public func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
        if datagram.segment != nil {
            tcp.receive(datagram, now: now)
        } else if let socket = configuration.sockets.firstIndex(of: datagram.destination) {
            receive(datagram.payload, from: Tuple(socket: UInt8(socket), remote: datagram.source), now, &output)
        }
        drain(now, &output)
    }

    private func receive(_ payload: [UInt8], from tuple: Tuple, _ now: Instant, _ output: inout Output) {
        if let found = unsafe gatherer.receive(payload.span.bytes, from: tuple) {
            if let candidate = agent.addServerReflexive(found.mapped, socket: found.socket) {
                signal(candidate.sdp, &output)
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
        if tcp.deadline <= now { tcp.advance(to: now) }
        if fallback <= now { fallBackToStreams(now) }
        for index in relays.indices where relays[index].client.deadline <= now { relays[index].client.advance(to: now) }
        drain(now, &output)
    }

    // MARK: Relays

    private func connect(_ server: RelayServer, _ carrier: RelayConnection.Carrier, _ now: Instant) {
        var isStream = false
        if case .stream = carrier { isStream = true }
        relays.append(
            RelayConnection(
                ClientConfiguration(username: server.username, password: server.password, isStream: isStream),
                server: server.address, carrier: carrier, random: random.split(), now: now))
    }

    /// Ports that TCP connections to TURN servers leave from.
    private static let firstStreamPort: UInt16 = 52_000

    private func fallBackToStreams(_ now: Instant) {
        fallback = .distantFuture
        guard relays.allSatisfy({ $0.client.relayed == nil }) else { return }
        for (index, server) in configuration.relayServers.enumerated() {
            guard let local = configuration.sockets.first(where: { $0.ip.isIPv4 == server.address.ip.isIPv4 }) else {
                continue
            }
            let source = SocketAddress(ip: local.ip, port: Self.firstStreamPort + UInt16(index))
            let connection = tcp.connect(from: source, to: server.address, now: now)
            connect(server, .stream(connection: connection, StreamFramer()), now)
        }
    }

    private func passStreams(_ now: Instant) {
        while let event = tcp.nextEvent() {
            if let news = streams.handle(event, &tcp, now: now) {
                for packet in news.packets { try? unsafe agent.receive(packet.span.bytes, from: news.tuple, now: now) }
                if news.isClosed { agent.streamClosed(news.tuple, now: now) }
                continue
            }
            guard case .received(let connection, let bytes) = event else { continue }
            for index in relays.indices where relays[index].isStream(connection) {
                relays[index].receive(stream: bytes, now: now)
            }
        }
    }

    /// What relays say to the agent, and what they have to say to their servers.
    private func passRelays(_ now: Instant, _ output: inout Output) {
        for index in relays.indices {
            while let event = relays[index].client.nextEvent() { handle(event, of: index, now, &output) }
            while let bytes = relays[index].client.nextTransmit() {
                switch relays[index].carrier {
                case .datagrams(let socket):
                    output.send(bytes, from: configuration.sockets[socket], to: relays[index].server)
                case .stream(let connection, _): tcp.send(bytes, on: connection, now: now)
                }
            }
        }
    }

    private func handle(_ event: Client.Event, of index: Int, _ now: Instant, _ output: inout Output) {
        switch event {
        case .allocated(let relayed, let mapped):
            // Without a STUN server, the answer tells what such a one's tells (RFC 8445 section 5.1.1.2).
            if configuration.stunServers.isEmpty, case .datagrams(let socket) = relays[index].carrier,
                let candidate = agent.addServerReflexive(mapped, socket: UInt8(socket))
            {
                signal(candidate.sdp, &output)
            }
            guard let added = agent.addRelayed(relayed, related: mapped, now: now) else { return }
            relays[index].agentSocket = added.socket
            output.note("relayed \(relayed)")
            signal(added.candidate.sdp, &output)
        case .received(let bytes, let peer):
            guard let socket = relays[index].agentSocket else { return }
            try? unsafe agent.receive(bytes.span.bytes, from: Tuple(socket: socket, remote: peer), now: now)
        case .refused(let peer, let code): output.note("relay refuses \(peer.ip) \(code?.rawValue ?? 0)")
        case .failed(let failure): output.note("relay failed: \(failure)")
        }
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

    // MARK: Outputs

    private func signal(_ text: String, _ output: inout Output) {
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
            case .stateChanged(let state): output.note("ice \(state)")
            case .pairSelected(let local, let remote, _):
                if connected == nil { connected = now }
                output.note("selected \(local.kind) \(local.address) \(remote.kind) \(remote.address)")
            }
        }
    }
}
