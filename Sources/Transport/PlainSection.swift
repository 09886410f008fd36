public import SRTP
public import Wire

/// One section of plain RTP: an RTP session over UDP, perhaps under SRTP with keys from the session description
/// (RFC 3550, RFC 4568). No ICE, no DTLS.
///
/// Sans-IO. What comes in is taken from whom ``SourceLatch`` says.
@safe public struct PlainSection: ~Copyable {
    /// What offer and answer agreed on.
    public struct Configuration: Sendable {
        public var isVideo: Bool
        /// RTP and RTCP share a port (RFC 5761).
        public var sharesPort = false
        /// Where RTP and RTCP go; nil where that is learned from what comes.
        public var remote: SocketAddress?
        public var controlRemote: SocketAddress?
        /// That the peer sends.
        public var payloadTypes: [UInt8] = []
        /// Of what we send, RTCP included.
        public var localSSRC: UInt32
        /// That the peer has announced.
        public var remoteSSRC: UInt32?
        /// Nil without SRTP. Fresh: one that has protected packets before would protect others under the same index
        /// (RFC 3711 section 9.1).
        public var sending: MasterKey?
        public var receiving: MasterKey?
        /// Packets that ``receiving`` is good for.
        public var lifetime = UInt64.max
        /// Master key identifier that the peer announced, and its length in bytes: 0 for none.
        public var identifier: UInt32 = 0
        public var identifierLength = 0

        public init(isVideo: Bool, localSSRC: UInt32) {
            self.isVideo = isVideo
            self.localSSRC = localSSRC
        }
    }

    let isVideo: Bool
    let sharesPort: Bool
    let localSSRC: UInt32
    private var rtp: SourceLatch
    private var control: SourceLatch
    private var inbound: InboundContext?
    private var outbound: OutboundContext?
    private let record: UnsafeMutablePointer<TransportRecord>
    /// Payload types that come, a bit for each.
    private var lowTypes: UInt64 = 0
    private var highTypes: UInt64 = 0

    /// The newest first; 0 where there is none.
    private var ssrcs: InlineArray<4, UInt32> = InlineArray(repeating: 0)
    /// One that was not there before, until somebody takes it.
    private(set) var news: UInt32?

    private let lifetime: UInt64
    private let identifier: UInt32
    private let identifierLength: Int
    private var identifierUse = IdentifierUse.unknown
    private var hasWarned = false

    /// Whether packets have the identifier that was announced: many senders announce one and leave it out.
    private enum IdentifierUse { case unknown, absent, present }

    /// Begins, with fresh keys. `record` lies in the owner's slab, is initialised, and outlives the section.
    public init(_ configuration: Configuration, record: UnsafeMutablePointer<TransportRecord>) throws(SRTPError) {
        var outbound: OutboundContext?
        var inbound: InboundContext?
        if let key = configuration.sending {
            outbound = try unsafe OutboundContext(initializing: TransportRecord.outbound(of: record), masterKey: key)
        }
        if let key = configuration.receiving {
            inbound = try unsafe InboundContext(initializing: TransportRecord.inbound(of: record), masterKey: key)
        }
        unsafe self.init(configuration, record: record, inbound: inbound, outbound: outbound)
        unsafe record.pointee.consented = 0
        unsafe record.pointee.path = RecordedPath(nil)
    }

    /// Goes on where another process stopped: same keys, indices past those that it used, same peer.
    public init(
        resuming record: UnsafeMutablePointer<TransportRecord>, _ configuration: Configuration, now: Instant
    ) throws(SRTPError) {
        var outbound: OutboundContext?
        var inbound: InboundContext?
        if configuration.sending != nil {
            outbound = try unsafe OutboundContext(resuming: TransportRecord.outbound(of: record))
        }
        if configuration.receiving != nil {
            inbound = try unsafe InboundContext(resuming: TransportRecord.inbound(of: record))
        }
        unsafe self.init(configuration, record: record, inbound: inbound, outbound: outbound)
        rtp.resume(unsafe record.pointee.path.tuple?.remote, now: now)
    }

