import Wire

/// The packets that wait for the rest of their frames, by extended sequence number.
///
/// A ring that grows to what is needed, up to a limit. It still knows of numbers that went through it lately that they
/// were there.
struct PacketStore: Sendable {
    struct Packet: Sendable {
        /// Empty for one that only fills its number.
        var payload: [UInt8]
        var part: FramePart
        var timestamp: Int64
        var arrival: Instant
    }

    private struct Slot: Sendable {
        /// Negative in a slot that nothing went through yet.
        var number: Int64 = -1
        var packet: Packet?
    }

    /// A power of two.
    let capacity: Int
    private var slots = [Slot](repeating: Slot(), count: 16)
    /// The highest number that was inserted, whether it is still held or not.
    private(set) var newest: Int64?
    private(set) var count = 0
    private(set) var byteCount = 0
    /// How many of them may start a key frame.
    private(set) var keyFrameStarts = 0

    init(capacity: Int) { self.capacity = capacity }

    subscript(number: Int64) -> Packet? {
        let slot = place(number)
        return slots[slot].number == number ? slots[slot].packet : nil
    }

    /// True for numbers that are held, and for those that were, as long as their places are not taken.
    func wasReceived(_ number: Int64) -> Bool { slots[place(number)].number == number }

    /// Numbers of packets that are held lie in `oldest..<(oldest + capacity)`.
    mutating func insert(_ packet: Packet, at number: Int64, oldest: Int64) {
        precondition(number >= oldest && number - oldest < Int64(capacity), "the owner makes room first")
        let highest = max(newest ?? number, number)
        while highest - oldest >= Int64(slots.count), slots.count < capacity { grow() }
        let slot = place(number)
        precondition(slots[slot].packet == nil, "the owner sorts duplicates out")
        slots[slot] = Slot(number: number, packet: packet)
        newest = highest
        count += 1
        byteCount += packet.payload.count
        if packet.part.startsKeyFrame { keyFrameStarts += 1 }
    }

    @discardableResult
    mutating func remove(_ number: Int64) -> Packet? {
        let slot = place(number)
        guard slots[slot].number == number, let packet = slots[slot].packet else { return nil }
        slots[slot].packet = nil
        count -= 1
        byteCount -= packet.payload.count
        if packet.part.startsKeyFrame { keyFrameStarts -= 1 }
        return packet
    }

    /// The lowest number at or above `number` that is held.
    func firstHeld(from number: Int64) -> Int64? {
        guard count > 0, let newest, number <= newest else { return nil }
        return (number...newest).first { slots[place($0)].number == $0 && slots[place($0)].packet != nil }
    }

    /// The lowest number at or above `number` of a packet that may start a key frame, of a frame of another timestamp.
    func firstKeyFrameStart(from number: Int64, notAt timestamp: Int64? = nil) -> Int64? {
        guard keyFrameStarts > 0, let newest, number <= newest else { return nil }
        return (number...newest).first {
            let slot = place($0)
            guard slots[slot].number == $0, let packet = slots[slot].packet else { return false }
            return packet.part.startsKeyFrame && packet.timestamp != timestamp
        }
    }

    private func place(_ number: Int64) -> Int { Int(truncatingIfNeeded: number & Int64(slots.count - 1)) }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: Slot(), count: min(old.count * 2, capacity))
        for slot in old where slot.number >= 0 { slots[place(slot.number)] = slot }
    }
}
