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

    public init(localUfrag: String, localPassword: String) {
        version = Self.currentVersion
        self.localUfrag = FixedBytes(localUfrag.utf8)
        self.localPassword = FixedBytes(localPassword.utf8)
        remoteUfrag = FixedBytes([])
        remotePassword = FixedBytes([])
        selectedTuple = Tuple(socket: 0, remote: SocketAddress(ip: IPAddress(ipv4: 0), port: 0))
        hasSelectedTuple = false
        inbound = InboundState()
        outbound = OutboundState()
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
