public import Wire

/// An address that a peer may be reached at (RFC 8445 section 5.1).
public struct Candidate: Hashable, Sendable {
    public enum Kind: UInt8, Sendable, BitwiseCopyable {
        case host, serverReflexive, peerReflexive, relayed

        /// Recommended type preferences (RFC 8445 section 5.1.2.2).
        public var preference: UInt32 {
            switch self {
            case .host: 126
            case .peerReflexive: 110
            case .serverReflexive: 100
            case .relayed: 0
            }
        }
    }

    public var kind: Kind
    /// Candidates of equal foundation are likely to fail together (RFC 8445 section 5.1.1.3).
    public var foundation: String
    /// Always 1 here: RTP and RTCP share it.
    public var component: UInt16
    public var priority: UInt32
    public var address: SocketAddress
    /// `raddr` and `rport` when they were given as a usable address; diagnostic only.
    public var related: SocketAddress?
    /// The `ufrag` extension: the generation the candidate belongs to.
    public var usernameFragment: String?

    public init(
        kind: Kind, foundation: String, component: UInt16 = 1, priority: UInt32, address: SocketAddress,
        related: SocketAddress? = nil, usernameFragment: String? = nil
    ) {
        self.kind = kind
        self.foundation = foundation
        self.component = component
        self.priority = priority
        self.address = address
        self.related = related
        self.usernameFragment = usernameFragment
    }

    /// A host candidate of socket number `socket`; lower sockets are preferred.
    public static func host(address: SocketAddress, socket: UInt8) -> Candidate {
        Candidate(
            kind: .host, foundation: String(Int(socket) + 1), priority: priority(of: .host, socket: socket),
            address: address)
    }

    /// The priority formula of RFC 8445 section 5.1.2.1 for component 1.
    public static func priority(of kind: Kind, socket: UInt8) -> UInt32 {
        kind.preference << 24 | (65_535 - UInt32(socket)) << 8 | 255
    }
}
