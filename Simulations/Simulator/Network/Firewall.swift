public import Wire

/// A stateful filter without translation: from outside comes what answers something from inside.
public struct Firewall: Sendable {
    /// Nothing that is UDP passes, either way; TCP that inside has opened does.
    public var blocksUDP: Bool
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
        pass(datagram, flow, known ?? State(last: now), fromInside: true, now: now)
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
