import ICE
import Wire

/// A peer's TCP connections for ICE (RFC 6544): those that others open to it, and those that it opens.
struct PeerStreams {
    private struct Connection {
        /// The stack's.
        var number: Int
        var tuple: Tuple
        var framing = FramedStream()
    }

    /// The agent's sockets `sockets` stand for: passive ones first, then active ones.
    let sockets: Range<Int>
    private let listeners: [SocketAddress]
    private let openers: [IPAddress]
    private var connections: [Connection] = []
    private var nextPort = firstPort

    /// Ports that connections leave from, one after the other.
    private static let firstPort: UInt16 = 53_000

    init(firstSocket: Int, listeners: [SocketAddress], openers: [IPAddress]) {
        self.listeners = listeners
        self.openers = openers
        sockets = firstSocket..<(firstSocket + listeners.count + openers.count)
    }

    var candidates: [Candidate] {
        Candidate.hosts(listeners, firstSocket: sockets.lowerBound, transport: .tcpPassive)
            + Candidate.hosts(
                openers.map { SocketAddress(ip: $0, port: 0) }, firstSocket: sockets.lowerBound + listeners.count,
                transport: .tcpActive)
    }

    /// Whether a segment to there is for one of these connections.
    func has(_ local: SocketAddress) -> Bool {
        listeners.contains(local) || openers.contains(local.ip) && local.port >= Self.firstPort
    }

    func listen(_ tcp: inout TCPStack) { for local in listeners { tcp.listen(on: local) } }

    /// Sends a packet on the connection of `tuple`; opens it where there is none and it is ours to open.
    mutating func send(_ packet: [UInt8], to tuple: Tuple, _ tcp: inout TCPStack, now: Instant) {
        guard let frame = FramedStream.frame(packet) else { return }
        if let known = connections.first(where: { $0.tuple == tuple }) {
            tcp.send(frame, on: known.number, now: now)
            return
        }
        let opener = Int(tuple.socket) - sockets.lowerBound - listeners.count
        guard openers.indices.contains(opener) else { return }
        let local = SocketAddress(ip: openers[opener], port: nextPort)
        nextPort = nextPort == .max ? Self.firstPort : nextPort + 1
        let number = tcp.connect(from: local, to: tuple.remote, now: now)
        connections.append(Connection(number: number, tuple: tuple))
        tcp.send(frame, on: number, now: now)
    }

    /// What the stack tells: packets for the agent, or that a connection is no more. Nil where it is not one of these.
    mutating func handle(_ event: TCPStack.Event, _ tcp: inout TCPStack, now: Instant) -> StreamNews? {
        switch event {
        case .accepted(let number, let local, let remote):
            guard let index = listeners.firstIndex(of: local) else { return nil }
            let tuple = Tuple(socket: UInt8(sockets.lowerBound + index), remote: remote)
            connections.append(Connection(number: number, tuple: tuple))
            return StreamNews(tuple: tuple)
        case .connected(let number):
            return connections.first { $0.number == number }.map { StreamNews(tuple: $0.tuple) }
        case .received(let number, let bytes):
            guard let index = connections.firstIndex(where: { $0.number == number }) else { return nil }
            var news = StreamNews(tuple: connections[index].tuple)
            connections[index].framing.receive(bytes)
            while let packet = connections[index].framing.next() { news.packets.append(packet) }
            if connections[index].framing.isBroken {
                tcp.abort(number)
                connections.remove(at: index)
                news.isClosed = true
            }
            return news
        case .closed(let number):
            guard let index = connections.firstIndex(where: { $0.number == number }) else { return nil }
            tcp.close(number, now: now)
            return StreamNews(tuple: connections.remove(at: index).tuple, isClosed: true)
        }
    }
}

/// What came on a connection.
struct StreamNews {
    var tuple: Tuple
    var packets: [[UInt8]] = []
    var isClosed = false
}
