public import Wire

/// A stateful filter without translation: from outside comes what answers something from inside.
public struct Firewall: Sendable {
    /// Nothing that is UDP passes, either way; TCP that inside has opened does.
    public var blocksUDP: Bool
    /// TCP goes out to these ports only; nil is to all.
    public var tcpPorts: Set<UInt16>?
    /// TCP goes out only where its first bytes are those of TLS (RFC 8446 section 5.1), as a firewall sees that looks
    /// into connections.
    public var demandsTLS = false
    /// Of UDP without traffic.
    public var lifetime: Interval
    public var tcpLifetimes = TCPLifetimes()
    private var flows: [Flow: State] = [:]

    private struct Flow: Hashable, Sendable {
        var transport: Datagram.Transport
        var inside: SocketAddress
        var outside: SocketAddress
    }

    private struct State: Sendable {
        var last: Instant
        var tcp = TCPTracking()
        /// Its first bytes were those of TLS.
        var isTLS = false
    }

    public init(blocksUDP: Bool = false, lifetime: Interval = .seconds(120)) {
        self.blocksUDP = blocksUDP
        self.lifetime = lifetime
    }

    public mutating func admitsFromInside(_ datagram: Datagram, now: Instant) -> Bool {
        guard !isBlocked(datagram) else { return false }
        let flow = Flow(
            transport: datagram.transport, inside: datagram.source, outside: datagram.destination)
        let known = flows[flow].flatMap { isFresh($0, flow, now) ? $0 : nil }
        var state = known ?? State(last: now)
        guard admits(datagram, &state) else { return false }
        pass(datagram, flow, state, fromInside: true, now: now)
        return true
    }

    public mutating func admitsFromOutside(_ datagram: Datagram, now: Instant) -> Bool {
        guard !isBlocked(datagram) else { return false }
        let flow = Flow(
            transport: datagram.transport, inside: datagram.destination, outside: datagram.source)
        guard let state = flows[flow], isFresh(state, flow, now) else { return false }
        pass(datagram, flow, state, fromInside: false, now: now)
        return true
    }

    /// Forgets all flows.
    public mutating func flush() { flows = [:] }

    private func isBlocked(_ datagram: Datagram) -> Bool { blocksUDP && datagram.transport == .udp }

    private func admits(_ datagram: Datagram, _ state: inout State) -> Bool {
        guard datagram.transport == .tcp else { return true }
        if let tcpPorts, !tcpPorts.contains(datagram.destination.port) { return false }
        guard demandsTLS, !state.isTLS, let first = datagram.payload.first else { return true }
        state.isTLS = first == TLSRecord.Kind.handshake.rawValue
        return state.isTLS
    }

    private func isFresh(_ state: State, _ flow: Flow, _ now: Instant) -> Bool {
        now <= state.last + (flow.transport == .udp ? lifetime : tcpLifetimes.lifetime(state.tcp))
    }

    private mutating func pass(
        _ datagram: Datagram, _ flow: Flow, _ state: State, fromInside: Bool, now: Instant
    ) {
        var state = state
        if let segment = datagram.segment { state.tcp.pass(segment, fromInside: fromInside) }
        state.last = now
        flows[flow] = state
    }
}
