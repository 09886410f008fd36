import Wire

/// What is known of the frame that is next: packets in order, from its first, as far as they are there.
struct FrameScan: Sendable {
    /// The number of the frame's first packet, padding before it left out.
    private(set) var start: Int64
    /// The first number that was not looked at.
    private(set) var end: Int64
    /// The packet before `end` is the frame's last.
    private var hasEnded = false
    /// Nil before the first packet.
    private(set) var timestamp: Int64?
    private(set) var contents: FramePart.Contents = []
    private(set) var byteCount = 0
    private(set) var packetCount = 0
    /// The highest of a VP9 picture.
    private(set) var spatialLayer: UInt8 = 0
    /// When the last of them came.
    private(set) var arrival = Instant.origin

    enum Result {
        /// All of it is there.
        case whole
        /// All until the newest packet, and no end.
        case open
        /// The number at `end` is missing, and later ones are there.
        case gap
        /// Nothing is held.
        case empty
    }

    init(from number: Int64) {
        start = number
        end = number
    }

    /// Looks at what has come since.
    mutating func advance(in store: PacketStore) -> Result {
        if hasEnded { return .whole }
        guard store.count > 0, let newest = store.newest else { return .empty }
        while end <= newest {
            guard let packet = store[end] else { return .gap }
            // A packet of padding may stand anywhere.
            if packet.payload.isEmpty {
                end += 1
                continue
            }
            // Senders should mark the last packet of a frame; not all do, and the mark may be on a lost one of padding.
            if let timestamp, timestamp != packet.timestamp { return .whole }
            if timestamp == nil { start = end }
            timestamp = packet.timestamp
            contents.formUnion(packet.part.contents)
            byteCount += packet.payload.count
            packetCount += 1
            spatialLayer = max(spatialLayer, packet.part.spatialLayer)
            arrival = max(arrival, packet.arrival)
            end += 1
            if packet.part.endsFrame {
                hasEnded = true
                return .whole
            }
        }
        return .open
    }
}