    private init(
        _ configuration: Configuration, record: UnsafeMutablePointer<TransportRecord>,
        inbound: consuming InboundContext?, outbound: consuming OutboundContext?
    ) {
        isVideo = configuration.isVideo
        sharesPort = configuration.sharesPort
        localSSRC = configuration.localSSRC
        rtp = SourceLatch(signalled: configuration.remote)
        control = SourceLatch(signalled: configuration.controlRemote)
        lifetime = configuration.lifetime
        identifier = configuration.identifier
        identifierLength = configuration.identifierLength
        self.inbound = consume inbound
        self.outbound = consume outbound
        unsafe self.record = record
        for type in configuration.payloadTypes {
            if type < 64 { lowTypes |= 1 << UInt64(type) } else { highTypes |= 1 << UInt64(type & 63) }
        }
        if let ssrc = configuration.remoteSSRC { ssrcs[0] = ssrc }
        if identifierLength == 0 { identifierUse = .absent }
    }

    // MARK: The packet path

    /// One datagram of `component` to the router, opened in place; takes RTP and RTCP and nothing else.
    mutating func receive(
        _ packet: inout MutableRawSpan, length: Int, _ component: PlainComponent, from remote: SocketAddress,
        now: Instant
    ) throws(DropReason) -> Received {
        guard length > 1 else { throw .emptyDatagram }
        guard packet.bytes.uint8(at: 0) >> 6 == 2 else { throw .unknownFirstByte }
        let isControl =
            component.isControl || sharesPort && (192...223).contains(packet.bytes.uint8(at: 1))
        let plain = try open(&packet, length: length, isControl: isControl)
        try check(packet.bytes, length: plain, isControl: isControl)
        try admit(remote, isControl: component.isControl, now: now)
        guard !isControl else { return .rtcp(length: plain) }
        note(packet.bytes.uint32(at: 8))
        return .rtp(length: plain)
    }

    /// Plausible is what the section can be sent: before that nobody's address is learned.
    private func check(_ bytes: RawSpan, length: Int, isControl: Bool) throws(DropReason) {
        guard !isControl else {
            guard length >= 8, (192...223).contains(bytes.uint8(at: 1)),
                (Int(bytes.uint16(at: 2)) + 1) * 4 <= length
            else { throw .rtcpMalformed }
            return
        }
        guard length >= 12 else { throw .rtpMalformed }
        let type = UInt64(bytes.uint8(at: 1) & 0x7F)
        guard (type < 64 ? lowTypes >> type : highTypes >> (type & 63)) & 1 == 1 else { throw .rtpUnknownPayloadType }
    }

    private mutating func admit(_ remote: SocketAddress, isControl: Bool, now: Instant) throws(DropReason) {
        let isAuthentic =
            switch inbound {
            case .some: true
            case .none: false
            }
        guard !isControl else { return try control.admit(remote, isAuthentic: isAuthentic, now: now) }
        let former = rtp.source
        try rtp.admit(remote, isAuthentic: isAuthentic, now: now)
        guard former != remote else { return }
        let socket = PlainComponent(isVideo: isVideo, isControl: false).socket
        unsafe record.pointee.path = RecordedPath(Tuple(socket: socket, remote: remote))
    }

    private mutating func note(_ ssrc: UInt32) {
        guard ssrcs[0] != ssrc else { return }
        guard !knows(ssrc) else { return }
        for index in (1..<Limits.sectionSSRCs).reversed() { ssrcs[index] = ssrcs[index - 1] }
        ssrcs[0] = ssrc
        news = ssrc
    }

    /// Whether the peer sends, or has sent, with this SSRC.
    func knows(_ ssrc: UInt32) -> Bool {
        for index in 0..<Limits.sectionSSRCs where ssrcs[index] == ssrc { return ssrc != 0 }
        return false
    }

    mutating func takeNews() -> UInt32? {
        defer { news = nil }
        return news
    }

