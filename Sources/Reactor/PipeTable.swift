import Wire

/// Which pipe a datagram belongs to: an open-addressed map from SSRC to slot, beside the tuples that pipes
/// use. All pipes between two reactors share one tuple, and a peer may come to share it too, so neither
/// SSRC nor tuple alone would do. Fixed size, no allocation after `init`; full is an answer.
struct PipeTable {
    private var ssrcs: SlotIndex<UInt32>
    /// Each tuple's count of pipes, in the slot's place.
    private var tuples: TupleTable

    /// SSRCs in the table.
    var count: Int { ssrcs.count }

    init(capacity: Int) {
        ssrcs = SlotIndex(capacity: capacity)
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

    func slot(for ssrc: UInt32) -> Int32? { ssrcs.slot(for: ssrc) }

    // MARK: The control path

    /// Whether so many more fit.
    func hasRoom(for more: Int) -> Bool { count + more <= ssrcs.capacity }

    /// Leads the SSRC to the slot. The caller has checked that it is nobody's and that there is room.
    mutating func insert(_ ssrc: UInt32, slot: Int32) {
        guard ssrcs.slot(for: ssrc) == nil else { return }
        _ = ssrcs.set(ssrc, to: slot)
    }

    /// Forgets an SSRC of the slot's.
    mutating func remove(_ ssrc: UInt32, ownedBy slot: Int32) { ssrcs.remove(ssrc, ownedBy: slot) }

    /// One more pipe takes this way; false when there are too many ways.
    mutating func use(_ tuple: Tuple) -> Bool { tuples.set(tuple, to: (tuples.slot(for: tuple) ?? 0) + 1) }

    mutating func leave(_ tuple: Tuple) {
        guard let users = tuples.slot(for: tuple) else { return }
        if users > 1 { _ = tuples.set(tuple, to: users - 1) } else { tuples.remove(tuple, ownedBy: users) }
    }
}
