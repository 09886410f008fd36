public import Wire

/// A host's TCP (RFC 9293) as a value: segments and times go in, segments and events come out.
///
/// Enough of it to be true to a network that loses, delays, reorders, doubles and damages: the handshake, also a
/// simultaneous one, cumulative acknowledgement, delivery in order, retransmission with backoff (RFC 6298), a
/// congestion window with fast recovery (RFC 5681, RFC 6582), half-closed connections, resets and TIME-WAIT.
///
/// Deviation: every segment is acknowledged at once, nothing is delayed or held back to be joined (RFC 9293 section
/// 3.8.6.3 and 3.7.4); there is no keep-alive, so a peer that dies while nothing is sent is not noticed.
public struct TCPStack: Sendable {
    public enum Event: Hashable, Sendable {
        /// A peer connected to an address that is listened on.
        case accepted(Int, local: SocketAddress, remote: SocketAddress)
        /// ``connect(from:to:now:)`` got through.
        case connected(Int)
        /// The next bytes of the stream.
        case received(Int, [UInt8])
        /// No more bytes come: the peer has closed, or the connection was refused, reset, or died. Where the peer has
        /// closed, bytes can be sent until ``close(_:now:)``, which is still to be called.
        case closed(Int)
    }

    /// What happened besides.
    public struct Statistics: Hashable, Sendable {
        /// Segments that were sent again.
        public var retransmissions = 0
        /// Segments with bytes or a FIN that were there already.
        public var duplicates = 0
        /// Segments whose checksum is wrong.
        public var damaged = 0
        /// Connections that a RST ended.
        public var resets = 0
        /// Connections whose peer did not answer any more.
        public var timeouts = 0

        public init() {}
    }

    /// Connections at one time, half-open ones and TIME-WAIT included; what is beyond is not answered.
    public static let maximumConnections = 1024
    /// Addresses that are listened on.
    public static let maximumListeners = 64
    /// Bytes of a connection that wait for the window or for an acknowledgement.
    public static let maximumUnsent = 1 << 20
    /// Events and segments that nobody has fetched; segments that come then are lost.
    static let maximumWaiting = 4096

    /// A segment for an address of nobody is answered with a RST. Where several stacks share a host, only one may.
    public var refusesUnknown = true
    /// Unanswered for so long, a connection is given up (RFC 9293 section 3.8.3, R2: at least 100 seconds).
    public var patience = Interval.seconds(100)
    /// The same for a SYN: at least three minutes.
    public var handshakePatience = Interval.seconds(180)

    /// What goes out, also of connections that are no more.
    struct Outbox: Sendable {
        var datagrams: [Datagram] = []
        var events: [Event] = []
        var statistics = Statistics()
    }

    var outbox = Outbox()
    private var takenDatagrams = 0
    private var takenEvents = 0
    /// In the order of their numbers.
    var connections: [TCPConnection] = []
    private var listeners: [SocketAddress] = []
    private var nextConnection = 0
    private let secret: UInt64

    public init(random: SeededRandom) {
        var random = random
        secret = random.next()
    }

    public var statistics: Statistics { outbox.statistics }
    public var connectionCount: Int { connections.count }

    /// Accepts connections to a local address from now on.
    public mutating func listen(on local: SocketAddress) {
        guard listeners.count < Self.maximumListeners, !listeners.contains(local) else { return }
        listeners.append(local)
    }

    /// Opens a connection; ``Event/connected(_:)`` or ``Event/closed(_:)`` tells how it went. Two addresses that have a
    /// connection between them, and a stack that is full, make it fail at once.
    /// - Returns: its number.
    public mutating func connect(from local: SocketAddress, to remote: SocketAddress, now: Instant) -> Int {
        nextConnection += 1
        connections.removeAll { $0.isBetween(local, remote) && $0.isWaitingOnly }
        guard connections.count < Self.maximumConnections, index(local, remote) == nil else {
            outbox.events.append(.closed(nextConnection))
            return nextConnection
        }
        var connection = TCPConnection(
            number: nextConnection, local: local, remote: remote, initial: initialSequence(local, remote, now))
        connection.patience = patience
        connection.handshakePatience = handshakePatience
        connection.open(&outbox, now: now)
        connections.append(connection)
        return nextConnection
    }

    /// Queues bytes; they go out when the connection is open and the windows let them.
    /// - Returns: false, with nothing taken, where they do not fit or the connection takes no more.
    @discardableResult
    public mutating func send(_ bytes: [UInt8], on connection: Int, now: Instant) -> Bool {
        guard let index = index(connection) else { return false }
        return connections[index].send(bytes, &outbox, now: now)
    }

