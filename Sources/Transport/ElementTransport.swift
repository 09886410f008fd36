public import Wire

/// What carries the media of an element of this process: packets as they are, by a tuple that leads to no network.
public struct ElementTransport: Sendable {
    /// No socket has this number.
    public static let socket = UInt8.max

    /// Stands for the element wherever packets have a tuple.
    public let tuple: Tuple

    /// - Parameter slot: the element's place in its reactor.
    public init(slot: Int32) {
        tuple = Tuple(
            socket: Self.socket, remote: SocketAddress(ip: IPAddress(ipv4: UInt32(truncatingIfNeeded: slot)), port: 0))
    }

    /// As ``PeerTransport/receive(_:length:from:now:)``; takes RTP and RTCP and nothing else.
    func receive(_ packet: borrowing MutableRawSpan, length: Int) throws(DropReason) -> Received {
        guard length > 1 else { throw .emptyDatagram }
        return switch PacketClass(of: packet.bytes.extracting(0..<length)) {
        case .rtp: .rtp(length: length)
        case .rtcp: .rtcp(length: length)
        case .stun, .dtls, .unknown: throw .unknownFirstByte
        }
    }
}
