public import Wire

/// Bounds on everything a peer can make an agent store or do.
public enum Limits {
    /// Remote candidates, signalled and peer reflexive together. Browsers send under 20.
    public static let remoteCandidates = 32
    /// Candidate pairs (RFC 8445 section 6.1.2.5 recommends 100).
    public static let pairs = 100
    /// Candidates that wait for their generation's credentials.
    public static let pendingCandidates = 64
    /// Tuples on which media is accepted at the same time.
    public static let validatedTuples = 32
    /// Server-reflexive candidates of our own.
    public static let reflexiveCandidates = 32
    /// Relayed candidates of our own.
    public static let relayedCandidates = 8
    /// Sends of one request to a STUN server: 8 s of patience.
    public static let gatheringSends = 6
    /// Datagrams that wait for the caller's drain.
    public static let queuedTransmits = 128
    /// Events that wait for the caller's drain.
    public static let queuedEvents = 64
    /// Consent checks whose answer may still come: 30 s at one per 4 s, and probes between them.
    public static let outstandingConsentChecks = 16
    /// Characters of one candidate line; browsers send under 250.
    public static let candidateCharacters = 512
    /// Fields of one candidate line.
    public static let candidateFields = 48

    /// Ta, the time between two new checks (RFC 8445 section 14.2).
    public static let pacing = Interval.milliseconds(50)
    /// Triggered checks before an ordinary one that waits gets its turn.
    public static let triggeredChecksInRow = 4
    /// First retransmission timeout. Deviation: RFC 8445 section 14.3 says 500 ms; 250 ms is what
    /// libwebrtc uses, and halves the cost of a lost first check.
    public static let initialRetransmission = Interval.milliseconds(250)
    /// Doubling of the retransmission timeout stops here. Deviation: RFC 8489 section 6.2.1 doubles
    /// without end, which through 20 % loss costs seconds.
    public static let maximumRetransmission = Interval.seconds(1)
    /// Rc: sends of one check before its pair fails; 7 in RFC 8489 section 6.2.1. Nine with the
    /// shorter timeouts last 8 s.
    public static let checkSends = 9
    /// Ti: how long a check over TCP waits for its answer (RFC 8489 section 6.2.2).
    public static let streamTimeout = Interval.milliseconds(39_500)
    /// From the start of checks to `failed` when no pair works.
    public static let connectTimeout = Interval.seconds(30)
    /// Role conflicts answered by trying again; then the pair fails. Two are enough between sane peers.
    public static let roleConflicts = 8
    /// Mean time between consent checks; each is drawn from ×0.8 to ×1.2 (RFC 7675 section 5.1).
    public static let consentInterval = Interval.seconds(5)
    /// Consent without an answer for this long is over (RFC 7675 section 5.1).
    public static let consentExpiry = Interval.seconds(30)
    /// Checks that are due when a successor goes on are spread over so long: it may have thousands of peers.
    static let resumptionSpread = Interval.milliseconds(500)
    /// Consecutive unanswered consent checks that make an agent `disconnected`.
    public static let missedConsentChecks = 2
    /// An unanswered consent check of this age makes the selected path suspect: it is probed, at this
    /// interval, and others are checked.
    public static let suspectAfter = Interval.milliseconds(500)
    /// Consent checks that a suspect path gets besides the regular ones.
    public static let probes = 6
    /// Unanswered consent checks before the selected path may be left for another that answers.
    public static let unansweredForFailover = 2
    /// An answer of this age no longer proves a path: nomination there is checked again first.
    public static let freshness = Interval.seconds(10)
    /// For so long after a nomination only pairs of higher priority replace it (aggressive nominators
    /// nominate every pair); later the latest nomination wins.
    public static let nominationSettling = Interval.seconds(2)
    /// A lite agent's silence until `disconnected`: two of the longest consent intervals.
    public static let liteSilence = Interval.milliseconds(12_500)
    /// Silence on the selected tuple after which a lite agent follows a peer that does not nominate again.
    public static let liteStaleness = Interval.milliseconds(6_500)
}
