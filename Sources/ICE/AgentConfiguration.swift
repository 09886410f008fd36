public import Wire

/// What an ``Agent`` is told at birth.
public struct AgentConfiguration: Sendable {
    /// Our half of the credentials: checks that reach us are keyed with its password. A fragment of at
    /// most 32 bytes (`STUN.UfragKey`): the reactor looks peers up by it.
    public var local: Credentials
    /// A lite agent answers checks and sends none (RFC 8445 section 2.5).
    public var isLite: Bool
    /// The role to start in; a role conflict may change it. The offerer controls (RFC 8445 section 6.1.1).
    public var isControlling: Bool
    /// Controlling: how long after the first pair that answers better ones may still do so before one is nominated.
    /// Zero, as a server wants it, takes the first: its addresses are few and public, and waiting gains nothing.
    public var nominationPatience: Interval
    /// Host candidates as announced. The index of each is the socket index of its tuples.
    public var localCandidates: [Candidate]

    public init(
        local: Credentials, isLite: Bool = false, isControlling: Bool = false, nominationPatience: Interval = .zero,
        localCandidates: [Candidate]
    ) {
        self.local = local
        self.isLite = isLite
        self.isControlling = isControlling
        self.nominationPatience = nominationPatience
        self.localCandidates = localCandidates
    }
}
