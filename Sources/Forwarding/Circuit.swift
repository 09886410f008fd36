import Congestion
import RTP
import Wire

/// Whether a peer is sent to (RFC 8083): open once the ``CircuitBreaker`` of one of its streams has tripped.
///
/// Section 4.5 leaves it to the sender to give up some of its streams first: video goes, and audio too when that did
/// not help. What was stopped is tried again when a while has passed and the peer's reports are sane; a trial that
/// fails makes the next wait longer, so that what is sent in trials stays little.
struct Circuit: BitwiseCopyable {
    private enum State: BitwiseCopyable {
        case closed
        case open(since: Instant, holdsAudio: Bool)
    }

    private var state = State.closed
    /// The peer reports on what it is sent: from now on its silence means something.
    private(set) var hasReports = false
    private var heardAt = Instant.origin
    /// When a report said that too much of what still flows is lost.
    private var lossyAt: Instant?
    private var pause = Limits.shortestCircuitPause
    private var closedAt: Instant?

    var isOpen: Bool { due != nil }

    /// When it may close; nil when it is not open.
    var due: Instant? {
        guard case .open(let since, _) = state else { return nil }
        return since + pause
    }

    /// Whether media of the kind is held back.
    func stops(_ kind: MediaKind) -> Bool {
        switch state {
        case .closed: false
        case .open(_, let holdsAudio): kind == .video || holdsAudio
        }
    }

    /// RTCP came, of whatever kind.
    mutating func hear(now: Instant) { heardAt = now }

    /// It was about what became of packets.
    mutating func noteReport() { hasReports = true }

    /// A report says which share of a stream's packets was lost.
    mutating func note(loss: Double, now: Instant) {
        if loss > Limits.saneLoss { lossyAt = now }
    }

    mutating func open(holdsAudio: Bool, now: Instant) {
        if !isOpen {
            let isTrial = closedAt.map { now - $0 < Limits.circuitTrial } ?? false
            pause = isTrial ? min(pause * 2, Limits.longestCircuitPause) : Limits.shortestCircuitPause
        }
        state = .open(since: now, holdsAudio: holdsAudio)
        lossyAt = nil
    }

    /// The wait is over, and the peer has reported in it, for some time without a loss worth naming.
    func mayClose(now: Instant) -> Bool {
        guard case .open(let since, _) = state, let due, now >= due, heardAt > since else { return false }
        return lossyAt.map { now - $0 >= Limits.saneReports } ?? true
    }

    mutating func close(now: Instant) {
        state = .closed
        closedAt = now
    }
}
