public import SRTP
public import Wire

/// One end of a pipe between two reactors of one cluster: SRTP with keys that the controller drew, to an
/// address that it named. No ICE and no DTLS, for both ends are the cluster's own.
///
/// Sans-IO. What comes in counts by its SRTP tag alone, wherever it comes from; the owner finds the pipe
/// by the packet's SSRC, since all pipes between two reactors share one tuple.
@safe public struct PipeTransport: ~Copyable {
    var inbound: InboundContext
    var outbound: OutboundContext
    private let record: UnsafeMutablePointer<TransportRecord>
    /// Where media goes; nil before ``connect(_:)``.
    public private(set) var tuple: Tuple?

    /// `record` lies in the owner's slab, is initialised, and outlives the transport. Keys must be fresh:
    /// one that has protected packets before would protect others under the same index (RFC 3711
    /// section 9.1).
    public init(
        sending: MasterKey, receiving: MasterKey, record: UnsafeMutablePointer<TransportRecord>
    ) throws(SRTPError) {
        let outbound = try unsafe OutboundContext(
            initializing: TransportRecord.outbound(of: record), masterKey: sending)
        let inbound = try unsafe InboundContext(
            initializing: TransportRecord.inbound(of: record), masterKey: receiving)
        self.outbound = consume outbound
        self.inbound = consume inbound
        unsafe self.record = record
    }

    /// Goes on where another process stopped: same keys, indices past those that it used.
    public init(resuming record: UnsafeMutablePointer<TransportRecord>) throws(SRTPError) {
        let outbound = try unsafe OutboundContext(resuming: TransportRecord.outbound(of: record))
        let inbound = try unsafe InboundContext(resuming: TransportRecord.inbound(of: record))
        self.outbound = consume outbound
        self.inbound = consume inbound
        unsafe self.record = record
    }

    public var isConnected: Bool { tuple != nil }

    public var srtpProfile: Profile { outbound.profile }

    /// Names the other end's address, or another one than before.
    public mutating func connect(_ tuple: Tuple) {
        self.tuple = tuple
        unsafe record.pointee.path = RecordedPath(tuple)
    }

    /// As ``PeerTransport/receive(_:length:from:now:)``; takes RTP and RTCP and nothing else.
    public mutating func receive(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> Received {
        guard length > 1 else { throw .emptyDatagram }
        switch PacketClass(of: packet.bytes.extracting(0..<length)) {
        case .rtp: return .rtp(length: try inbound.unprotectRTP(&packet, length: length))
        case .rtcp: return .rtcp(length: try inbound.unprotectRTCP(&packet, length: length))
        case .stun, .dtls, .unknown: throw .unknownFirstByte
        }
    }

    /// As ``PeerTransport/protectRTP(_:length:)``. Throws `pipeNotConnected` before there is an address.
    public mutating func protectRTP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        guard let tuple else { throw .pipeNotConnected }
        return (try outbound.protectRTP(&packet, length: length), tuple)
    }

    /// As ``PeerTransport/protectRepeatedRTP(_:length:)``.
    public mutating func protectRepeatedRTP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        guard let tuple else { throw .pipeNotConnected }
        return (try outbound.protectRepeatedRTP(&packet, length: length), tuple)
    }

    /// As ``PeerTransport/protectRTCP(_:length:)``.
    public mutating func protectRTCP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        guard let tuple else { throw .pipeNotConnected }
        return (try outbound.protectRTCP(&packet, length: length), tuple)
    }
}
