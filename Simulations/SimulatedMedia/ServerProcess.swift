import DTLS
import ICE
@_spi(Simulation) import Reactor
import Session
public import Simulator
import Transport
public import Wire

/// An SFU worker on a simulated host, and as much of a controller as a call needs.
///
/// What runs is the production reactor's world with its transports, router, tables and timers: its socket layer was
/// thin enough to take away (`Reactor.DrivenReactor`), so that nothing had to be written again that a simulation would
/// then test instead of the product. Left out are the sockets and the trains of datagrams that leave in one system
/// call. What arrives at one instant is one batch, as it is to a reactor that wakes up for it.
public final class ServerProcess: Process {
    private let room: CallRoom
    private let addresses: [SocketAddress]
    private let isLite: Bool
    private let openSSL: SeededOpenSSL
    private let reactor: DrivenReactor
    private let fingerprint: Fingerprint
    private var random: SeededRandom
    private var joined: Set<Int> = []

    /// - Parameters:
    ///   - addresses: of its host, one socket each.
    ///   - isLite: it answers ICE checks and sends none.
    public init(_ room: CallRoom, addresses: [SocketAddress], isLite: Bool = false, now: Instant = .origin) {
        self.room = room
        self.addresses = addresses
        self.isLite = isLite
        openSSL = SeededOpenSSL(room.seed.stream("openssl:server"))
        random = room.seed.stream("server")
        let certificate = room.makeCertificate(openSSL)
        fingerprint = certificate.fingerprint
        reactor = DrivenReactor(
            ReactorConfiguration(
                addresses: addresses.map(\.ip), peerLimit: room.parties, certificate: certificate, seed: random.next()),
            locals: addresses, now: now)
    }

    public var deadline: Instant { reactor.deadline }

    /// Datagrams that the server dropped, by reason; only those that happened, in the order of ``DropReason``.
    public var drops: [(reason: DropReason, count: UInt64)] {
        DropReason.allCases.map { ($0, reactor.drops($0)) }.filter { $0.1 > 0 }
    }

    public var takesBatches: Bool { true }

    public func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
        var batch = [datagram]
        receive(batch: &batch, now: now, &output)
    }

    public func receive(batch: inout [Datagram], now: Instant, _ output: inout Output) {
        openSSL.run {
            for index in batch.indices { take(batch[index], now) }
            reactor.endBatch(now: now)
        }
        drain(now, &output)
    }

    private func take(_ datagram: borrowing Datagram, _ now: Instant) {
        guard let socket = addresses.firstIndex(of: datagram.destination) else { return }
        let bytes = unsafe datagram.payload.span.bytes
        room.monitor.receives(bytes, at: datagram.destination, from: datagram.source, isLite: isLite, now: now)
        reactor.receive(
            bytes, from: Tuple(socket: UInt8(truncatingIfNeeded: socket), remote: datagram.source), now: now)
    }

    public func advance(to now: Instant, _ output: inout Output) {
        openSSL.run { reactor.advance(to: now) }
        drain(now, &output)
    }

    public func receive(_ message: [UInt8], from sender: Int, now: Instant, _ output: inout Output) {
        let message = CallMessage(message)
        guard let party = message.party, (0..<room.parties).contains(party) else { return }
        switch message.kind {
        case .offer: answer(message, of: party, sender, now, &output)
        case .restart: restart(message, of: party, sender, now, &output)
        case .answer, .restarted: break
        }
        drain(now, &output)
    }

    private func answer(_ offer: CallMessage, of party: Int, _ sender: Int, _ now: Instant, _ output: inout Output) {
        let local = Credentials(random: &random)
        let endpoint = CallLayout.endpoint(party)
        perform(
            .openEndpoint(
                endpoint,
                EndpointSpecification(localUfrag: local.ufrag, localPassword: local.password, isLite: isLite)),
            now, &output)
        // The answerer of `actpass` is active (RFC 5763 section 5).
        let negotiated = NegotiatedEndpoint(
            remoteUfrag: offer.credentials.ufrag, remotePassword: offer.credentials.password,
            remoteFingerprint: CertificateFingerprint(algorithm: "sha-256", value: offer.fingerprint),
            isDTLSClient: true, media: room.layout.negotiated(party))
        perform(.negotiateEndpoint(endpoint, negotiated), now, &output)
        for candidate in offer.candidates { perform(.addCandidate(endpoint, candidate), now, &output) }
        joined.insert(party)
        for other in 0..<room.parties where joined.contains(other) {
            for route in room.layout.routes(to: other)
            where other == party || route.source == endpoint {
                guard joined.contains(where: { CallLayout.endpoint($0) == route.source }) else { continue }
                perform(.connect(route), now, &output)
            }
        }
        let answer = CallMessage(
            .answer, credentials: local, fingerprint: fingerprint.value, isLite: isLite, candidates: candidates)
        output.signal(answer.bytes, to: sender)
    }

    private func restart(_ offer: CallMessage, of party: Int, _ sender: Int, _ now: Instant, _ output: inout Output) {
        let local = Credentials(random: &random)
        let restart = ICERestart(
            localUfrag: local.ufrag, localPassword: local.password, remoteUfrag: offer.credentials.ufrag,
            remotePassword: offer.credentials.password)
        perform(.restartEndpoint(CallLayout.endpoint(party), restart), now, &output)
        for candidate in offer.candidates {
            perform(.addCandidate(CallLayout.endpoint(party), candidate), now, &output)
        }
        let answer = CallMessage(
            .restarted, credentials: local, fingerprint: fingerprint.value, isLite: isLite, candidates: candidates)
        output.signal(answer.bytes, to: sender)
    }

    private var candidates: [String] {
        Candidate.hosts(addresses).map(\.sdp)
    }

    private func perform(_ operation: Session.Operation, _ now: Instant, _ output: inout Output) {
        let outcome = openSSL.run { reactor.perform(operation, in: room.session, now: now) }
        if case .refused(let refusal) = outcome { output.note("refused: \(refusal.message)") }
    }

    private func drain(_ now: Instant, _ output: inout Output) {
        reactor.drainDepartures { tuple, bytes in
            let local = addresses[Int(tuple.socket)]
            room.monitor.sends(bytes, from: local, to: tuple.remote, process: -1, now: now)
            output.send(copying: bytes, from: local, to: tuple.remote)
        }
        for event in reactor.nextEvents() { note(event.body, &output) }
    }

    private func note(_ event: SessionEvent.Body, _ output: inout Output) {
        switch event {
        case .iceStateChanged(let endpoint, let state): output.note("\(endpoint) ice \(state)")
        case .dtlsStateChanged(let endpoint, let state): output.note("\(endpoint) dtls \(state)")
        case .mediaFlowingIn(let endpoint, let kind, let isFlowing):
            output.note("\(endpoint) \(kind) in \(isFlowing)")
        case .mediaFlowingOut(let endpoint, let kind, let isFlowing):
            output.note("\(endpoint) \(kind) out \(isFlowing)")
        default: break
        }
    }
}
