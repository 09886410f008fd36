public import Wire

/// Spreads packets over time: says how many bytes of which kind may leave now.
///
/// Sans-IO, and it keeps no packets: the caller has the queues and asks in a loop until the answer is to wait.
///
/// ```
/// pacer.setRates(pacing: controller.pacingRate, padding: controller.paddingRate, now: now)
/// if let probe = controller.nextProbe(now: now) { pacer.startProbe(probe, now: now) }
/// loop: while true {
///     switch pacer.decide(queues.backlog, windowRoom: controller.windowRoom, now: now) {
///     case .send(let kind, let cluster):       // take the oldest packet of that kind and send it
///     case .padding(let bytes, let cluster):   // make a packet of about that many bytes and send it
///     case .wait: break loop                   // until pacer.deadline, or until a packet comes
///     }
///     pacer.sent(bytesOnTheWire, kind: kind, now: now)
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

    private var pacingRate: Double
    private var debt = 0.0
    private var updatedAt: Instant
    /// When to ask again though nothing happened; `distantFuture` when nothing is owed.
    public private(set) var deadline = Instant.distantFuture

    public init(pacingRate: UInt64, now: Instant) {
        self.pacingRate = Double(max(pacingRate, 1))
        updatedAt = now
    }

    /// New rates, in bit/s. A queue of more than two seconds leaves faster than `pacing` says.
    public mutating func setRates(pacing: UInt64, padding: UInt64, now: Instant) {
        settle(now)
        pacingRate = Double(max(pacing, 1))
    }

    /// Sends a train as soon as there is a packet of some size; trains wait for each other.
    public mutating func startProbe(_ cluster: ProbeCluster, now: Instant) {}

    /// What may leave now.
    ///
    /// - Parameter windowRoom: ``CongestionController/windowRoom``; without room only audio leaves.
    public mutating func decide(_ backlog: Backlog, windowRoom: Int = .max, now: Instant) -> Decision {
        settle(now)
        deadline = .distantFuture
        guard let kind = backlog.first else { return .wait }
        if kind == .audio || debt <= 0 { return .send(kind, probeCluster: 0) }
        deadline = now + Interval(nanoseconds: Int64(min(debt * 8e9 / pacingRate, 1e9)) + 1)
        return .wait
    }

    /// So many bytes have left.
    public mutating func sent(_ bytes: Int, kind: SentPacket.Kind, now: Instant) {
        settle(now)
        debt = min(debt + Double(max(bytes, 0)), pacingRate / 16)
    }

    private mutating func settle(_ now: Instant) {
        let elapsed = max((now - updatedAt).seconds, 0)
        updatedAt = max(now, updatedAt)
        debt = max(debt - elapsed * pacingRate / 8, 0)
    }
}
