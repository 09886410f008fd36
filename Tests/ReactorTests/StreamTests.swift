import CLinux
import ICE
import RTP
import STUN
import Session
import Testing
import Wire

@testable import Reactor

/// Peers that have TCP only (RFC 6544), at a real port.
@Suite(.serialized) struct StreamTests {
    private static let loopback = IPAddress("127.0.0.1")!

    private func makeStage() throws -> (LoopbackStage<InlineReactor>, SocketAddress) {
        var configuration = testConfiguration()
        let listener = try StreamListener(ips: [Self.loopback], ports: 0...0)
        configuration.streams = listener
        return (LoopbackStage(try InlineReactor(configuration)), listener.addresses[0])
    }

    /// A publisher over TCP and one viewer over UDP, one over TCP.
    @Test func mediaFlowsBetweenTCPAndUDP() throws {
        let (stage, port) = try makeStage()
        let source = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)], usesTCP: true)
        let far = try stage.add("b", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xBB)])
        let near = try stage.add("c", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xCC)], usesTCP: true)
        try stage.route(source, far)
        try stage.route(source, near)
        try stage.connect()
        #expect(stage.driver.selectedTuple(of: 0)?.socket == 1)
        #expect(source.stream?.remote == port && stage.driver.streamCount == 2)
        for number in 0..<300 {
            try source.send(LoopbackMedia.packet(.video, number, ssrc: 0x11, payloadBytes: 900))
            if number % 7 == 0 { try #require(stage.run { far.packetCount >= number - 40 }) }
        }
        #expect(stage.run { far.packetCount == 300 && near.packetCount == 300 })
        for (index, packet) in near.rtp.enumerated() {
            let expected = LoopbackMedia.payload(.video, index, bytes: 900)
            try #require(try ReceivedPacket(packet).payload == expected)
        }
        let local = try stage.statistics(of: source).transport.localCandidate ?? ""
        #expect(local.contains("tcp") && local.contains("passive"), "\(local)")
    }

    @Test func theAnswerNamesThePort() throws {
        let (stage, port) = try makeStage()
        let opened = try stage.open(try stage.makePeer("a"))
        #expect(opened.candidates.contains { $0.hasSuffix("127.0.0.1 \(port.port) typ host tcptype passive") })
    }

    @Test func aClosedConnectionIsReplacedAndTheCallGoesOn() throws {
        let (stage, _) = try makeStage()
        let source = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)], usesTCP: true)
        let sink = try stage.add("b", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xBB)])
        try stage.route(source, sink)
        try stage.connect()
        let stream = try #require(source.stream)
        stream.close()
        source.transport.streamClosed(Tuple(socket: 0, remote: try #require(stream.remote)), now: HostClock.now)
        try #require(stage.run { stream.opened == 2 && source.isConnected })
        try source.send(LoopbackMedia.packet(.video, 0, ssrc: 0x11))
        #expect(stage.run { sink.packetCount == 1 })
        #expect(stage.driver.streamCount == 1)
    }

    @Test func theConnectionGoesWithItsEndpoint() throws {
        let (stage, _) = try makeStage()
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)], usesTCP: true)
        try stage.connect()
        try stage.expectDone(.closeEndpoint(peer.endpoint))
        #expect(stage.driver.streamCount == 0 && stage.driver.tupleCount == 0)
        #expect(stage.run { peer.stream?.isOpen == false })
    }

    @Test func aConnectionForAnotherReactorIsHandedToIt() throws {
        var configuration = testConfiguration()
        let listener = try StreamListener(ips: [Self.loopback], ports: 0...0)
        configuration.streams = listener
        let first = try InlineReactor(configuration)
        configuration.index = 1
        let stage = LoopbackStage(try InlineReactor(configuration))
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)], usesTCP: true)
        try stage.route(peer, peer)
        try #require(
            stage.run {
                first.turn()
                return peer.isConnected
            })
        #expect(first.streamCount == 0 && stage.driver.streamCount == 1)
        try peer.send(LoopbackMedia.packet(.video, 0, ssrc: 0x11))
        #expect(stage.run { peer.packetCount == 1 })
    }

    // MARK: Strangers

    @Test func strangersAreClosed() throws {
        let (stage, port) = try makeStage()
        let strangers = (0..<4).map { _ in LoopbackStream() }
        let peer = try stage.makePeer("a")
        _ = try stage.open(peer)
        var builder = MessageBuilder(MessageType(.request), transactionID: TransactionID(high: 9, low: 7))
        builder.addUsername("nobody:here")
        strangers[0].send(builder.finish(key: nil), to: port)
        strangers[1].send([UInt8](repeating: 0x80, count: 100), to: port)
        strangers[2].sendRaw(Array("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n".utf8), to: port)
        strangers[3].sendRaw([0x08, 0x01], to: port)
        let areClosed = stage.run {
            for stranger in strangers { _ = stranger.receive() }
            return strangers.allSatisfy { !$0.isOpen }
        }
        #expect(areClosed && stage.driver.streamCount == 0)
        let drops = stage.driver.drops
        #expect(drops[.stunUnknownUser] == 2 && drops[.streamMalformed] == 2)
    }

    @Test func aRequestWithAWrongKeyMakesNoConnectionSomebodys() throws {
        let (stage, port) = try makeStage()
        let peer = try stage.makePeer("a")
        _ = try stage.open(peer)
        let stranger = LoopbackStream()
        var builder = MessageBuilder(MessageType(.request), transactionID: TransactionID(high: 9, low: 7))
        builder.addUsername("\(peer.server.ufrag):cli")
        stranger.send(builder.finish(key: Array("wrong".utf8)), to: port)
        #expect(stage.run { stage.driver.drops[.stunBadIntegrity] == 1 })
        stage.driver.world.closeStrangers(now: HostClock.now)
        #expect(stage.driver.streamCount == 1)
        stage.driver.world.closeStrangers(now: HostClock.now + Limits.streamPatience)
        #expect(stage.driver.streamCount == 0 && stage.driver.drops[.streamUnclaimed] == 1)
    }

    @Test func moreStrangersThanThereIsRoomForPushOutTheOldest() throws {
        var configuration = testConfiguration(peerLimit: 2)
        let listener = try StreamListener(ips: [Self.loopback], ports: 0...0)
        configuration.streams = listener
        let driver = try InlineReactor(configuration)
        let room = 2 + Limits.strangerStreams
        let strangers = (0..<(room + 10)).map { _ in LoopbackStream() }
        for stranger in strangers { stranger.sendRaw([0], to: listener.addresses[0]) }
        #expect(driver.wait { driver.drops[.streamOverLimit] == 10 })
        #expect(driver.streamCount == room)
    }

    @Test func aPeerThatDoesNotReadLosesPacketsAndHoldsNobodyUp() throws {
        let (stage, _) = try makeStage()
        let source = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        let slow = try stage.add("b", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xBB)], usesTCP: true)
        let fast = try stage.add("c", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xCC)])
        try stage.route(source, slow)
        try stage.route(source, fast)
        try stage.connect()
        stage.forget(slow)
        var number = 0
        while stage.driver.drops[.streamBacklogFull] == 0, number < 20_000 {
            try source.send(LoopbackMedia.packet(.video, number, ssrc: 0x11, payloadBytes: 1000))
            number += 1
            try #require(stage.run { fast.packetCount == number })
        }
        #expect(stage.driver.drops[.streamBacklogFull] > 0)
    }

    // MARK: Connections of our own

    @Test func theReactorOpensAConnectionWhereThePeerAccepts() throws {
        var configuration = testConfiguration()
        configuration.opensStreams = true
        let stage = LoopbackStage(try InlineReactor(configuration))
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        let acceptor = try StreamListener(ips: [Self.loopback], ports: 0...0)
        let candidate = Candidate.host(address: acceptor.addresses[0], socket: 0, transport: .tcpPassive)
        try stage.expectDone(.addCandidate(peer.endpoint, candidate.sdp))
        var remote = apus_address()
        var descriptor: Int32 = -1
        _ = stage.run {
            if descriptor < 0 { descriptor = apus_stream_accept(acceptor.descriptors[0], &remote) }
            return descriptor >= 0
        }
        try #require(descriptor >= 0)
        defer { apus_close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 500)
        var count = 0
        _ = stage.run {
            count = apus_stream_read(descriptor, &bytes, bytes.count)
            return count > 0
        }
        try #require(count > 2)
        let request = try Message(parsing: bytes.span.bytes.extracting(2..<count))
        #expect(request.type == MessageType(.request) && Int(bytes[0]) << 8 | Int(bytes[1]) == count - 2)
    }

    @Test func aRefusedConnectionIsToldToTheAgent() throws {
        var configuration = testConfiguration()
        configuration.opensStreams = true
        let stage = LoopbackStage(try InlineReactor(configuration))
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        let closed = try StreamListener(ips: [Self.loopback], ports: 0...0).addresses[0]
        let candidate = Candidate.host(address: closed, socket: 0, transport: .tcpPassive)
        try stage.expectDone(.addCandidate(peer.endpoint, candidate.sdp))
        stage.run(for: .milliseconds(300))
        #expect(stage.driver.streamCount == 0)
        try stage.connect()
    }
}
