import CPrefetch
import Wire

/// Packets on their way, by sequence number, until feedback tells their fate.
///
/// A ring: a packet that is overwritten before feedback comes is forgotten, and feedback on it is ignored. It begins
/// small, for most peers are sent little, and doubles up to its capacity while it would lose what feedback may still
/// speak of.
struct SendHistory: Sendable {
    /// What is known of a packet.
    enum Fate: UInt8, Sendable, BitwiseCopyable {
        case absent, inFlight, unreported, lost, received
    }

    struct Record: Sendable, BitwiseCopyable {
        var packet: SentPacket
        var fate: Fate
    }

    /// A record as it is kept, in sixteen bytes: of some hundred paths the histories are most of what a report waits
    /// for.
    private struct Place: Sendable, BitwiseCopyable {
        var sentAt = Instant.origin
        var size: UInt32 = 0
        /// Of the packet's number the bits from ``lowBits`` on; below them is the place's own.
        var round: UInt16 = 0
        /// Of the probe's number the last bits.
        var probe: UInt8 = 0
        /// Fate, kind, and whether the packet belongs to a probe.
        private var flags: UInt8 = 0

        init() {}

        init(_ packet: SentPacket) {
            sentAt = packet.sentAt
            size = UInt32(packet.size)
            round = UInt16(truncatingIfNeeded: packet.sequence >> SendHistory.lowBits)
            probe = UInt8(truncatingIfNeeded: packet.probeCluster)
            flags = packet.kind.rawValue << 4 | (packet.probeCluster == 0 ? 0 : 0x80) | Fate.inFlight.rawValue
        }

        var fate: Fate {
            get { Fate(rawValue: flags & 0x0F) ?? .absent }
            set { flags = flags & 0xF0 | newValue.rawValue }
        }

        var kind: SentPacket.Kind { SentPacket.Kind(rawValue: flags >> 4 & 7) ?? .padding }
        var isProbe: Bool { flags & 0x80 != 0 }
    }

    /// Bits of a number that the place of its packet tells, however few places there are.
    private static let lowBits: Int64 = 3
    /// Packets between two looks at whether there is room; a power of two, and no more than the fewest places.
    private static let stride: Int64 = 16

    private let capacity: Int
    private var records: [Place]
    private var mask: Int64
    /// Bytes that left and that no feedback has passed yet.
    private(set) var bytesInFlight = 0
    /// The lowest number that no feedback has passed, and the highest that left.
    private var outstanding: Int64 = 0
    private(set) var newest: Int64 = -1
    private(set) var isEmpty = true
    /// The highest number of a probe that a packet belonged to.
    private var newestProbe: Int32 = 0

    /// `capacity` is a power of two.
    init(capacity: Int) {
        precondition(capacity.nonzeroBitCount == 1 && capacity >= 1 << Self.lowBits)
        self.capacity = capacity
        records = Array(repeating: Place(), count: min(capacity, Limits.smallestHistory))
        mask = Int64(records.count - 1)
    }

    /// Packets that it has room for now.
    var placeCount: Int { records.count }

    /// Numbers rise from one packet to the next; one that does not is not remembered.
    mutating func append(_ packet: SentPacket) {
        guard isEmpty || packet.sequence > newest, packet.sequence >= 0, packet.sequence < .max else { return }
        if isEmpty { outstanding = packet.sequence }
        // The place that comes next is long out of the cache: whether it may be overwritten is asked for many at once.
        if isEmpty || (packet.sequence ^ newest) >= Self.stride { makeRoom(for: packet) }
        isEmpty = false
        newest = packet.sequence
        pass(to: max(outstanding, newest - mask))
        var packet = packet
        packet.size = min(max(packet.size, 0), Limits.packetLength)
        newestProbe = max(newestProbe, packet.probeCluster)
        records[slot(newest)] = Place(packet)
        bytesInFlight += Int(packet.size)
    }

    /// So that no packet is forgotten for want of places which is in flight, or whose fate may be told once more:
    /// neither for this one nor for those that follow it until the next call.
    private mutating func makeRoom(for packet: SentPacket) {
        while records.count < capacity {
            let old = records[slot(packet.sequence | (Self.stride - 1))]
            let isYoung = packet.sentAt - old.sentAt <= Limits.settledFor
            guard old.fate == .inFlight || old.fate != .absent && isYoung else { return }
            var larger = Array(repeating: Place(), count: records.count * 2)
            for index in records.indices where records[index].fate != .absent {
                larger[Int(sequence(at: index) & Int64(larger.count - 1))] = records[index]
            }
            records = larger
            mask = Int64(larger.count - 1)
        }
    }

    /// The packet of that number, nil when it never left or is forgotten.
    func record(_ sequence: Int64) -> Record? {
        guard sequence >= 0, sequence <= newest, sequence > newest - Int64(records.count) else { return nil }
        let place = records[slot(sequence)]
        guard place.round == round(sequence), place.fate != .absent else { return nil }
        let probe = place.isProbe ? newestProbe - Int32(UInt8(truncatingIfNeeded: newestProbe) &- place.probe) : 0
        let packet = SentPacket(
            sequence: sequence, sentAt: place.sentAt, size: Int32(place.size), kind: place.kind, probeCluster: probe)
        return Record(packet: packet, fate: place.fate)
    }

    /// Has the processor begin to load what is known of the packet of that number, or will be.
    @inline(__always)
    func prefetch(_ sequence: Int64) {
        unsafe records.withUnsafeBufferPointer { records in
            guard let base = records.baseAddress else { return }
            unsafe apus_prefetch(base + slot(sequence), MemoryLayout<Place>.size)
        }
    }

    /// Notes what feedback says of a packet that ``record(_:)`` knows.
    mutating func settle(_ sequence: Int64, as fate: Fate) {
        let slot = slot(sequence)
        var place = records[slot]
        guard place.round == round(sequence) else { return }
        if place.fate == .inFlight { bytesInFlight -= Int(place.size) }
        place.fate = fate
        records[slot] = place
        // Reports mostly speak of one packet after the other.
        if sequence == outstanding { outstanding += 1 }
    }

    /// Feedback has spoken of `sequence`: what left before it and still has no fate is no longer in flight.
    mutating func pass(to sequence: Int64) {
        // A number may skip: no more steps than there are places.
        outstanding = max(outstanding, sequence - Int64(records.count))
        while outstanding < sequence {
            let slot = slot(outstanding)
            let place = records[slot]
            if place.fate == .inFlight, place.round == round(outstanding) {
                bytesInFlight -= Int(place.size)
                records[slot].fate = .unreported
            }
            outstanding += 1
        }
    }

    private func slot(_ sequence: Int64) -> Int { Int(sequence & mask) }

    private func round(_ sequence: Int64) -> UInt16 { UInt16(truncatingIfNeeded: sequence >> Self.lowBits) }

    /// The number of the packet at a place: the highest, up to the newest, that could be there.
    private func sequence(at slot: Int) -> Int64 {
        let known = Int64(records[slot].round) << Self.lowBits | Int64(slot) & (1 << Self.lowBits - 1)
        return newest - (newest - known) & (1 << (Self.lowBits + 16) - 1)
    }
}
