import STUN
public import Wire

/// A network address translator for UDP and TCP: a state machine over packets, without links or clock of its own.
///
/// What it refuses it drops silently, also a SYN that nobody asked for. RFC 5382 REQ-4 wants silence for at least six
/// seconds, so that both sides may open at once.
public struct NAT: Sendable {
    /// Why a packet went no further.
    public enum Refusal: String, Hashable, Sendable, BitwiseCopyable, CaseIterable {
        /// Nothing inside has the external endpoint.
        case noMapping = "no mapping"
        /// The mapping's filter has no place for the sender.
        case filtered
        /// No port is left, or the subscriber has as many as it may have.
        case noPort = "no port left"
        /// From inside to one of its own external addresses, and it does not turn packets round.
        case noHairpin = "no hairpin"
    }

    public enum Verdict: Hashable, Sendable {
        /// Goes on outside.
        case outward(Datagram)
        /// Goes on inside.
        case inward(Datagram)
        case refused(Refusal)
    }

    /// One external endpoint and who it stands for.
    struct Mapping: Sendable {
        let transport: Datagram.Transport
        let `internal`: SocketAddress
        let external: SocketAddress
        /// The destination that it is for, as far as the mapping depends on it.
        let remote: Remote
        /// What was sent where: the holes in the filter.
        var holes: [SocketAddress: Hole] = [:]
        /// The last packet that kept it.
        var refreshed: Instant

        var endpoint: Endpoint { Endpoint(transport: transport, address: external) }
    }

    struct Hole: Sendable {
        /// The last packet that kept it.
        var refreshed: Instant
        /// Of TCP only.
        var tcp = TCPTracking()
    }

    /// An external endpoint: ports of UDP and TCP are counted apart.
    struct Endpoint: Hashable, Sendable {
        var transport: Datagram.Transport
        var address: SocketAddress
    }

    /// A destination as a mapping or filter tells them apart.
    struct Remote: Hashable, Sendable {
        var ip: IPAddress?
        var port: UInt16?
    }

    struct Key: Hashable, Sendable {
        var transport: Datagram.Transport
        var `internal`: SocketAddress
        var remote: Remote
    }

    /// More destinations than that get no answer.
    static let holesPerMapping = 4096

    public var behavior: NATBehavior
    public let externalAddresses: [IPAddress]
    /// By number, oldest first; the dictionaries below only find them.
    var mappings: [UInt64: Mapping] = [:]
    var byKey: [Key: UInt64] = [:]
    var byExternal: [Endpoint: [UInt64]] = [:]
    var nextMapping: UInt64 = 0
    var nextPort: UInt16
    /// External address of each internal one, where they are paired.
    var pairedAddresses: [IPAddress: Int] = [:]
    /// First port of each subscriber's block.
    var blocks: [IPAddress: UInt16] = [:]
    /// When a port was given up.
    var resting: [Endpoint: Instant] = [:]
    var random: SeededRandom

    /// - Parameter externalAddresses: at least one.
    public init(_ behavior: NATBehavior, externalAddresses: [IPAddress], random: SeededRandom) {
        precondition(!externalAddresses.isEmpty)
        self.behavior = behavior
        self.externalAddresses = externalAddresses
        self.random = random
        nextPort = Self.firstPort
    }

    /// Mappings that are there, also those whose time is over and that nobody has looked at since.
    public var mappingCount: Int { mappings.count }

    /// A packet from inside.
    public mutating func fromInside(_ datagram: Datagram, now: Instant) -> Verdict {
        let isHairpin = externalAddresses.contains(datagram.destination.ip)
        if isHairpin, behavior.hairpin == .off { return .refused(.noHairpin) }
        guard let number = mapping(for: datagram, now: now) else { return .refused(.noPort) }
        mappings[number]?.refreshed = now
        keepHole(of: number, to: datagram.destination, datagram, fromInside: true, now: now)
        var translated = datagram
        if let external = mappings[number]?.external { translated.source = external }
        guard isHairpin else { return .outward(translated) }
        // What comes back from its own outside is filtered as if it came from there.
        let verdict = fromOutside(translated, now: now)
        guard behavior.hairpin == .internalSource, case .inward(var turned) = verdict else { return verdict }
        turned.source = datagram.source
        return .inward(turned)
    }

