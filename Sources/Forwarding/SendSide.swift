import Congestion
import RTP
import Wire

/// The path to a peer that is sent media: the numbers that packets leave under, what the peer's feedback says that the
/// path carries, and what may leave now.
///
/// Until the peer has said a first time what became of packets, nothing is held back: a peer without transport-wide
/// feedback gets everything as it comes.
struct SendSide {
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

    private(set) var controller: CongestionController
    private var pacer: Pacer
    private(set) var nextSequence: Int64 = 1
    /// The peer has told what became of packets.
    private(set) var hasFeedback = false
    private var firstFeedback = Instant.origin
    private var clock = ArrivalClock()
    private(set) var waiting = Ring<Deferred>(capacity: Limits.deferredPackets, reserving: 0)
    private var waitingBytes = 0
    /// When the rate is allocated again though it has not fallen, and what the last allocation went by.
    private var nextAllocation = Instant.origin
    private var allocatedRate: UInt64 = 0
    private var use: UInt64 = 0

    init(random: inout SeededRandom, now: Instant) {
        let configuration = CongestionConfiguration(
            startRate: Limits.startRate, minimumRate: Limits.minimumRate,
            maximumRate: Limits.maximumRate,
            probesPeriodically: true)
        controller = CongestionController(configuration, random: SeededRandom(seed: random.next()), now: now)
        pacer = Pacer(pacingRate: controller.pacingRate, now: now)
    }

    /// What the next packet carries of ``nextSequence``.
    var number: UInt16 { UInt16(truncatingIfNeeded: nextSequence) }

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

    /// The packet with ``nextSequence`` has left.
    mutating func noteSent(_ length: Int, _ kind: SentPacket.Kind, cluster: Int32, now: Instant) {
        let bytes = Self.wireBytes(length)
        controller.sent(
            SentPacket(
                sequence: nextSequence, sentAt: now, size: Int32(clamping: bytes), kind: kind, probeCluster: cluster))
        pacer.sent(bytes, kind: kind, probeCluster: cluster, now: now)
        nextSequence += 1
    }

    // MARK: What comes back

    /// Takes a report about the packets of this path, as far as the `budget` of statuses lasts; `results` is room to
    /// work in.
    mutating func receive(
        _ feedback: TransportFeedback, in bytes: RawSpan, budget: inout Int, _ results: inout [PacketResult],
        now: Instant
    ) {
        results.removeAll(keepingCapacity: true)
        let reference = clock.transportWide(reference: feedback.referenceTime)
        let newest = nextSequence - 1
        let lowBits = SequenceNumber(UInt16(truncatingIfNeeded: newest))
        var statuses = feedback.statuses
        // What it says of packets that never left counts, too: a run of thousands takes two bytes.
        while budget > 0, let status = statuses.next(in: bytes) {
            budget -= 1
            let sequence = newest + Int64(status.sequenceNumber.distance(from: lowBits))
            guard sequence > 0, sequence <= newest else { continue }
            if let arrival = status.arrival {
                results.append(
                    PacketResult(sequence: sequence, arrival: reference &+ arrival.nanoseconds, isCE: false))
            } else if !status.isReceived {
                results.append(.missing(sequence))
            }
        }
        guard !results.isEmpty else { return }
        if !hasFeedback { firstFeedback = now }
        hasFeedback = true
        controller.receive(results.span, now: now)
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
        let rate = controller.estimate
        // At first the estimate is no more than where it starts, unless the path shows that it has less.
        let isStarting = now - firstFeedback < Limits.allocationStart
        guard !isStarting || Double(rate) < Double(Limits.startRate) * Limits.allocationFall else { return nil }
        let hasFallen = Double(rate) < Double(allocatedRate) * Limits.allocationFall
        guard hasFallen || now >= nextAllocation else { return nil }
        nextAllocation = now + Limits.allocationInterval
        allocatedRate = rate
        return rate
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
        guard controller.deadline <= now else { return }
        controller.advance(to: now)
        follow(now)
    }

    /// When to look again.
    var deadline: Instant { hasFeedback ? min(controller.deadline, pacer.deadline) : .distantFuture }

    /// The controller's rates and probes to the pacer.
    private mutating func follow(_ now: Instant) {
        // The layers that fit let a queue run empty; what a switch to them takes must not wait for that.
        let least = max(controller.estimate, use + use / 2)
        pacer.setRates(
            pacing: max(controller.pacingRate, least), padding: controller.paddingRate, burst: Limits.pacingBurst,
            now: now)
        while let probe = controller.nextProbe(now: now) { pacer.startProbe(probe, now: now) }
    }
}
