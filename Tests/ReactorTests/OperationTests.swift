import Foundation
import ICE
import RTP
import Session
import Synchronization
import Testing
import Wire

@testable import Reactor

/// What is asked of a reactor, and what it refuses.
@Suite(.serialized) struct OperationTests {
    private func refusal(_ outcome: Outcome) -> Refusal.Reason? {
        if case .refused(let refusal) = outcome { refusal.reason } else { nil }
    }

    @Test func openingTwiceGivesTheSameAnswer() throws {
        let stage = LoopbackStage(try InlineReactor())
        let peer = try stage.makePeer("a")
        let first = try stage.open(peer)
        #expect(try stage.open(peer) == first)
        #expect(first.candidates.count == 1)
        #expect(first.candidates[0].contains("127.0.0.1 \(stage.server.port) typ host"))
        #expect(stage.driver.peerCount == 1)
        try stage.expectDone(.negotiateEndpoint(peer.endpoint, peer.negotiated([])))
        try stage.expectDone(.negotiateEndpoint(peer.endpoint, peer.negotiated([])))
        #expect(try stage.open(peer) == first, "also once it is negotiated")
        for _ in 0..<2 { try stage.expectDone(.closeEndpoint(peer.endpoint)) }
        for _ in 0..<2 { try stage.expectDone(.closeSession) }
        #expect(stage.driver.peerCount == 0)
    }

    @Test func anEndpointNotYetUsedMayBeOpenedWithOtherCredentials() throws {
        let stage = LoopbackStage(try InlineReactor())
        let peer = try stage.makePeer("a")
        _ = try stage.open(peer)
        var other = peer.specification
        other.localUfrag = "otherfragment"
        guard case .opened = stage.driver.perform(.openEndpoint(peer.endpoint, other), in: stage.session) else {
            Issue.record("refused")
            return
        }
        #expect(stage.driver.peerCount == 1 && stage.driver.ufragCount == 1)
        try stage.expectDone(.negotiateEndpoint(peer.endpoint, peer.negotiated([])))
        other.localUfrag = "thirdfragment"
        #expect(refusal(stage.driver.perform(.openEndpoint(peer.endpoint, other), in: stage.session)) == .invalid)
    }

    @Test func aFragmentOfAnothersIsRefusedAndCostsNothing() throws {
        let stage = LoopbackStage(try InlineReactor())
        let (one, two) = (try stage.makePeer("one"), try stage.makePeer("two"))
        _ = try stage.open(one)
        _ = try stage.open(two)
        var stolen = two.specification
        stolen.localUfrag = one.specification.localUfrag
        #expect(refusal(stage.driver.perform(.openEndpoint(two.endpoint, stolen), in: stage.session)) == .invalid)
        #expect(refusal(stage.driver.perform(.openEndpoint(two.endpoint, stolen), in: SessionID("other"))) == .invalid)
        _ = try stage.statistics(of: two)
        #expect(stage.driver.peerCount == 2)
    }

    @Test func malformedRequestsAreRefused() throws {
        let stage = LoopbackStage(try InlineReactor())
        let peer = try stage.makePeer("a")
        for (ufrag, password) in [
            ("", peer.server.password), ("abc", peer.server.password), ("with space", peer.server.password),
            (String(repeating: "a", count: 33), peer.server.password), ("good", "short"),
            ("good", String(repeating: "p", count: 65)), ("göod", peer.server.password),
        ] {
            let specification = EndpointSpecification(localUfrag: ufrag, localPassword: password)
            let outcome = stage.driver.perform(.openEndpoint(peer.endpoint, specification), in: stage.session)
            #expect(refusal(outcome) == .invalid, "\(ufrag) \(password)")
        }
        let long = EndpointID(String(repeating: "e", count: 257))
        #expect(refusal(stage.driver.perform(.openEndpoint(long, peer.specification), in: stage.session)) == .invalid)
        #expect(stage.driver.peerCount == 0 && stage.driver.recordCount == 0)
        _ = try stage.open(peer)
        var negotiated = peer.negotiated([])
        negotiated.remotePassword = "short"
        #expect(refusal(stage.driver.perform(.negotiateEndpoint(peer.endpoint, negotiated), in: stage.session)) == .invalid)
        negotiated = peer.negotiated([])
        negotiated.remoteFingerprint = CertificateFingerprint(algorithm: "sha-1", value: "AB:CD")
        #expect(refusal(stage.driver.perform(.negotiateEndpoint(peer.endpoint, negotiated), in: stage.session)) == .invalid)
        try stage.expectDone(.negotiateEndpoint(peer.endpoint, peer.negotiated([])))
        negotiated = peer.negotiated([])
        negotiated.remoteFingerprint.value = String(negotiated.remoteFingerprint.value.reversed())
        let changed = stage.driver.perform(.negotiateEndpoint(peer.endpoint, negotiated), in: stage.session)
        #expect(refusal(changed) == .invalid, "another certificate is another peer")
        // Candidates of no use are the client's affair, not an error.
        for candidate in ["", "rubbish", "candidate:1 1 tcp 1 127.0.0.1 9 typ host", String(repeating: "x", count: 5000)] {
            try stage.expectDone(.addCandidate(peer.endpoint, candidate))
        }
    }

