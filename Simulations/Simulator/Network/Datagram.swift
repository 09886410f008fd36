public import Wire

/// One UDP datagram on its way.
public struct Datagram: Hashable, Sendable {
    public var source: SocketAddress
    public var destination: SocketAddress
    public var payload: [UInt8]
    /// Counts the datagrams of a run; a copy that a link makes keeps its number.
    public var number: UInt64

    public init(source: SocketAddress, destination: SocketAddress, payload: [UInt8], number: UInt64 = 0) {
        self.source = source
        self.destination = destination
        self.payload = payload
        self.number = number
    }

    /// On the wire: IP and UDP headers included, without a link's framing.
    public var wireBytes: Int { payload.count + (destination.ip.isIPv4 ? 28 : 48) }
}
