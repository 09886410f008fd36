import DTLS
import ICE
import SRTP
public import Wire

/// A STUN or DTLS datagram and where it goes.
public struct OutgoingDatagram: Hashable, Sendable {
    public var tuple: Tuple
    public var bytes: [UInt8]

    public init(tuple: Tuple, bytes: [UInt8]) {
        self.tuple = tuple
        self.bytes = bytes
    }
}

extension PeerTransport {
    /// Protects a plain RTP packet in place for the way out: the span has room behind `length` for the
    /// SRTP trailer.
    /// - Returns: the protected length and where to send it.
    public mutating func protectRTP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        // RFC 7675 section 5.1: nothing is sent to a peer whose consent has run out; ICE then has no pair.
        guard let tuple = ice.selectedTuple else { throw .consentExpired }
        guard let protected = try outbound?.protectRTP(&packet, length: length) else { throw .srtpNotReady }
        return (protected, tuple)
    }

    /// The same for a packet that went out before and is, byte for byte, asked for again.
    public mutating func protectRepeatedRTP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        guard let tuple = ice.selectedTuple else { throw .consentExpired }
        guard let protected = try outbound?.protectRepeatedRTP(&packet, length: length) else { throw .srtpNotReady }
        return (protected, tuple)
    }

    /// The same for a compound RTCP packet.
    public mutating func protectRTCP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        guard let tuple = ice.selectedTuple else { throw .consentExpired }
        guard let protected = try outbound?.protectRTCP(&packet, length: length) else { throw .srtpNotReady }
        return (protected, tuple)
    }

    /// The next STUN or DTLS datagram to send; nil when both are silent. Handshake records go where ICE
    /// has a path, and are lost like any datagram while it has none: DTLS sends them again.
    public mutating func nextTransmit() -> OutgoingDatagram? {
        if !farewell.isEmpty { return farewell.removeFirst() }
        if let check = ice.nextTransmit() { return OutgoingDatagram(tuple: check.tuple, bytes: check.bytes) }
        while let bytes = dtls?.nextTransmit() {
            guard let tuple = ice.selectedTuple else { continue }
            return OutgoingDatagram(tuple: tuple, bytes: bytes)
        }
        return nil
    }
}
