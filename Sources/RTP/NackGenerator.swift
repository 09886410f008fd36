public import Wire

/// Finds the gaps in one stream and says when to ask for which packet (RFC 4585 section 6.2.1).
///
/// Packets in order cost a comparison; nothing is allocated after `init`.
public struct NackGenerator: Sendable {
    /// What a packet meant for the list of missing ones.
    public enum Received: UInt8, Sendable, BitwiseCopyable {
        /// The next packet, or one that opened a gap.
        case newest
        /// Filled a gap.
        case recovered
        /// Known already, or given up.
        case old
        /// More than ``Limits/missingPackets`` are missing since the last key frame: the list was cleared, ask for one.
        case keyFrameNeeded
    }

    private struct Missing: Sendable, BitwiseCopyable {
        var number: Int64
        /// When to ask (again), or to give up.
        var due: Instant
        /// When it was missed first.
        var since: Instant
    }

    /// Sequence numbers in one list of ``due(now:into:)``, so that they fit one packet when all are apart.
    public static let batch = 250

    /// Ascending by number.
    private var missing: [Missing] = []
    private var newest: Int64?
    /// The first packet of the newest key frame.
    private var keyFrame: Int64?
    private var restartCandidate: SequenceNumber?
    private var spacing = Interval.milliseconds(100)
    private var lifetime = Limits.repairDeadline
    private let reorderDelay: Interval
    /// Packets given up, since the beginning.
    public private(set) var abandoned: UInt64 = 0

    public init(reorderDelay: Interval = Limits.reorderDelay) {
        self.reorderDelay = reorderDelay
        missing.reserveCapacity(Limits.missingPackets)
    }

    /// Packets that are missing now.
    public var missingCount: Int { missing.count }

    /// Spaces repeated requests; clamped to 20 ms...1 s. Before the first measure it is 100 ms.
    public mutating func setRoundTripTime(_ roundTripTime: Interval) {
        spacing = min(max(roundTripTime, Limits.minimumNackSpacing), Limits.maximumNackSpacing)
        lifetime = max(Limits.repairDeadline, spacing * Limits.repairRoundTrips)
    }

    /// Notes a packet. `isRecovered`: it came as a retransmission, which never opens a gap.
    public mutating func receive(_ number: SequenceNumber, isRecovered: Bool, now: Instant) -> Received {
        guard let last = newest else {
            guard !isRecovered else { return .old }
            newest = Int64(number.rawValue) + 0x1_0000
            return .newest
        }
        let step = number.distance(from: SequenceNumber(UInt16(truncatingIfNeeded: last)))
        if step == 1, !isRecovered {
            newest = last + 1
            return .newest
        }
        guard step > 0 else { return receiveOld(number, extended: last + Int64(step), isRecovered: isRecovered) }
        guard !isRecovered else { return .old }
        newest = last + Int64(step)
        if missing.count + step - 1 > Limits.missingPackets { forgetBeforeKeyFrame() }
        guard missing.count + step - 1 <= Limits.missingPackets else {
            missing.removeAll(keepingCapacity: true)
            return .keyFrameNeeded
        }
        for offset in 1..<step {
            missing.append(Missing(number: last + Int64(offset), due: now + reorderDelay, since: now))
        }
        return .newest
    }

    /// A key frame's first packet. Nothing that comes after it depends on what came before, so that this is given up
    /// first when too much is missing.
    ///
    /// Not before: the last frame in front of a key frame is shown like any other, and who forwards it to several
    /// receivers would have each of them ask in vain for what one repair mends for all.
    public mutating func noteKeyFrame(_ number: SequenceNumber) {
        guard let last = newest else { return }
        let first = last + Int64(number.distance(from: SequenceNumber(UInt16(truncatingIfNeeded: last))))
        keyFrame = max(keyFrame ?? first, first)
    }

    private mutating func forgetBeforeKeyFrame() {
        guard let keyFrame else { return }
        missing.removeAll { $0.number < keyFrame }
    }

    /// When ``due(now:into:)`` has something to say; `distantFuture` without gaps.
    public var deadline: Instant {
        var earliest = Instant.distantFuture
        for index in missing.indices where missing[index].due < earliest { earliest = missing[index].due }
        return earliest
    }

    /// Appends the sequence numbers to ask for now, ascending, at most ``batch``.
    ///
    /// A packet is asked for again after a round trip, and ever more rarely the longer it is missing, until it is given
    /// up after ``Limits/repairDeadline``. True when a packet was given up that only a key frame can replace: it was
    /// missed behind the newest one.
    @discardableResult
    public mutating func due(now: Instant, into list: inout [SequenceNumber]) -> Bool {
        var kept = 0
        var asked = 0
        var isKeyFrameNeeded = false
        for index in missing.indices {
            var entry = missing[index]
            guard now - entry.since < lifetime else {
                abandoned &+= 1
                isKeyFrameNeeded = isKeyFrameNeeded || entry.number > keyFrame ?? .min
                continue
            }
            if entry.due <= now, asked < Self.batch {
                let pause = max(spacing, (now - entry.since) / Limits.nackBackoff)
                entry.due = min(now + pause, entry.since + lifetime)
                list.append(SequenceNumber(UInt16(truncatingIfNeeded: entry.number)))
                asked += 1
            }
            missing[kept] = entry
            kept += 1
        }
        missing.removeLast(missing.count - kept)
        return isKeyFrameNeeded
    }

    private mutating func receiveOld(_ number: SequenceNumber, extended: Int64, isRecovered: Bool) -> Received {
        if let index = index(of: extended) {
            missing.remove(at: index)
            return .recovered
        }
        // A sender that restarted on the same SSRC: two packets in a row from far behind (RFC 3550 A.1).
        guard !isRecovered, let last = newest, extended < last - Int64(Limits.maximumMisorder) else { return .old }
        guard restartCandidate == number else {
            restartCandidate = number.advanced(by: 1)
            return .old
        }
        restartCandidate = nil
        keyFrame = nil
        missing.removeAll(keepingCapacity: true)
        newest = Int64(number.rawValue) + 0x1_0000
        return .keyFrameNeeded
    }

    private func index(of number: Int64) -> Int? {
        var low = 0
        var high = missing.count
        while low < high {
            let middle = (low + high) / 2
            if missing[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low < missing.count && missing[low].number == number ? low : nil
    }
}
