public import STUN
public import Wire

/// One allocation at a TURN server, from the client's side (RFC 8656): gets it, keeps it, and passes data through it.
///
/// Sans-IO: hand in what comes from the server, drain ``nextTransmit()`` to it and ``nextEvent()``, and call
/// ``advance(to:)`` at ``deadline``.
public struct Client: Sendable {
    public enum State: Hashable, Sendable {
        case allocating
        case allocated(relayed: SocketAddress)
        case failed(Failure)
        case closed
    }

    public enum Failure: Hashable, Sendable {
        /// The server does not answer.
        case noAnswer
        /// It answered so often that it does not know us that asking on is of no use.
        case unauthenticated
        case refused(ErrorCode)
        /// An answer without what it must have.
        case malformed
    }

    public enum Event: Hashable, Sendable {
        /// The relayed address, and where the server sees us.
        case allocated(relayed: SocketAddress, mapped: SocketAddress)
        case received([UInt8], from: SocketAddress)
        /// The server does not relay to that peer; what waited for it is dropped.
        case refused(peer: SocketAddress, ErrorCode?)
        case failed(Failure)
    }

    enum Purpose: Hashable, Sendable {
        case allocate
        case refresh(lifetime: UInt32)
        case permission(SocketAddress)
        case channel(SocketAddress, UInt16)
    }

    /// A request that awaits its answer.
    struct Pending: Sendable {
        var purpose: Purpose
        var id: TransactionID
        var bytes: [UInt8]
        var sends: Int
        var nextSend: Instant
        var timeout: Interval
    }

    /// One that data goes to or comes from.
    struct Peer: Sendable {
        var address: SocketAddress
        /// When its permission ends; nil before there is one.
        var permission: Instant?
        var channel: UInt16?
        var channelExpiry = Instant.origin
        var lastUsed: Instant
        var datagrams = 0
        var waiting: [[UInt8]] = []
    }

    public private(set) var state = State.allocating
    public let configuration: ClientConfiguration
    var random: SeededRandom
    var key: [UInt8] = []
    var realm: String?
    var nonce: String?
    var challenges = 0
    var pending: [Pending] = []
    var peers: [Peer] = []
    var nextChannel = Limits.channelNumbers.lowerBound
    var refreshAt = Instant.distantFuture
    private var transmits = Ring<[UInt8]>(capacity: 256, reserving: 0)
    private var events = Ring<Event>(capacity: 256, reserving: 0)

    public init(_ configuration: ClientConfiguration, random: SeededRandom, now: Instant) {
        self.configuration = configuration
        self.random = random
        start(.allocate, now)
    }

    public var relayed: SocketAddress? {
        if case .allocated(let relayed) = state { return relayed }
        return nil
    }

    public mutating func nextTransmit() -> [UInt8]? { transmits.pop() }

    public mutating func nextEvent() -> Event? { events.pop() }

    // MARK: Data

    /// Data for a peer. It waits, with a few others, until the peer's permission is there.
    public mutating func send(_ data: [UInt8], to address: SocketAddress, now: Instant) {
        guard relayed != nil, let index = peer(address, now) else { return }
        peers[index].lastUsed = now
        guard let end = peers[index].permission, now < end else {
            if peers[index].waiting.count >= Limits.waitingDatagrams { peers[index].waiting.removeFirst() }
            peers[index].waiting.append(data)
            return
        }
        pass(data, to: index, now)
    }

    /// Gives the allocation back.
    public mutating func close(now: Instant) {
        guard relayed != nil else { return finish(.closed) }
        start(.refresh(lifetime: 0), now)
        finish(.closed)
    }

    private mutating func peer(_ address: SocketAddress, _ now: Instant) -> Int? {
        if let index = peers.firstIndex(where: { $0.address == address }) {
            if peers[index].permission.map({ now >= $0 }) ?? true, !isPending(.permission(address)) {
                start(.permission(address), now)
            }
            return index
        }
        guard relayed?.ip.isIPv4 == address.ip.isIPv4 else { return nil }
        if peers.count >= Limits.peers {
            guard let oldest = peers.indices.min(by: { peers[$0].lastUsed < peers[$1].lastUsed }) else { return nil }
            peers.remove(at: oldest)
        }
        var peer = Peer(address: address, lastUsed: now)
        // A permission is an address's, whatever the port (RFC 8656 section 9).
        peer.permission = peers.first { $0.address.ip == address.ip && $0.permission != nil }?.permission
        if peer.permission.map({ now >= $0 }) ?? true { start(.permission(address), now) }
        peers.append(peer)
        return peers.count - 1
    }

    /// A peer that gets more than a check or two gets a channel, whose header is 32 bytes shorter.
    mutating func pass(_ data: [UInt8], to index: Int, _ now: Instant) {
        let peer = peers[index]
        peers[index].datagrams += 1
        if let channel = peer.channel, now < peer.channelExpiry {
            return transmit(ChannelData.message(channel, data, isPadded: configuration.isStream))
        }
        if peer.datagrams == 3, Limits.channelNumbers.contains(nextChannel) {
            start(.channel(peer.address, nextChannel), now)
            nextChannel += 1
        }
        var builder = MessageBuilder(MessageType(.indication, .send), transactionID: TransactionID(random: &random))
        builder.addXOR(.xorPeerAddress, peer.address)
        builder.add(.data, data)
        transmit(builder.finish(key: nil, fingerprint: false))
    }

    // MARK: State

    mutating func allocated(relayed: SocketAddress, mapped: SocketAddress) {
        state = .allocated(relayed: relayed)
        emit(.allocated(relayed: relayed, mapped: mapped))
    }

    mutating func fail(_ failure: Failure) {
        finish(.failed(failure))
        emit(.failed(failure))
    }

    private mutating func finish(_ state: State) {
        self.state = state
        pending = []
        peers = []
        refreshAt = .distantFuture
    }

    mutating func transmit(_ bytes: [UInt8]) { transmits.pushEvictingOldest(bytes) }

    mutating func emit(_ event: Event) { events.pushEvictingOldest(event) }

    func isPending(_ purpose: Purpose) -> Bool { pending.contains { $0.purpose == purpose } }
}
