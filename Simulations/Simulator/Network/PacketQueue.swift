import Wire

/// Packets that wait for a line, oldest first.
struct PacketQueue: Sendable {
    struct Entry: Sendable {
        var datagram: Datagram
        /// When it came.
        var time: Instant
    }

    private var entries: [Entry] = []
    /// Entries before it were taken.
    private var head = 0
    /// On the wire.
    private(set) var bytes = 0

    var isEmpty: Bool { head == entries.count }
    var count: Int { entries.count - head }
    var first: Entry? { isEmpty ? nil : entries[head] }

    mutating func append(_ datagram: Datagram, now: Instant) {
        entries.append(Entry(datagram: datagram, time: now))
        bytes += datagram.wireBytes
    }

    mutating func removeFirst() -> Entry? {
        guard !isEmpty else { return nil }
        let entry = entries[head]
        head += 1
        bytes -= entry.datagram.wireBytes
        if head > 64, head * 2 > entries.count {
            entries.removeFirst(head)
            head = 0
        }
        return entry
    }
}