    /// Bytes that the peer has not acknowledged; zero for connections that are no more.
    public func unacknowledged(_ connection: Int) -> Int { index(connection).map { connections[$0].queued } ?? 0 }

    /// No more bytes will be sent after those that wait; the peer's still come.
    public mutating func close(_ connection: Int, now: Instant) {
        guard let index = index(connection) else { return }
        connections[index].close(&outbox, now: now)
        sweep()
    }

    /// Ends a connection with a RST; no event follows.
    public mutating func abort(_ connection: Int) {
        guard let index = index(connection) else { return }
        connections[index].abort(&outbox)
        sweep()
    }

    /// A packet arrived; what is not TCP is not looked at.
    public mutating func receive(_ datagram: Datagram, now: Instant) {
        guard let segment = datagram.segment, waiting < Self.maximumWaiting else { return }
        guard segment.isIntact(datagram.payload) else {
            outbox.statistics.damaged += 1
            return
        }
        if let index = index(datagram.destination, datagram.source) {
            if connections[index].isReplaced(by: segment) {
                connections.remove(at: index)
            } else {
                connections[index].receive(segment, datagram.payload, &outbox, now: now)
                return sweep()
            }
        }
        guard !segment.flags.contains(.rst) else { return }
        let isOpening = segment.flags == .syn
        if isOpening, listeners.contains(datagram.destination) {
            accept(segment, datagram, now: now)
        } else if refusesUnknown || listeners.contains(datagram.destination) {
            outbox.refuse(segment, datagram)
        }
    }

    public var deadline: Instant { connections.map(\.deadline).min() ?? .distantFuture }

    public mutating func advance(to now: Instant) {
        for index in connections.indices where connections[index].deadline <= now {
            connections[index].advance(to: now, &outbox)
        }
        sweep()
    }

    public mutating func nextDatagram() -> Datagram? {
        guard takenDatagrams < outbox.datagrams.count else {
            outbox.datagrams.removeAll(keepingCapacity: true)
            takenDatagrams = 0
            return nil
        }
        takenDatagrams += 1
        return outbox.datagrams[takenDatagrams - 1]
    }

    public mutating func nextEvent() -> Event? {
        guard takenEvents < outbox.events.count else {
            outbox.events.removeAll(keepingCapacity: true)
            takenEvents = 0
            return nil
        }
        takenEvents += 1
        return outbox.events[takenEvents - 1]
    }

    private var waiting: Int {
        max(outbox.datagrams.count - takenDatagrams, outbox.events.count - takenEvents)
    }

    private mutating func accept(_ segment: TCPSegment, _ datagram: Datagram, now: Instant) {
        guard connections.count < Self.maximumConnections else { return }
        nextConnection += 1
        let (local, remote) = (datagram.destination, datagram.source)
        var connection = TCPConnection(
            number: nextConnection, local: local, remote: remote, initial: initialSequence(local, remote, now))
        connection.patience = patience
        connection.handshakePatience = handshakePatience
        connection.accept(segment, &outbox, now: now)
        connections.append(connection)
    }

    private func index(_ number: Int) -> Int? { connections.firstIndex { $0.number == number } }

    private func index(_ local: SocketAddress, _ remote: SocketAddress) -> Int? {
        connections.firstIndex { $0.isBetween(local, remote) }
    }

    /// Connections that are over are forgotten.
    private mutating func sweep() { connections.removeAll { $0.state == .closed } }

    /// RFC 6528: a clock of 4 µs, moved by a secret for each pair of addresses.
    private func initialSequence(_ local: SocketAddress, _ remote: SocketAddress, _ now: Instant) -> UInt32 {
        var hash = FNV1a()
        hash.add(secret)
        hash.add(local)
        hash.add(remote)
        return UInt32(truncatingIfNeeded: now.nanoseconds / 4000) &+ UInt32(truncatingIfNeeded: hash.value >> 16)
    }
}

extension TCPStack.Outbox {
    /// The answer to a segment that belongs to no connection (RFC 9293 section 3.10.7.1).
    mutating func refuse(_ segment: TCPSegment, _ datagram: Datagram) {
        var answer = TCPSegment(flags: .rst, sequence: segment.acknowledgement)
        if !segment.flags.contains(.ack) {
            answer = TCPSegment(
                flags: [.rst, .ack], sequence: 0,
                acknowledgement: segment.sequence &+ segment.length(datagram.payload))
        }
        answer.seal([])
        datagrams.append(
            Datagram(source: datagram.destination, destination: datagram.source, payload: [], segment: answer))
    }
}

extension TCPSegment {
    /// In sequence numbers: SYN and FIN count one each.
    func length(_ payload: [UInt8]) -> UInt32 {
        UInt32(payload.count) + (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0)
    }
}
