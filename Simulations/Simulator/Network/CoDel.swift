public import Wire

/// Controlled delay (RFC 8289): drops from the head of a queue that keeps packets too long for too long.
///
/// Deviation: nothing is marked, since datagrams here have no ECN field.
public struct CoDel: Sendable {
    public struct Parameters: Hashable, Sendable {
        /// A standing delay that is fine.
        public var target = Interval.milliseconds(5)
        /// About the longest round trip: so long the delay may be above the target.
        public var interval = Interval.milliseconds(100)

        public init() {}
    }

    /// A queue of no more than one packet is never standing (MAXPACKET).
    static let largestPacket = 1514

    private let parameters: Parameters
    /// When the delay will have been above the target for an interval.
    private var firstAbove: Instant?
    private var isDropping = false
    private var dropNext = Instant.origin
    private var count: UInt32 = 0
    private var lastCount: UInt32 = 0

    init(_ parameters: Parameters) { self.parameters = parameters }

    /// Takes the next packet from a queue, and before it those that are to be dropped (section 5.5).
    mutating func dequeue(_ queue: inout PacketQueue, _ drops: inout [Datagram], now: Instant) -> Datagram? {
        var (packet, isLate) = take(&queue, now: now)
        if isDropping {
            isDropping = isLate
            while isDropping, now >= dropNext, let dropped = packet {
                drops.append(dropped)
                count += 1
                (packet, isLate) = take(&queue, now: now)
                isDropping = isLate
                if isDropping { dropNext = dropNext + spacing }
            }
        } else if isLate, let dropped = packet {
            drops.append(dropped)
            (packet, _) = take(&queue, now: now)
            isDropping = true
            // The rate that sufficed a short while ago is a better start than none.
            let delta = count &- lastCount
            let isRecent = now - dropNext < parameters.interval * 16
            count = delta > 1 && isRecent ? delta : 1
            dropNext = now + spacing
            lastCount = count
        }
        return packet
    }

    /// A packet, and whether the delay was above the target for an interval.
    private mutating func take(_ queue: inout PacketQueue, now: Instant) -> (Datagram?, Bool) {
        guard let entry = queue.removeFirst() else {
            firstAbove = nil
            return (nil, false)
        }
        guard now - entry.time >= parameters.target, queue.bytes > Self.largestPacket else {
            firstAbove = nil
            return (entry.datagram, false)
        }
        guard let firstAbove else {
            self.firstAbove = now + parameters.interval
            return (entry.datagram, false)
        }
        return (entry.datagram, now >= firstAbove)
    }

    /// The control law: an interval over the root of the number of drops. The square root is exact by IEEE 754.
    private var spacing: Interval {
        Interval(nanoseconds: Int64(Double(parameters.interval.nanoseconds) / Double(count).squareRoot()))
    }
}
