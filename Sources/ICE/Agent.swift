import STUN
public import Wire

/// One peer's ICE agent (RFC 8445) with trickle (RFC 8838) and consent (RFC 7675): one data stream,
/// one component, full or lite. Candidates of our own: host candidates from birth, server-reflexive and relayed ones as
/// they are found.
///
/// Sans-IO: after every mutation drain ``nextTransmit()`` and ``nextEvent()`` and read ``deadline``.
/// Send media exactly while ``selectedTuple`` is not nil; accept it where ``isValidated(_:)`` says so.
public struct Agent: Sendable {
    public internal(set) var state: AgentState = .new
    /// Where to send; nil means sending is not allowed. A restart keeps it until a new pair works or
    /// consent ends.
    ///
    /// Full: the nominated pair, before nomination the best pair that answered us (RFC 8445 section
    /// 12.1 lets media flow on it). Lite: the pair that the peer nominated, before that the first it
    /// checked.
    public internal(set) var selectedTuple: Tuple?
    /// Smoothed over the checks' and consent checks' round trips; nil before the first and in lite mode.
    public internal(set) var roundTripTime: Interval?
    /// When ``advance(to:)`` has something to do.
    public internal(set) var deadline: Instant = .distantFuture
    /// Candidates that were of no use; see ``CandidateError``.
    public internal(set) var ignoredCandidates: UInt64 = 0
    /// Datagrams that found the transmit queue full.
    public internal(set) var droppedTransmits: UInt64 = 0
    /// The role now; a conflict may have changed it.
    public internal(set) var isControlling: Bool
    /// The peer said that it has no more candidates.
    public internal(set) var hasAllRemoteCandidates = false

    /// Our credentials of this generation.
    public internal(set) var local: Credentials
    /// The peer's, once signalled.
    public internal(set) var remote: Credentials?
    public let isLite: Bool
    /// Host candidates, then relayed ones. The index of each is the socket index of its tuples.
    public internal(set) var localCandidates: [Candidate]
    /// Where servers saw our sockets (RFC 8445 section 5.1.1.2), by socket.
    var reflexive: [(socket: UInt8, candidate: Candidate)] = []
    let nominationPatience: Interval

    var localKey: [UInt8]
    var localUfrag: UfragKey?
    var remoteKey: [UInt8] = []
    /// Answers only: what the peer still uses until it has our new credentials.
    var previousLocal: (key: [UInt8], ufrag: UfragKey)?

    var random: SeededRandom
    var tieBreaker: UInt64
    var roleConflicts = 0

    var remoteCandidates: [Candidate] = []
    var pendingCandidates: [Candidate] = []
    /// By descending priority.
    var pairs: [CandidatePair] = []
    /// The triggered-check queue (RFC 8445 section 6.1.4.1).
    var triggered: [Tuple] = []
    var triggeredInRow = 0
    var nextCheck: Instant
    var checkingSince: Instant?

    /// When the first pair of this generation answered.
    var firstSuccess: Instant?
    var isSelectionNominated = false
    var selectedSince: Instant
    /// The selected tuple is of the generation before a restart.
    var isSelectionCarried = false
    /// When consent on it ends: a restart does not prolong that (RFC 7675 section 5.1).
    var carriedUntil = Instant.distantFuture
    /// Oldest last-heard first.
    var validated: [Tuple] = []

    var consent = Consent()
    var hasConsentExpired = false
    var transmits = Ring<Transmit>(capacity: Limits.queuedTransmits, reserving: 0)
    var events = Ring<Event>(capacity: Limits.queuedEvents, reserving: 0)

    /// `random` is the agent's own: transaction identifiers, tie-breaker and jitter come from it.
    public init(configuration: AgentConfiguration, random: SeededRandom, now: Instant) {
        precondition(configuration.localCandidates.count <= 256, "a socket index is 8 bits")
        precondition(UfragKey(configuration.local.ufrag) != nil && configuration.local.fitsMessages)
        var random = random
        local = configuration.local
        isLite = configuration.isLite
        // Two lite agents are not supported, so a lite one is always controlled (RFC 8445 section 6.1.1).
        isControlling = configuration.isControlling && !configuration.isLite
        localCandidates = configuration.localCandidates
        nominationPatience = configuration.nominationPatience
        localKey = Array(configuration.local.password.utf8)
        localUfrag = UfragKey(configuration.local.ufrag)
        tieBreaker = random.next()
        self.random = random
        nextCheck = now
        selectedSince = now
    }

