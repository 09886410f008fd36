import CAllocationCount
import ICE
import RTP
import Session
import Testing
import Wire

@testable import Forwarding
@testable import Reactor

/// What comes must go without a trace.
@Suite(.serialized) struct ChurnTests {
    private func expectEmpty(_ reactor: InlineReactor, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(reactor.peerCount == 0, sourceLocation: sourceLocation)
        #expect(reactor.recordCount == 0, sourceLocation: sourceLocation)
        #expect(reactor.tupleCount == 0, sourceLocation: sourceLocation)
        #expect(reactor.armedTimers == 0, sourceLocation: sourceLocation)
        #expect(reactor.ufragCount == 0, sourceLocation: sourceLocation)
        #expect(reactor.sessionCount == 0, sourceLocation: sourceLocation)
        #expect(reactor.publisherCount == 0, sourceLocation: sourceLocation)
        #expect(reactor.subscriberCount == 0, sourceLocation: sourceLocation)
        #expect(reactor.rewriterCount == 0, sourceLocation: sourceLocation)
    }

    @Test func fiveThousandEndpointsLeaveNothingBehind() throws {
        let stage = LoopbackStage(try InlineReactor(testConfiguration(peerLimit: 8)))
        let peers = try (0..<8).map { try stage.makePeer("e\($0)") }
        let media = [LoopbackMedia.section(.video, .sendrecv), LoopbackMedia.section(.audio, .sendrecv)]
        let negotiated = peers.map { $0.negotiated(media) }
        let candidate = Candidate.host(address: peers[0].local, socket: 0).sdp
        func cycle() {
            for (peer, negotiated) in zip(peers, negotiated) {
                for operation: Session.Operation in [
                    .openEndpoint(peer.endpoint, peer.specification), .negotiateEndpoint(peer.endpoint, negotiated),
                    .addCandidate(peer.endpoint, candidate),
                    .connect(Route(source: peer.endpoint, sink: peer.endpoint, kind: .video)),
                ] {
                    stage.driver.world.obey(.perform(operation, session: stage.session, token: 0), now: HostClock.now)
                }
            }
            #expect(stage.driver.peerCount == 8)
            for peer in peers.dropLast() {
                let close = ReactorCommand.perform(.closeEndpoint(peer.endpoint), session: stage.session, token: 0)
                stage.driver.world.obey(close, now: HostClock.now)
            }
            stage.driver.world.obey(.perform(.closeSession, session: stage.session, token: 0), now: HostClock.now)
            stage.driver.world.flush()
        }
        // The log would keep what it is told.
        stage.driver.log.isMuted = true
        for _ in 0..<25 { cycle() }
        expectEmpty(stage.driver)
        apus_allocation_count_start()
        for _ in 0..<600 { cycle() }
        _ = apus_allocation_count_stop()
        expectEmpty(stage.driver)
        // Tables may settle at another size; a block per endpoint would show as 4,800.
        #expect(apus_allocation_count_balance() < 100, "\(apus_allocation_count_balance()) blocks were kept")
    }

    @Test func connectedPeersLeaveNothingBehindEither() throws {
        let stage = LoopbackStage(try InlineReactor())
        for round in 0..<5 {
            let peers = try (0..<3).map { number in
                try stage.add("r\(round)e\(number)", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
            }
            for peer in peers { try stage.route(peers[0], peer) }
            try stage.connect()
            for number in 0..<50 { try peers[0].send(LoopbackMedia.packet(.video, number, ssrc: 0x11)) }
            peers[0].flush()
            #expect(stage.run { peers.allSatisfy { $0.packetCount == 50 } })
            try stage.expectDone(.closeSession)
            expectEmpty(stage.driver)
            #expect(stage.run { peers.allSatisfy { $0.dtlsPhase == .closed } })
            for peer in peers { stage.forget(peer) }
        }
    }
}

extension InlineReactor {
    var publisherCount: Int { world.router.publishers.count }
    var subscriberCount: Int { world.router.subscribers.count }
    var rewriterCount: Int { world.router.rewriters.count }
}
