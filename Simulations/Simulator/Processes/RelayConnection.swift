import STUN
import TURN
import Wire

/// A peer's way to a TURN server: the production client, over UDP from a socket of the peer or over a TCP connection.
struct RelayConnection {
    enum Carrier {
        case datagrams(socket: Int)
        case stream(connection: Int, StreamFramer)
    }

    let server: SocketAddress
    var carrier: Carrier
    var client: Client
    /// The agent's socket that stands for the relayed address; nil before there is one.
    var agentSocket: UInt8?

    init(
        _ configuration: ClientConfiguration, server: SocketAddress, carrier: Carrier, random: SeededRandom,
        now: Instant
    ) {
        self.server = server
        self.carrier = carrier
        client = Client(configuration, random: random, now: now)
    }

    /// Bytes of the stream.
    mutating func receive(stream bytes: [UInt8], now: Instant) {
        guard case .stream(let connection, var framer) = carrier else { return }
        framer.receive(bytes)
        while let frame = framer.next() { try? unsafe client.receive(frame.span.bytes, now: now) }
        carrier = .stream(connection: connection, framer)
    }

    func isStream(_ number: Int) -> Bool {
        if case .stream(number, _) = carrier { return true }
        return false
    }
}
