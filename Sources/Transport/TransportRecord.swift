public import SRTP
public import Wire

/// What a successor process needs to carry a peer on: plain data in the reactor's slab, written in
/// place as the transport runs. Keys in it never leave the host.
public struct TransportRecord: BitwiseCopyable {
    /// Changes whenever the layout does; a successor refuses any other.
    public static let currentVersion: UInt32 = 2

    public var version: UInt32
    public var localUfrag: FixedBytes<32>
    public var localPassword: FixedBytes<64>
    public var remoteUfrag: FixedBytes<256>
    public var remotePassword: FixedBytes<256>
    /// Where media goes.
    public var path: RecordedPath
    /// When the peer last agreed to be sent to, by the host's monotonic clock. Of plain RTP, which asks nobody: packets
    /// that were opened under the peer's key.
    public var consented: UInt64
    /// 1 in the controlling role of ICE.
    public var isControlling: UInt8
    /// Keys, indices, roll-over counters and replay windows of what comes in.
    public var inbound: InboundState
    /// Keys and indices of what goes out.
    public var outbound: OutboundState

    /// Whether a successor may use it: of this layout, of a peer with these credentials.
    public func belongs(toUfrag ufrag: String) -> Bool {
        version == Self.currentVersion && localUfrag.text == ufrag
    }

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

/// A tuple that may be read from memory which somebody else wrote: integers only, of which every value is one.
public struct RecordedPath: BitwiseCopyable, Sendable {
    private var high: UInt64
    private var low: UInt64
    private var port: UInt16
    private var socket: UInt8
    /// 0: there is none. Else 4 or 6.
    private var family: UInt8

    public init(_ tuple: Tuple?) {
        high = tuple?.remote.ip.high ?? 0
        low = tuple?.remote.ip.low ?? 0
        port = tuple?.remote.port ?? 0
        socket = tuple?.socket ?? 0
        family = tuple.map { $0.remote.ip.isIPv4 ? 4 : 6 } ?? 0
    }

    public var tuple: Tuple? {
        let ip: IPAddress
        switch family {
        case 4: ip = IPAddress(ipv4: UInt32(truncatingIfNeeded: low))
        case 6: ip = IPAddress(ipv6High: high, low: low)
        default: return nil
        }
        return Tuple(socket: socket, remote: SocketAddress(ip: ip, port: port))
    }
}