    /// The peer's credentials, from its description. Other ones than before are an ICE restart by the
    /// peer (RFC 8445 section 9): the check list starts anew, media stays on the selected tuple until
    /// a new pair works. `isLite` is the peer's `a=ice-lite`; a full agent then controls.
    ///
    /// False, and nothing changes, when a part is empty or longer than 256 bytes (RFC 8839 section 5.4).
    @discardableResult
    public mutating func setRemote(_ credentials: Credentials, isLite: Bool = false, now: Instant) -> Bool {
        guard state != .closed, credentials.fitsMessages else { return false }
        let isRestart = remote != nil && remote != credentials
        if isRestart { startGeneration() }
        let isNew = remote == nil
        remote = credentials
        remoteKey = Array(credentials.password.utf8)
        if isLite, !self.isLite { setRole(isControlling: true) }
        if isNew || isRestart {
            checkingSince = now
            setState(.checking)
            takePendingCandidates()
        }
        startChecks(now)
        return true
    }

    /// Our half of an ICE restart: new local credentials. The peer's come with ``setRemote(_:isLite:now:)``;
    /// its checks with the old ones are still answered, with no other effect.
    public mutating func restart(local credentials: Credentials, now: Instant) {
        guard state != .closed, credentials != local else { return }
        precondition(UfragKey(credentials.ufrag) != nil && credentials.fitsMessages)
        if let localUfrag { previousLocal = (localKey, localUfrag) }
        startGeneration()
        local = credentials
        localKey = Array(credentials.password.utf8)
        localUfrag = UfragKey(credentials.ufrag)
        checkingSince = now
        setState(.checking)
        finish(now)
    }

    /// Runs timers: call at ``deadline`` or later.
    public mutating func advance(to now: Instant) {
        guard state != .closed else { return }
        leaveCarriedPath(now)
        if isLite {
            watchSilence(now)
        } else if state != .failed {
            if remote != nil {
                retransmitChecks(now)
                startDueCheck(now)
            }
            advanceConsent(now)
        }
        failLateChecking(now)
        finish(now)
    }

    /// Whether media from `tuple` is to be looked at: an authenticated request came from there, or our
    /// own check succeeded there. (A request may be replayed from elsewhere, so this admits packets to
    /// DTLS and SRTP, which authenticate them; it never moves what we send.)
    public func isValidated(_ tuple: Tuple) -> Bool {
        if tuple == selectedTuple { return true }
        for known in validated where known == tuple { return true }
        return false
    }

    /// Stops for good: nothing is sent or accepted afterwards.
    public mutating func close() {
        guard state != .closed else { return }
        clearPaths()
        transmits = Ring(capacity: 1)
        setState(.closed)
        deadline = .distantFuture
    }

    /// The next datagram to send, in order.
    public mutating func nextTransmit() -> Transmit? { transmits.pop() }

    /// The next thing to know, in order.
    public mutating func nextEvent() -> Event? { events.pop() }
}

extension Agent: CustomStringConvertible {
    /// For logs and test failures; without keys.
    public var description: String {
        "ICE agent \(local.ufrag) \(state) \(isControlling ? "controlling" : "controlled") "
            + "\(pairs.count) pairs, selected \(selectedTuple.map { "\($0.socket)→\($0.remote)" } ?? "none")"
    }
}

/// For diagnostics.
extension Agent {
    /// Remote candidates in use, at most ``Limits/remoteCandidates``.
    public var remoteCandidateCount: Int { remoteCandidates.count }
    /// Pairs in the check list, at most ``Limits/pairs``.
    public var pairCount: Int { pairs.count }
}
