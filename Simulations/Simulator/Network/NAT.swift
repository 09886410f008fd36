import STUN
public import Wire

/// A network address translator for UDP: a state machine over packets, without links or clock of its own.
public struct NAT: Sendable {
    /// Why a packet went no further.
    public enum Refusal: String, Hashable, Sendable, CaseIterable {
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
        let `internal`: SocketAddress
        let external: SocketAddress
        /// The destination that it is for, as far as the mapping depends on it.
        let remote: Remote
        /// When what was sent where last: the holes in the filter.
        var holes: [SocketAddress: Instant] = [:]
        /// The last packet that kept it.
        var refreshed: Instant
    }

    /// A destination as a mapping or filter tells them apart.
    struct Remote: Hashable, Sendable {
        var ip: IPAddress?
        var port: UInt16?
    }

    struct Key: Hashable, Sendable {
        var `internal`: SocketAddress
        var remote: Remote
    }

    public var behavior: NATBehavior
    public let externalAddresses: [IPAddress]
    /// By number, oldest first; the dictionaries below only find them.
    var mappings: [UInt64: Mapping] = [:]
    var byKey: [Key: UInt64] = [:]
    var byExternal: [SocketAddress: [UInt64]] = [:]
    var nextMapping: UInt64 = 0
    var nextPort: UInt16
    /// External address of each internal one, where they are paired.
    var pairedAddresses: [IPAddress: Int] = [:]
    /// First port of each subscriber's block.
    var blocks: [IPAddress: UInt16] = [:]
    /// When a port was given up.
    var resting: [SocketAddress: Instant] = [:]
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
        mappings[number]?.holes[datagram.destination] = now
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
        expire(datagram.destination, now: now)
        let candidates = byExternal[datagram.destination] ?? []
        guard !candidates.isEmpty else { return .refused(.noMapping) }
        guard let number = candidates.first(where: { admits(datagram.source, mapping: $0, now: now) }) else {
            return .refused(.filtered)
        }
        guard var mapping = mappings[number] else { return .refused(.noMapping) }
        if behavior.refreshesInbound {
            mapping.refreshed = now
            if mapping.holes[datagram.source] != nil { mapping.holes[datagram.source] = now }
            mappings[number] = mapping
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
            return mapping.holes.contains { $0.key.ip == source.ip && isFresh($0.value, now) }
        case .addressAndPortDependent:
            return mapping.holes[source].map { isFresh($0, now) } ?? false
        }
    }

    func isFresh(_ instant: Instant, _ now: Instant) -> Bool { now <= instant + behavior.lifetime }
}
