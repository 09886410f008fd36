import DTLS
import ICE
import SRTP
public import Wire

/// What became of a datagram that was not dropped.
public enum Received: Sendable, BitwiseCopyable {
    /// It was for ICE or DTLS. Drain the transport.
    case handled
    /// The span's first `length` bytes are a plain RTP packet.
    case rtp(length: Int)
    /// The span's first `length` bytes are a plain compound RTCP packet.
    case rtcp(length: Int)
}

extension PeerTransport {
    /// One datagram from the wire to the router. `packet` is the whole buffer and is decrypted in place;
    /// the datagram is its first `length` bytes. RFC 7983 section 7 decides who gets it.
    public mutating func receive(
        _ packet: inout MutableRawSpan, length: Int, from tuple: Tuple, now: Instant
    ) throws(DropReason) -> Received {
        guard length > 1 else { throw .emptyDatagram }
        switch PacketClass(of: packet.bytes.extracting(0..<length)) {
        case .stun:
            // ICE checks the integrity of every message itself (RFC 8445 section 7.3).
            try ice.receive(packet.bytes.extracting(0..<length), from: tuple, now: now)
            settle(now: now)
            return .handled

        case .dtls:
            // A handshake from an address that ICE has not validated is an attacker's or a stray's:
            // answering it would let a ClientHello race kill the call.
            guard ice.isValidated(tuple) else { throw .dtlsFromUnvalidatedTuple }
            guard dtls != nil else { throw .dtlsBeforeNegotiation }
            // Also a datagram that is refused may have started or ended the association.
            defer { settle(now: now) }
            try dtls?.receive(packet.bytes.extracting(0..<length), now: now)
            try receiveData(now: now)
            return .handled

        case .rtp:
            // Media is accepted from validated addresses only, then authenticated (RFC 3711 section 3.3).
            guard ice.isValidated(tuple) else { throw .mediaFromUnvalidatedTuple }
            guard let plain = try inbound?.unprotectRTP(&packet, length: length) else { throw .srtpNotReady }
            if !hasPeerKeys { notePeerKeys() }
            return .rtp(length: plain)

        case .rtcp:
            guard ice.isValidated(tuple) else { throw .mediaFromUnvalidatedTuple }
            guard let plain = try inbound?.unprotectRTCP(&packet, length: length) else { throw .srtpNotReady }
            if !hasPeerKeys { notePeerKeys() }
            return .rtcp(length: plain)

        case .unknown:
            throw .unknownFirstByte
        }
    }

    /// The first packet that SRTP authenticates proves that the peer has finished its handshake.
    mutating func notePeerKeys() {
        hasPeerKeys = true
        dtls?.retireHandshake()
    }

    /// Whether media and handshakes from `tuple` would be accepted.
    public func isValidated(_ tuple: Tuple) -> Bool { ice.isValidated(tuple) }
}
