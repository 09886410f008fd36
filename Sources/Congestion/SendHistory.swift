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

    /// Packets between two looks at whether there is room; a power of two, and no more than the fewest places.
    private static let stride: Int64 = 16

    private let capacity: Int
    private var records: [Record]
    private var mask: Int64
    /// Bytes that left and that no feedback has passed yet.
    private(set) var bytesInFlight = 0
    /// The lowest number that no feedback has passed, and the highest that left.
    private var outstanding: Int64 = 0
    private(set) var newest: Int64 = -1
    private(set) var isEmpty = true

    /// `capacity` is a power of two.
    init(capacity: Int) {
        precondition(capacity > 0 && capacity.nonzeroBitCount == 1)
        self.capacity = capacity
        records = Self.places(min(capacity, Limits.smallestHistory))
        mask = Int64(records.count - 1)
    }

    /// Packets that it has room for now.
    var placeCount: Int { records.count }

    private static func places(_ count: Int) -> [Record] {
        let nothing = SentPacket(sequence: -1, sentAt: .origin, size: 0, kind: .padding)
        return Array(repeating: Record(packet: nothing, fate: .absent), count: count)
    }

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
        records[slot(newest)] = Record(packet: packet, fate: .inFlight)
        bytesInFlight += Int(packet.size)
    }

    /// So that no packet is forgotten for want of places which is in flight, or whose fate may be told once more:
    /// neither for this one nor for those that follow it until the next call.
    private mutating func makeRoom(for packet: SentPacket) {
        while records.count < capacity {
            let old = records[slot(packet.sequence | (Self.stride - 1))]
            let isYoung = packet.sentAt - old.packet.sentAt <= Limits.settledFor
            guard old.fate == .inFlight || old.fate != .absent && isYoung else { return }
            var larger = Self.places(records.count * 2)
            for record in records where record.fate != .absent {
                larger[Int(record.packet.sequence & Int64(larger.count - 1))] = record
            }
            records = larger
            mask = Int64(larger.count - 1)
        }
    }

    /// The packet of that number, nil when it never left or is forgotten.
    func record(_ sequence: Int64) -> Record? {
        guard sequence >= 0, sequence <= newest, sequence > newest - Int64(records.count) else { return nil }
        let record = records[slot(sequence)]
        return record.packet.sequence == sequence && record.fate != .absent ? record : nil
    }

    /// Notes what feedback says of a packet that ``record(_:)`` knows.
    mutating func settle(_ sequence: Int64, as fate: Fate) {
        let slot = slot(sequence)
        guard records[slot].packet.sequence == sequence else { return }
        if records[slot].fate == .inFlight { bytesInFlight -= Int(records[slot].packet.size) }
        records[slot].fate = fate
    }

    /// Feedback has spoken of `sequence`: what left before it and still has no fate is no longer in flight.
    mutating func pass(to sequence: Int64) {
        // A number may skip: no more steps than there are places.
        outstanding = max(outstanding, sequence - Int64(records.count))
        while outstanding < sequence {
            let slot = slot(outstanding)
            if records[slot].packet.sequence == outstanding, records[slot].fate == .inFlight {
                bytesInFlight -= Int(records[slot].packet.size)
                records[slot].fate = .unreported
            }
            outstanding += 1
        }
    }

    private func slot(_ sequence: Int64) -> Int { Int(sequence & mask) }
}
