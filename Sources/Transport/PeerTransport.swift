public import DTLS
public import ICE
public import SCTP
@_spi(Simulation) public import SRTP
public import Wire

/// One peer's secure transport: ICE finds the path, DTLS agrees on keys, SRTP guards the media, SCTP carries data
/// (RFC 8825 section 3). Sans-IO; both directions of the packet path are one page each, in
/// `+Receive` and `+Send`.
///
/// After every call drain ``nextTransmit()`` and ``nextEvent()`` and read ``deadline`` again.
@safe public struct PeerTransport: ~Copyable {
    /// What the owner acts on.
    public enum Event: Sendable {
        case iceStateChanged(AgentState)
        case pairSelected(local: Candidate, remote: Candidate, tuple: Tuple)
        case dtlsStateChanged(DTLSPhase)
        case data(DataChannels.Event)
    }

    /// The handshake as its observers see it.
    public enum DTLSPhase: UInt8, Sendable, BitwiseCopyable {
        case new, connecting, connected, closed, failed
    }

    /// What the peer agreed on in offer and answer.
    public struct Remote: Sendable {
        public var credentials: Credentials
        public var isLite: Bool
        public var fingerprint: Fingerprint
        /// We send the ClientHello (RFC 5763 section 5).
        public var isDTLSClient: Bool
        /// Nil without data channels.
        public var data: DataRemote?

        public init(
            credentials: Credentials, isLite: Bool, fingerprint: Fingerprint, isDTLSClient: Bool,
            data: DataRemote? = nil
        ) {
            self.data = data
            self.credentials = credentials
            self.isLite = isLite
            self.fingerprint = fingerprint
            self.isDTLSClient = isDTLSClient
        }
    }

    private let inPlace = InPlace()
    var ice: Agent
    var dtls: Endpoint?
    /// Nil without data channels.
    var data: DataPath?
    var random: SeededRandom
    var inbound: InboundContext?
    var outbound: OutboundContext?
    let record: UnsafeMutablePointer<TransportRecord>
    let certificate: Certificate
    /// What was negotiated last; nil before ``negotiate(_:now:)``.
    public internal(set) var remote: Remote?
    public internal(set) var dtlsPhase = DTLSPhase.new
    var hasStartedHandshake = false
    /// The peer has sent something that SRTP authenticated.
    var hasPeerKeys = false
    private var handshakeDeadline = Instant.distantFuture
    private var dataDeadline = Instant.distantFuture
    var events: [Event] = []
    /// Datagrams of a transport that was closed, and where its path was.
    var farewell: [OutgoingDatagram] = []

    /// `record` lies in the owner's slab, is initialised, and outlives the transport.
    public init(
        configuration: AgentConfiguration, certificate: Certificate,
        record: UnsafeMutablePointer<TransportRecord>, random: SeededRandom, now: Instant
    ) {
        // A source apart: what ICE draws is the same with and without data.
        var fork = random
        self.random = fork.split()
        ice = Agent(configuration: configuration, random: random, now: now)
        self.certificate = certificate
        unsafe self.record = record
    }

    public var iceState: AgentState { ice.state }
    public var roundTripTime: Interval? { ice.roundTripTime }
    public var selectedTuple: Tuple? { ice.selectedTuple }

    /// Media may be sent: the path has the peer's consent and the keys are agreed.
    public var isConnected: Bool { dtlsPhase == .connected && ice.selectedTuple != nil }

    /// The negotiated SRTP profile's name, once there is one.
    public internal(set) var srtpProfile: Profile?

    /// When ``advance(to:)`` wants to be called next.
    public var deadline: Instant { min(ice.deadline, handshakeDeadline, dataDeadline) }

    /// Applies what offer and answer agreed on. Again with other credentials it is an ICE restart; the
    /// DTLS association lives on (RFC 8842 section 5.5: same fingerprint, same association).
    public mutating func negotiate(_ remote: Remote, now: Instant) throws(DTLSError) {
        if self.remote == nil {
            dtls = try Endpoint(
                certificate: certificate, role: remote.isDTLSClient ? .client : .server,
                remoteFingerprint: remote.fingerprint, now: now)
        }
        self.remote = remote
        prepareData(remote.data, isClient: remote.isDTLSClient, now: now)
        unsafe record.pointee.remoteUfrag = FixedBytes(remote.credentials.ufrag.utf8)
        unsafe record.pointee.remotePassword = FixedBytes(remote.credentials.password.utf8)
        ice.setRemote(remote.credentials, isLite: remote.isLite, now: now)
        settle(now: now)
    }

    /// Adds a trickled candidate; before ``negotiate(_:now:)`` it waits (RFC 8838 section 9).
    @discardableResult
    public mutating func addRemoteCandidate(_ sdp: String, now: Instant) -> CandidateResult {
        let result = ice.addRemoteCandidate(sdp, now: now)
        settle(now: now)
        return result
    }

    /// The TCP connection of `tuple` has ended, or could not be opened; see `ICE.Agent.streamClosed(_:now:)`.
    public mutating func streamClosed(_ tuple: Tuple, now: Instant) {
        ice.streamClosed(tuple, now: now)
        settle(now: now)
    }

