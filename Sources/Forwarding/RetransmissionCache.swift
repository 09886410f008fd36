import Wire

/// The last packets of one publisher's stream as they arrived, to answer its subscribers' NACKs
/// (RFC 4585 section 6.2.1) from one copy.
///
/// A ring in one allocation, keyed by the source's extended sequence number.
@safe struct RetransmissionCache: ~Copyable {
    private let bytes: UnsafeMutableRawPointer
    private var entries: [Entry?]

    private struct Entry: BitwiseCopyable {
        var forward: Forward
        var length: UInt16
    }

    init() {
        unsafe bytes = .allocate(byteCount: Limits.cachedPackets * Limits.cachedPacketBytes, alignment: 64)
        entries = Array(repeating: nil, count: Limits.cachedPackets)
    }

    deinit { unsafe bytes.deallocate() }

    private static func slot(_ sequence: Int64) -> Int {
        Int(truncatingIfNeeded: sequence) & (Limits.cachedPackets - 1)
    }

    /// Keeps a copy unless a newer packet has the place or the packet is too long to be kept.
    mutating func store(_ packet: RawSpan, _ forward: Forward) {
        guard packet.byteCount <= Limits.cachedPacketBytes else { return }
        let slot = Self.slot(forward.sequence)
        if let held = entries[slot]?.forward, held.source == forward.source, held.sequence >= forward.sequence {
            return
        }
        unsafe packet.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe bytes.advanced(by: slot * Limits.cachedPacketBytes)
                .copyMemory(from: start, byteCount: source.count)
        }
        entries[slot] = Entry(forward: forward, length: UInt16(packet.byteCount))
    }

    /// How the packet was described when it arrived; nil when it is not here any more or never came.
    func find(_ sequence: Int64, source: UInt64) -> Forward? {
        guard let held = entries[Self.slot(sequence)]?.forward else { return nil }
        return held.sequence == sequence && held.source == source ? held : nil
    }

    /// The bytes of a packet that ``find(_:source:)`` found.
    @_lifetime(borrow self)
    func packet(_ forward: Forward) -> RawSpan {
        let slot = Self.slot(forward.sequence)
        let start = unsafe UnsafeRawPointer(bytes.advanced(by: slot * Limits.cachedPacketBytes))
        let span = unsafe RawSpan(_unsafeStart: start, byteCount: Int(entries[slot]?.length ?? 0))
        return unsafe _overrideLifetime(span, borrowing: self)
    }
}
