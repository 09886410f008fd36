public import Wire

/// A stateful filter without translation: from outside comes what answers something from inside.
public struct Firewall: Sendable {
    /// Nothing that is UDP passes, either way.
    public var blocksUDP: Bool
    public var lifetime: Interval
    private var flows: [Flow: Instant] = [:]

    private struct Flow: Hashable, Sendable {
        var inside: SocketAddress
        var outside: SocketAddress
    }

    public init(blocksUDP: Bool = false, lifetime: Interval = .seconds(120)) {
        self.blocksUDP = blocksUDP
        self.lifetime = lifetime
    }

    public mutating func admitsFromInside(_ datagram: Datagram, now: Instant) -> Bool {
        guard !blocksUDP else { return false }
        flows[Flow(inside: datagram.source, outside: datagram.destination)] = now
        return true
    }

    public mutating func admitsFromOutside(_ datagram: Datagram, now: Instant) -> Bool {
        guard !blocksUDP else { return false }
        let flow = Flow(inside: datagram.destination, outside: datagram.source)
        guard let last = flows[flow], now <= last + lifetime else { return false }
        flows[flow] = now
        return true
    }

    /// Forgets all flows.
    public mutating func flush() { flows = [:] }
}
