public import Wire

/// What is known about the NAT between a host and a server.
public struct NATReport: Hashable, Sendable {
    /// How long a mapping lives without traffic.
    public struct Lifetime: Hashable, Sendable {
        /// A silence that it survived.
        public var survives: Interval
        /// One that it did not; nil when there was none as long as was asked for.
        public var ends: Interval?
    }

    /// The server was not heard at all.
    public internal(set) var isUDPBlocked = false
    /// The address that requests left from, and what the server saw.
    public internal(set) var local: SocketAddress?
    public internal(set) var mapped: SocketAddress?
    /// Without a second address of the server mapping and filtering cannot be told.
    public internal(set) var serverHasAlternates = false
    public internal(set) var mapping: MappingBehavior?
    public internal(set) var filtering: FilteringBehavior?
    /// `off` also where a filter hides it: mappings that depend on the destination cannot open it for each other.
    public internal(set) var hairpin: HairpinBehavior?
    public internal(set) var lifetime: Lifetime?

    /// The server sees another address than the host's own.
    public var isTranslated: Bool { mapped != nil && mapped != local }
    public var preservesPort: Bool { mapped?.port == local?.port }

    /// The name that RFC 3489 gave it, which people still use.
    public var oldName: String? {
        guard isTranslated, let mapping, let filtering else { return nil }
        return switch (mapping, filtering) {
        case (.endpointIndependent, .endpointIndependent): "full cone"
        case (.endpointIndependent, .addressDependent): "restricted cone"
        case (.endpointIndependent, .addressAndPortDependent): "port restricted cone"
        case (.addressAndPortDependent, .addressAndPortDependent): "symmetric"
        default: nil
        }
    }
}