    /// A TURN server relays for us: see ``ICE/Agent/addRelayed(_:related:now:)``.
    public mutating func addRelayed(
        _ address: SocketAddress, related: SocketAddress? = nil, now: Instant
    ) -> (candidate: Candidate, socket: UInt8)? {
        let added = ice.addRelayed(address, related: related, now: now)
        settle(now: now)
        return added
    }

    /// Runs timers that are due.
    public mutating func advance(to now: Instant) {
        ice.advance(to: now)
        dtls?.advance(to: now)
        data?.channels.advance(to: now)
        settle(now: now)
    }

    /// Our half of an ICE restart (RFC 8445 section 9): new local credentials. The peer's come with
    /// ``negotiate(_:now:)``; media stays on the selected pair until a new one works, keys stay for good.
    ///
    /// - Parameter credentials: a fragment of at most 32 bytes and a password of at most 64.
    public mutating func restart(local credentials: Credentials, now: Instant) {
        unsafe record.pointee.localUfrag = FixedBytes(credentials.ufrag.utf8)
        unsafe record.pointee.localPassword = FixedBytes(credentials.password.utf8)
        ice.restart(local: credentials, now: now)
        settle(now: now)
    }

    /// Says goodbye (close_notify) to a connected peer; what ``nextTransmit()`` then gives is the last.
    public mutating func close(now: Instant) {
        data?.channels.abort(now: now)
        settleData(now: now)
        dtls?.close()
        // ICE forgets the path next, so the goodbye takes it along.
        if let tuple = ice.selectedTuple {
            while let bytes = dtls?.nextTransmit() { farewell.append(OutgoingDatagram(tuple: tuple, bytes: bytes)) }
        }
        ice.close()
        if dtlsPhase != .failed { end(.closed, now: now) }
        settle(now: now)
    }

    public mutating func nextEvent() -> Event? { events.isEmpty ? nil : events.removeFirst() }

    /// Takes over what the layers below have to say, until they are silent.
    mutating func settle(now: Instant) {
        while let event = ice.nextEvent() {
            switch event {
            case .stateChanged(let state):
                events.append(.iceStateChanged(state))
            case .pairSelected(let local, let remote, let tuple):
                events.append(.pairSelected(local: local, remote: remote, tuple: tuple))
            }
        }
        recordSelection()
        startHandshakeIfReady(now: now)
        while let event = dtls?.nextEvent() { handle(event, now: now) }
        handshakeDeadline = dtls?.deadline ?? .distantFuture
        settleData(now: now)
        dataDeadline = data?.channels.deadline ?? .distantFuture
    }

    /// A successor sends where we do, and nowhere once consent is gone (RFC 7675 section 5.1).
    private func recordSelection() {
        unsafe record.pointee.path = RecordedPath(ice.selectedTuple)
        // In the midst of a restart media stays where it was, under the consent that there was.
        if ice.consented != .distantFuture { unsafe record.pointee.consented = ice.consented.nanoseconds }
        unsafe record.pointee.isControlling = ice.isControlling ? 1 : 0
    }

    /// A client's first flight waits for a path; a server's waits for the client's.
    private mutating func startHandshakeIfReady(now: Instant) {
        guard !hasStartedHandshake, dtls != nil, ice.selectedTuple != nil else { return }
        hasStartedHandshake = true
        setPhase(.connecting)
        if remote?.isDTLSClient == true { dtls?.start(now: now) }
    }

    private mutating func handle(_ event: DTLS.Event, now: Instant) {
        switch event {
        case .connected(let keys):
            do throws(SRTPError) {
                try startSRTP(keys)
                setPhase(.connected)
                data?.channels.connect(now: now)
            } catch {
                end(.failed, now: now)
            }
        case .failed: end(.failed, now: now)
        case .closed: end(.closed, now: now)
        }
    }

    /// The association is over, and its keys with it: no media either way, not by a successor either.
    private mutating func end(_ phase: DTLSPhase, now: Instant) {
        data?.channels.abort(now: now)
        inbound = nil
        outbound = nil
        srtpProfile = nil
        unsafe TransportRecord.inbound(of: record).pointee.erase()
        unsafe TransportRecord.outbound(of: record).pointee.erase()
        setPhase(phase)
    }

    private mutating func startSRTP(_ keys: KeyingMaterial) throws(SRTPError) {
        guard let profile = Profile(rawValue: keys.profile) else { throw .noKey }
        let local: MasterKey
        let remote: MasterKey
        if keys.isStubbed {
            (local, remote) = (.stubbed, .stubbed)
        } else {
            local = try MasterKey(profile: profile, key: keys.localKey, salt: keys.localSalt)
            remote = try MasterKey(profile: profile, key: keys.remoteKey, salt: keys.remoteSalt)
        }
        outbound = try unsafe OutboundContext(initializing: TransportRecord.outbound(of: record), masterKey: local)
        inbound = try unsafe InboundContext(initializing: TransportRecord.inbound(of: record), masterKey: remote)
        srtpProfile = profile
    }

    private mutating func setPhase(_ phase: DTLSPhase) {
        guard phase != dtlsPhase else { return }
        dtlsPhase = phase
        events.append(.dtlsStateChanged(phase))
    }
}
