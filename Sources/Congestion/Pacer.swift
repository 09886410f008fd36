public import Wire

/// Spreads packets over time: says how many bytes of which kind may leave now.
///
/// Sans-IO, and it keeps no packets: the caller has the queues and asks in a loop until the answer is to wait.
///
/// ```
/// pacer.setRates(
///     pacing: controller.pacingRate, padding: controller.paddingRate, burst: controller.pacingBurst, now: now)
/// if let probe = controller.nextProbe(now: now) { pacer.startProbe(probe, now: now) }
/// loop: while true {
///     switch pacer.decide(queues.backlog, windowRoom: controller.windowRoom, now: now) {
///     case .send(let kind, let cluster):       // take the oldest packet of that kind and send it
///     case .padding(let bytes, let cluster):   // make a packet of about that many bytes and send it
///     case .wait: break loop                   // until pacer.deadline, or until a packet comes
///     }
///     pacer.sent(bytesOnTheWire, kind: kind, probeCluster: cluster, now: now)
///     controller.sent(packet)
/// }
/// ```
public struct Pacer: Sendable {
    /// What waits in the caller's queues, in bytes on the wire, and since when the oldest does.
    public struct Backlog: Sendable, Equatable, BitwiseCopyable {
        public var audio: Int
        public var retransmission: Int
        public var video: Int
        /// When the packet came that waits longest; only read while something waits.
        public var oldest: Instant

        public init(audio: Int = 0, retransmission: Int = 0, video: Int = 0, oldest: Instant = .distantFuture) {
            self.audio = audio
            self.retransmission = retransmission
            self.video = video
            self.oldest = oldest
        }

        /// All bytes that wait.
        public var bytes: Int { audio + retransmission + video }

        /// What goes first: audio, then retransmissions, then video (libwebrtc's order).
        var first: SentPacket.Kind? {
            audio > 0 ? .audio : retransmission > 0 ? .retransmission : video > 0 ? .video : nil
        }
    }

    /// What may happen now.
    public enum Decision: Sendable, Equatable, BitwiseCopyable {
        /// One packet of this kind may leave, as part of that probe (0: none).
        case send(SentPacket.Kind, probeCluster: Int32)
        /// A packet of about so many bytes that carries nothing new may leave.
        case padding(bytes: Int, probeCluster: Int32)
        /// Nothing until ``Pacer/deadline``, or until a packet comes.
        case wait
    }

    /// s of rate that the debt is capped at (libwebrtc `pacing_controller.cc`).
    private static let longestDebt = 0.5
    private static let largestBurst = 63_000.0
    private static let queueLimit = Interval.seconds(2)
    private static let leastTimeLeft = Interval.milliseconds(100)
    /// A window without room still lets one packet out so often, or no feedback would ever come.
    private static let keepAlive = Interval.milliseconds(500)
    private static let paddingChunk = Interval.milliseconds(5)
    private static let packetLength = 1_200.0

    private var pacingRate: Double
    /// bit/s; the pacing rate, or more for a queue that has waited for long.
    private var currentRate: Double
    private var paddingRate = 0.0
    private var burst = Interval.zero
    /// Bytes that have left and that the rate has not paid yet.
    private var debt = 0.0
    private var paddingDebt = 0.0
    private var updatedAt: Instant
    private var sentAt: Instant?
    /// When to ask again though nothing happened; `distantFuture` when nothing is owed.
    public private(set) var deadline = Instant.distantFuture
    private var prober = Prober()

    public init(pacingRate: UInt64, now: Instant) {
        self.pacingRate = Double(max(pacingRate, 1))
        currentRate = self.pacingRate
        updatedAt = now
    }

    /// New rates.
    ///
    /// - Parameters:
    ///   - pacing: bit/s. A queue that is about to wait for more than two seconds leaves faster.
    ///   - padding: bit/s up to which padding fills when there is less media; 0 for none.
    ///   - burst: how much time's worth of bytes may leave at once.
    public mutating func setRates(pacing: UInt64, padding: UInt64, burst: Interval, now: Instant) {
        settle(now)
        pacingRate = Double(min(max(pacing, 1), Limits.maximumRate * 10))
        currentRate = pacingRate
        paddingRate = Double(min(padding, Limits.maximumRate))
        self.burst = min(max(burst, .zero), .seconds(1))
    }

