import CLinux
import Forwarding
import Foundation
import ICE
import RTP
import Session
import Synchronization
import Testing
import Wire

@testable import Reactor

/// A process ends in the midst of a call, and another goes on with its sockets and its memory.
@Suite(.serialized) struct SuccessionTests {
    static let codec = NoteCodec(
        encode: { (try? JSONEncoder().encode($0)).map { Array($0) } },
        decode: { try? JSONDecoder().decode(JournalNote.self, from: Data($0)) })

    private func makeStage(streams: StreamListener? = nil) throws -> LoopbackStage<InlineReactor> {
        var configuration = testConfiguration(peerLimit: 16)
        configuration.memory = ReactorMemory(capacity: 16)
        configuration.codec = Self.codec
        configuration.streams = streams
        let stage = LoopbackStage(try InlineReactor(configuration))
        stage.driver.hold(stage.session)
        return stage
    }

    /// Sends `count` packets, each once the sink has the one before.
    private func flow(
        _ stage: LoopbackStage<InlineReactor>, _ source: LoopbackPeer, _ sink: LoopbackPeer, from first: Int,
        count: Int
    ) throws {
        for number in first..<(first + count) {
            let before = sink.packetCount
            try source.send(LoopbackMedia.packet(.video, number, ssrc: 0x11, isKeyFrame: number == first))
            source.flush()
            try #require(stage.run { sink.packetCount > before }, "packet \(number) did not come")
        }
    }

