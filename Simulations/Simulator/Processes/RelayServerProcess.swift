public import TURN
public import Wire

/// A TURN server on a host: the production core, with sockets that are always free.
public final class RelayServerProcess: Process {
    private var server: Server
    private let listeners: [SocketAddress]
    private var relays: [SocketAddress: Int32] = [:]
    private var addresses: [Int32: SocketAddress] = [:]
    /// By reason; for tests.
    public private(set) var drops = DropCounters()
    /// Payload bytes that went to peers and came from them.
    public private(set) var relayed = (toPeers: 0, toClients: 0)

    public init(_ configuration: ServerConfiguration, random: SeededRandom) {
        listeners = configuration.listeners.map(\.address)
        server = Server(configuration, random: random)
    }

    public var allocationCount: Int { server.allocationCount }
    public var relayCount: Int { server.relayCount }
    public var deadline: Instant { server.deadline }

    public func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
        do throws(DropReason) {
            if let listener = listeners.firstIndex(of: datagram.destination) {
                try receive(datagram.payload, from: Tuple(socket: UInt8(listener), remote: datagram.source), now, &output)
            } else if let relay = relays[datagram.destination] {
                try receive(datagram.payload, fromPeer: datagram.source, at: relay, now, &output)
            }
        } catch {
            drops.count(error)
        }
        drain(now, &output)
    }

    private func receive(
        _ payload: [UInt8], from client: Tuple, _ now: Instant, _ output: inout Output
    ) throws(DropReason) {
        guard
            case .data(let relay, let peer, let bytes) = try unsafe server.receive(
                payload.span.bytes, from: client, now: now),
            let source = addresses[relay]
        else { return }
        relayed.toPeers += bytes.count
        output.send(Array(payload[bytes]), from: source, to: peer)
    }

    private func receive(
        _ payload: [UInt8], fromPeer peer: SocketAddress, at relay: Int32, _ now: Instant, _ output: inout Output
    ) throws(DropReason) {
        switch try server.receive(fromPeer: peer, length: payload.count, at: relay, now: now) {
        case .channel(let number, let client):
            send(ChannelData.message(number, payload, isPadded: isStream(client)), to: client, &output)
        case .indication(let client): send(server.indication(payload, from: peer), to: client, &output)
        }
        relayed.toClients += payload.count
    }

    public func advance(to now: Instant, _ output: inout Output) {
        server.advance(to: now)
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
        while let transmit = server.nextTransmit() { send(transmit.bytes, to: transmit.client, &output) }
    }

    private func isStream(_ client: Tuple) -> Bool {
        server.configuration.listeners[Int(client.socket)].isStream
    }

    private func send(_ bytes: [UInt8], to client: Tuple, _ output: inout Output) {
        output.send(bytes, from: listeners[Int(client.socket)], to: client.remote)
    }
}
