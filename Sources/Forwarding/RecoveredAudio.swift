import RTP
import Wire

/// Audio that was lost on its way to us and came again in the redundancy of a later packet (RFC 2198): it waits here
/// for the subscribers that get no redundancy themselves.
///
/// A ring in one allocation, of packets as their publisher would have sent them without redundancy.
@safe struct RecoveredAudio: ~Copyable {
    private let bytes: UnsafeMutableRawPointer
    private var entries: [Entry?]
    private var head = 0
    private(set) var count = 0

    struct Entry: BitwiseCopyable {
        var forward: Forward
        /// The format of the packet that brought it.
        var redundantType: UInt8
        fileprivate var length: UInt16
        /// The next of the publisher's subscribers to get it.
        var subscriber = 0
    }

    private static let slotBytes = RTPHeader.fixedLength + 1024

    init() {
        unsafe bytes = .allocate(byteCount: Limits.recoveredPackets * Self.slotBytes, alignment: 64)
        entries = Array(repeating: nil, count: Limits.recoveredPackets)
    }

    deinit { unsafe bytes.deallocate() }

    var first: Entry? { count > 0 ? entries[head] : nil }

    /// The bytes of ``first``, which stay where they are until it is removed.
    var firstBytes: UnsafeRawBufferPointer {
        let length = Int(entries[head]?.length ?? 0)
        return unsafe UnsafeRawBufferPointer(start: bytes + head * Self.slotBytes, count: length)
    }

    /// The first one goes to its next subscriber.
    mutating func advance() { entries[head]?.subscriber += 1 }

    mutating func removeFirst() {
        guard count > 0 else { return }
        entries[head] = nil
        head = (head + 1) % Limits.recoveredPackets
        count -= 1
    }

    /// Keeps a frame under a header of its own, as a packet of the carrier's stream; nothing when there is no room.
    mutating func append(_ frame: RawSpan, _ header: RTPHeader, like carrier: Forward, sequence: Int64) {
        guard count < Limits.recoveredPackets, frame.byteCount + RTPHeader.fixedLength <= Self.slotBytes else { return }
        let slot = (head + count) % Limits.recoveredPackets
        var packet = unsafe MutableRawSpan(_unsafeStart: bytes + slot * Self.slotBytes, byteCount: Self.slotBytes)
        guard var writer = try? RTPHeaderWriter(header, form: .oneByte, into: &packet) else { return }
        let start = writer.finish(into: &packet)
        packet.store(contentsOf: frame, at: start)
        let length = start + frame.byteCount
        guard let written = try? RTPHeader(parsing: packet.bytes.extracting(0..<length)) else { return }
        var forward = Forward(
            header: written, arrival: carrier.arrival, publisher: carrier.publisher, stream: carrier.stream,
            source: carrier.source, sequence: sequence, payloadType: header.payloadType, isRecovered: false,
            isRecent: true)
        forward.isKeyFrame = true
        entries[slot] = Entry(forward: forward, redundantType: carrier.payloadType, length: UInt16(length))
        count += 1
    }
}
