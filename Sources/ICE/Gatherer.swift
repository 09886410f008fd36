import STUN
public import Wire

/// Asks STUN servers where they see our sockets (RFC 8445 section 5.1.1.2): one Binding request for each socket and
/// server, paced and sent again until answered.
///
/// A core: hand in what comes from a server before the agent gets it, and drain ``nextTransmit()``.
public struct Gatherer: Sendable {
    /// An answer: where the server saw a socket.
    public struct Found: Hashable, Sendable {
        public var socket: UInt8
        public var mapped: SocketAddress
        public var server: SocketAddress
    }

    private struct Request: Sendable {
        var id: TransactionID
        var tuple: Tuple
        var bytes: [UInt8]
        var sends = 0
        var nextSend: Instant
        var timeout = Limits.initialRetransmission
    }

    private var requests: [Request] = []
    private var transmits: [Transmit] = []

    /// - Parameter sockets: local addresses; only servers of the same family are asked.
    public init(sockets: [SocketAddress], servers: [SocketAddress], random: SeededRandom, now: Instant) {
        var random = random
        var start = now
        for (index, local) in sockets.enumerated() {
            for server in servers where server.ip.isIPv4 == local.ip.isIPv4 {
                let id = TransactionID(random: &random)
                let bytes = MessageBuilder(MessageType(.request), transactionID: id).finish(key: nil)
                requests.append(
                    Request(
                        id: id, tuple: Tuple(socket: UInt8(index), remote: server), bytes: bytes, nextSend: start))
                // RFC 8445 section 14.2: Ta between any two transactions.
                start = start + Limits.pacing
            }
        }
        advance(to: now)
    }

    /// Every request was answered or given up.
    public var isFinished: Bool { requests.isEmpty }

    public var deadline: Instant { requests.reduce(.distantFuture) { min($0, $1.nextSend) } }

    public mutating func advance(to now: Instant) {
        for index in requests.indices.reversed() where now >= requests[index].nextSend {
            guard requests[index].sends < Limits.gatheringSends else {
                requests.remove(at: index)
                continue
            }
            if requests[index].sends > 0 { requests[index].timeout = requests[index].timeout * 2 }
            requests[index].sends += 1
            requests[index].nextSend = now + requests[index].timeout
            transmits.append(Transmit(tuple: requests[index].tuple, bytes: requests[index].bytes))
        }
    }

    /// A datagram, if it answers one of the requests; nil leaves it to others. An answer counts from whom it was asked
    /// of only.
    public mutating func receive(_ datagram: RawSpan, from tuple: Tuple) -> Found? {
        guard let message = try? Message(parsing: datagram), message.type == MessageType(.success),
            let index = requests.firstIndex(where: { $0.id == message.transactionID && $0.tuple == tuple }),
            let mapped = message.xorMappedAddress, mapped.port != 0
        else { return nil }
        requests.remove(at: index)
        return Found(socket: tuple.socket, mapped: mapped, server: tuple.remote)
    }

    public mutating func nextTransmit() -> Transmit? { transmits.isEmpty ? nil : transmits.removeFirst() }
}
