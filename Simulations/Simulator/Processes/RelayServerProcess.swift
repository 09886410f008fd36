public import TURN
public import Wire

/// A TURN server on a host: the production core, with sockets that are always free.
public final class RelayServerProcess: Process {
    private var server: Server
    private let listeners: [SocketAddress]
    private var tcp: TCPStack
    private var streams: [Int: Stream] = [:]
    private var connections: [Tuple: Int] = [:]
    private var relays: [SocketAddress: Int32] = [:]
    private var addresses: [Int32: SocketAddress] = [:]
    /// By reason; for tests.
    public private(set) var drops = DropCounters()
    /// Payload bytes that went to peers and came from them.
    public private(set) var relayed = (toPeers: 0, toClients: 0)

    private struct Stream {
        var client: Tuple
        var stream: RelayStream
    }

    /// Those of the listeners that speak TLS.
    private let tlsListeners: Set<SocketAddress>

    /// - Parameter tlsListeners: those of the stream listeners that speak TLS (``SimulatedTLS``).
    public init(
        _ configuration: ServerConfiguration, tlsListeners: Set<SocketAddress> = [], random: SeededRandom
    ) {
        var random = random
        self.tlsListeners = tlsListeners
        listeners = configuration.listeners.map(\.address)
        tcp = TCPStack(random: random.split())
        for listener in configuration.listeners where listener.isStream { tcp.listen(on: listener.address) }
        server = Server(configuration, random: random)
    }

    public var allocationCount: Int { server.allocationCount }
    public var relayCount: Int { server.relayCount }
    public var takesTCP: Bool { true }
    public var deadline: Instant { min(server.deadline, tcp.deadline) }

    public func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
        if datagram.segment != nil {
            tcp.receive(datagram, now: now)
            receiveStreams(now, &output)
        } else if let listener = index(of: datagram.destination, isStream: false) {
            receive(datagram.payload, from: Tuple(socket: listener, remote: datagram.source), now, &output)
        } else if let relay = relays[datagram.destination] {
            do throws(DropReason) {
                try receive(datagram.payload, fromPeer: datagram.source, at: relay, now, &output)
            } catch {
                drops.count(error)
            }
        }
        drain(now, &output)
    }

    private func index(of address: SocketAddress, isStream: Bool) -> UInt8? {
        let listeners = server.configuration.listeners
        return listeners.firstIndex { $0.address == address && $0.isStream == isStream }.map { UInt8($0) }
    }

    private func receiveStreams(_ now: Instant, _ output: inout Output) {
        while let event = tcp.nextEvent() {
            switch event {
            case .accepted(let connection, let local, let remote):
                guard let listener = index(of: local, isStream: true) else { continue }
                let client = Tuple(socket: listener, remote: remote)
                streams[connection] = Stream(
                    client: client, stream: RelayStream(isTLS: tlsListeners.contains(local), role: .server))
                connections[client] = connection
            case .received(let connection, let bytes):
                guard var stream = streams[connection] else { continue }
                stream.stream.receive(bytes)
                tcp.send(stream.stream.takeOutgoing(), on: connection, now: now)
                while let frame = stream.stream.nextFrame() { receive(frame, from: stream.client, now, &output) }
                streams[connection] = stream
                if stream.stream.isBroken { close(connection, now) }
            case .closed(let connection): close(connection, now)
            case .connected: continue
            }
        }
    }

    private func close(_ connection: Int, _ now: Instant) {
        guard let stream = streams.removeValue(forKey: connection) else { return }
        connections[stream.client] = nil
        server.closed(stream.client)
        tcp.close(connection, now: now)
    }

    private func receive(_ payload: [UInt8], from client: Tuple, _ now: Instant, _ output: inout Output) {
        do throws(DropReason) {
            let input = try unsafe server.receive(payload.span.bytes, from: client, now: now)
            guard case .data(let relay, let peer, let bytes) = input, let source = addresses[relay] else { return }
            relayed.toPeers += bytes.count
            output.send(Array(payload[bytes]), from: source, to: peer)
        } catch {
            drops.count(error)
        }
    }

    private func receive(
        _ payload: [UInt8], fromPeer peer: SocketAddress, at relay: Int32, _ now: Instant, _ output: inout Output
    ) throws(DropReason) {
        switch try server.receive(fromPeer: peer, length: payload.count, at: relay, now: now) {
        case .channel(let number, let client):
            send(ChannelData.message(number, payload, isPadded: isStream(client)), to: client, now, &output)
        case .indication(let client): send(server.indication(payload, from: peer), to: client, now, &output)
        }
        relayed.toClients += payload.count
    }

    public func advance(to now: Instant, _ output: inout Output) {
        server.advance(to: now)
        if tcp.deadline <= now {
            tcp.advance(to: now)
            receiveStreams(now, &output)
        }
        drain(now, &output)
    }

    private func drain(_ now: Instant, _ output: inout Output) {
        while let action = server.nextAction() {
            switch action {
            case .open(let relay, let address):
                relays[address] = relay
                addresses[relay] = address
                server.opened(relay, now: now)
            case .close(let relay):
                if let address = addresses.removeValue(forKey: relay) { relays[address] = nil }
            }
        }
        while let transmit = server.nextTransmit() { send(transmit.bytes, to: transmit.client, now, &output) }
        while let datagram = tcp.nextDatagram() { output.send(datagram) }
    }

    private func isStream(_ client: Tuple) -> Bool {
        server.configuration.listeners[Int(client.socket)].isStream
    }

    private func send(_ bytes: [UInt8], to client: Tuple, _ now: Instant, _ output: inout Output) {
        if let connection = connections[client] {
            streams[connection]?.stream.send(bytes)
            tcp.send(streams[connection]?.stream.takeOutgoing() ?? [], on: connection, now: now)
        } else if !isStream(client) {
            output.send(bytes, from: listeners[Int(client.socket)], to: client.remote)
        }
    }
}
