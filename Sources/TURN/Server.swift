import STUN
public import Wire

/// A TURN server (RFC 8656) for relaying over UDP, to clients over UDP, TCP and TLS.
///
/// Sans-IO. Data goes through ``receive(_:from:now:)`` and ``receive(fromPeer:length:at:now:)``, which say where it
/// belongs and touch nothing but tables of fixed size; everything else comes out of ``nextTransmit()`` and
/// ``nextAction()``. Sockets to clients have indexes into ``ServerConfiguration/listeners``, relay sockets have numbers
/// of the server's own.
public struct Server: ~Copyable {
    public let configuration: ServerConfiguration
    var allocations: SlotTable<Allocation>
    var relays: SlotTable<Relay>
    /// Which allocation a client has.
    var clients: TupleTable
    var allocationsByUser: [String: Int] = [:]
    /// Ports that relays have, by address as bound.
    var usedPorts: Set<SocketAddress> = []
    let nonceKey: NonceKey
    var strangers: StrangerBudget
    var random: SeededRandom
    var transmits = Ring<Transmit>(capacity: 1024, reserving: 0)
    var actions = Ring<RelayAction>(capacity: 4096, reserving: 0)
    var nextSweep = Instant.distantFuture

    /// A datagram to a client.
    public struct Transmit: Hashable, Sendable {
        public var client: Tuple
        public var bytes: [UInt8]
    }

    /// What a client's datagram was.
    public enum FromClient: Hashable, Sendable {
        /// For the server; drain what there is to send.
        case control
        /// Data for a peer: these bytes of the datagram, through that relay.
        case data(relay: Int32, peer: SocketAddress, bytes: Range<Int>)
    }

    /// How a peer's datagram goes on to the client.
    public enum FromPeer: Hashable, Sendable {
        /// With ``ChannelData``'s header in front.
        case channel(UInt16, client: Tuple)
        /// In a Data indication, which ``indication(_:from:)`` makes.
        case indication(client: Tuple)
    }

    /// `random` makes nonces and ports: seed it from the system's entropy wherever strangers come.
    public init(_ configuration: ServerConfiguration, random: SeededRandom) {
        precondition(configuration.listeners.count <= 256, "a socket index is 8 bits")
        var random = random
        self.configuration = configuration
        allocations = SlotTable(capacity: configuration.allocations)
        // Two families, and a reserved port, each.
        relays = SlotTable(capacity: configuration.allocations * 3)
        clients = TupleTable(capacity: configuration.allocations)
        nonceKey = NonceKey(random: &random)
        strangers = StrangerBudget(random: &random)
        self.random = random
    }

    public var allocationCount: Int { allocations.count }
    public var relayCount: Int { relays.count }

    /// When ``advance(to:)`` has something to do.
    public var deadline: Instant { nextSweep }

    /// The next datagram to a client, in order.
    public mutating func nextTransmit() -> Transmit? { transmits.pop() }

    /// The next thing to do with a relay socket, in order; before ``nextTransmit()``.
    public mutating func nextAction() -> RelayAction? { actions.pop() }

    // MARK: Data

    /// One datagram, or frame of a stream, from a client.
    ///
    /// - Throws: why it had no effect and gets no answer.
    public mutating func receive(_ datagram: RawSpan, from client: Tuple, now: Instant) throws(DropReason) -> FromClient
    {
        guard Int(client.socket) < configuration.listeners.count else { throw .unknownTuple }
        guard ChannelData.isChannelData(datagram) else { return try receiveMessage(datagram, from: client, now) }
        guard let index = clients.slot(for: client) else { throw .turnNoAllocation }
        guard let (number, bytes) = ChannelData.parse(datagram) else { throw .turnMalformed }
        guard now < allocations[index].expiry else { throw .turnNoAllocation }
        guard let channel = allocations[index].channel(number, now: now) else { throw .turnUnknownChannel }
        return try admit(bytes, to: channel.peer, allocation: index, now)
    }

    /// A peer's datagram of `length` bytes at a relay.
    public mutating func receive(
        fromPeer peer: SocketAddress, length: Int, at relay: Int32, now: Instant
    ) throws(DropReason) -> FromPeer {
        guard relays.contains(relay), case .allocation(let index) = relays[relay].owner,
            now < allocations[index].expiry
        else { throw .turnNoAllocation }
        // RFC 8656 section 12.7: with a channel its own permission was refreshed when it was bound, and both are asked.
        guard allocations[index].permits(peer.ip, now: now) else { throw .turnNoPermission }
        guard allocations[index].toClient.take(length, now: now) else { throw .turnRateExceeded }
        let client = allocations[index].client
        if let channel = allocations[index].channel(to: peer, now: now) {
            return .channel(channel.number, client: client)
        }
        return .indication(client: client)
    }

    /// Whether data may go to a peer, and through which relay.
    mutating func admit(
        _ bytes: Range<Int>, to peer: SocketAddress, allocation index: Int32, _ now: Instant
    ) throws(DropReason) -> FromClient {
        guard allocations[index].opening == 0, let relay = allocations[index].relay(for: peer.ip) else {
            throw .turnNoAllocation
        }
        guard allocations[index].permits(peer.ip, now: now) else { throw .turnNoPermission }
        guard allocations[index].toPeers.take(bytes.count, now: now) else { throw .turnRateExceeded }
        return .data(relay: relay, peer: peer, bytes: bytes)
    }

    /// A Data indication (RFC 8656 section 11.4).
    public mutating func indication(_ data: [UInt8], from peer: SocketAddress) -> [UInt8] {
        var builder = MessageBuilder(
            MessageType(.indication, .data), transactionID: TransactionID(random: &random))
        builder.addXOR(.xorPeerAddress, peer)
        builder.add(.data, data)
        return builder.finish(key: nil, fingerprint: false)
    }
}
