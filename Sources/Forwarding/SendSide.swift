import Congestion
import RTP
import Wire

/// The path to a peer that is sent media: the numbers that packets leave under, what the peer's feedback says that the
/// path carries, and what may leave now.
///
/// Until the peer has said a first time what became of packets, nothing is held back: a peer that never does gets
/// everything as it comes.
struct SendSide: ~Copyable {
    /// How the peer says what became of packets.
    enum Feedback {
        /// By the numbers that packets carry (draft-holmer-rmcat-transport-wide-cc-extensions-01).
        case transportWide
        /// By their SSRCs and sequence numbers (RFC 8888).
        case congestionControl
    }

    /// A packet that waits until the path has room: the stream's cache has its bytes, the rewriter its place.
    struct Deferred: BitwiseCopyable {
        var subscriber: Int32
        /// Tells the slot's occupant from a later one.
        var rewriter: SlabHandle
        var source: UInt64
        var sequence: Int64
        /// Bytes on the wire, about.
        var bytes: Int32
        var since: Instant
    }

    private let inPlace = InPlace()
    // What each packet needs comes first, so that it lies together.
    let feedback: Feedback
    /// The peer has told what became of packets.
    private(set) var hasFeedback = false
    private(set) var nextSequence: Int64 = 1
    private(set) var waiting = Ring<Deferred>(capacity: Limits.deferredPackets, reserving: 0)
    private var pacer: Pacer
    private(set) var controller: CongestionController
    private var sentNumbers: SentNumbers?
    /// What the controller said last.
    private var rates: CongestionController.Rates
    private var firstFeedback = Instant.origin
    private var latestFeedback = Instant.origin
    private var clock = ArrivalClock()
    private var waitingBytes = 0
    /// When the rate is allocated again though it has not fallen, and what the last allocation went by.
    private var nextAllocation = Instant.origin
    private var allocatedRate: UInt64 = 0
    private var use: UInt64 = 0

    init(feedback: Feedback, random: inout SeededRandom, now: Instant) {
        self.feedback = feedback
        sentNumbers = feedback == .congestionControl ? SentNumbers() : nil
        let configuration = CongestionConfiguration(
            startRate: Limits.startRate, minimumRate: Limits.minimumRate,
            maximumRate: Limits.maximumRate,
            probesPeriodically: true)
        controller = CongestionController(configuration, random: SeededRandom(seed: random.next()), now: now)
        rates = controller.rates()
        pacer = Pacer(pacingRate: rates.pacing, now: now)
    }

    /// What the next packet carries of ``nextSequence``; nil where it is known by its own number.
    var number: UInt16? { feedback == .transportWide ? UInt16(truncatingIfNeeded: nextSequence) : nil }

    /// Bytes on the wire of an RTP packet of that length.
    static func wireBytes(_ length: Int) -> Int { length + Limits.packetOverhead }

    // MARK: What leaves

    // The controller's window is not asked: what a server sends is chosen by layers, and a video that has but one must
    // not stand still because a report is late.

    /// Whether a packet that just came may leave at once, and as part of which probe; nil when it has to wait.
    mutating func admit(bytes: Int, now: Instant) -> Int32? {
        guard hasFeedback else { return 0 }
        guard waiting.isEmpty else { return nil }
        let backlog = Pacer.Backlog(video: bytes, oldest: now)
        guard case .send(_, let cluster) = pacer.decide(backlog, now: now) else {
            return nil
        }
        return cluster
    }

    /// False when too many wait.
    mutating func hold(_ packet: Deferred) -> Bool {
        guard waiting.push(packet) else { return false }
        waitingBytes += Int(packet.bytes)
        return true
    }

    mutating func release() -> Deferred? {
        guard let packet = waiting.pop() else { return nil }
        waitingBytes -= Int(packet.bytes)
        return packet
    }

    /// How long the packet has waited whose turn is next.
    func queueing(now: Instant) -> Interval { max(now - (waiting.first?.since ?? now), .zero) }

    /// What may leave of what waits, or in its stead.
    mutating func decide(now: Instant) -> Pacer.Decision {
        guard hasFeedback else { return .wait }
        let backlog = Pacer.Backlog(video: waitingBytes, oldest: waiting.first?.since ?? now)
        return pacer.decide(backlog, now: now)
    }

    /// So many packets will leave in a moment.
    @inline(__always)
    mutating func prefetch(packets: Int64) {
        // Four of a history lie in a line of the cache.
        for ahead in stride(from: 0, to: packets, by: 4) { controller.prefetch(nextSequence &+ ahead) }
    }

    /// The packet with ``nextSequence`` has left.
    mutating func noteSent(
        _ copy: Router.Copy, _ length: Int, _ kind: SentPacket.Kind, cluster: Int32, now: Instant
    ) {
        let bytes = Self.wireBytes(length)
        sentNumbers?.note(copy.ssrc, copy.number, as: nextSequence)
        controller.sent(
            SentPacket(
                sequence: nextSequence, sentAt: now, size: Int32(clamping: bytes), kind: kind, probeCluster: cluster))
        pacer.sent(bytes, kind: kind, probeCluster: cluster, now: now)
        nextSequence += 1
    }

    /// The same packet has left once more under the same number: which of the two came, no report tells.
    mutating func noteRepeated(_ copy: Router.Copy) { sentNumbers?.forget(copy.ssrc, copy.number) }

