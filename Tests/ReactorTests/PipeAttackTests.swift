import RTP
import Session
import Testing
import Wire

@testable import Reactor

/// What must not get into a pipe, and pipes that must not be opened.
@Suite(.serialized) struct PipeAttackTests {
    private let source = [LoopbackMedia.section(.video, .recvonly)]

    private func refusal(_ outcome: Outcome) -> Refusal.Reason? {
        if case .refused(let refusal) = outcome { refusal.reason } else { nil }
    }

    @Test func forgedAndReplayedPacketsAreDroppedByName() throws {
        let stage = try PipeStage(source)
        let publisher = try stage.near.add("p", source)
        let viewer = try stage.far.add("v", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xA00)])
        try stage.near.connect()
        try stage.far.connect()
        try stage.open()
        try stage.route(from: publisher, to: [viewer])
        for number in 0..<20 { try publisher.send(LoopbackMedia.packet(.video, number, ssrc: 0x11)) }
        publisher.flush()
        try #require(stage.run { viewer.packetCount >= 20 })
        let genuine = try #require(stage.relay.media.last)
        let server = stage.far.server
        let stranger = try stage.far.makePeer("stranger")
        for _ in 0..<10 {
            // Replayed, from where it came from and from elsewhere.
            stage.relay.send(genuine, to: server)
            stranger.sendRaw(genuine, to: server)
            var forged = genuine
            forged[3] &+= 7
            stage.relay.send(forged, to: server)
            stranger.sendRaw(forged, to: server)
            // A stream that nobody announced.
            forged[8] ^= 0x55
            stage.relay.send(forged, to: server)
            stranger.sendRaw(forged, to: server)
            stage.relay.send([22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], to: server)
        }
        let drops = { stage.far.driver.drops }
        #expect(stage.run { drops()[.srtpReplayed] == 20 && drops()[.srtpBadTag] == 20 }, "\(drops())")
        #expect(stage.run { drops()[.pipeUnknownStream] == 20 && drops()[.unknownTuple] == 10 }, "\(drops())")
        #expect(viewer.packetCount == 20)
        for number in 20..<40 { try publisher.send(LoopbackMedia.packet(.video, number, ssrc: 0x11)) }
        publisher.flush()
        #expect(stage.run { viewer.packetCount == 40 })
    }

    /// A client that has itself led to the other reactor's address takes no pipe's packets.
    @Test func aPeerThatSharesThePipesAddressDoesNotGetItsPackets() throws {
        let stage = try PipeStage(source)
        let publisher = try stage.near.add("p", source)
        let viewer = try stage.far.add("v", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xA00)])
        try stage.near.connect()
        try stage.far.connect()
        let thief = try stage.far.makePeer("t")
        _ = try stage.far.open(thief)
        let media = [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xC00)]
        try stage.far.expectDone(.negotiateEndpoint(thief.endpoint, thief.negotiated(media)))
        let address = stage.relay.address
        try stage.far.expectDone(
            .addCandidate(thief.endpoint, "candidate:9 1 udp 2130706431 \(address.ip) \(address.port) typ host"))
        #expect(stage.run { stage.far.driver.slot(for: Tuple(socket: 0, remote: address)) != nil })
        try stage.open()
        try stage.route(from: publisher, to: [viewer])
        for number in 0..<20 { try publisher.send(LoopbackMedia.packet(.video, number, ssrc: 0x11)) }
        publisher.flush()
        #expect(stage.run { viewer.packetCount >= 20 })
    }

    @Test func malformedPipesAreRefusedAndCostNothing() throws {
        let stage = try PipeStage(source)
        let (driver, session, pipe) = (stage.near.driver, stage.near.session, stage.pipe)
        var wrong: [PipeSpecification] = []
        var twice = stage.specification
        twice.media += twice.media
        wrong.append(twice)
        var both = stage.specification
        both.media[0].direction = .sendrecv
        wrong.append(both)
        var unannounced = stage.specification
        unannounced.media[0].send.encodings = []
        wrong.append(unannounced)
        var withoutSSRC = stage.specification.reversed
        withoutSSRC.media[0].receive.encodings = [EncodingParameters()]
        wrong.append(withoutSSRC)
        var many = stage.specification
        many.media[0].send.encodings = (0..<40).map { EncodingParameters(ssrc: 1000 + $0) }
        wrong.append(many)
        for specification in wrong {
            #expect(refusal(driver.perform(.openPipe(pipe, specification), in: session)) == .invalid)
        }
        let long = EndpointID(String(repeating: "e", count: 257))
        #expect(refusal(driver.perform(.openPipe(long, stage.specification), in: session)) == .invalid)
        #expect(driver.peerCount == 0 && driver.recordCount == 0 && driver.pipeSSRCs == 0)
    }

    @Test func aPipeLeadsOnlyWhereADatagramCanGo() throws {
        let stage = try PipeStage(source)
        let (driver, session, pipe) = (stage.near.driver, stage.near.session, stage.pipe)
        let local = stage.near.server.description
        let path = PipePath(local: local, remote: "127.0.0.1:9")
        #expect(refusal(driver.perform(.connectPipe(pipe, path), in: session)) == .notFound)
        _ = driver.perform(.openPipe(pipe, stage.specification), in: session)
        let remotes = [
            "", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:9x", "localhost:9", "[::1]:9",
            "::1:9", "0.0.0.0:9", "224.0.0.1:9", "255.255.255.255:9", "[127.0.0.1]:9", "[::ffff:224.0.0.1]:9",
            String(repeating: "1", count: 5000),
        ]
        for remote in remotes {
            let path = PipePath(local: local, remote: remote)
            #expect(refusal(driver.perform(.connectPipe(pipe, path), in: session)) == .invalid, "\(remote)")
        }
        for local in ["", "127.0.0.1:1", "192.0.2.1:\(stage.near.server.port)"] {
            let path = PipePath(local: local, remote: "127.0.0.1:9")
            #expect(refusal(driver.perform(.connectPipe(pipe, path), in: session)) == .invalid, "\(local)")
        }
        for _ in 0..<2 { try stage.near.expectDone(.connectPipe(pipe, path)) }
    }

    @Test func namesKeysAndStreamsOfOthersAreRefused() throws {
        let stage = try PipeStage(source)
        let (driver, session) = (stage.far.driver, stage.far.session)
        let peer = try stage.far.add("v", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xA00)])
        let specification = stage.specification.reversed
        #expect(refusal(driver.perform(.openPipe(peer.endpoint, specification), in: session)) == .invalid)
        let first = driver.perform(.openPipe(stage.pipe, specification), in: session)
        #expect(driver.perform(.openPipe(stage.pipe, specification), in: session) == first, "asked again")
        var other = specification
        var generator = SystemRandomNumberGenerator()
        other.sendKey = PipeKey(using: &generator)
        #expect(refusal(driver.perform(.openPipe(stage.pipe, other), in: session)) == .invalid, "other keys")
        other.receiveKey = PipeKey(using: &generator)
        #expect(refusal(driver.perform(.openPipe(EndpointID("x"), other), in: session)) == .invalid, "SSRCs are taken")
        #expect(refusal(driver.perform(.openEndpoint(stage.pipe, peer.specification), in: session)) == .invalid)
        #expect(refusal(driver.perform(.negotiateEndpoint(stage.pipe, peer.negotiated([])), in: session)) == .invalid)
        #expect(driver.peerCount == 2 && driver.recordCount == 2)
    }
}
