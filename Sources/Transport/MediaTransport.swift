public import SRTP
public import Wire

/// What carries one endpoint's media: a peer's transport, one end of a pipe, the way to a media element, or plain RTP.
/// The packet path asks it without telling them apart.
///
/// Four places, one of them taken, rather than an enumeration: a packet must not move the one that it needs.
public struct MediaTransport: ~Copyable {
    /// Nil for others.
    public var peer: PeerTransport?
    /// Nil for others.
    public var pipe: PipeTransport?
    /// Nil for others.
    public let element: ElementTransport?
    /// Nil for others.
    public var plain: PlainTransport?

    public init(_ peer: consuming PeerTransport) {
        self.peer = consume peer
        pipe = nil
        element = nil
        plain = nil
    }

    public init(_ pipe: consuming PipeTransport) {
        peer = nil
        self.pipe = consume pipe
        element = nil
        plain = nil
    }

    public init(_ element: ElementTransport) {
        peer = nil
        pipe = nil
        self.element = element
        plain = nil
    }

    public init(_ plain: consuming PlainTransport) {
        peer = nil
        pipe = nil
        element = nil
        self.plain = consume plain
    }

    public var isPipe: Bool {
        switch pipe {
        case .some: true
        case .none: false
        }
    }

    // MARK: The packet path

    /// One datagram from the wire to the router, decrypted in place.
    public mutating func receive(
        _ packet: inout MutableRawSpan, length: Int, from tuple: Tuple, now: Instant
    ) throws(DropReason) -> Received {
        if let received = try peer?.receive(&packet, length: length, from: tuple, now: now) { return received }
        if let received = try pipe?.receive(&packet, length: length) { return received }
        if let element { return try element.receive(packet, length: length) }
        if let received = try plain?.receive(&packet, length: length, from: tuple, now: now) { return received }
        throw .srtpNotReady
    }

    /// Protects a plain RTP packet in place, and says where it goes.
    public mutating func protectRTP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        if let protected = try peer?.protectRTP(&packet, length: length) { return protected }
        if let protected = try pipe?.protectRTP(&packet, length: length) { return protected }
        if let element { return (length, element.tuple) }
        if let protected = try plain?.protectRTP(&packet, length: length) { return protected }
        throw .srtpNotReady
    }

    /// The same for a packet that went out before and is, byte for byte, asked for again.
    public mutating func protectRepeatedRTP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        if let protected = try peer?.protectRepeatedRTP(&packet, length: length) { return protected }
        if let protected = try pipe?.protectRepeatedRTP(&packet, length: length) { return protected }
        if let element { return (length, element.tuple) }
        if let protected = try plain?.protectRepeatedRTP(&packet, length: length) { return protected }
        throw .srtpNotReady
    }

    /// The same for a compound RTCP packet. Plain RTP has a way of its own, for one packet may become two:
    /// ``PlainTransport/part(of:isVideo:into:)``.
    public mutating func protectRTCP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        if let protected = try peer?.protectRTCP(&packet, length: length) { return protected }
        if let protected = try pipe?.protectRTCP(&packet, length: length) { return protected }
        if let element { return (length, element.tuple) }
        throw .srtpNotReady
    }

    // MARK: The control path: the others have no timers, no handshake and nothing to say

    public var deadline: Instant {
        switch peer {
        case .some(let peer): peer.deadline
        case .none: .distantFuture
        }
    }

    /// Media may be sent.
    public var isConnected: Bool {
        switch peer {
        case .some(let peer): return peer.isConnected
        case .none: break
        }
        return switch plain {
        case .some(let plain): plain.isConnected
        case .none: selectedTuple != nil
        }
    }

    /// Where media goes.
    public var selectedTuple: Tuple? {
        switch peer {
        case .some(let peer): return peer.selectedTuple
        case .none: break
        }
        return switch pipe {
        case .some(let pipe): pipe.tuple
        case .none: element?.tuple
        }
    }

    /// Of the keys in use; nil without.
    public var srtpProfile: Profile? {
        switch peer {
        case .some(let peer): return peer.srtpProfile
        case .none: break
        }
        switch pipe {
        case .some(let pipe): return pipe.srtpProfile
        case .none: break
        }
        return switch plain {
        case .some(let plain): plain.srtpProfile
        case .none: nil
        }
    }

    /// Of the selected pair by STUN; nil without a peer.
    public var roundTripTime: Interval? {
        switch peer {
        case .some(let peer): peer.roundTripTime
        case .none: nil
        }
    }

    /// What was negotiated with the peer last.
    public var remote: PeerTransport.Remote? {
        switch peer {
        case .some(let peer): peer.remote
        case .none: nil
        }
    }

    public func isValidated(_ tuple: Tuple) -> Bool {
        switch peer {
        case .some(let peer): peer.isValidated(tuple)
        case .none: false
        }
    }

    public mutating func advance(to now: Instant) { peer?.advance(to: now) }

    public mutating func nextTransmit() -> OutgoingDatagram? { peer?.nextTransmit() ?? nil }

    public mutating func nextEvent() -> PeerTransport.Event? { peer?.nextEvent() ?? nil }

    public mutating func addRemoteCandidate(_ sdp: String, now: Instant) {
        _ = peer?.addRemoteCandidate(sdp, now: now)
    }

    /// The TCP connection of `tuple` has ended; see `ICE.Agent.streamClosed(_:now:)`.
    public mutating func streamClosed(_ tuple: Tuple, now: Instant) { peer?.streamClosed(tuple, now: now) }

    public mutating func close(now: Instant) { peer?.close(now: now) }
}
