public import STUN
public import Wire

/// How a NAT treats UDP, in the terms of RFC 4787 and, for carriers, RFC 6888; and TCP, where RFC 5382 is no different.
public struct NATBehavior: Hashable, Sendable {
    /// What a filter remembers the destinations of. RFC 4787 section 5 words it per internal endpoint; Linux and others
    /// filter per mapping. They differ only where mappings depend on the destination.
    public enum FilterScope: String, Hashable, Sendable { case mapping, endpoint }

    /// Which external address a mapping gets where there are several (RFC 4787 section 4.1).
    public enum Pooling: String, Hashable, Sendable { case paired, arbitrary }

    /// Which external port a mapping gets (RFC 4787 section 4.2).
    public enum PortAssignment: Hashable, Sendable {
        /// The internal one; the next free one when it is taken.
        case preserving
        /// Counting up by a step.
        case sequential(step: UInt16)
        case random
        /// Every subscriber has a block of ports, and no more (RFC 6888, RFC 7422).
        case blocks(size: UInt16)
        /// The internal one even when it is taken: told apart by destination only, which REQ-3 forbids.
        case overloading
    }

    public var mapping: MappingBehavior
    public var filtering: FilteringBehavior
    public var filterScope = FilterScope.mapping
    public var pooling = Pooling.paired
    public var ports = PortAssignment.preserving
    /// Even ports stay even and odd ones odd (RFC 4787 REQ-4).
    public var preservesParity = false
    public var hairpin = HairpinBehavior.off
    /// How long a mapping, and a hole in its filter, lasts without traffic. REQ-5: not under two minutes.
    public var lifetime = Interval.seconds(120)
    /// The same for TCP, whose packets from outside keep it too.
    public var tcpLifetimes = TCPLifetimes()
    /// Packets from outside keep a mapping too (REQ-6 leaves it open; packets from inside always do).
    public var refreshesInbound = false
    /// A port that another internal endpoint has turns the mapping into one that depends on address and port: the NAT
    /// that is one kind or another by chance, which REQ-11 forbids.
    public var changesWhenPortIsTaken = false
    /// The most mappings of one internal address (RFC 6888 REQ-4).
    public var mappingsPerSubscriber = 65_536
    /// A port rests so long before somebody else gets it (RFC 6888 REQ-8).
    public var portRest = Interval.zero

    public init(_ mapping: MappingBehavior, _ filtering: FilteringBehavior) {
        self.mapping = mapping
        self.filtering = filtering
    }

    /// `EIM/ADF` and the like; nil for anything else.
    public init?(name: String) {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let mapping = MappingBehavior(rawValue: parts[0]),
            let filtering = FilteringBehavior(rawValue: parts[1])
        else { return nil }
        self.init(mapping, filtering)
    }

    /// `EIM/ADF` and the like.
    public var name: String { "\(mapping.rawValue)/\(filtering.rawValue)" }

    /// All nine combinations, in the order in which tables show them.
    public static let all: [NATBehavior] = MappingBehavior.allCases.flatMap { mapping in
        FilteringBehavior.allCases.map { NATBehavior(mapping, $0) }
    }
}
