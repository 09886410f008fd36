import Wire

/// Which pipe a datagram belongs to: an open-addressed map from SSRC to slot, beside the tuples that pipes
/// use. All pipes between two reactors share one tuple, and a peer may come to share it too, so neither
/// SSRC nor tuple alone would do. Fixed size, no allocation after `init`; full is an answer.
struct PipeTable {
    private struct Entry {
        var ssrc: UInt32
        var slot: Int32
    }

    private static let empty: Int32 = -1
    private var entries: [Entry]
    private let mask: Int
    private let capacity: Int
    /// SSRCs in the table.
    private(set) var count = 0
    /// Each tuple's count of pipes, in the slot's place.
    private var tuples: TupleTable

    /// Room for `capacity` SSRCs at a load of at most one half.
    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        entries = Array(repeating: Entry(ssrc: 0, slot: Self.empty), count: size)
        mask = size - 1
        self.capacity = capacity
        tuples = TupleTable(capacity: Limits.pipeTuples)
    }

    // MARK: The packet path

    /// The pipe that a datagram on a pipe's tuple is for; nil when it is none's.
    func slot(of datagram: RawSpan, from tuple: Tuple) -> Int32? {
        guard count > 0, tuples.slot(for: tuple) != nil else { return nil }
        return slot(ofMedia: datagram)
    }

    /// The pipe that RTP or RTCP is for by its SSRC alone, wherever it comes from.
    func slot(ofMedia datagram: RawSpan) -> Int32? {
        guard count > 0, datagram.byteCount >= 12, datagram.uint8(at: 0) >> 6 == 2 else { return nil }
        // RFC 5761 section 4: the sender's SSRC of RTCP is its second word, that of RTP its third.
        let isRTCP = (192...223).contains(datagram.uint8(at: 1))
        return slot(for: datagram.uint32(at: isRTCP ? 4 : 8))
    }

    /// Whether a pipe takes this way.
    func knows(_ tuple: Tuple) -> Bool { count > 0 && tuples.slot(for: tuple) != nil }

    func slot(for ssrc: UInt32) -> Int32? {
        var index = home(of: ssrc)
        while entries[index].slot != Self.empty {
            if entries[index].ssrc == ssrc { return entries[index].slot }
            index = (index + 1) & mask
        }
        return nil
    }

    // MARK: The control path

    /// Whether so many more fit.
    func hasRoom(for ssrcs: Int) -> Bool { count + ssrcs <= capacity }

    /// Leads the SSRC to the slot. The caller has checked that it is nobody's and that there is room.
    mutating func insert(_ ssrc: UInt32, slot: Int32) {
        var index = home(of: ssrc)
        while entries[index].slot != Self.empty {
            if entries[index].ssrc == ssrc { return }
            index = (index + 1) & mask
        }
        guard count < capacity else { return }
        entries[index] = Entry(ssrc: ssrc, slot: slot)
        count += 1
    }

    /// Forgets an SSRC of the slot's, and closes the gap by moving later entries back.
    mutating func remove(_ ssrc: UInt32, ownedBy slot: Int32) {
        var index = home(of: ssrc)
        while entries[index].slot != Self.empty, entries[index].ssrc != ssrc { index = (index + 1) & mask }
        guard entries[index].slot == slot else { return }
        var hole = index
        var probe = (index + 1) & mask
        while entries[probe].slot != Self.empty {
            let wanted = home(of: entries[probe].ssrc)
            // An entry may fill the hole unless its home lies cyclically in (hole, probe].
            if (probe - wanted) & mask >= (probe - hole) & mask {
                entries[hole] = entries[probe]
                hole = probe
            }
            probe = (probe + 1) & mask
        }
        entries[hole].slot = Self.empty
        count -= 1
    }

    /// One more pipe takes this way; false when there are too many ways.
    mutating func use(_ tuple: Tuple) -> Bool { tuples.set(tuple, to: (tuples.slot(for: tuple) ?? 0) + 1) }

    mutating func leave(_ tuple: Tuple) {
        guard let users = tuples.slot(for: tuple) else { return }
        if users > 1 { _ = tuples.set(tuple, to: users - 1) } else { tuples.remove(tuple, ownedBy: users) }
    }

    private func home(of ssrc: UInt32) -> Int {
        Int(truncatingIfNeeded: (UInt64(ssrc) &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    }
}
