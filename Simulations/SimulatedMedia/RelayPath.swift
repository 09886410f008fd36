public import Simulator
import TURN
public import Wire

/// How a party of a call gets through a TURN server.
public struct RelayAccess: Hashable, Sendable {
    public var carrier: RelayCarrier
    public var server: SocketAddress
    public var username: String
    public var password: String

    public init(carrier: RelayCarrier, server: SocketAddress, username: String, password: String) {
        self.carrier = carrier
        self.server = server
        self.username = username
        self.password = password
    }
}

/// A party's socket behind its TURN server: the product's client, over UDP or over TCP as the simulator has it.
struct RelayPath {
    private var connection: RelayConnection
    private var tcp: TCPStack
    private let local: SocketAddress

    /// - Parameter local: its UDP socket; a connection leaves from the same port.
    init(_ access: RelayAccess, local: SocketAddress, random: SeededRandom, now: Instant) {
        var random = random
        self.local = local
        tcp = TCPStack(random: random.split())
        let isStream = access.carrier != .udp
        let carrier: RelayConnection.Carrier =
            isStream
            ? .stream(
                connection: tcp.connect(from: local, to: access.server, now: now),
                RelayStream(isTLS: access.carrier == .tls)) : .datagrams(socket: 0)
        connection = RelayConnection(
            ClientConfiguration(username: access.username, password: access.password, isStream: isStream),
            server: access.server, carrier: carrier, random: random, now: now)
    }

    var carrier: RelayCarrier { connection.kind }
    var relayed: SocketAddress? { connection.client.relayed }
    var deadline: Instant { min(connection.client.deadline, tcp.deadline) }

    /// Something came from the server; nothing else comes to this socket.
    mutating func receive(_ datagram: Datagram, now: Instant) {
        if datagram.segment != nil {
            tcp.receive(datagram, now: now)
            passStream(now)
        } else if datagram.source == connection.server {
            try? unsafe connection.client.receive(datagram.payload.span.bytes, now: now)
        }
    }

    mutating func advance(to now: Instant) {
        if tcp.deadline <= now { tcp.advance(to: now) }
        passStream(now)
        if connection.client.deadline <= now { connection.client.advance(to: now) }
    }

    private mutating func passStream(_ now: Instant) {
        while let event = tcp.nextEvent() { connection.take(event, now: now) }
    }

    mutating func send(_ bytes: [UInt8], to peer: SocketAddress, now: Instant) {
        connection.client.send(bytes, to: peer, now: now)
    }

    mutating func nextEvent() -> Client.Event? { connection.client.nextEvent() }

    /// What is to go to the server.
    mutating func flush(_ now: Instant, _ output: inout Output) {
        while let bytes = connection.nextTransmit() {
            switch connection.carrier {
            case .datagrams: output.send(bytes, from: local, to: connection.server)
            case .stream(let number, _): tcp.send(bytes, on: number, now: now)
            }
        }
        while let datagram = tcp.nextDatagram() { output.send(datagram) }
    }
}
