public import SRTP
public import Wire

/// What a successor process needs to carry a peer on: plain data in the reactor's slab, written in
/// place as the transport runs. Keys in it never leave the host.
public struct TransportRecord: BitwiseCopyable {
    /// Changes whenever the layout does; a successor refuses any other.
    public static let currentVersion: UInt32 = 1

    public var version: UInt32
    public var localUfrag: FixedBytes<32>
    public var localPassword: FixedBytes<64>
    public var remoteUfrag: FixedBytes<256>
    public var remotePassword: FixedBytes<256>
    /// Where media goes; meaningful once `hasSelectedTuple`.
    public var selectedTuple: Tuple
    public var hasSelectedTuple: Bool
    /// Keys, indices, roll-over counters and replay windows of what comes in.
    public var inbound: InboundState
    /// Keys and indices of what goes out.
    public var outbound: OutboundState

    /// A record of its own, not in a slab, that the caller deallocates.
    public static func allocate(localUfrag: String, localPassword: String) -> UnsafeMutablePointer<TransportRecord> {
        let record = UnsafeMutablePointer<TransportRecord>.allocate(capacity: 1)
        unsafe UnsafeMutableRawPointer(record)
            .initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<TransportRecord>.stride)
        unsafe begin(at: record, localUfrag: localUfrag, localPassword: localPassword)
        return unsafe record
    }

    /// Begins a record in zeroed memory. The states of SRTP, its greater part, are valid as zeros and stay
    /// untouched until there are keys, and beyond the streams in use for good.
    public static func begin(
        at record: UnsafeMutablePointer<TransportRecord>, localUfrag: String, localPassword: String
    ) {
        unsafe record.pointee.localUfrag = FixedBytes(localUfrag.utf8)
        unsafe record.pointee.localPassword = FixedBytes(localPassword.utf8)
        unsafe record.pointee.version = currentVersion
    }

    /// Zeroes what was written.
    public static func erase(_ record: UnsafeMutablePointer<TransportRecord>) {
        unsafe inbound(of: record).pointee.erase()
        unsafe outbound(of: record).pointee.erase()
        let head = min(
            MemoryLayout<TransportRecord>.offset(of: \.inbound) ?? 0,
            MemoryLayout<TransportRecord>.offset(of: \.outbound) ?? 0)
        unsafe UnsafeMutableRawPointer(record).initializeMemory(as: UInt8.self, repeating: 0, count: head)
    }

    /// Where the inbound state lies in a record.
    static func inbound(of record: UnsafeMutablePointer<TransportRecord>) -> UnsafeMutablePointer<InboundState> {
        unsafe part(of: record, \.inbound)
    }

    /// Where the outbound state lies in a record.
    static func outbound(of record: UnsafeMutablePointer<TransportRecord>) -> UnsafeMutablePointer<OutboundState> {
        unsafe part(of: record, \.outbound)
    }

    private static func part<Part>(
        of record: UnsafeMutablePointer<TransportRecord>, _ path: KeyPath<TransportRecord, Part>
    ) -> UnsafeMutablePointer<Part> {
        guard let offset = MemoryLayout<TransportRecord>.offset(of: path) else {
            preconditionFailure("a stored property has an offset")
        }
        return unsafe UnsafeMutableRawPointer(record).advanced(by: offset).assumingMemoryBound(to: Part.self)
    }
}
