/// How many bytes may be on their way (RFC 9260 section 7.2).
///
/// *Deviation:* the first window is ten packets (RFC 6928) and not 4404 bytes, as in libwebrtc.
struct CongestionWindow: Sendable, BitwiseCopyable {
    /// Bytes of payload that a packet carries.
    private let packet: Int
    private(set) var size: Int
    private var threshold = Int.max
    private var acknowledged = 0

    init(packet: Int) {
        self.packet = packet
        size = 10 * packet
    }

    /// Chunks left the network and the cumulative number rose. `wasFull`: the window was used up before.
    mutating func acknowledge(_ bytes: Int, wasFull: Bool) {
        if size <= threshold {
            if wasFull { grow(min(bytes, packet)) }
            return
        }
        acknowledged += bytes
        guard acknowledged >= size else { return }
        acknowledged -= size
        if wasFull { grow(packet) }
    }

    /// Three later packets arrived before one that is missing (section 7.2.4).
    mutating func lose() {
        threshold = max(size / 2, 4 * packet)
        size = threshold
        acknowledged = 0
    }

    /// Nothing was heard for a whole timeout (section 7.2.3).
    mutating func collapse() {
        threshold = max(size / 2, 4 * packet)
        size = packet
        acknowledged = 0
    }

    /// All that was sent has arrived.
    mutating func drain() { acknowledged = 0 }

    /// Nothing was sent for a timeout: what the window was worth is known no more (section 7.2.1).
    mutating func rest() { size = max(size / 2, 4 * packet) }

    private mutating func grow(_ bytes: Int) { size = min(size + bytes, Limits.congestionWindow) }
}
