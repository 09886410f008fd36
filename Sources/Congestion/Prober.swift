import Wire

/// Paces the trains of probes (libwebrtc `modules/pacing/bitrate_prober.cc`).
struct Prober: Sendable, BitwiseCopyable {
    enum Decision: Sendable, BitwiseCopyable {
        case send(ProbeCluster)
        case wait(Instant)
        case none
    }

    private struct Active: Sendable, BitwiseCopyable {
        var cluster: ProbeCluster
        var startedAt: Instant
        var bytes = 0
        var packets = 0

        /// When the next packet is due.
        var due: Instant {
            startedAt + .nanoseconds(Int64(Double(bytes) * 8e9 / Double(max(cluster.rate, 1))))
        }
    }

    private struct Pending: Sendable, BitwiseCopyable {
        var cluster: ProbeCluster
        var addedAt: Instant
    }

    private static let mostLate = Interval.milliseconds(20)
    private static let mostEarly = Interval.milliseconds(1)
    private static let pendingTimeout = Interval.seconds(5)
    /// Bytes that must wait for a train to start.
    private static let startSize = 200

    private var active: Active?
    private var pending: (Pending?, Pending?, Pending?, Pending?) = (nil, nil, nil, nil)

    /// Queues a train; a fifth is dropped.
    mutating func add(_ cluster: ProbeCluster, now: Instant) {
        let entry = Pending(cluster: cluster, addedAt: now)
        if pending.0 == nil {
            pending.0 = entry
        } else if pending.1 == nil {
            pending.1 = entry
        } else if pending.2 == nil {
            pending.2 = entry
        } else if pending.3 == nil {
            pending.3 = entry
        }
    }

    /// Whether a packet of a train is due.
    mutating func decide(queued bytes: Int, now: Instant) -> Decision {
        if active == nil { startNext(queued: bytes, now: now) }
        guard let active else { return .none }
        if active.bytes > 0, now - active.due > Self.mostLate {
            // A train with a hole measures the hole.
            self.active = nil
            return decide(queued: bytes, now: now)
        }
        return active.due <= now + Self.mostEarly ? .send(active.cluster) : .wait(active.due)
    }

    mutating func sent(_ bytes: Int, cluster: Int32, now: Instant) {
        guard var train = active, train.cluster.id == cluster else { return }
        train.bytes += bytes
        train.packets += 1
        let isDone = train.bytes >= train.cluster.minimumBytes && train.packets >= train.cluster.minimumPackets
        active = isDone ? nil : train
    }

    private mutating func startNext(queued bytes: Int, now: Instant) {
        while let first = pending.0 {
            guard now - first.addedAt <= Self.pendingTimeout else {
                dropFirst()
                continue
            }
            let wanted = min(Self.startSize, Int(Double(first.cluster.rate) / 8 * first.cluster.spacing.seconds))
            guard bytes >= wanted else { return }
            dropFirst()
            active = Active(cluster: first.cluster, startedAt: now)
            return
        }
    }

    private mutating func dropFirst() { pending = (pending.1, pending.2, pending.3, nil) }
}
