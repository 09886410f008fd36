import Wire

/// The packets of a run that are between two places. What moves through queues and gateways is a packet's slot; the
/// packet itself lies still, because there are so many of them.
struct PacketTable {
    struct Packet {
        var datagram: Datagram
        /// ``PayloadHash`` of the payload; zero while nobody has asked. Whoever changes the payload sets it to zero.
        var contents: UInt64 = 0
        /// The packet behind it in its train, or the free slot after this free one.
        var next = PacketTable.none
    }

    static let none: Int32 = -1

    var slots: [Packet] = []
    private var firstFree = PacketTable.none

    mutating func insert(_ datagram: consuming Datagram) -> Int32 {
        guard firstFree != Self.none else {
            slots.append(Packet(datagram: datagram))
            return Int32(slots.count - 1)
        }
        let slot = firstFree
        firstFree = slots[Int(slot)].next
        slots[Int(slot)] = Packet(datagram: datagram)
        return slot
    }

    /// The same for a packet that lies elsewhere, whose bytes move here.
    mutating func insert(moving datagram: inout Datagram, number: UInt64) -> Int32 {
        var payload: [UInt8] = []
        swap(&payload, &datagram.payload)
        return insert(
            Datagram(
                source: datagram.source, destination: datagram.destination, payload: payload,
                segment: datagram.segment, number: number))
    }

    /// A second one of a packet, which is in no train.
    mutating func copy(_ slot: Int32) -> Int32 {
        let contents = slots[Int(slot)].contents
        let copy = insert(slots[Int(slot)].datagram)
        slots[Int(copy)].contents = contents
        return copy
    }

    /// Ends a packet's time in here, and hands it over.
    mutating func take(_ slot: Int32) -> Datagram {
        var payload: [UInt8] = []
        // Moved, not shared: the receiver may write where the packet lies.
        swap(&payload, &slots[Int(slot)].datagram.payload)
        let source = slots[Int(slot)].datagram.source
        let destination = slots[Int(slot)].datagram.destination
        let segment = slots[Int(slot)].datagram.segment
        let number = slots[Int(slot)].datagram.number
        free(slot)
        return Datagram(source: source, destination: destination, payload: payload, segment: segment, number: number)
    }

    mutating func remove(_ slot: Int32) {
        slots[Int(slot)].datagram.payload = []
        free(slot)
    }

    private mutating func free(_ slot: Int32) {
        slots[Int(slot)].next = firstFree
        firstFree = slot
    }

    /// The hash of a packet's payload, which is computed once for as long as nobody changes it.
    mutating func contents(_ slot: Int32) -> UInt64 {
        if slots[Int(slot)].contents == 0 {
            slots[Int(slot)].contents = PayloadHash.of(slots[Int(slot)].datagram.payload)
        }
        return slots[Int(slot)].contents
    }
}
