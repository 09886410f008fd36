import Foundation
import RTP
import Session
import Testing

struct SessionSpecificationTests {
    private let a = EndpointID("a")
    private let b = EndpointID("b")
    private let opened = EndpointSpecification(localUfrag: "user", localPassword: "password")
    private let negotiated = NegotiatedEndpoint(
        remoteUfrag: "peer", remotePassword: "secret",
        remoteFingerprint: CertificateFingerprint(algorithm: "sha-256", value: "AB"), isDTLSClient: true, media: [])

    private func built(_ operations: [Session.Operation]) -> SessionSpecification {
        var specification = SessionSpecification()
        for operation in operations { specification.apply(operation) }
        return specification
    }

    @Test func replayingItsOperationsRebuildsTheSameSpecification() {
        let specification = built([
            .openEndpoint(a, opened), .openEndpoint(b, opened), .addCandidate(a, "candidate:1"),
            .negotiateEndpoint(a, negotiated), .connect(Route(source: a, sink: b, kind: .video)),
            .connect(Route(source: a, sink: a, kind: .audio)),
        ])
        #expect(built(specification.operations) == specification)
        #expect(specification.endpoints.map(\.id) == [a, b])
    }

    @Test func everyOperationTwiceLeavesWhatOnceLeft() {
        let operations: [Session.Operation] = [
            .openEndpoint(a, opened), .negotiateEndpoint(a, negotiated), .addCandidate(a, "candidate:1"),
            .connect(Route(source: a, sink: a, kind: .audio)), .disconnect(Route(source: a, sink: a, kind: .audio)),
            .requestKeyFrame(a), .readStatistics(a), .closeEndpoint(a), .closeSession,
        ]
        var specification = SessionSpecification()
        for operation in operations {
            specification.apply(operation)
            let once = specification
            specification.apply(operation)
            #expect(specification == once)
        }
    }

    @Test func aRestartReplacesCredentialsAndForgetsCandidates() {
        let restart = ICERestart(
            localUfrag: "new", localPassword: "newer", remoteUfrag: "far", remotePassword: "farther")
        let specification = built([
            .openEndpoint(a, opened), .negotiateEndpoint(a, negotiated), .addCandidate(a, "candidate:1"),
            .restartEndpoint(a, restart), .addCandidate(a, "candidate:2"), .restartEndpoint(b, restart),
        ])
        #expect(specification.endpoints.count == 1)
        let endpoint = specification.endpoints[0]
        #expect(endpoint.specification == EndpointSpecification(localUfrag: "new", localPassword: "newer"))
        #expect(endpoint.negotiated?.remoteUfrag == "far" && endpoint.negotiated?.remotePassword == "farther")
        #expect(endpoint.candidates == ["candidate:2"])
    }

    @Test func aNewRouteReplacesWhatFedTheSinkBefore() {
        let specification = built([
            .connect(Route(source: a, sink: b, kind: .video)), .connect(Route(source: b, sink: b, kind: .video)),
            .connect(Route(source: a, sink: b, kind: .audio)),
        ])
        #expect(
            specification.routes == [
                Route(source: b, sink: b, kind: .video), Route(source: a, sink: b, kind: .audio),
            ])
    }

    @Test func aClosedEndpointTakesItsRoutesAlong() {
        let specification = built([
            .openEndpoint(a, opened), .openEndpoint(b, opened), .connect(Route(source: a, sink: b, kind: .video)),
            .closeEndpoint(a),
        ])
        #expect(specification.endpoints.map(\.id) == [b])
        #expect(specification.routes.isEmpty)
    }

    @Test func candidatesOfOneEndpointAreBounded() {
        let specification = built(
            [.openEndpoint(a, opened)] + (0..<1000).map { .addCandidate(a, "candidate:\($0)") })
        #expect(specification.endpoints[0].candidates.count == 64)
    }

    @Test func envelopesSurviveJSON() throws {
        let command = CommandEnvelope(
            id: CommandID("c1-x-1"), session: SessionID("s"), epoch: Epoch(7), controller: ControllerID("c1"),
            deadline: 1_700_000_000_000, operation: .negotiateEndpoint(a, negotiated))
        let again = try JSONDecoder().decode(CommandEnvelope.self, from: JSONEncoder().encode(command))
        #expect(again == command)
        let messages: [WorkerMessage] = [
            .reply(CommandID("c1-x-1"), .refused(Refusal(.staleEpoch, "older"))),
            .event(SessionEvent(session: SessionID("s"), body: .iceStateChanged(a, .connected)), Epoch(7)),
        ]
        #expect(try JSONDecoder().decode([WorkerMessage].self, from: JSONEncoder().encode(messages)) == messages)
    }
}