    @Test func aRestartFindsANewPathWhileMediaGoesOn() throws {
        let stage = LoopbackStage(try InlineReactor())
        let source = try stage.add("source", [LoopbackMedia.section(.video, .recvonly)])
        let sink = try stage.add("sink", [LoopbackMedia.section(.video, .sendonly, ssrc: 2000)])
        try stage.connect()
        try stage.route(source, sink)
        var random = SeededRandom(seed: 7)
        var sequence = 0
        func delivers() throws -> Bool {
            let before = sink.packetCount
            try source.send(LoopbackMedia.packet(.video, sequence, ssrc: 1000))
            sequence += 1
            return stage.run { sink.packetCount > before }
        }
        #expect(try delivers())
        let selections = { stage.driver.log.events.count { if case .candidatePairSelected = $0 { true } else { false } } }
        let before = selections()
        // The sink comes back from another port, as after a change of network.
        let restart = try sink.restart(&random)
        try stage.expectDone(.restartEndpoint(sink.endpoint, restart))
        try stage.expectDone(.restartEndpoint(sink.endpoint, restart))
        #expect(stage.driver.ufragCount == 2, "the former fragment is forgotten")
        #expect(try delivers(), "the former path carries media until there is a new one")
        try sink.rebind()
        for candidate in try stage.open(sink, as: restart).candidates {
            sink.transport.addRemoteCandidate(candidate, now: HostClock.now)
        }
        #expect(stage.run { selections() > before })
        #expect(try delivers())
        try stage.expectDone(.closeEndpoint(sink.endpoint))
        #expect(stage.driver.ufragCount == 1)
    }

    @Test func aRestartThatCannotBeIsRefused() throws {
        let stage = LoopbackStage(try InlineReactor())
        let (one, two) = (try stage.makePeer("one"), try stage.makePeer("two"))
        _ = try stage.open(one)
        _ = try stage.open(two)
        var random = SeededRandom(seed: 3)
        let (local, remote) = (Credentials(random: &random), Credentials(random: &random))
        var restart = ICERestart(
            localUfrag: local.ufrag, localPassword: local.password, remoteUfrag: remote.ufrag,
            remotePassword: remote.password)
        func outcome() -> Refusal.Reason? {
            refusal(stage.driver.perform(.restartEndpoint(one.endpoint, restart), in: stage.session))
        }
        #expect(outcome() == .invalid, "before negotiation there is nothing to restart")
        try stage.expectDone(.negotiateEndpoint(one.endpoint, one.negotiated([])))
        restart.localUfrag = two.specification.localUfrag
        #expect(outcome() == .invalid, "the fragment of another")
        restart.localUfrag = local.ufrag
        restart.remotePassword = "short"
        #expect(outcome() == .invalid)
        restart.remotePassword = remote.password
        #expect(outcome() == nil)
        #expect(stage.driver.ufragCount == 2)
    }

    @Test func whatIsNotThereIsNotFound() throws {
        let stage = LoopbackStage(try InlineReactor())
        let peer = try stage.makePeer("a")
        let ghost = EndpointID("ghost")
        let operations: [Session.Operation] = [
            .negotiateEndpoint(ghost, peer.negotiated([])), .addCandidate(ghost, ""), .requestKeyFrame(ghost),
            .readStatistics(ghost), .connect(Route(source: ghost, sink: peer.endpoint, kind: .video)),
            .connect(Route(source: peer.endpoint, sink: ghost, kind: .video)),
            .disconnect(Route(source: peer.endpoint, sink: ghost, kind: .video)),
        ]
        _ = try stage.open(peer)
        for operation in operations {
            #expect(refusal(stage.driver.perform(operation, in: stage.session)) == .notFound, "\(operation)")
        }
        let elsewhere = stage.driver.perform(.readStatistics(peer.endpoint), in: SessionID("another"))
        #expect(refusal(elsewhere) == .notFound, "endpoints belong to their session")
    }

    @Test func aFullReactorRefusesAndTakesAgainWhenOneLeaves() throws {
        let stage = LoopbackStage(try InlineReactor(testConfiguration(peerLimit: 3)))
        let peers = try (0..<4).map { try stage.makePeer("e\($0)") }
        for peer in peers.prefix(3) { _ = try stage.open(peer) }
        let refused = stage.driver.perform(.openEndpoint(peers[3].endpoint, peers[3].specification), in: stage.session)
        #expect(refusal(refused) == .overLimit)
        #expect(try stage.open(peers[0]).candidates.count == 1, "those who are in are not affected")
        try stage.expectDone(.closeEndpoint(peers[1].endpoint))
        _ = try stage.open(peers[3])
    }

