import Wire

/// A packet whose fate feedback has just told.
struct Acknowledgement: Sendable, BitwiseCopyable {
    var sequence: Int64
    var sentAt: Instant
    /// Nanoseconds on the receiver's clock, moved so that it stays near the sender's; meaningless when lost.
    var arrival: Int64
    var size: Int32
    var kind: SentPacket.Kind
    var probeCluster: Int32
    var isCE: Bool
    /// An earlier report called it lost.
    var wasLost: Bool
}

/// One report, checked against what was sent: all that controllers read of feedback.
///
/// Whatever a report claims, here a packet was sent, comes once, and arrives within ``largestClockError`` of the
/// sender's own time line.
struct FeedbackDigest: Sendable {
    /// Receiver clocks drift by less over a call; a larger step is a new clock, and delays start afresh.
    static let largestClockError = Interval.seconds(100).nanoseconds

    /// Packets that came, by arrival, and packets that are lost, by number.
    private(set) var received: [Acknowledgement] = []
    private(set) var lost: [Acknowledgement] = []
    /// The receiver's clock stepped: old arrivals cannot be compared with these.
    private(set) var clockStepped = false
    /// When it came.
    private(set) var now = Instant.origin
    /// From the oldest and from the youngest reported packet's departure until now.
    private(set) var longestRoundTrip = Interval.zero
    /// The least round trip without the time that packets waited for the report.
    private(set) var propagation: Interval?
    /// Bytes on their way once this report is counted, and just before.
    private(set) var bytesInFlight = 0
    private(set) var bytesInFlightBefore = 0
    /// What is added to the receiver's clock.
    private var clockOffset: Int64?

    /// Lends and takes back the room for ``received`` and ``lost``. Nothing is copied.
    mutating func exchange(with scratch: inout FeedbackScratch) {
        swap(&received, &scratch.received)
        swap(&lost, &scratch.lost)
    }

    /// Whether it tells anything at all.
    var isEmpty: Bool { received.isEmpty && lost.isEmpty }

    /// The last arrival; 0 when nothing came.
    var lastArrival: Int64 { received.isEmpty ? 0 : received[received.count - 1].arrival }

    /// When the packet left that came last; nil when nothing came.
    var lastDeparture: Instant? { received.isEmpty ? nil : received[received.count - 1].sentAt }

    /// Reads a report and settles its packets in `history`.
    mutating func read(_ results: Span<PacketResult>, history: inout SendHistory, now: Instant) {
        received.removeAll(keepingCapacity: true)
        lost.removeAll(keepingCapacity: true)
        clockStepped = false
        self.now = now
        bytesInFlightBefore = history.bytesInFlight
        var highest: Int64 = -1
        for index in results.indices {
            let result = results[index]
            guard let record = history.record(result.sequence), record.fate != .received else { continue }
            let age = now - record.packet.sentAt
            guard age >= .zero, age <= Limits.oldestFeedback else { continue }
            guard result.isReceived else {
                guard record.fate != .lost else { continue }
                history.settle(result.sequence, as: .lost)
                lost.append(Acknowledgement(record.packet, arrival: 0, isCE: false, wasLost: false))
                highest = max(highest, result.sequence)
                continue
            }
            history.settle(result.sequence, as: .received)
            highest = max(highest, result.sequence)
            received.append(
                Acknowledgement(
                    record.packet, arrival: onOurClock(result.arrival, now: now), isCE: result.isCE,
                    wasLost: record.fate == .lost))
        }
        if highest >= 0 { history.pass(to: highest + 1) }
        received.sortByArrival()
        bytesInFlight = history.bytesInFlight
        measureRoundTrip()
    }

    private mutating func measureRoundTrip() {
        longestRoundTrip = .zero
        propagation = nil
        guard !received.isEmpty else { return }
        let last = lastArrival
        var least = Int64.max
        for index in received.indices {
            let packet = received[index]
            let roundTrip = min(now - packet.sentAt, Limits.longestRoundTrip)
            longestRoundTrip = max(longestRoundTrip, roundTrip)
            least = min(least, roundTrip.nanoseconds - (last - packet.arrival))
        }
        propagation = Interval(nanoseconds: max(least, 0))
    }

    /// Moves the receiver's clock next to ours, so that no later difference can overflow.
    private mutating func onOurClock(_ arrival: Int64, now: Instant) -> Int64 {
        let local = Int64(clamping: now.nanoseconds)
        if let offset = clockOffset {
            let moved = arrival &+ offset
            let (error, overflow) = moved.subtractingReportingOverflow(local)
            if !overflow, error.magnitude <= UInt64(Self.largestClockError) { return moved }
            clockStepped = true
            // What this report told before belongs to the old clock.
            received.removeAll(keepingCapacity: true)
        }
        clockOffset = local &- arrival
        return local
    }
}

extension Acknowledgement {
    init(_ packet: SentPacket, arrival: Int64, isCE: Bool, wasLost: Bool) {
        self.init(
            sequence: packet.sequence, sentAt: packet.sentAt, arrival: arrival, size: packet.size, kind: packet.kind,
            probeCluster: packet.probeCluster, isCE: isCE, wasLost: wasLost)
    }

    /// Arrival, and the number for packets of one instant.
    fileprivate func comes(before other: Acknowledgement) -> Bool {
        arrival != other.arrival ? arrival < other.arrival : sequence < other.sequence
    }
}

extension [Acknowledgement] {
    /// Heap sort, in place and without memory of its own: a report in any order costs n log n at most. Real ones are
    /// in order, or nearly.
    fileprivate mutating func sortByArrival() {
        var isSorted = true
        for index in indices.dropFirst() where self[index].comes(before: self[index - 1]) {
            isSorted = false
            break
        }
        guard !isSorted else { return }
        for root in stride(from: count / 2 - 1, through: 0, by: -1) { siftDown(root, end: count) }
        for end in stride(from: count - 1, to: 0, by: -1) {
            swapAt(0, end)
            siftDown(0, end: end)
        }
    }

    private mutating func siftDown(_ start: Int, end: Int) {
        var root = start
        while root * 2 + 1 < end {
            var child = root * 2 + 1
            if child + 1 < end, self[child].comes(before: self[child + 1]) { child += 1 }
            guard self[root].comes(before: self[child]) else { return }
            swapAt(root, child)
            root = child
        }
    }
}
