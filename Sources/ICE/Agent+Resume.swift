public import Wire

/// What is left of an agent in memory that outlives its process.
public struct AgentRemains: Hashable, Sendable {
    public var remote: Credentials
    public var remoteIsLite: Bool
    public var isControlling: Bool
    /// Where media went; nil where there was no path.
    public var selectedTuple: Tuple?
    /// When the peer last agreed to be sent to (RFC 7675), by the host's monotonic clock.
    public var consented: Instant

    public init(
        remote: Credentials, remoteIsLite: Bool, isControlling: Bool, selectedTuple: Tuple?, consented: Instant
    ) {
        self.remote = remote
        self.remoteIsLite = remoteIsLite
        self.isControlling = isControlling
        self.selectedTuple = selectedTuple
        self.consented = consented
    }
}

extension Agent {
    /// Goes on where another agent with these credentials stopped: on the same path, under the consent that it had. The
    /// peer notices nothing but requests with other transaction identifiers. Candidates are not taken over: the peer's
    /// checks bring them back.
    ///
    /// A path over TCP ended with its process; the agent then waits for the peer to come again.
    public init(
        configuration: AgentConfiguration, resuming remains: AgentRemains, random: SeededRandom, now: Instant
    ) {
        var configuration = configuration
        configuration.isControlling = remains.isControlling
        self.init(configuration: configuration, random: random, now: now)
        guard remains.remote.fitsMessages else { return }
        setRemote(remains.remote, now: now)
        // A lite peer made the role known before; that it is lite matters to nothing else.
        if remains.remoteIsLite, !isLite { setRole(isControlling: true) }
        if let tuple = remains.selectedTuple { resume(tuple, consented: remains.consented, now) }
        finish(now)
    }

    private mutating func resume(_ tuple: Tuple, consented: Instant, _ now: Instant) {
        guard Int(tuple.socket) < localCandidates.count, tuple.remote.mayBeSentTo, consented <= now,
            now < consented + Limits.consentExpiry
        else { return }
        guard !isStream(tuple) else { return setState(.disconnected) }
        guard let index = pairForRequest(from: tuple, priority: nil) else { return }
        pairs[index].state = .succeeded
        pairs[index].lastResponse = consented
        pairs[index].lastRequest = consented
        admit(tuple)
        firstSuccess = now
        select(tuple, isNominated: true, now)
        consent.resume(from: consented, now, random: &random)
    }

    /// When the peer last agreed to be sent to (RFC 7675); what a successor must know.
    public var consented: Instant { consent.lastAnswer }
}