    /// Protects a plain packet in place, and says where it goes.
    mutating func protectRTP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        guard let remote = rtp.destination else { throw .plainNoRemote }
        let sealed = try outbound?.protectRTP(&packet, length: length) ?? length
        return (sealed, Tuple(socket: PlainComponent(isVideo: isVideo, isControl: false).socket, remote: remote))
    }

    /// As ``protectRTP(_:length:)`` for a packet that went out before.
    mutating func protectRepeatedRTP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        guard let remote = rtp.destination else { throw .plainNoRemote }
        let sealed = try outbound?.protectRepeatedRTP(&packet, length: length) ?? length
        return (sealed, Tuple(socket: PlainComponent(isVideo: isVideo, isControl: false).socket, remote: remote))
    }

    /// The same for RTCP.
    mutating func protectRTCP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        guard let remote = controlDestination else { throw .plainNoRemote }
        let sealed = try outbound?.protectRTCP(&packet, length: length) ?? length
        return (sealed, Tuple(socket: PlainComponent(isVideo: isVideo, isControl: !sharesPort).socket, remote: remote))
    }

    // MARK: Where the peer is

    var isConnected: Bool { rtp.destination != nil }

    /// As signalled or learned; before that the port above that of RTP (RFC 3550 section 11).
    private var controlDestination: SocketAddress? {
        if sharesPort { return rtp.destination }
        if let known = control.destination { return known }
        guard let media = rtp.destination else { return nil }
        return SocketAddress(ip: media.ip, port: media.port &+ 1)
    }

    var srtpProfile: Profile? {
        switch inbound {
        case .some(let inbound): inbound.profile
        case .none: nil
        }
    }
}

// MARK: - SRTP

extension PlainSection {
    /// The length without SRTP.
    private mutating func open(
        _ packet: inout MutableRawSpan, length: Int, isControl: Bool
    ) throws(DropReason) -> Int {
        switch inbound {
        case .some: break
        case .none: return length
        }
        // RFC 3711 section 9.2: a key must not be used for longer.
        guard unsafe record.pointee.consented < lifetime else { throw .srtpIndexExhausted }
        let plain: Int
        switch identifierUse {
        case .absent: plain = try unprotect(&packet, length: length, isControl: isControl)
        case .present:
            let shorter = try withoutIdentifier(&packet, length: length, isControl: isControl)
            plain = try unprotect(&packet, length: shorter, isControl: isControl)
        case .unknown: plain = try tryBoth(&packet, length: length, isControl: isControl)
        }
        unsafe record.pointee.consented &+= 1
        return plain
    }

    /// The first packet that is authentic tells whether the identifier is there. A tag that is wrong changes nothing.
    private mutating func tryBoth(
        _ packet: inout MutableRawSpan, length: Int, isControl: Bool
    ) throws(DropReason) -> Int {
        do throws(DropReason) {
            let plain = try unprotect(&packet, length: length, isControl: isControl)
            identifierUse = .absent
            return plain
        } catch {
            let shorter = try withoutIdentifier(&packet, length: length, isControl: isControl)
            let plain = try unprotect(&packet, length: shorter, isControl: isControl)
            identifierUse = .present
            return plain
        }
    }

    private mutating func unprotect(
        _ packet: inout MutableRawSpan, length: Int, isControl: Bool
    ) throws(DropReason) -> Int {
        let plain =
            isControl
            ? try inbound?.unprotectRTCP(&packet, length: length) : try inbound?.unprotectRTP(&packet, length: length)
        guard let plain else { throw .srtpNotReady }
        return plain
    }

    /// Takes the identifier out from before the tag (RFC 3711 section 3.1): the new length.
    private func withoutIdentifier(
        _ packet: inout MutableRawSpan, length: Int, isControl: Bool
    ) throws(DropReason) -> Int {
        guard let profile = srtpProfile else { throw .srtpNotReady }
        let tag = isControl ? profile.controlTagLength : profile.tagLength
        let start = length - tag - identifierLength
        guard start >= 8 else { throw .srtpMalformed }
        var found: UInt32 = 0
        for index in 0..<identifierLength { found = found << 8 | UInt32(packet.bytes.uint8(at: start + index)) }
        guard found == identifier else { throw .srtpBadTag }
        for index in 0..<tag {
            packet.store(packet.bytes.uint8(at: start + identifierLength + index), at: start + index)
        }
        return length - identifierLength
    }

    /// Once, when few packets are left of the peer's key.
    mutating func takeWarning() -> Bool {
        let left = min(Limits.softLimitPackets, lifetime / Limits.softLimitShare)
        guard !hasWarned, lifetime != .max, unsafe record.pointee.consented >= lifetime - left else { return false }
        hasWarned = true
        return true
    }
}
