import RTP
import Wire

/// Watches that a sender never encrypts two different packets under the same key, SSRC and index: with counter mode
/// that gives both away (RFC 3711 section 9.1). One for each client, so for each key.
struct IndexLedger: Sendable {
    /// What stands for one packet: where it belongs, and its bytes.
    struct Entry {
        var key: UInt64
        var digest: UInt64
    }

    private var unwrappers: [UInt32: SequenceUnwrapper] = [:]
    private var digests: [UInt64: UInt64] = [:]
    /// Packets that were noted.
    private(set) var count: UInt64 = 0
    /// Different packets of the same index.
    private(set) var reused: UInt64 = 0

    /// A protected RTP packet as it came; nil for what is none.
    mutating func entry(rtp packet: RawSpan) -> Entry? {
        guard packet.byteCount >= 12 else { return nil }
        let ssrc = packet.uint32(at: 8)
        let index = unwrappers[ssrc, default: SequenceUnwrapper()].unwrap(SequenceNumber(packet.uint16(at: 2)))
        return Entry(key: UInt64(ssrc) << 32 | UInt64(UInt32(truncatingIfNeeded: index)), digest: Self.digest(packet))
    }

    /// It is authentic, or one of this index was before.
    mutating func note(_ entry: Entry) {
        guard digests.count < Limits.ledgerEntries else { return }
        count &+= 1
        if let former = digests.updateValue(entry.digest, forKey: entry.key), former != entry.digest { reused &+= 1 }
    }

    private static func digest(_ bytes: RawSpan) -> UInt64 {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        var offset = 0
        while offset + 8 <= bytes.byteCount {
            hash = (hash ^ bytes.uint64(at: offset)) &* 0xFF51_AFD7_ED55_8CCD
            hash ^= hash >> 32
            offset += 8
        }
        while offset < bytes.byteCount {
            hash = (hash ^ UInt64(bytes.uint8(at: offset))) &* 0x100_0000_01B3
            offset += 1
        }
        return hash
    }
}