    /// Sends a train as soon as there is a packet of some size; trains wait for each other, four at most.
    public mutating func startProbe(_ cluster: ProbeCluster, now: Instant) { prober.add(cluster, now: now) }

    /// What may leave now.
    ///
    /// - Parameter windowRoom: ``CongestionController/windowRoom``; without room only audio leaves.
    public mutating func decide(_ backlog: Backlog, windowRoom: Int = .max, now: Instant) -> Decision {
        settle(now)
        deadline = .distantFuture
        if backlog.audio > 0 { return .send(.audio, probeCluster: 0) }
        guard windowRoom > 0 || isStarving(now) else {
            deadline = (sentAt ?? now) + Self.keepAlive
            return .wait
        }
        switch prober.decide(queued: backlog.bytes, now: now) {
        case .send(let cluster):
            if let kind = backlog.first { return .send(kind, probeCluster: cluster.id) }
            // Whole packets: a train of small ones is over before jitter has evened out.
            return .padding(bytes: Int(Self.packetLength), probeCluster: cluster.id)
        case .wait(let until): deadline = until
        case .none: break
        }
        if let kind = backlog.first {
            currentRate = drainRate(backlog, now: now)
            let credit = min(burst.seconds * currentRate / 8, Self.largestBurst)
            if debt <= credit { return .send(kind, probeCluster: 0) }
            deadline = min(deadline, now + Self.time((debt - credit) / (currentRate / 8)))
            return .wait
        }
        currentRate = pacingRate
        return pad(now)
    }

    /// So many bytes have left.
    public mutating func sent(_ bytes: Int, kind: SentPacket.Kind, probeCluster: Int32 = 0, now: Instant) {
        settle(now)
        let bytes = Double(min(max(bytes, 0), Int(Limits.packetLength)))
        debt = min(debt + bytes, max(Self.longestDebt * pacingRate / 8, Self.packetLength))
        paddingDebt = min(paddingDebt + bytes, max(Self.longestDebt * paddingRate / 8, Self.packetLength))
        sentAt = now
        if probeCluster != 0 { prober.sent(Int(bytes), cluster: probeCluster, now: now) }
    }

    private func isStarving(_ now: Instant) -> Bool {
        guard let sentAt else { return true }
        return now - sentAt >= Self.keepAlive
    }

    /// Padding follows media: before the first packet there is nothing to pad.
    private mutating func pad(_ now: Instant) -> Decision {
        guard paddingRate > 0, sentAt != nil else { return .wait }
        guard paddingDebt <= 0, debt <= 0 else {
            let wait = max(paddingDebt / (paddingRate / 8), debt / (pacingRate / 8))
            deadline = min(deadline, now + Self.time(wait))
            return .wait
        }
        let chunk = paddingRate / 8 * Self.paddingChunk.seconds
        return .padding(bytes: Int(min(max(chunk, 50), Self.packetLength)), probeCluster: 0)
    }

    /// bit/s: fast enough that what waits longest leaves within the limit.
    private func drainRate(_ backlog: Backlog, now: Instant) -> Double {
        // Not enough to matter, however long it has waited.
        guard Double(backlog.bytes) * 8 > pacingRate * Self.leastTimeLeft.seconds else { return pacingRate }
        let left = max(Self.queueLimit - max(now - backlog.oldest, .zero), Self.leastTimeLeft)
        return max(pacingRate, Double(backlog.bytes) * 8 / left.seconds)
    }

    private static func time(_ seconds: Double) -> Interval { .nanoseconds(Int64(min(max(seconds, 0), 10) * 1e9) + 1) }

    private mutating func settle(_ now: Instant) {
        guard now > updatedAt else { return }
        let elapsed = (now - updatedAt).seconds
        updatedAt = now
        debt = max(debt - elapsed * currentRate / 8, 0)
        paddingDebt = max(paddingDebt - elapsed * paddingRate / 8, 0)
    }
}
