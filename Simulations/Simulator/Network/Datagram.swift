public import Wire

/// One packet on its way: a UDP datagram or a TCP segment.
public struct Datagram: Hashable, Sendable {
    /// Ports of one transport have nothing to do with those of the other.
    public enum Transport: UInt8, Hashable, Sendable { case udp, tcp }

    public var source: SocketAddress
    public var destination: SocketAddress
    public var payload: [UInt8]
    /// The header of a TCP segment; nil for UDP.
    public var segment: TCPSegment?
    /// Counts the datagrams of a run; a copy that a link makes keeps its number.
    public var number: UInt64

    public init(
        source: SocketAddress, destination: SocketAddress, payload: [UInt8], segment: TCPSegment? = nil,
        number: UInt64 = 0
    ) {
        self.source = source
        self.destination = destination
        self.payload = payload
        self.segment = segment
        self.number = number
    }

    public var transport: Transport { segment == nil ? .udp : .tcp }

    /// On the wire: IP and UDP or TCP headers included, without a link's framing.
    public var wireBytes: Int {
        payload.count + (destination.ip.isIPv4 ? 20 : 40) + (segment == nil ? 8 : TCPSegment.headerBytes)
    }
}
