import Wire

/// The half of an association that sends: what waits, what is on its way, and how much may be.
struct Outbound: Sendable {
    var queue = SendQueue()
    private(set) var outstanding: Outstanding
    private(set) var window: CongestionWindow
    private(set) var timeout = RetransmissionTimeout()
    /// What the peer has room for, beside what is on its way.
    private var peerWindow: Int
    /// When all that is on its way counts as lost (T3-rtx).
    private(set) var expires = Instant.distantFuture
    /// Timeouts without an answer.
    private(set) var silentTimeouts = 0
    private var lastSent: Instant?
    /// One packet of lost chunks may go beyond the window: the loss was just found (section 7.2.4, rule 3).
    private var mustResend = false
    /// Packets that the last call may still send (Max.Burst, section 6.1 rule D).
    private var burst = Limits.burst
    private(set) var owesForward = false
    /// Nothing new goes until all that was sent has arrived.
    var isHeld = false
    private let pieceLength: Int

    init(first: TSN, peerWindow: UInt32, abandons: Bool, packetLength: Int) {
        outstanding = Outstanding(first: first, abandons: abandons)
        pieceLength = (packetLength - PacketHeader.length - DataChunk.overhead) & ~3
        window = CongestionWindow(packet: pieceLength)
        self.peerWindow = Int(peerWindow)
    }

    var isEmpty: Bool { queue.byteCount == 0 && outstanding.isEmpty }
    /// Bytes that the peer does not have yet, as far as is known.
    var byteCount: Int { queue.byteCount + outstanding.inFlight }

    func isBusy(_ stream: UInt16) -> Bool { queue.isBusy(stream) || outstanding.isBusy(stream) }

    /// The owner was called: it may send a few packets again.
    mutating func renewBurst() { burst = Limits.burst }

    // MARK: Acknowledgements

    /// False for a SACK that cannot be.
    mutating func acknowledge(_ sack: SelectiveAckChunk, in packet: RawSpan, now: Instant) -> Bool {
        let before = outstanding.inFlight
        guard let outcome = outstanding.acknowledge(sack, in: packet, now: now) else { return false }
        peerWindow = max(Int(sack.window) - outstanding.inFlight, 0)
        take(outcome, before: before, now: now)
        return true
    }

    /// SHUTDOWN says as well what has arrived, and is all that a peer sends once it ends (section 9.2).
    mutating func acknowledge(through cumulative: TSN, now: Instant) {
        let before = outstanding.inFlight
        guard let outcome = outstanding.acknowledge(through: cumulative, now: now) else { return }
        take(outcome, before: before, now: now)
    }

    /// `before`: bytes that were on their way.
    private mutating func take(_ outcome: Outstanding.Outcome, before: Int, now: Instant) {
        if let roundTrip = outcome.roundTrip { timeout.sample(roundTrip) }
        if outcome.isLoss, outstanding.beginRecovery() {
            window.lose()
            mustResend = true
        }
        // Also without progress: a peer whose window is closed answers, and lives (section 6.1 rule A).
        silentTimeouts = 0
        if outcome.isProgress, outstanding.recovery == nil {
            window.acknowledge(outcome.byteCount, wasFull: before + pieceLength > window.size)
        }
        giveUp(now: now)
        if outstanding.isEmpty {
            window.drain()
            expires = .distantFuture
        } else if outcome.isProgress {
            expires = now + timeout.value
        }
    }

    private mutating func giveUp(now: Instant) {
        outstanding.abandon(now: now, queue: &queue)
        owesForward = outstanding.forward()
    }

    // MARK: Time

    mutating func advance(to now: Instant) {
        guard now >= expires else { return }
        silentTimeouts += 1
        timeout.backOff()
        window.collapse()
        outstanding.loseAll()
        giveUp(now: now)
        expires = outstanding.isEmpty ? .distantFuture : now + timeout.value
    }

    // MARK: Sending

    /// Whether a DATA chunk may go into a packet of its own.
    mutating func mayFill(now: Instant) -> Bool {
        guard burst > 0 else { return false }
        guard outstanding.lostCount == 0 else { return mayResend }
        return mayStart && queue.hasPiece(now: now)
    }

    private var mayResend: Bool { mustResend || outstanding.inFlight < window.size }

    /// A new piece may go: within the windows, or alone, to ask for the peer's (section 6.1 rule A).
    private var mayStart: Bool {
        guard !isHeld, outstanding.count < Limits.outstandingChunks else { return false }
        return outstanding.inFlight == 0 || outstanding.inFlight < window.size && peerWindow > 0
    }

    /// Puts as much into the packet as may go.
    mutating func fill(_ writer: inout PacketWriter, now: Instant) {
        guard mayFill(now: now) else { return }
        if outstanding.isEmpty, let lastSent, now - lastSent > timeout.value { window.rest() }
        var hasData = false
        while mayResend,
            let (chunk, payload) = outstanding.resend(room: writer.room - DataChunk.overhead, now: now)
        {
            writer.write(chunk, payload: payload)
            hasData = true
        }
        // What is lost goes first, so that the peer's window empties.
        while outstanding.lostCount == 0, mayStart, writer.room >= DataChunk.overhead + Limits.shortestPiece,
            let piece = queue.nextPiece(size: (writer.room - DataChunk.overhead) & ~3, now: now)
        {
            peerWindow = max(peerWindow - piece.payload.count, 0)
            writer.write(outstanding.send(piece, now: now), payload: piece.payload)
            hasData = true
        }
        guard hasData else { return }
        mustResend = false
        burst -= 1
        lastSent = now
        if expires == .distantFuture { expires = now + timeout.value }
    }

    mutating func fillForward(_ writer: inout PacketWriter, now: Instant) {
        owesForward = false
        writer.writeForwardTSN(outstanding.forwardedTSN, streams: outstanding.forwardedStreams)
        if expires == .distantFuture { expires = now + timeout.value }
    }
}
