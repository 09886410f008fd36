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

        /// The same for candidates over TCP: below all UDP but relays, as RFC 6544 section 4.2 wants it. The figures
        /// are libwebrtc's.
        var streamPreference: UInt32 {
            switch self {
            case .host: 90
            case .peerReflexive: 80
            case .serverReflexive: 70
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
    public var transport: CandidateTransport
    /// Where it is reached. Of one that only opens connections the port tells nothing: it is 9, "discard"
    /// (RFC 6544 section 4.5).
    public var address: SocketAddress
    /// `raddr` and `rport` when they were given as a usable address; diagnostic only.
    public var related: SocketAddress?
    /// The `ufrag` extension: the generation the candidate belongs to.
    public var usernameFragment: String?

    public init(
        kind: Kind, foundation: String, component: UInt16 = 1, priority: UInt32,
        transport: CandidateTransport = .udp, address: SocketAddress, related: SocketAddress? = nil,
        usernameFragment: String? = nil
    ) {
        self.kind = kind
        self.foundation = foundation
        self.component = component
        self.priority = priority
        self.transport = transport
        self.address = address
        self.related = related
        self.usernameFragment = usernameFragment
    }

    /// A host candidate of socket number `socket`.
    ///
    /// - Parameter rank: its place by preference among the host's addresses, see ``ranks(of:)``; without, the socket's
    ///   number.
    public static func host(
        address: SocketAddress, socket: UInt8, transport: CandidateTransport = .udp, rank: UInt8? = nil
    ) -> Candidate {
        let port = transport == .tcpActive ? discardPort : address.port
        return Candidate(
            kind: .host, foundation: String(Int(socket) + 1),
            priority: priority(of: .host, rank: rank ?? socket, transport: transport), transport: transport,
            address: SocketAddress(ip: address.ip, port: port))
    }

    /// The priority formula of RFC 8445 section 5.1.2.1 for component 1, over TCP with RFC 6544 section 4.2's local
    /// preference. The lower the rank, the better.
    public static func priority(of kind: Kind, rank: UInt8, transport: CandidateTransport = .udp) -> UInt32 {
        guard transport.isStream else { return kind.preference << 24 | (65_535 - UInt32(rank)) << 8 | 255 }
        let local = transport.directionPreference(of: kind) << 13 | (8191 - UInt32(rank))
        return kind.streamPreference << 24 | local << 8 | 255
    }

    /// The port of a candidate that accepts nothing.
    static let discardPort: UInt16 = 9

    /// Whether a pair of these two can carry anything: `local` is ours.
    func canPair(with local: Candidate) -> Bool {
        transport == local.transport.counterpart && address.canPair(with: local.address)
    }

    /// Whether the two are the same place: one port may stand for UDP and for TCP.
    func isSamePlace(as other: Candidate) -> Bool { transport == other.transport && address == other.address }
}
