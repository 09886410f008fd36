/// Which stream an SSRC of one endpoint belongs to. Linear: an endpoint has a handful, and
/// ``Limits/ssrcsPerEndpoint`` bounds what a hostile peer can add.
struct StreamTable {
    struct Entry: BitwiseCopyable {
        var ssrc: UInt32
        /// The stream's slot.
        var stream: Int32
        /// An RTX stream (RFC 4588).
        var isRTX: Bool
        /// Announced by signalling, not latched from a packet.
        var isSignalled: Bool
    }

    private(set) var entries: [Entry] = []
    private(set) var latchedCount = 0

    func find(_ ssrc: UInt32) -> Entry? {
        for index in entries.indices where entries[index].ssrc == ssrc { return entries[index] }
        return nil
    }

    /// Adds an announced SSRC; the first announcement of one wins.
    mutating func announce(_ ssrc: UInt32, stream: Int32, isRTX: Bool) {
        entries.removeAll { $0.ssrc == ssrc && !$0.isSignalled }
        guard find(ssrc) == nil, entries.count < Limits.ssrcsPerEndpoint else { return }
        entries.append(Entry(ssrc: ssrc, stream: stream, isRTX: isRTX, isSignalled: true))
        countLatched()
    }

    /// Adds an SSRC seen on a packet; false when there are too many.
    mutating func latch(_ ssrc: UInt32, stream: Int32, isRTX: Bool) -> Bool {
        guard latchedCount < Limits.unsignalledSSRCs, entries.count < Limits.ssrcsPerEndpoint else { return false }
        entries.append(Entry(ssrc: ssrc, stream: stream, isRTX: isRTX, isSignalled: false))
        latchedCount += 1
        return true
    }

    /// Forgets what was announced, and latched SSRCs of streams that are gone.
    mutating func prepareToAnnounce(keeping streams: [Int32]) {
        entries.removeAll { $0.isSignalled || !streams.contains($0.stream) }
        countLatched()
    }

    /// Forgets what was seen on packets.
    mutating func dropLatched() {
        entries.removeAll { !$0.isSignalled }
        latchedCount = 0
    }

    private mutating func countLatched() {
        latchedCount = entries.reduce(0) { $0 + ($1.isSignalled ? 0 : 1) }
    }
}
