import Wire

/// Chunks that were sent and not yet acknowledged for good, by their numbers (RFC 9260 sections 6.2.1, 6.3 and 7.2.4;
/// RFC 3758 section 3.5).
///
/// Numbers are extended to 64 bits, as in ``ReceivedNumbers``.
struct Outstanding: Sendable {
    private enum State: Sendable {
        case inFlight
        /// Behind a hole; the peer may yet take it back.
        case acknowledged
        /// To be sent again.
        case lost
        /// Not sent any more; the peer is told to wait no longer.
        case abandoned
    }

    private struct Entry: Sendable {
        var chunk: DataChunk
        var payload: ArraySlice<UInt8>
        var delivery: SendQueue.Delivery
        var state: State
        var sentAt: Instant
        var transmissions: UInt32 = 1
        /// SACKs that told of later chunks.
        var missing = 0
    }

    /// What a SACK brought.
    struct Outcome: Sendable {
        /// Bytes that left the network.
        var byteCount = 0
        /// Chunks were acknowledged for good.
        var isProgress = false
        /// Chunks are lost that were taken to be in flight.
        var isLoss = false
        /// How long a chunk took that was sent once.
        var roundTrip: Interval?
    }

    /// The newest number acknowledged for good.
    private(set) var acknowledged: Int64
    private var entries = FIFO<Entry>()
    /// Bytes that are thought to be on their way.
    private(set) var inFlight = 0
    /// Chunks to be sent again.
    private(set) var lostCount = 0
    /// Chunks that arrived behind a hole.
    private var aheadCount = 0
    /// The newest number that the peer need not wait for: RFC 3758's Advanced.Peer.Ack.Point.
    private(set) var forwarded: Int64
    /// Until this number is acknowledged, losses belong to one event (section 7.2.4).
    private(set) var recovery: Int64?
    private let abandons: Bool