    @Test func aFullMailboxRefusesAndEveryAcceptedCommandIsAnswered() throws {
        // The reactor's thread is held in its first answer.
        let gate = DispatchSemaphore(value: 0)
        let answered = Mutex(Set<UInt64>())
        let isHeld = DispatchSemaphore(value: 0)
        let reactor = try Reactor(testConfiguration()) { output in
            guard case .outcome(_, let token) = output else { return }
            answered.withLock { _ = $0.insert(token) }
            if token == 0 {
                isHeld.signal()
                gate.wait()
            }
        }
        func ask(_ token: UInt64) -> Bool {
            reactor.send(.perform(.readStatistics(EndpointID("x")), session: SessionID("s"), token: token))
        }
        #expect(ask(0))
        isHeld.wait()
        var token: UInt64 = 1
        while ask(token) { token += 1 }
        #expect(token == UInt64(Limits.mailbox) + 1)
        gate.signal()
        let end = HostClock.now + .seconds(30)
        while answered.withLock({ $0.count }) < Int(token), HostClock.now < end { pause(microseconds: 500) }
        #expect(answered.withLock { $0 } == Set(0..<token))
        #expect(ask(token), "there is room again")
        _ = reactor.send(.stop)
    }

    @Test func stoppingAnswersEverythingClosesTheSocketsAndEndsTheThread() throws {
        let name = "apus-stop"
        let answered = Mutex(Set<UInt64>())
        let stopped = DispatchSemaphore(value: 0)
        let reactor = try Reactor(testConfiguration(name: name)) { output in
            switch output {
            case .outcome(_, let token): answered.withLock { _ = $0.insert(token) }
            case .stopped: stopped.signal()
            case .event, .tookOver, .stoodStill: break
            }
        }
        #expect(Self.waitForThreads(1, named: name))
        let address = reactor.addresses[0]
        var accepted: Set<UInt64> = []
        for token in UInt64(0)..<2000 {
            if token == 500 { #expect(reactor.send(.stop)) }
            let command = ReactorCommand.perform(.closeSession, session: SessionID("s"), token: token)
            if reactor.send(command) { accepted.insert(token) }
        }
        #expect(stopped.wait(timeout: .now() + 30) == .success)
        #expect(answered.withLock { $0 } == accepted, "an accepted command went unanswered")
        #expect(!reactor.send(.stop), "a stopped reactor takes nothing")
        #expect((try? UDPSocket(binding: address)) != nil, "its port is free again")
        #expect(Self.waitForThreads(0, named: name))
    }

    @Test func whoStopsAReactorReturnsWhenItHasClosedItsSocketsAlsoWhenCancelled() async throws {
        let reactor = try Reactor(testConfiguration(name: "apus-wait")) { _ in }
        let address = reactor.addresses[0]
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            await reactor.stop()
            await reactor.stop()
            return (try? UDPSocket(binding: address)) != nil
        }
        task.cancel()
        #expect(await task.value, "its port is free")
    }

    private static func waitForThreads(_ count: Int, named name: String) -> Bool {
        let end = HostClock.now + .seconds(30)
        while threads(named: name) != count, HostClock.now < end { pause(microseconds: 500) }
        return threads(named: name) == count
    }

    private static func threads(named name: String) -> Int {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        return tasks.count { task in
            let comm = try? String(contentsOfFile: "/proc/self/task/\(task)/comm", encoding: .utf8)
            return comm?.trimmingCharacters(in: .newlines) == name
        }
    }

    @Test func aTakenPortIsNotTakenAgain() throws {
        let first = try ThreadedReactor()
        let port = first.addresses[0].port
        var configuration = testConfiguration()
        configuration.ports = port...port
        #expect(throws: SystemError.self) { _ = try Reactor(configuration) { _ in } }
    }

    @Test func theLoadIsPublished() throws {
        let stage = LoopbackStage(try ThreadedReactor())
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv)])
        try stage.connect()
        let isPublished = stage.run {
            let load = stage.driver.reactor.load
            return load.endpoints == 1 && load.sessions == 1 && load.packetsReceived > 3 && load.packetsSent > 3
        }
        #expect(isPublished, "\(stage.driver.reactor.load)")
        let turn = stage.driver.reactor.load.lastTurn
        #expect(stage.run { stage.driver.reactor.load.lastTurn > turn }, "the loop comes round without packets too")
        try stage.expectDone(.closeEndpoint(peer.endpoint))
        #expect(stage.run { stage.driver.reactor.load.endpoints == 0 && stage.driver.reactor.load.sessions == 0 })
    }
}
