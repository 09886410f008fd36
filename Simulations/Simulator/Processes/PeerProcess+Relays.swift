import ICE
import STUN
import TURN
import Wire

/// Relayed candidates: the ways to TURN servers, and what goes through them.
extension PeerProcess {
    /// How the relay of the path in use is reached; nil without one.
    public var relayCarrier: RelayCarrier? {
        guard let socket = agent.selectedTuple?.socket else { return nil }
        return relays.first { $0.agentSocket == socket }?.kind
    }

    /// Ports that connections to TURN servers leave from.
    var streamPorts: Range<UInt16> { configuration.firstStreamPort..<(configuration.firstStreamPort + 16) }

    /// Tries the next way to the servers, unless one has led to a relayed address.
    func connectRelays(_ now: Instant) {
        fallback = .distantFuture
        guard relays.allSatisfy({ $0.client.relayed == nil }), let carrier = carriers.popFirst() else { return }
        for server in configuration.relayServers { connect(server, carrier, now) }
        if !carriers.isEmpty, !configuration.relayServers.isEmpty { fallback = now + configuration.streamFallback }
    }

    /// From every socket that could reach it.
    private func connect(_ server: RelayServer, _ carrier: RelayCarrier, _ now: Instant) {
        for (socket, local) in configuration.sockets.enumerated() where local.ip.isIPv4 == server.address.ip.isIPv4 {
            switch carrier {
            case .udp: connect(server, server.address, .datagrams(socket: socket), now)
            case .tcp: connect(server, server.address, stream(local.ip, server.address, isTLS: false, now), now)
            case .tls:
                guard let address = server.tlsAddress else { continue }
                connect(server, address, stream(local.ip, address, isTLS: true, now), now)
            }
        }
    }

    private func stream(
        _ local: IPAddress, _ server: SocketAddress, isTLS: Bool, _ now: Instant
    ) -> RelayConnection.Carrier {
        let port = configuration.firstStreamPort + streamCount % 16
        streamCount &+= 1
        let connection = tcp.connect(from: SocketAddress(ip: local, port: port), to: server, now: now)
        return .stream(connection: connection, RelayStream(isTLS: isTLS))
    }

    private func connect(
        _ server: RelayServer, _ address: SocketAddress, _ carrier: RelayConnection.Carrier, _ now: Instant
    ) {
        var isStream = false
        if case .stream = carrier { isStream = true }
        relays.append(
            RelayConnection(
                ClientConfiguration(username: server.username, password: server.password, isStream: isStream),
                server: address, carrier: carrier, random: random.split(), now: now))
    }

    func passStreams(_ now: Instant) {
        while let event = tcp.nextEvent() {
            if let news = streams.handle(event, &tcp, now: now) {
                for packet in news.packets { try? unsafe agent.receive(packet.span.bytes, from: news.tuple, now: now) }
                if news.isClosed { agent.streamClosed(news.tuple, now: now) }
                continue
            }
            for index in relays.indices { relays[index].take(event, now: now) }
        }
    }

    /// What relays say to the agent, and what they have to say to their servers.
    func passRelays(_ now: Instant, _ output: inout Output) {
        for index in relays.indices {
            while let event = relays[index].client.nextEvent() { handle(event, of: index, now, &output) }
            while let bytes = relays[index].nextTransmit() {
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
                signalReflexive(candidate, &output)
            }
            guard let added = agent.addRelayed(relayed, related: mapped, now: now) else { return }
            relays[index].agentSocket = added.socket
            output.note("relayed \(relayed)")
            relays[index].candidate = added.candidate
            signal(added.candidate.sdp, &output)
        case .received(let bytes, let peer):
            guard let socket = relays[index].agentSocket else { return }
            try? unsafe agent.receive(bytes.span.bytes, from: Tuple(socket: socket, remote: peer), now: now)
        case .refused(let peer, let code): output.note("relay refuses \(peer.ip) \(code?.rawValue ?? 0)")
        case .failed(let failure): output.note("relay failed: \(failure)")
        }
    }
}
