import ICE
import STUN
public import TURN
public import Wire

/// How a client reaches a TURN server.
public enum RelayCarrier: String, Hashable, Sendable, CaseIterable {
    case udp, tcp, tls
}

/// A client's way to a TURN server: the product's own client, over UDP from one of the owner's sockets or over a
/// connection of the owner's TCP stack.
public struct RelayConnection: Sendable {
    public enum Carrier: Sendable {
        case datagrams(socket: Int)
        case stream(connection: Int, RelayStream)
    }

    public let server: SocketAddress
    public private(set) var carrier: Carrier
    public var client: Client
    /// The agent's socket that stands for the relayed address; nil before there is one.
    public var agentSocket: UInt8?
    /// As it was told to the peer.
    var candidate: Candidate?
    /// The connection to the server has ended.
    public private(set) var isCut = false

    public init(
        _ configuration: ClientConfiguration, server: SocketAddress, carrier: Carrier, random: SeededRandom,
        now: Instant
    ) {
        self.server = server
        self.carrier = carrier
        client = Client(configuration, random: random, now: now)
    }

    public var kind: RelayCarrier {
        switch carrier {
        case .datagrams: .udp
        case .stream(_, let stream): stream.isTLS ? .tls : .tcp
        }
    }

    /// It will not work again.
    public var isDead: Bool {
        switch client.state {
        case .allocating, .allocated: isCut
        case .failed, .closed: true
        }
    }

    /// Something happened to a connection of the stack; nothing where it is another one.
    public mutating func take(_ event: TCPStack.Event, now: Instant) {
        guard case .stream(let connection, var stream) = carrier else { return }
        switch event {
        case .received(connection, let bytes):
            stream.receive(bytes)
            while let frame = stream.nextFrame() { try? unsafe client.receive(frame.span.bytes, now: now) }
            carrier = .stream(connection: connection, stream)
        case .closed(connection): isCut = true
        default: break
        }
    }

    /// What is to go to the server next: a datagram, or a piece of the stream.
    public mutating func nextTransmit() -> [UInt8]? {
        guard case .stream(let connection, var stream) = carrier else { return client.nextTransmit() }
        if let bytes = client.nextTransmit() { stream.send(bytes) }
        let bytes = stream.takeOutgoing()
        carrier = .stream(connection: connection, stream)
        return bytes.isEmpty ? nil : bytes
    }
}

/// One end of a stream between a client and a TURN server: frames, in TLS or not.
public struct RelayStream: Sendable {
    private var framer = StreamFramer()
    private var tls: SimulatedTLS?
    private var outgoing: [UInt8] = []

    public init(isTLS: Bool, role: SimulatedTLS.Role = .client) { tls = isTLS ? SimulatedTLS(role) : nil }

    public var isTLS: Bool { tls != nil }

    /// Nothing of it can be believed any more: close it.
    public var isBroken: Bool { framer.isBroken || tls?.phase == .broken }

    public mutating func receive(_ bytes: [UInt8]) {
        guard tls != nil else {
            framer.receive(bytes)
            return
        }
        tls?.receive(bytes)
        framer.receive(tls?.takePlaintext() ?? [])
    }

    public mutating func nextFrame() -> [UInt8]? { framer.next() }

    public mutating func send(_ bytes: [UInt8]) {
        if tls == nil { outgoing += bytes } else { tls?.send(bytes) }
    }

    /// What is to go into the connection; empty when there is nothing.
    public mutating func takeOutgoing() -> [UInt8] {
        if tls != nil { return tls?.takeOutgoing() ?? [] }
        defer { outgoing = [] }
        return outgoing
    }
}
