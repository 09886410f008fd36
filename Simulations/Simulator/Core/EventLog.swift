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
    private var hash = FNV1a()

    public init(keepsEntries: Bool = false) { self.keepsEntries = keepsEntries }

    /// Equal for runs in which the same happened at the same times.
    public var replayHash: UInt64 { hash.value }

    /// What was kept since the last time, to look at it as it happens; the log keeps it no longer.
    public mutating func takeEntries() -> [Entry] {
        guard !entries.isEmpty else { return [] }
        let taken = entries
        entries = []
        return taken
    }

    mutating func add(
        _ kind: Kind, at time: Instant, host: Int, datagram: Datagram? = nil, text: String = "",
        spot: Network.Spot? = nil
    ) {
        count += 1
        hash.add(PayloadHash.of(time, kind: kind.rawValue, host: host))
        for byte in text.utf8 { hash.add(byte) }
        if let datagram {
            hash.add(PayloadHash.of(datagram))
            if let segment = datagram.segment { hash.add(segment) }
        }
        guard keepsEntries else { return }
        entries.append(Entry(time: time, host: host, kind: kind, datagram: datagram, text: text, spot: spot))
    }
}

extension FNV1a {
    mutating func add(_ segment: TCPSegment) {
        add(segment.flags.rawValue)
        for word in [segment.sequence, segment.acknowledgement] { add(UInt64(word)) }
        add(UInt64(segment.window))
        add(UInt64(segment.checksum))
    }
    mutating func add(_ address: SocketAddress) {
        add(address.ip.high)
        add(address.ip.low)
        add(UInt64(address.port))
    }
}
