internal import COpenSSL
public import Wire

/// One side of a DTLS 1.2 association (RFC 6347): it agrees on SRTP keys (RFC 5764), and carries SCTP where that was
/// negotiated (RFC 8261).
///
/// A core: it is handed datagrams and the time, and after every call its owner drains ``nextTransmit()`` and
/// ``nextEvent()`` and reads ``deadline``. As server it asks for no cookie: ICE has shown that the peer
/// is at its address (RFC 8445 section 2.5).
@safe public struct Endpoint: ~Copyable {
    public let role: Role
    public private(set) var state = EndpointState.new
    private let certificate: Certificate
    private let remoteFingerprint: Fingerprint
    let port: DatagramPort
    /// Nil once it has been retired; then ``records`` are there.
    var ssl: OpaquePointer?
    var records: RecordKeys?
    private var filter: RecordFilter
    /// Nil in production.
    var stub: StubbedHandshake?
    /// Whether application data is taken; else it is dropped as `applicationDataUnsupported`.
    public var carriesData = false
    /// Of the last datagram, by records.
    var data: [[UInt8]] = []
    var events: [Event] = []
    private var failsAt = Instant.distantFuture
    private var retransmitsAt = Instant.distantFuture
    private var retransmissions = 0
    private var flight = 0
    private var restarts = 0

    /// An endpoint that will accept one peer only: the one whose certificate has `remoteFingerprint`.
    public init(certificate: Certificate, role: Role, remoteFingerprint: Fingerprint, now: Instant) throws(DTLSError) {
        let port = DatagramPort()
        port.keyLog = certificate.simulation?.keyLog
        let ssl = try unsafe Self.makeSession(certificate, role: role, port: port)
        self.certificate = certificate
        self.role = role
        self.remoteFingerprint = remoteFingerprint
        self.port = port
        unsafe self.ssl = ssl
        filter = RecordFilter(role: role)
        guard certificate.simulation?.isStubbed == true else { return }
        stub = StubbedHandshake(role: role, local: certificate.fingerprint, remote: remoteFingerprint)
    }

    deinit { unsafe SSL_free(ssl) }

    /// When to call ``advance(to:)`` next.
    public var deadline: Instant { min(failsAt, retransmitsAt) }

    /// Begins: the client sends its hello, the server waits for one. The handshake's time runs from here.
    public mutating func start(now: Instant) {
        guard state == .new else { return }
        state = .handshaking
        failsAt = now + Limits.handshakeTime
        guard role == .client else { return }
        if stub == nil { proceed(now: now) } else { runStub(now: now) { $0.start() } }
    }

    /// Takes one datagram from the peer. A server that was not started starts.
    ///
    /// Throws why nothing of it was used, or `applicationDataUnsupported` for data that ``carriesData`` does not allow.
    /// Other data waits for ``nextData()``.
    public mutating func receive(_ datagram: RawSpan, now: Instant) throws(DropReason) {
        switch state {
        case .new:
            guard role == .server else { throw .dtlsBeforeNegotiation }
            start(now: now)
        case .handshaking, .connected: break
        case .closed, .failed: throw .dtlsAfterClose
        }
        if stub != nil {
            let copy = datagram.copied()
            if let bytes = StubbedHandshake.data(of: copy) { return try take(bytes) }
            return runStub(now: now) { $0.receive(copy) }
        }
        port.incoming = try filter.filter(datagram)
        defer { port.incoming = [] }
        if records != nil {
            let datagram = port.incoming
            try unsafe readRetired(datagram.span.bytes)
        } else if state == .connected {
            try read()
        } else {
            proceed(now: now)
        }
    }

    /// Data of a simulated association.
    private mutating func take(_ bytes: [UInt8]) throws(DropReason) {
        guard state == .connected else { throw .dtlsUnexpected }
        guard carriesData else { throw .applicationDataUnsupported }
        data.append(bytes)
    }

    /// The peer has shown that it has the keys: its handshake is over as well, nothing of it will be asked for again,
    /// and OpenSSL's session, nearly half of what a peer takes, gives way to the keys of its records. With a cipher
    /// suite of which we have none it stays.
    public mutating func retireHandshake() {
        guard state == .connected, records == nil, stub == nil, let session = unsafe ssl else { return }
        guard let keys = unsafe RecordKeys(of: session, role: role) else { return }
        records = keys
        unsafe SSL_free(session)
        unsafe ssl = nil
    }

    /// Does what is due at `now`: sends the last flight again, or gives up.
    public mutating func advance(to now: Instant) {
        guard state == .handshaking else { return }
        if now >= failsAt { return fail(.timeout) }
        guard now >= retransmitsAt else { return }
        if let latest = stub?.latest {
            port.outgoing.append(latest)
            retransmissions += 1
            retransmitsAt = now + Self.wait(beforeRetransmission: retransmissions)
            return
        }
        guard retransmissions < port.copies.count else {
            retransmitsAt = .distantFuture
            return
        }
        for datagram in port.copies[retransmissions] where port.outgoing.count < Limits.queuedDatagrams {
            port.outgoing.append(datagram)
        }
        retransmissions += 1
        scheduleRetransmission(now: now)
    }

    /// Ends a connected association with a close_notify (RFC 5246 section 7.2.1), any other without a word.
    public mutating func close() {
        if state == .connected { sayGoodbye() }
        guard state != .failed else { return }
        end(.closed)
    }

    /// One datagram for the peer, at most ``Limits/datagramSize`` bytes; nil when there is none left.
    public mutating func nextTransmit() -> [UInt8]? {
        port.outgoing.isEmpty ? nil : port.outgoing.removeFirst()
    }

