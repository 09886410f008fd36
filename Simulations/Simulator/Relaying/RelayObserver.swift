import STUN
public import Wire

/// Watches the packets of a TURN server's host for I11, by means of its own: allocations, permissions and channels are
/// what successful answers say (RFC 8656), and the server is never asked.
///
/// - A permission lasts 300 s, a channel 600 s, an allocation as long as the answer says, 600 s unless more was asked.
///   What is used is renewed before that.
/// - What leaves a relayed address came from its client, for that peer, byte for byte, and once; what goes to a client
///   came from that peer in the same way.
/// - Both only while the peer has a permission, and in a channel only while it is bound.
/// - Nothing is relayed to where the server listens: that would be the client speaking as the server.
public struct RelayObserver: Sendable {
    public struct Listener: Hashable, Sendable {
        public var address: SocketAddress
        /// How clients reach it.
        public var carrier: RelayCarrier

        public init(address: SocketAddress, carrier: RelayCarrier) {
            self.address = address
            self.carrier = carrier
        }
    }

    /// What was seen.
    public struct Counters: Hashable, Sendable {
        public var allocations = 0
        public var allocationRefreshes = 0
        public var permissions = 0
        /// Of permissions that still stood.
        public var permissionRefreshes = 0
        public var channels = 0
        public var channelRefreshes = 0
        /// Payloads.
        public var toPeers = (datagrams: 0, bytes: 0)
        public var toClients = (datagrams: 0, bytes: 0)

        public static func == (left: Counters, right: Counters) -> Bool { left.list == right.list }
        public func hash(into hasher: inout Hasher) { hasher.combine(list) }

        private var list: [Int] {
            [
                allocations, allocationRefreshes, permissions, permissionRefreshes, channels, channelRefreshes,
                toPeers.datagrams, toPeers.bytes, toClients.datagrams, toClients.bytes,
            ]
        }
    }

    /// RFC 8656 sections 9, 12 and 3.2.
    static let permissionLifetime = Interval.seconds(300)
    static let channelLifetime = Interval.seconds(600)
    static let defaultLifetime: UInt32 = 600
    static let maximumLifetime: UInt32 = 3600
    /// So long after its end what is still used counts as not renewed in time: before, it may have been under way.
    static let grace = Interval.seconds(10)
    /// A client that uses something has data for it as often as this at least: consent is asked for every five seconds.
    static let continuity = Interval.seconds(30)
    private static let maximumClients = 4096
    private static let maximumViolations = 32

    public internal(set) var counters = Counters()
    private var violations: [String] = []
    private let listeners: [Listener]
    private let relayAddresses: Set<IPAddress>
    var clients: [ClientKey: RelayedClient] = [:]
    /// In the order of their first packet, to forget old ones by.
    private var order: [ClientKey] = []
    /// Whose each relayed address is.
    var owners: [SocketAddress: ClientKey] = [:]

    struct ClientKey: Hashable, Sendable {
        var listener: Int
        var remote: SocketAddress
    }

    /// - Parameter relayAddresses: where the server relays from.
    public init(listeners: [Listener], relayAddresses: [IPAddress]) {
        self.listeners = listeners
        self.relayAddresses = Set(relayAddresses)
    }

    /// What must not be and was, since this was asked last.
    public mutating func takeViolations() -> [String] {
        guard !violations.isEmpty else { return [] }
        defer { violations = [] }
        return violations
    }

    mutating func violate(_ text: String) {
        if violations.count < Self.maximumViolations { violations.append(text) }
    }

    // MARK: Packets

    /// A packet came to the server's host.
    public mutating func receives(_ datagram: Datagram, now: Instant) {
        if let listener = index(of: datagram.destination, datagram.transport) {
            let key = ClientKey(listener: listener, remote: datagram.source)
            remember(key)
            for frame in frames(datagram, of: key, fromClient: true) { take(frame, from: key, now) }
        } else if datagram.transport == .udp, let key = owners[datagram.destination] {
            clients[key]?.receives(datagram, now)
        }
    }

    /// The server's host sends a packet.
    public mutating func sends(_ datagram: Datagram, now: Instant) {
        if let listener = index(of: datagram.source, datagram.transport) {
            let key = ClientKey(listener: listener, remote: datagram.destination)
            guard clients[key] != nil else { return }
            for frame in frames(datagram, of: key, fromClient: false) { take(frame, to: key, now) }
        } else if datagram.transport == .udp, relayAddresses.contains(datagram.source.ip) {
            checkRelayed(datagram, now)
        }
    }

    private func index(of address: SocketAddress, _ transport: Datagram.Transport) -> Int? {
        listeners.firstIndex { $0.address == address && ($0.carrier == .udp) == (transport == .udp) }
    }

    private mutating func remember(_ key: ClientKey) {
        guard clients[key] == nil else { return }
        if order.count >= Self.maximumClients, let idle = order.firstIndex(where: { clients[$0]?.allocation == nil }) {
            clients[order.remove(at: idle)] = nil
        }
        order.append(key)
        clients[key] = RelayedClient(carrier: listeners[key.listener].carrier)
    }

    private mutating func frames(_ datagram: Datagram, of key: ClientKey, fromClient: Bool) -> [[UInt8]] {
        guard let segment = datagram.segment else { return [datagram.payload] }
        guard var client = clients.removeValue(forKey: key) else { return [] }
        defer { clients[key] = client }
        let frames = client.frames(segment, datagram.payload, fromClient: fromClient)
        if client.hasEnded { end(&client, of: key) }
        return frames
    }

    private mutating func end(_ client: inout RelayedClient, of key: ClientKey) {
        if let relayed = client.allocation?.relayed, owners[relayed] == key { owners[relayed] = nil }
        client.allocation?.isOver = true
    }

    // MARK: What leaves a relayed address

    private mutating func checkRelayed(_ datagram: Datagram, _ now: Instant) {
        guard let key = owners[datagram.source], var client = clients.removeValue(forKey: key) else {
            return violate("\(datagram.source), which is nobody's, sends to \(datagram.destination)")
        }
        defer { clients[key] = client }
        counters.toPeers.datagrams += 1
        counters.toPeers.bytes += datagram.payload.count
        if listeners.contains(where: { $0.address == datagram.destination }) {
            violate("the server relays to itself at \(datagram.destination)")
        }
        if let text = client.relays(datagram.payload, to: datagram.destination, now) { violate(text) }
    }
}