    /// A packet from outside to one of the external addresses.
    public mutating func fromOutside(_ datagram: Datagram, now: Instant) -> Verdict {
        let endpoint = Endpoint(transport: datagram.transport, address: datagram.destination)
        expire(endpoint, now: now)
        let candidates = byExternal[endpoint] ?? []
        guard !candidates.isEmpty else { return .refused(.noMapping) }
        guard let number = candidates.first(where: { admits(datagram.source, mapping: $0, now: now) }) else {
            return .refused(.filtered)
        }
        guard let mapping = mappings[number] else { return .refused(.noMapping) }
        let opens = datagram.segment?.flags.contains(.syn) ?? false
        if datagram.transport == .tcp || behavior.refreshesInbound {
            mappings[number]?.refreshed = now
            if opens || mapping.holes[datagram.source] != nil {
                keepHole(of: number, to: datagram.source, datagram, fromInside: false, now: now)
            }
        }
        var translated = datagram
        translated.destination = mapping.internal
        return .inward(translated)
    }

    /// Forgets everything, as a reboot does: what goes out next gets new external endpoints.
    public mutating func reboot() {
        mappings = [:]
        byKey = [:]
        byExternal = [:]
        pairedAddresses = [:]
        blocks = [:]
        resting = [:]
        // Whatever counts up goes on elsewhere.
        nextPort = Self.firstPort &+ UInt16(truncatingIfNeeded: random.next() & 0x3FFF)
    }

    /// Forgets the mappings only, and gives none of their external endpoints again before a reboot: who sends on has
    /// moved, as his peers see it. An overloading NAT keeps its ports all the same.
    public mutating func rebind() {
        for endpoint in byExternal.keys { resting[endpoint] = .distantFuture }
        mappings = [:]
        byKey = [:]
        byExternal = [:]
    }

    private func admits(_ source: SocketAddress, mapping number: UInt64, now: Instant) -> Bool {
        guard let mapping = mappings[number] else { return false }
        switch behavior.filterScope {
        case .mapping: return hasHole(mapping, for: source, now: now)
        case .endpoint:
            return mappings.values.contains {
                $0.internal == mapping.internal && hasHole($0, for: source, now: now)
            }
        }
    }

    private func hasHole(_ mapping: Mapping, for source: SocketAddress, now: Instant) -> Bool {
        switch behavior.filtering {
        case .endpointIndependent: return true
        case .addressDependent:
            return mapping.holes.contains { $0.key.ip == source.ip && isFresh($0.value, mapping.transport, now) }
        case .addressAndPortDependent:
            return mapping.holes[source].map { isFresh($0, mapping.transport, now) } ?? false
        }
    }

    /// A packet passes between a mapping and a remote endpoint.
    private mutating func keepHole(
        of number: UInt64, to remote: SocketAddress, _ datagram: Datagram, fromInside: Bool, now: Instant
    ) {
        guard let mapping = mappings[number] else { return }
        if mapping.holes[remote] == nil, mapping.holes.count >= Self.holesPerMapping {
            let fresh = mapping.holes.filter { isFresh($0.value, mapping.transport, now) }
            guard fresh.count < Self.holesPerMapping else { return }
            mappings[number]?.holes = fresh
        }
        let known = mapping.holes[remote].flatMap { isFresh($0, mapping.transport, now) ? $0 : nil }
        var hole = known ?? Hole(refreshed: now)
        if let segment = datagram.segment { hole.tcp.pass(segment, fromInside: fromInside) }
        hole.refreshed = now
        mappings[number]?.holes[remote] = hole
    }

    private func isFresh(_ hole: Hole, _ transport: Datagram.Transport, _ now: Instant) -> Bool {
        now <= end(of: hole, transport)
    }

    func isFresh(_ mapping: Mapping, _ now: Instant) -> Bool { now <= end(of: mapping) }

    /// A mapping of TCP lasts as long as one of its connections.
    func end(of mapping: Mapping) -> Instant {
        switch mapping.transport {
        case .udp: mapping.refreshed + behavior.lifetime
        case .tcp: mapping.holes.values.map { end(of: $0, .tcp) }.max() ?? mapping.refreshed
        }
    }

    private func end(of hole: Hole, _ transport: Datagram.Transport) -> Instant {
        hole.refreshed + (transport == .udp ? behavior.lifetime : behavior.tcpLifetimes.lifetime(hole.tcp))
    }
}
