import DTLS
import ICE
import RTP
import Reactor
import SDP
import Session
import Synchronization
import Wire

@testable import LoadGenerator

/// Brings clients into a reactor of this process: what a controller does, without one.
final class ReactorSignaling: LoadSignaling {
    private let reactor: Reactor
    private let session = SessionID("room")
    private let outcomes = OutcomeBox()
    private let state: Mutex<(random: SeededRandom, publishers: [EndpointID])>
    private let capabilities: @Sendable (EndpointCapabilities) -> EndpointCapabilities

    /// `capabilities` changes what the server can do.
    init(
        peerLimit: Int = 512, capabilities: @escaping @Sendable (EndpointCapabilities) -> EndpointCapabilities = { $0 }
    ) throws {
        reactor = try Reactor(
            ReactorConfiguration(
                addresses: [IPAddress(ipv4: 0x7F00_0001)], peerLimit: peerLimit, name: "load-test",
                certificate: try Certificate(), seed: 1)
        ) { [outcomes] in outcomes.take($0) }
        state = Mutex((SeededRandom(seed: 7), []))
        self.capabilities = capabilities
    }

    deinit { _ = reactor.send(.stop) }

    func publish(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        let endpoint = EndpointID("p\(number)")
        try await join(client, endpoint, direction: .recvonly)
        state.withLock { $0.publishers.append(endpoint) }
        return Left { [weak self] in await self?.close(endpoint) }
    }

    func subscribe(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        let endpoint = EndpointID("s\(number)")
        let kinds = try await join(client, endpoint, direction: .sendonly)
        for (index, publisher) in state.withLock({ $0.publishers }).enumerated() {
            for kind in kinds {
                let route = Route(source: publisher, sink: endpoint, kind: kind, section: index)
                try await done(.connect(route))
            }
        }
        return Left { [weak self] in await self?.close(endpoint) }
    }

    @discardableResult
    private func join(
        _ client: ClientNegotiation, _ endpoint: EndpointID, direction: MediaDirection
    ) async throws -> Set<MediaKind> {
        let offer = try SessionDescription(parsing: client.offer())
        let credentials = state.withLock { Credentials(random: &$0.random) }
        let specification = EndpointSpecification(
            localUfrag: credentials.ufrag, localPassword: credentials.password)
        guard case .opened(let opened) = await perform(.openEndpoint(endpoint, specification)) else {
            throw Refusal(.invalid, "not opened")
        }
        let local = capabilities(
            serverCapabilities(offer, credentials, opened.fingerprint, direction: direction))
        let negotiation = try Negotiator.answer(to: offer, with: local)
        let fingerprint = negotiation.remoteFingerprint
        try await done(
            .negotiateEndpoint(
                endpoint,
                NegotiatedEndpoint(
                    remoteUfrag: negotiation.remoteICE.ufrag, remotePassword: negotiation.remoteICE.password,
                    remoteFingerprint: CertificateFingerprint(
                        algorithm: fingerprint.algorithm, value: fingerprint.value),
                    isDTLSClient: negotiation.isDTLSClient,
                    media: negotiation.media.map {
                        NegotiatedMedia(
                            mid: $0.mid, kind: $0.kind, direction: $0.direction, receive: $0.receive, send: $0.send)
                    })))
        for candidate in negotiation.remoteCandidates { try await done(.addCandidate(endpoint, candidate.candidate)) }
        try client.accept(answer: negotiation.localDescription.adding(candidates: opened.candidates).text)
        return Set(negotiation.media.map(\.kind))
    }

    private func serverCapabilities(
        _ offer: SessionDescription, _ credentials: Credentials, _ fingerprint: CertificateFingerprint,
        direction: MediaDirection
    ) -> EndpointCapabilities {
        func kind(_ base: KindCapabilities) -> KindCapabilities {
            var kind = base
            kind.direction = direction
            kind.maxSections = 63
            kind.sources = state.withLock { state in
                offer.media.map { _ in
                    LocalSource(
                        ssrc: UInt32(truncatingIfNeeded: state.random.next()) | 1,
                        rtxSSRC: UInt32(truncatingIfNeeded: state.random.next()) | 1, trackID: "t")
                }
            }
            return kind
        }
        return EndpointCapabilities(
            audio: kind(.defaultAudio), video: kind(.defaultVideo),
            ice: ICEParameters(ufrag: credentials.ufrag, password: credentials.password),
            fingerprint: SDP.Fingerprint(algorithm: fingerprint.algorithm, value: fingerprint.value), cname: "server",
            acceptsSimulcast: true)
    }

    private func close(_ endpoint: EndpointID) async { _ = await perform(.closeEndpoint(endpoint)) }

    private func done(_ operation: Operation) async throws {
        let outcome = await perform(operation)
        if case .refused(let refusal) = outcome { throw refusal }
    }

    private func perform(_ operation: Operation) async -> Outcome {
        await withCheckedContinuation { continuation in
            let token = outcomes.expect(continuation)
            guard reactor.send(.perform(operation, session: session, token: token)) else {
                return outcomes.take(.outcome(.refused(Refusal(.overLimit, "the mailbox is full")), token: token))
            }
        }
    }
}

/// Continuations by token.
private final class OutcomeBox: Sendable {
    private let state = Mutex<(next: UInt64, waiting: [UInt64: CheckedContinuation<Outcome, Never>])>((0, [:]))

    func expect(_ continuation: CheckedContinuation<Outcome, Never>) -> UInt64 {
        state.withLock { state in
            state.next += 1
            state.waiting[state.next] = continuation
            return state.next
        }
    }

    func take(_ output: ReactorOutput) {
        guard case .outcome(let outcome, let token) = output else { return }
        state.withLock { $0.waiting.removeValue(forKey: token) }?.resume(returning: outcome)
    }
}

private struct Left: SignaledSession {
    let body: @Sendable () async -> Void
    func close() async { await body() }
}
