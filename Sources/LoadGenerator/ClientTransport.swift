import DTLS
import ICE
import SRTP
import Transport
import Wire

/// A client's secure transport: the production one, or SRTP alone over a path that was agreed on elsewhere.
@safe struct ClientTransport: ~Copyable {
    private var peer: PeerTransport?
    private var direct: DirectTransport?
    private let record: UnsafeMutablePointer<TransportRecord>

    private init(
        record: UnsafeMutablePointer<TransportRecord>, peer: consuming PeerTransport?, direct: consuming DirectTransport?
    ) {
        unsafe self.record = record
        self.peer = peer
        self.direct = direct
    }

    static func make(
        _ path: NegotiatedClient.Path, local: SocketAddress, certificate: Certificate, random: SeededRandom, now: Instant
    ) throws -> ClientTransport {
        let record = UnsafeMutablePointer<TransportRecord>.allocate(capacity: 1)
        do {
            switch path {
            case .negotiated(let path):
                unsafe record.initialize(
                    to: TransportRecord(localUfrag: path.local.ufrag, localPassword: path.local.password))
                let peer = try unsafe peer(
                    path, record: record, local: local, certificate: certificate, random: random, now: now)
                return unsafe ClientTransport(record: record, peer: peer, direct: nil)
            case .direct(let path):
                unsafe record.initialize(to: TransportRecord(localUfrag: "", localPassword: ""))
                let direct = try unsafe DirectTransport(path, record: record)
                return unsafe ClientTransport(record: record, peer: nil, direct: direct)
            }
        } catch {
            unsafe record.deallocate()
            throw error
        }
    }

    private static func peer(
        _ path: NegotiatedPath, record: UnsafeMutablePointer<TransportRecord>, local: SocketAddress,
        certificate: Certificate, random: SeededRandom, now: Instant
    ) throws(DTLSError) -> PeerTransport {
        var transport = unsafe PeerTransport(
            configuration: AgentConfiguration(
                local: path.local, isControlling: path.isControlling,
                localCandidates: [.host(address: local, socket: 0)]),
            certificate: certificate, record: record, random: random, now: now)
        let remote = PeerTransport.Remote(
            credentials: path.remote, isLite: path.remoteIsLite, fingerprint: path.remoteFingerprint,
            isDTLSClient: path.isDTLSClient)
        try transport.negotiate(remote, now: now)
        for candidate in path.candidates { transport.addRemoteCandidate(candidate, now: now) }
        return transport
    }

    deinit { unsafe record.deallocate() }

    // Mutating, because an optional of a noncopyable type is looked into in place or not at all.
    var isConnected: Bool { mutating get { peer?.isConnected ?? true } }
    var deadline: Instant { mutating get { peer?.deadline ?? .distantFuture } }
    var roundTripTime: Interval? { mutating get { peer?.roundTripTime } }
    var profileName: String? { mutating get { (peer?.srtpProfile ?? direct?.profile)?.name } }

    /// How far it has come, for a person.
    var progress: String {
        mutating get {
            guard let state = peer?.iceState, let phase = peer?.dtlsPhase else { return "direct" }
            return "ICE \(state), DTLS \(phase)"
        }
    }

    var hasFailed: Bool {
        mutating get { peer?.iceState == .failed || peer?.dtlsPhase == .failed || peer?.dtlsPhase == .closed }
    }

    mutating func receive(
        _ packet: inout MutableRawSpan, length: Int, from source: SocketAddress, now: Instant
    ) throws(DropReason) -> Received {
        if let received = try peer?.receive(&packet, length: length, from: Tuple(socket: 0, remote: source), now: now) {
            return received
        }
        guard let received = try direct?.receive(&packet, length: length, from: source) else { throw .srtpNotReady }
        return received
    }

    mutating func protectRTP(
        _ packet: inout MutableRawSpan, length: Int, isRepeat: Bool = false
    ) throws(DropReason) -> (length: Int, remote: SocketAddress) {
        if let sealed = isRepeat
            ? try peer?.protectRepeatedRTP(&packet, length: length) : try peer?.protectRTP(&packet, length: length)
        {
            return (sealed.length, sealed.tuple.remote)
        }
        guard let sealed = try direct?.protectRTP(&packet, length: length, isRepeat: isRepeat) else {
            throw .srtpNotReady
        }
        return sealed
    }

    mutating func protectRTCP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, remote: SocketAddress) {
        if let sealed = try peer?.protectRTCP(&packet, length: length) { return (sealed.length, sealed.tuple.remote) }
        guard let sealed = try direct?.protectRTCP(&packet, length: length) else { throw .srtpNotReady }
        return sealed
    }

    mutating func advance(to now: Instant) { peer?.advance(to: now) }

    mutating func close(now: Instant) { peer?.close(now: now) }

    /// The next STUN or DTLS datagram; nil when there is none.
    mutating func nextTransmit() -> OutgoingDatagram? {
        while peer?.nextEvent() != nil {}
        return peer?.nextTransmit()
    }
}

/// SRTP over a ``DirectPath``.
@safe struct DirectTransport: ~Copyable {
    private let remote: SocketAddress
    private var inbound: InboundContext
    private var outbound: OutboundContext

    /// `record` outlives the transport.
    init(_ path: DirectPath, record: UnsafeMutablePointer<TransportRecord>) throws {
        guard let profile = Profile(rawValue: path.profile) else { throw LoadError("no SRTP profile \(path.profile)") }
        let send = try MasterKey(profile: profile, key: path.sendKey, salt: path.sendSalt)
        let receive = try MasterKey(profile: profile, key: path.receiveKey, salt: path.receiveSalt)
        let outbound = try unsafe OutboundContext(initializing: Self.part(record, \.outbound), masterKey: send)
        let inbound = try unsafe InboundContext(initializing: Self.part(record, \.inbound), masterKey: receive)
        remote = path.remote
        self.outbound = outbound
        self.inbound = inbound
    }

    private static func part<Part>(
        _ record: UnsafeMutablePointer<TransportRecord>, _ path: KeyPath<TransportRecord, Part>
    ) -> UnsafeMutablePointer<Part> {
        guard let offset = MemoryLayout<TransportRecord>.offset(of: path) else {
            preconditionFailure("a stored property has an offset")
        }
        return unsafe UnsafeMutableRawPointer(record).advanced(by: offset).assumingMemoryBound(to: Part.self)
    }

    var profile: Profile { outbound.profile }

    mutating func receive(
        _ packet: inout MutableRawSpan, length: Int, from source: SocketAddress
    ) throws(DropReason) -> Received {
        guard source == remote else { throw .unknownTuple }
        guard length > 1, packet.bytes.uint8(at: 0) >> 6 == 2 else { throw .unknownFirstByte }
        // RFC 5761 section 4.
        if (192...223).contains(packet.bytes.uint8(at: 1)) {
            return .rtcp(length: try inbound.unprotectRTCP(&packet, length: length))
        }
        return .rtp(length: try inbound.unprotectRTP(&packet, length: length))
    }

    mutating func protectRTP(
        _ packet: inout MutableRawSpan, length: Int, isRepeat: Bool
    ) throws(DropReason) -> (length: Int, remote: SocketAddress) {
        let sealed =
            isRepeat
            ? try outbound.protectRepeatedRTP(&packet, length: length)
            : try outbound.protectRTP(&packet, length: length)
        return (sealed, remote)
    }

    mutating func protectRTCP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, remote: SocketAddress) {
        (try outbound.protectRTCP(&packet, length: length), remote)
    }
}
