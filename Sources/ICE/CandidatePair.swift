import STUN
import Wire

/// A pair's place in the check list (RFC 8445 section 6.1.2.6).
enum PairState: UInt8, Sendable, BitwiseCopyable {
    case frozen, waiting, inProgress, succeeded, failed
}

/// A Binding request that awaits its answer.
struct Check: Sendable {
    var id: TransactionID
    /// As sent, for retransmission.
    var bytes: [UInt8]
    var useCandidate: Bool
    /// The role it claimed: what a 487 answer contradicts.
    var isControlling: Bool
    var sends = 1
    var firstSent: Instant
    var lastSent: Instant
    var nextSend: Instant
    /// The timeout that ``nextSend`` came from; doubles with each send.
    var timeout: Interval
}

/// A local socket and a remote candidate. The tuple is its identity: two pairs that would send the
/// same packets are one (RFC 8445 section 6.1.2.4).
struct CandidatePair: Sendable {
    let tuple: Tuple
    /// Of the socket's candidate; once the peer has answered, of the one that it saw (RFC 8445 section 7.2.5.3.2).
    var localPriority: UInt32
    var remote: Candidate
    var priority: UInt64
    var state: PairState
    /// The check in flight: at most one per pair.
    var check: Check?
    /// Controlling: the next check carries USE-CANDIDATE.
    var isNominating = false
    /// Controlled: the peer nominated it before our own check succeeded (RFC 8445 section 7.3.1.5).
    var nominatesOnSuccess = false
    /// Where the peer saw our check come from; nil before an answer.
    var mapped: SocketAddress?
    /// When the peer last proved, by a request, that it can send here.
    var lastRequest: Instant?
    /// When the peer last answered us here.
    var lastResponse: Instant?

    init(tuple: Tuple, local: Candidate, remote: Candidate, isControlling: Bool) {
        self.tuple = tuple
        localPriority = local.priority
        self.remote = remote
        priority = 0
        state = .frozen
        updatePriority(isControlling: isControlling)
    }

    /// RFC 8445 section 6.1.2.3. Priorities from the wire are kept below 2^31, so it cannot overflow.
    mutating func updatePriority(isControlling: Bool) {
        let own = UInt64(min(localPriority, 0x7FFF_FFFF))
        let other = UInt64(min(remote.priority, 0x7FFF_FFFF))
        let controlling = isControlling ? own : other
        let controlled = isControlling ? other : own
        priority = min(own, other) << 32 + 2 * max(own, other) + (controlling > controlled ? 1 : 0)
    }

    /// The pair's foundation is that of both ends (RFC 8445 section 6.1.2.6); the local one is the socket's.
    func hasFoundation(of other: CandidatePair) -> Bool {
        tuple.socket == other.tuple.socket && remote.foundation == other.remote.foundation
    }

    /// Whether the peer answered us here since `instant`.
    func answered(since instant: Instant) -> Bool { lastResponse.map { $0 >= instant } ?? false }
}
