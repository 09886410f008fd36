public import Wire

/// What happened, as lines that are the same for the same seed, and a running hash over all of it: the replay hash.
public struct EventLog: Sendable {
    public enum Kind: UInt8, Sendable {
        case sent, delivered, dropped, signalled, noted
        /// A link made a second one of it.
        case copied
    }

    public struct Entry: Hashable, Sendable {
        public var time: Instant
        public var host: Int
        public var kind: Kind
        /// Of packets; of dropped ones as they were when it happened.
        public var datagram: Datagram?
        /// Why it was dropped, what was noted.
        public var text: String
        /// Where it was dropped.
        public var spot: Network.Spot?
    }

    /// Kept only when asked for: a long run has many.
    public var keepsEntries: Bool
    public private(set) var entries: [Entry] = []
    public private(set) var count = 0
    private var hash: UInt64 = 0

    public init(keepsEntries: Bool = false) { self.keepsEntries = keepsEntries }

    /// Equal for runs in which the same happened at the same times.
    public var replayHash: UInt64 { hash }

    /// What was kept since the last time, to look at it as it happens; the log keeps it no longer.
    public mutating func takeEntries() -> [Entry] {
        guard !entries.isEmpty else { return [] }
        let taken = entries
        entries = []
        return taken
    }

    /// Something that is about no packet.
    mutating func add(_ kind: Kind, at time: Instant, host: Int, text: String = "") {
        absorb(kind, time, host, text)
        guard keepsEntries else { return }
        entries.append(Entry(time: time, host: host, kind: kind, datagram: nil, text: text, spot: nil))
    }

    /// - Parameter contents: the hash of the packet's payload.
    mutating func add(
        _ kind: Kind, at time: Instant, host: Int, _ datagram: borrowing Datagram, contents: UInt64, text: String = "",
        spot: Network.Spot? = nil
    ) {
        absorb(kind, time, host, text)
        absorb(PayloadHash.of(datagram, contents: contents))
        if let segment = datagram.segment { absorb(segment) }
        guard keepsEntries else { return }
        entries.append(Entry(time: time, host: host, kind: kind, datagram: copy datagram, text: text, spot: spot))
    }

    private mutating func absorb(_ kind: Kind, _ time: Instant, _ host: Int, _ text: String) {
        count += 1
        absorb(PayloadHash.of(time, kind: kind.rawValue, host: host))
        guard !text.isEmpty else { return }
        for byte in text.utf8 { absorb(UInt64(byte)) }
    }

    private mutating func absorb(_ segment: TCPSegment) {
        absorb(UInt64(segment.sequence) << 32 | UInt64(segment.acknowledgement))
        absorb(UInt64(segment.flags.rawValue) << 32 | UInt64(segment.window) << 16 | UInt64(segment.checksum))
    }

    private mutating func absorb(_ word: UInt64) { hash = PayloadHash.mix(hash, word) }
}