    /// `abandons`: the peer understands FORWARD TSN.
    init(first: TSN, abandons: Bool) {
        acknowledged = Int64(first.rawValue) + 0xFFFF_FFFF
        forwarded = acknowledged
        self.abandons = abandons
    }

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }
    var forwardedTSN: TSN { Self.tsn(forwarded) }
    /// The next new chunk's.
    var nextTSN: TSN { Self.tsn(next) }
    /// The newest that was used.
    var lastTSN: TSN { Self.tsn(next - 1) }

    private var next: Int64 { acknowledged + 1 + Int64(entries.count) }

    private static func tsn(_ number: Int64) -> TSN { TSN(UInt32(truncatingIfNeeded: number)) }

    /// Something of the stream is not acknowledged.
    func isBusy(_ stream: UInt16) -> Bool {
        for index in 0..<entries.count where entries[index].chunk.stream == stream { return true }
        return false
    }

    // MARK: Sending

    /// Takes the next number for a new piece.
    mutating func send(_ piece: SendQueue.Piece, now: Instant) -> DataChunk {
        let chunk = DataChunk(
            tsn: nextTSN, stream: piece.stream, sequence: piece.sequence, payloadProtocol: piece.payloadProtocol,
            isUnordered: !piece.delivery.reliability.isOrdered, isFirst: piece.isFirst, isLast: piece.isLast,
            isUrgent: false)
        entries.append(
            Entry(
                chunk: chunk, payload: piece.payload, delivery: piece.delivery, state: .inFlight, sentAt: now))
        inFlight += piece.payload.count
        return chunk
    }

    /// The oldest lost chunk whose bytes fit into `room`, counted as sent again.
    mutating func resend(room: Int, now: Instant) -> (chunk: DataChunk, payload: ArraySlice<UInt8>)? {
        guard lostCount > 0 else { return nil }
        for index in 0..<entries.count where entries[index].state == .lost {
            guard entries[index].payload.count <= room else { return nil }
            entries[index].state = .inFlight
            entries[index].sentAt = now
            entries[index].transmissions &+= 1
            entries[index].missing = 0
            lostCount -= 1
            inFlight += entries[index].payload.count
            return (entries[index].chunk, entries[index].payload)
        }
        return nil
    }

    // MARK: Acknowledgements

    /// Nil for a SACK that says what cannot be: one overtaken by a newer one, or of chunks that were never sent.
    mutating func acknowledge(_ sack: SelectiveAckChunk, in packet: RawSpan, now: Instant) -> Outcome? {
        guard var outcome = acknowledge(through: sack.cumulative, now: now) else { return nil }
        let newest = readGaps(sack, in: packet, into: &outcome, now: now)
        findLosses(below: newest, &outcome)
        return outcome
    }

    /// All up to `cumulative` has arrived; of what lies behind it nothing is said. Nil when that cannot be.
    mutating func acknowledge(through cumulative: TSN, now: Instant) -> Outcome? {
        let steps = cumulative.distance(from: Self.tsn(acknowledged))
        guard steps >= 0, steps <= entries.count else { return nil }
        var outcome = Outcome()
        for index in 0..<steps { count(index, into: &outcome, now: now) }
        entries.removeFirst(steps)
        acknowledged += Int64(steps)
        forwarded = max(forwarded, acknowledged)
        outcome.isProgress = steps > 0
        if let end = recovery, acknowledged >= end { recovery = nil }
        return outcome
    }

    /// The entry has arrived.
    private mutating func count(_ index: Int, into outcome: inout Outcome, now: Instant) {
        switch entries[index].state {
        case .inFlight:
            inFlight -= entries[index].payload.count
            outcome.byteCount += entries[index].payload.count
            if entries[index].transmissions == 1 { outcome.roundTrip = now - entries[index].sentAt }
        case .lost: lostCount -= 1
        case .acknowledged: aheadCount -= 1
        case .abandoned: break
        }
    }

    /// Marks what arrived behind holes. Returns the newest entry that did so with this SACK, or -1.
    private mutating func readGaps(
        _ sack: SelectiveAckChunk, in packet: RawSpan, into outcome: inout Outcome, now: Instant
    ) -> Int {
        var newest = -1
        var index = 0
        // Without holes, now and before, nothing changes behind the cumulative number.
        guard sack.gapCount > 0 || aheadCount > 0 else { return newest }
        for gap in 0..<sack.gapCount {
            // In their order and each once; what contradicts that says nothing.
            guard let range = sack.gap(at: gap, in: packet), range.lowerBound - 1 >= index else { continue }
            while index < min(range.lowerBound - 1, entries.count) {
                renege(index)
                index += 1
            }
            while index < min(range.upperBound, entries.count) {
                if entries[index].state == .inFlight || entries[index].state == .lost {
                    count(index, into: &outcome, now: now)
                    entries[index].state = .acknowledged
                    aheadCount += 1
                    newest = index
                }
                index += 1
            }
        }
        while index < entries.count, aheadCount > 0 {
            renege(index)
            index += 1
        }
        return newest
    }

    /// The peer does not tell of the chunk any more: it has thrown it away (section 6.2.1, D iii).
    private mutating func renege(_ index: Int) {
        guard entries[index].state == .acknowledged else { return }
        entries[index].state = .lost
        lostCount += 1
        aheadCount -= 1
    }

    /// Counts how often the missing ones were passed; at the third time they are lost.
    private mutating func findLosses(below newest: Int, _ outcome: inout Outcome) {
        // In recovery each SACK that makes progress counts for all holes that it shows (section 7.2.4).
        let end = recovery != nil && outcome.isProgress ? newestAcknowledged : newest
        guard end > 0 else { return }
        for index in 0..<end where entries[index].state == .inFlight {
            entries[index].missing += 1
            // Once only: a chunk that was lost twice waits for the timer.
            guard entries[index].missing == 3, entries[index].transmissions == 1 else { continue }
            lose(index)
            outcome.isLoss = true
        }
    }

    private var newestAcknowledged: Int {
        guard aheadCount > 0 else { return -1 }
        for index in stride(from: entries.count - 1, through: 0, by: -1) where entries[index].state == .acknowledged {
            return index
        }
        return -1
    }

    private mutating func lose(_ index: Int) {
        entries[index].state = .lost
        inFlight -= entries[index].payload.count
        lostCount += 1
    }

    /// A loss event begins: true when none was under way.
    mutating func beginRecovery() -> Bool {
        guard recovery == nil else { return false }
        recovery = next - 1
        return true
    }

    /// Nothing was heard for a whole timeout: all is lost.
    mutating func loseAll() {
        for index in 0..<entries.count where entries[index].state == .inFlight { lose(index) }
        recovery = nil
    }

    // MARK: Giving up

    /// Gives up lost messages whose limit is reached. `queue` holds the rest of the one under way.
    mutating func abandon(now: Instant, queue: inout SendQueue) {
        guard abandons, lostCount > 0 else { return }
        var index = 0
        while index < entries.count {
            if entries[index].state == .lost, isSpent(entries[index], now: now) {
                abandon(entries[index].delivery.id, at: index, &queue)
            }
            index += 1
        }
    }

    private func isSpent(_ entry: Entry, now: Instant) -> Bool {
        switch entry.delivery.reliability.limit {
        case .none: false
        case .retransmissions(let most): entry.transmissions > most
        case .lifetime: now >= entry.delivery.expires
        }
    }

    /// Gives up every piece of a message, sent or not; its pieces are neighbours.
    private mutating func abandon(_ id: UInt64, at index: Int, _ queue: inout SendQueue) {
        var first = index
        while first > 0, entries[first - 1].delivery.id == id { first -= 1 }
        var last = first
        while last < entries.count, entries[last].delivery.id == id {
            if entries[last].state == .inFlight { inFlight -= entries[last].payload.count }
            if entries[last].state == .lost { lostCount -= 1 }
            if entries[last].state == .acknowledged { aheadCount -= 1 }
            entries[last].state = .abandoned
            entries[last].payload = []
            last += 1
        }
        guard queue.abandon(id) else { return }
        // The rest was never sent. One number stands for it, so that the peer learns of the message's end even when
        // all before it has arrived.
        var rest = entries[last - 1]
        rest.chunk.tsn = nextTSN
        entries.append(rest)
    }

    /// Moves over what was given up. True when the peer has to be told.
    mutating func forward() -> Bool {
        while forwarded < next - 1, entries[Int(forwarded - acknowledged)].state == .abandoned { forwarded += 1 }
        return forwarded > acknowledged
    }

    /// For each ordered stream the newest message of those given up (RFC 3758 section 3.2), by rising streams.
    var forwardedStreams: [(stream: UInt16, sequence: UInt16)] {
        var streams: [(stream: UInt16, sequence: UInt16)] = []
        for index in 0..<Int(forwarded - acknowledged) where !entries[index].chunk.isUnordered {
            let chunk = entries[index].chunk
            guard let place = streams.firstIndex(where: { $0.stream >= chunk.stream }) else {
                streams.append((chunk.stream, chunk.sequence))
                continue
            }
            if streams[place].stream == chunk.stream {
                streams[place].sequence = chunk.sequence
            } else {
                streams.insert((chunk.stream, chunk.sequence), at: place)
            }
        }
        return streams
    }
}