    @Test func theCallGoesOnAndNoIndexIsUsedTwice() throws {
        let stage = try makeStage()
        let source = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        let sink = try stage.add("b", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xBB)])
        try stage.route(source, sink)
        try stage.connect()
        try flow(stage, source, sink, from: 0, count: 50)
        for round in 1...4 {
            let events = stage.driver.log.events.count
            try stage.driver.succeed()
            let succession = try #require(stage.driver.log.succession)
            #expect(succession.endpoints == 2 && succession.lost.isEmpty && succession.damagedNotes == 0)
            #expect(succession.holds[stage.session] == InlineReactor.hold)
            #expect(stage.driver.peerCount == 2 && stage.driver.recordCount == 2 && stage.driver.tupleCount == 2)
            try flow(stage, source, sink, from: 1000 * round, count: 50)
            // That media flows is told again; nothing of paths and keys is.
            for event in stage.driver.log.events.dropFirst(events) {
                switch event {
                case .mediaFlowingIn, .mediaFlowingOut, .mediaStateChanged, .codecInUse: break
                default: Issue.record("\(event)")
                }
            }
        }
        #expect(source.isConnected && sink.isConnected && sink.drops.isEmpty)
        let sequences = try sink.rtp.map { Int64(try ReceivedPacket($0).header.sequenceNumber.rawValue) }
        #expect(sequences.count == 250 && zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 })
        #expect(try Set(sink.rtp.map { try ReceivedPacket($0).header.ssrc }) == [0xBB])
    }

    @Test func whoLeavesSaysNoGoodbyeAndTheNextKnowsForHowLong() async throws {
        let memory = ReactorMemory(capacity: 16)
        let outputs = Outputs()
        var configuration = testConfiguration(peerLimit: 16)
        configuration.codec = Self.codec
        configuration.memory = ReactorMemory(adopting: apus_duplicate(memory.descriptor), capacity: 16)
        let reactor = try Reactor(configuration) { outputs.add($0) }
        let opening = Operation.openEndpoint(
            EndpointID("a"), EndpointSpecification(localUfrag: "abcd", localPassword: String(repeating: "p", count: 24))
        )
        #expect(reactor.send(.hold(SessionID("s"), InlineReactor.hold)))
        #expect(reactor.send(.perform(opening, session: SessionID("s"), token: 1)))
        await reactor.leave()
        #expect(outputs.isOpened && !reactor.send(.liftFence))
        #expect(memory.isSettled && memory.standstill == .zero)
        memory.noteEnd(byFault: false)

        configuration.memory = ReactorMemory(adopting: apus_duplicate(memory.descriptor), capacity: 16)
        let successor = try Reactor(configuration) { outputs.add($0) }
        await successor.leave()
        let succession = try #require(outputs.succession)
        #expect(succession.endpoints == 1 && succession.holds[SessionID("s")] == InlineReactor.hold)
        let standstill = try #require(succession.standstill)
        #expect(standstill > .zero && standstill < .seconds(5) && memory.standstill == standstill)
    }

    /// What it holds may be another worker's by now, and it has not heard yet.
    @Test func theSuccessorOfAFencedProcessIsFencedUntilTheFenceIsLifted() async throws {
        let memory = ReactorMemory(capacity: 16)
        var configuration = testConfiguration(peerLimit: 16)
        configuration.codec = Self.codec
        configuration.isFenced = true
        for (isFenced, expected) in [(false, 0), (true, 1), (true, 1)] {
            unsafe memory.header.pointee.isFenced = isFenced ? 1 : 0
            let outputs = Outputs()
            configuration.memory = ReactorMemory(adopting: apus_duplicate(memory.descriptor), capacity: 16)
            let successor = try Reactor(configuration) { outputs.add($0) }
            await successor.leave()
            #expect(outputs.standstills == expected)
            #expect(unsafe memory.header.pointee.isFenced == (isFenced ? 1 : 0))
        }
        let outputs = Outputs()
        configuration.memory = ReactorMemory(adopting: apus_duplicate(memory.descriptor), capacity: 16)
        let successor = try Reactor(configuration) { outputs.add($0) }
        #expect(successor.send(.liftFence))
        await successor.leave()
        #expect(unsafe memory.header.pointee.isFenced == 0)
    }

    @Test func whetherMemoryFitsIsSeenWithoutTouchingIt() throws {
        let memory = ReactorMemory(capacity: 16)
        #expect(ReactorMemory.fits(memory.descriptor, capacity: 16))
        #expect(
            !ReactorMemory.fits(memory.descriptor, capacity: 8) && !ReactorMemory.fits(memory.descriptor, capacity: 32))
        #expect(ReactorMemory.fits(memory.descriptor, capacity: 16), "looking has changed nothing")
        unsafe memory.header.pointee.layout ^= 1
        #expect(!ReactorMemory.fits(memory.descriptor, capacity: 16))
        #expect(!ReactorMemory.fits(MemoryFile(byteCount: 8).descriptor, capacity: 16))
    }

    @Test func theSourceIsAskedForAKeyFrame() throws {
        let stage = try makeStage()
        let source = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        let sink = try stage.add("b", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xBB)])
        try stage.route(source, sink)
        try stage.connect()
        try flow(stage, source, sink, from: 0, count: 10)
        source.rtcp = []
        try stage.driver.succeed()
        // Payload-specific feedback of format 1 is a picture loss indication (RFC 4585 section 6.3.1).
        let isAsked = stage.run {
            try? source.send(LoopbackMedia.packet(.video, 100, ssrc: 0x11, isKeyFrame: false))
            source.flush()
            return source.rtcp.contains { packet in
                packet.indices.dropLast().contains { packet[$0] == 0x81 && packet[$0 + 1] == 206 }
            }
        }
        #expect(isAsked)
    }

    @Test func consentGoesOnUnderTheSuccessor() throws {
        let stage = try makeStage()
        let source = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        try stage.connect()
        try stage.driver.succeed()
        stage.run(for: .seconds(8))
        #expect(source.iceState == .completed || source.iceState == .connected)
        #expect(stage.driver.selectedTuple(of: 0)?.remote == source.local)
        #expect(stage.driver.drops[.stunBadIntegrity] == 0 && stage.driver.drops[.stunUnexpectedResponse] <= 1)
    }

    @Test func aPeerMayRebindUnderTheSuccessor() throws {
        let stage = try makeStage()
        let source = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        let sink = try stage.add("b", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xBB)])
        try stage.route(source, sink)
        try stage.connect()
        try stage.driver.succeed()
        try sink.rebind()
        #expect(stage.run { stage.driver.selectedTuple(of: 1)?.remote == sink.socket.local })
        try flow(stage, source, sink, from: 10, count: 10)
    }

    @Test func aPeerInTheMidstOfItsHandshakeStartsItAnew() throws {
        let stage = try makeStage()
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        try stage.driver.succeed()
        try stage.connect()
        #expect(peer.isConnected)
    }

    @Test func closedEndpointsStayClosed() throws {
        let stage = try makeStage()
        let gone = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        let other = try stage.add("b", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xBB)])
        try stage.route(gone, other)
        try stage.connect()
        try stage.expectDone(.closeEndpoint(gone.endpoint))
        stage.forget(gone)
        try stage.driver.succeed()
        #expect(stage.driver.peerCount == 1 && stage.driver.recordCount == 1)
        // The place is free again.
        try stage.add("c", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xCC)])
        #expect(stage.driver.peerCount == 2)
        try stage.expectDone(.closeSession)
        #expect(stage.driver.noteCount == 0)
    }

    @Test func anICERestartIsRemembered() throws {
        let stage = try makeStage()
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        try stage.route(peer, peer)
        try stage.connect()
        var random = SeededRandom(seed: 3)
        let restart = try peer.restart(&random)
        try stage.expectDone(.restartEndpoint(peer.endpoint, restart))
        stage.run(for: .seconds(1))
        try #require(peer.isConnected)
        try stage.driver.succeed()
        #expect(stage.driver.log.succession?.endpoints == 1)
        stage.run(for: .seconds(7))
        #expect(peer.isConnected && stage.driver.drops[.stunUnknownUser] == 0)
        try flow(stage, peer, peer, from: 10, count: 5)
    }

    @Test func aPeerOverTCPComesAgain() throws {
        let listener = try StreamListener(ips: [IPAddress("127.0.0.1")!], ports: 0...0)
        let stage = try makeStage(streams: listener)
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)], usesTCP: true)
        try stage.route(peer, peer)
        try stage.connect()
        try flow(stage, peer, peer, from: 0, count: 5)
        try stage.driver.succeed()
        #expect(stage.run { peer.stream?.opened == 2 && peer.transport.selectedTuple != nil })
        try flow(stage, peer, peer, from: 10, count: 5)
    }

    // MARK: Damage

    /// Whatever stands in the memory: the successor starts, and what it holds is sound.
    @Test(arguments: UInt64(1)...60) func strayWritesNeverStopASuccessor(_ seed: UInt64) throws {
        let stage = try makeStage()
        let source = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        let sink = try stage.add("b", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xBB)])
        try stage.route(source, sink)
        try stage.connect()
        var random = SeededRandom(seed: seed)
        try stage.driver.succeed { memory in
            let used = memory.indices.filter { memory[$0] != 0 }
            for _ in 0..<(1 + Int(random.next() % 200)) {
                let place = used[Int(random.next() % UInt64(used.count))]
                // The layout in front decides whether it is looked at at all.
                if place >= 4096 || seed % 10 == 0 { memory[place] = UInt8(truncatingIfNeeded: random.next()) }
            }
        }
        for peer in stage.peers { peer.pump() }
        for _ in 0..<20 {
            try? source.send(LoopbackMedia.packet(.video, 5, ssrc: 0x11))
            source.flush()
            stage.driver.turn()
        }
        #expect(stage.driver.recordCount == stage.driver.peerCount)
        let fresh = try stage.add("c", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xCC)])
        #expect(stage.run { fresh.isConnected })
    }

    @Test func aDamagedRecordCostsItsSessionAlone() throws {
        let stage = try makeStage()
        let other = SessionID("other")
        let first = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        try stage.route(first, first)
        stage.driver.hold(other)
        let stranger = EndpointSpecification(localUfrag: "abcdefgh", localPassword: String(repeating: "p", count: 24))
        _ = stage.driver.perform(.openEndpoint(EndpointID("x"), stranger), in: other)
        try stage.connect()
        try stage.driver.succeed { memory in
            let mark = Array("abcdefgh".utf8)
            // The transport's record is the first place of the name.
            let place = memory.indices.first { memory[$0...].starts(with: mark) }
            if let place { memory[place] = UInt8(ascii: "z") }
        }
        let succession = try #require(stage.driver.log.succession)
        #expect(succession.lost == [other] && succession.endpoints == 1)
        try flow(stage, first, first, from: 10, count: 5)
    }

    @Test func aSessionThatEndsTwoProcessesIsNotTakenOver() throws {
        let stage = try makeStage()
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        try stage.route(peer, peer)
        try stage.connect()
        try flow(stage, peer, peer, from: 0, count: 3)
        try stage.driver.succeed(byFault: true)
        #expect(stage.driver.log.succession?.quarantined.isEmpty == true)
        try flow(stage, peer, peer, from: 10, count: 3)
        // Killed from outside: nobody is to blame.
        try stage.driver.succeed()
        try flow(stage, peer, peer, from: 20, count: 3)
        try stage.driver.succeed(byFault: true)
        #expect(stage.driver.log.succession?.quarantined.isEmpty == true)
        try flow(stage, peer, peer, from: 30, count: 3)
        try stage.driver.succeed(byFault: true)
        #expect(stage.driver.log.succession?.quarantined == [stage.session])
        #expect(stage.driver.log.succession?.holds[stage.session] == InlineReactor.hold, "its holder is to be told")
        #expect(stage.driver.peerCount == 0 && stage.driver.recordCount == 0 && stage.driver.noteCount == 0)
    }
}

/// What a reactor with a thread of its own has said.
private final class Outputs: Sendable {
    private let all = Mutex<[ReactorOutput]>([])

    func add(_ output: ReactorOutput) { all.withLock { $0.append(output) } }

    var isOpened: Bool {
        all.withLock { $0 }.contains { if case .outcome(.opened, token: 1) = $0 { true } else { false } }
    }

    var standstills: Int { all.withLock { $0 }.count { if case .stoodStill = $0 { true } else { false } } }

    /// The last one's.
    var succession: Succession? {
        all.withLock { $0 }.compactMap { if case .tookOver(let succession) = $0 { succession } else { nil } }.last
    }
}

extension InlineReactor {
    static let hold = SessionHold(epoch: Epoch(7), controller: ControllerID("c1"))

    func hold(_ session: SessionID) { world.obey(.hold(session, Self.hold), now: HostClock.now) }

    /// Blocks of the journal that are in use.
    var noteCount: Int { world.journal.blockCount - world.journal.vacantBlocks }
}