    // MARK: What comes back

    /// Takes a report about the packets of this path, as far as the `budget` of statuses lasts; `room` is to work
    /// in. One of the other kind, which was not negotiated, is ignored.
    mutating func receive(
        _ feedback: TransportFeedback, in bytes: RawSpan, budget: inout Int, _ room: inout FeedbackRoom,
        now: Instant
    ) {
        guard self.feedback == .transportWide else { return }
        room.results.removeAll(keepingCapacity: true)
        let reference = clock.transportWide(reference: feedback.referenceTime)
        let newest = nextSequence - 1
        let lowBits = SequenceNumber(UInt16(truncatingIfNeeded: newest))
        var statuses = feedback.statuses
        // What it says of packets that never left counts, too: a run of thousands takes two bytes.
        while budget > 0, let status = statuses.next(in: bytes) {
            budget -= 1
            let sequence = newest + Int64(status.sequenceNumber.distance(from: lowBits))
            guard sequence > 0, sequence <= newest else { continue }
            controller.prefetch(sequence)
            if let arrival = status.arrival {
                room.results.append(
                    PacketResult(sequence: sequence, arrival: reference &+ arrival.nanoseconds, isCE: false))
            } else if !status.isReceived {
                room.results.append(.missing(sequence))
            }
        }
        take(room.results, &room.scratch, now: now)
    }

    /// The same for a report that names packets by SSRC and sequence number.
    mutating func receive(
        _ report: CongestionControlFeedback, in bytes: RawSpan, budget: inout Int, _ room: inout FeedbackRoom,
        now: Instant
    ) {
        guard feedback == .congestionControl else { return }
        room.results.removeAll(keepingCapacity: true)
        let reference = clock.congestionControl(timestamp: report.timestamp)
        var statuses = report.statuses
        while budget > 0, let status = statuses.next(in: bytes) {
            budget -= 1
            guard let sequence = sentNumbers?.sequence(status.ssrc, status.sequenceNumber) else { continue }
            if let age = status.age {
                // Packets leave without ECT: a CE mark would mean nothing (RFC 3168 section 5).
                room.results.append(
                    PacketResult(sequence: sequence, arrival: reference &- age.nanoseconds, isCE: false))
            } else if !status.isReceived {
                room.results.append(.missing(sequence))
            }
        }
        take(room.results, &room.scratch, now: now)
    }

    private mutating func take(_ results: [PacketResult], _ scratch: inout FeedbackScratch, now: Instant) {
        guard !results.isEmpty else { return }
        if !hasFeedback { firstFeedback = now }
        hasFeedback = true
        latestFeedback = now
        controller.receive(results.span, scratch: &scratch, now: now)
        follow(now)
    }

    mutating func receiveMaximum(_ rate: UInt64, now: Instant) {
        controller.receiveMaximumRate(rate, now: now)
        follow(now)
    }

    /// The rate to share among layers, when it fell or it is time; nil while nothing is to be done.
    mutating func rateToAllocate(now: Instant) -> UInt64? {
        guard hasFeedback else { return nil }
        // What the path carries: the target may be less for a moment, to let a queue run empty.
        let rate = rates.estimate
        // At first the estimate is no more than where it starts, unless the path shows that it has less.
        let isStarting = now - firstFeedback < Limits.allocationStart
        guard !isStarting || Double(rate) < Double(Limits.startRate) * Limits.allocationFall else { return nil }
        let hasFallen = Double(rate) < Double(allocatedRate) * Limits.allocationFall
        guard hasFallen || now >= nextAllocation else { return nil }
        nextAllocation = now + Limits.allocationInterval
        allocatedRate = rate
        return rate
    }

    /// The controller knows the path as it is now, and what was chosen fits it, or nearly.
    func isFollowed(now: Instant) -> Bool {
        guard hasFeedback, now - latestFeedback < Limits.feedbackSilence else { return false }
        return Double(use) <= Double(rates.estimate) * Limits.followedUse
    }

    /// bit/s that the layers take which were chosen.
    mutating func setUse(_ rate: UInt64, now: Instant) {
        use = rate
        follow(now)
    }

    mutating func setAllocation(maximum: UInt64, minimum: UInt64, now: Instant) {
        controller.setAllocation(maximum: maximum, minimum: minimum, padding: 0, now: now)
        follow(now)
    }

    // MARK: Time

    mutating func advance(to now: Instant) {
        guard rates.deadline <= now else { return }
        controller.advance(to: now)
        follow(now)
    }

    /// When to look again.
    var deadline: Instant { hasFeedback ? min(rates.deadline, pacer.deadline) : .distantFuture }

    /// The controller's rates and probes to the pacer.
    private mutating func follow(_ now: Instant) {
        // The layers that fit let a queue run empty; what a switch to them takes must not wait for that.
        rates = controller.rates()
        let least = max(rates.estimate, use + use / 2)
        pacer.setRates(
            pacing: max(rates.pacing, least), padding: rates.padding, burst: Limits.pacingBurst, now: now)
        while let probe = controller.nextProbe(now: now) { pacer.startProbe(probe, now: now) }
    }
}

/// Room to read feedback in: one for all paths of a router.
struct FeedbackRoom {
    var results: [PacketResult] = []
    var scratch = FeedbackScratch()
}