    /// What happened since; nil when there is nothing left.
    public mutating func nextEvent() -> Event? {
        events.isEmpty ? nil : events.removeFirst()
    }
}

extension Endpoint {
    private static func makeSession(_ certificate: Certificate, role: Role, port: DatagramPort) throws(DTLSError)
        -> OpaquePointer
    {
        guard let ssl = unsafe SSL_new(certificate.context) else { throw .openSSL("SSL_new") }
        guard unsafe port.attach(to: ssl, method: certificate.method) else {
            unsafe SSL_free(ssl)
            throw .openSSL("BIO_new")
        }
        unsafe apus_dtls_set_mtu(ssl, CLong(Limits.datagramSize))
        switch role {
        case .client: unsafe SSL_set_connect_state(ssl)
        case .server: unsafe SSL_set_accept_state(ssl)
        }
        return unsafe ssl
    }

    /// Takes the handshake as far as the datagram in the port carries it.
    private mutating func proceed(now: Instant) {
        let queued = port.outgoing.count
        port.beginCall()
        ERR_clear_error()
        let result = unsafe SSL_do_handshake(ssl)
        if result == 1 { return finish() }
        guard unsafe SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ else {
            return restart(now: now, keeping: queued)
        }
        switch unsafe SSL_get_state(ssl) {
        case TLS_ST_CW_FINISHED, TLS_ST_CR_CHANGE, TLS_ST_SR_CERT_VRFY, TLS_ST_SR_CHANGE:
            filter.expectsPlainHandshake = false
        default: break
        }
        if port.flight != flight {
            flight = port.flight
            retransmissions = 0
            scheduleRetransmission(now: now)
        }
    }

    private mutating func scheduleRetransmission(now: Instant) {
        guard retransmissions < port.copies.count else {
            retransmitsAt = .distantFuture
            return
        }
        retransmitsAt = now + Self.wait(beforeRetransmission: retransmissions)
    }

    private static func wait(beforeRetransmission number: Int) -> Interval {
        min(Limits.firstTimeout * Int64(1 << min(number, 16)), Limits.lastTimeout)
    }

    /// One step of a simulated handshake without cryptography, and what comes of it.
    private mutating func runStub(now: Instant, _ step: (inout StubbedHandshake) -> StubbedHandshake.Step) {
        guard var handshake = stub else { return }
        let result = step(&handshake)
        stub = handshake
        if let answer = result.answer, port.outgoing.count < Limits.queuedDatagrams { port.outgoing.append(answer) }
        switch result.change {
        case .none: break
        case .flight:
            retransmissions = 0
            retransmitsAt = now + Self.wait(beforeRetransmission: 0)
        case .connected:
            guard state == .handshaking else { return }
            state = .connected
            failsAt = .distantFuture
            retransmitsAt = .distantFuture
            events.append(.connected(.stubbed))
        case .closed:
            end(.closed)
            events.append(.closed)
        case .stranger: fail(.fingerprintMismatch)
        }
    }

    /// Whatever broke the handshake was not authenticated: the true peer may still be waiting. So OpenSSL's
    /// alert is held back and a fresh session takes over, a few times.
    private mutating func restart(now: Instant, keeping queued: Int) {
        guard restarts < Limits.restarts,
            let fresh = try? unsafe Self.makeSession(certificate, role: role, port: port)
        else { return fail(.protocolError) }
        restarts += 1
        unsafe SSL_free(ssl)
        unsafe ssl = fresh
        port.outgoing.removeLast(max(0, port.outgoing.count - queued))
        port.discardCopies()
        port.incoming = []
        filter = RecordFilter(role: role)
        retransmitsAt = .distantFuture
        if role == .client { proceed(now: now) }
    }

    /// The handshake is through; whether with the right peer is decided here, before any key leaves.
    private mutating func finish() {
        guard let certificate = unsafe SSL_get1_peer_certificate(ssl) else { return reject(.noPeerCertificate) }
        defer { unsafe X509_free(certificate) }
        let digest = unsafe Certificate.digest(of: certificate, algorithm: remoteFingerprint.algorithm)
        guard let digest,
            Fingerprint(algorithm: remoteFingerprint.algorithm, digest: digest) == remoteFingerprint
        else { return reject(.fingerprintMismatch) }
        guard let material = exportKeys() else { return reject(.noSRTPProfile) }
        state = .connected
        failsAt = .distantFuture
        retransmitsAt = .distantFuture
        port.discardCopies()
        releaseBuffers()
        events.append(.connected(material))
    }

    /// RFC 5764 section 4.2.
    private func exportKeys() -> KeyingMaterial? {
        let profile = unsafe apus_dtls_srtp_profile(ssl)
        guard let (key, salt) = KeyingMaterial.lengths(of: profile) else { return nil }
        let label = "EXTRACTOR-dtls_srtp"
        var exported = [UInt8](repeating: 0, count: 2 * (key + salt))
        let result = unsafe SSL_export_keying_material(
            ssl, &exported, exported.count, label, label.utf8.count, nil, 0, 0)
        guard result == 1 else { return nil }
        return KeyingMaterial(profile: profile, exported: exported, role: role)
    }

    /// The peer proved that it is somebody else, or nobody we can talk to: it is told so, and that is all.
    private mutating func reject(_ failure: Failure) {
        sayGoodbye()
        fail(failure)
    }

    mutating func fail(_ failure: Failure) {
        end(.failed)
        events.append(.failed(failure))
    }

    mutating func end(_ state: EndpointState) {
        self.state = state
        failsAt = .distantFuture
        retransmitsAt = .distantFuture
        port.discardCopies()
    }
}
