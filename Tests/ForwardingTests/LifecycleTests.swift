import RTP
import Testing
import Wire

@testable import Forwarding

@Test func flowAndMediaEventsFollowThePackets() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video, Media.audio])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    #expect(fixture.events().isEmpty)
    fixture.send(Media.key(1), from: alice)
    #expect(
        Set(fixture.events()) == [
            .mediaState(alice, isConnected: true), .mediaFlowingIn(alice, .video, isFlowing: true),
            .mediaFlowingOut(bob, .video, isFlowing: true),
        ])
    fixture.send(Media.packet(1, ssrc: 9, type: 111, payload: [1]), from: alice)
    #expect(fixture.events() == [.mediaFlowingIn(alice, .audio, isFlowing: true)])
    fixture.wait(.milliseconds(1900))
    fixture.send(Media.packet(2, ssrc: 9, type: 111, payload: [1]), from: alice)
    #expect(fixture.events().isEmpty)
    fixture.wait(.milliseconds(200))
    #expect(
        Set(fixture.events()) == [
            .mediaFlowingIn(alice, .video, isFlowing: false), .mediaFlowingOut(bob, .video, isFlowing: false),
        ])
    fixture.sendRTCP(from: alice) { $0.writeReceiverReport(ssrc: 1) }
    fixture.wait(.milliseconds(4900))
    #expect(fixture.events() == [.mediaFlowingIn(alice, .audio, isFlowing: false)])
    fixture.wait(.milliseconds(200))
    #expect(fixture.events() == [.mediaState(alice, isConnected: false)])
    fixture.sendRTCP(from: alice) { $0.writeReceiverReport(ssrc: 1) }
    #expect(fixture.events() == [.mediaState(alice, isConnected: true)])
}

@Test func aGoodbyeStopsTheFlowAtOnce() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    let before = fixture.send(Media.key(1), from: alice)[0]
    _ = fixture.events()
    fixture.sendRTCP(from: alice) { $0.writeGoodbye(sources: [0x11], reason: "bye") }
    #expect(fixture.events() == [.mediaFlowingIn(alice, .video, isFlowing: false)])
    let after = fixture.send(Media.key(20_000), from: alice)[0]
    #expect(after.header.sequenceNumber == before.header.sequenceNumber.advanced(by: 1))
    #expect(fixture.events() == [.mediaFlowingIn(alice, .video, isFlowing: true)])
}

@Test(arguments: [true, false]) func connectionsMayPrecedeNegotiation(isSinkFirst: Bool) {
    let fixture = Fixture()
    #expect(!fixture.connect(alice, bob))
    for endpoint in [alice, bob] {
        fixture.router.open(endpoint)
        fixture.router.setConnected(endpoint, true, now: fixture.now)
    }
    #expect(fixture.connect(alice, bob))
    for isSink in [isSinkFirst, !isSinkFirst] {
        fixture.router.negotiate(isSink ? bob : alice, media: [isSink ? Media.watch() : Media.video], now: fixture.now)
    }
    fixture.drain()
    #expect(fixture.takeKeyFrameRequests(to: alice) == 0)
    #expect(fixture.send(Media.delta(1), from: alice).isEmpty)
    fixture.wait(.milliseconds(1))
    // Only now is there an SSRC to name.
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1)
    #expect(fixture.send(Media.key(2), from: alice).map(\.endpoint) == [bob])
}

@Test func aDisconnectEndsOnlyThatConnection() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch(ssrc: 0xB0)])
    fixture.join(carol, [Media.watch(ssrc: 0xC0)])
    fixture.connect(alice, bob)
    fixture.connect(alice, carol)
    fixture.router.disconnect(source: carol, sink: bob, kind: .video)
    fixture.router.disconnect(source: alice, sink: bob, kind: .audio)
    #expect(fixture.send(Media.key(1), from: alice).count == 2)
    fixture.router.disconnect(source: alice, sink: bob, kind: .video)
    #expect(fixture.send(Media.delta(2), from: alice).map(\.endpoint) == [carol])
}

@Test func aSourceThatClosesMidStreamLeavesItsSubscribersWaiting() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    let before = fixture.send(Media.key(1), from: alice)[0]
    fixture.router.close(alice)
    fixture.send(Media.delta(2), from: alice)
    #expect(fixture.lastDrop == .rtpUnknownStream)
    fixture.sendRTCP(from: bob) {
        $0.writeNack(senderSSRC: 1, mediaSSRC: 0xAA, sequenceNumbers: [before.header.sequenceNumber])
        $0.writePictureLossIndication(senderSSRC: 1, mediaSSRC: 0xAA)
    }
    fixture.wait(.seconds(6))
    // The slot's next tenant feeds nobody until it is connected.
    fixture.join(alice, [Media.video])
    fixture.send(Media.key(1), from: alice)
    #expect(fixture.lastDrop == .noSubscriber)
    fixture.connect(alice, bob)
    let after = fixture.send(Media.key(2), from: alice)[0]
    #expect(after.header.sequenceNumber == before.header.sequenceNumber.advanced(by: 1))
}

@Test func aSinkThatClosesMidStreamIsForgotten() throws {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch(ssrc: 0xB0)])
    fixture.join(carol, [Media.watch(ssrc: 0xC0)])
    fixture.connect(alice, bob)
    fixture.connect(alice, carol)
    fixture.send(Media.key(1), from: alice)
    let packet = Media.delta(2)
    let forward = try fixture.router.receiveRTP(packet.span.bytes, from: alice, now: fixture.now)
    let subscriber = fixture.router.subscriber(of: forward, at: 0)
    fixture.router.close(bob)
    var buffer = [UInt8](repeating: 0, count: 2048)
    var reason: DropReason?
    do {
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        _ = try fixture.router.rewrite(
            forward, packet: packet.span.bytes, for: subscriber, into: &raw, now: fixture.now)
    } catch { reason = error }
    #expect(reason == .noSubscriber)
    #expect(fixture.send(Media.delta(3), from: alice).map(\.endpoint) == [carol])
    fixture.wait(.seconds(6))
    #expect(fixture.events().allSatisfy { event in
        if case .mediaFlowingOut(bob, _, _) = event { false } else { true }
    })
}

@Test func slotsAndMemoryAreGivenBackHoweverOftenEndpointsComeAndGo() {
    let fixture = Fixture(capacity: 2)
    let sections = (0..<Limits.subscribersPerEndpoint).map {
        MediaSection(
            mid: "\($0)", kind: .video, receives: Media.videoIn, sends: Media.videoOut(ssrc: UInt32(2 * $0 + 2)))
    }
    for _ in 0..<50 {
        fixture.join(alice, sections)
        fixture.join(bob, sections)
        fixture.connect(alice, bob)
        fixture.connect(bob, alice)
        #expect(fixture.send(
            Media.packet(1, extensions: [(4, Array("3".utf8))], payload: Media.vp8(isKeyFrame: true)), from: alice
        ).map(\.header.ssrc) == [8])
        fixture.router.close(alice)
        fixture.router.close(bob)
    }
    #expect(fixture.router.publishers.count == 0)
    #expect(fixture.router.subscribers.count == 0)
    #expect(fixture.router.rewriters.count == 0)
}

@Test func renegotiationKeepsTheStreamsThatStay() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    let before = fixture.send(Media.key(1), from: alice)[0]
    fixture.router.negotiate(alice, media: [Media.audio, Media.video], now: fixture.now)
    fixture.router.negotiate(bob, media: [Media.listen(), Media.watch()], now: fixture.now)
    fixture.connect(alice, bob, .audio)
    let after = fixture.send(Media.delta(2), from: alice)[0]
    #expect(after.header.sequenceNumber == before.header.sequenceNumber.advanced(by: 1))
    #expect(fixture.send(Media.packet(1, ssrc: 9, type: 111, payload: [1]), from: alice).map(\.header.ssrc) == [0xCC])
    fixture.router.negotiate(bob, media: [Media.listen()], now: fixture.now)
    #expect(fixture.send(Media.delta(3), from: alice).isEmpty)
    #expect(fixture.lastDrop == .noSubscriber)
}

@Test func theDeadlineIsInTheFutureAfterEveryAdvance() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    fixture.send(Media.packet(1, extensions: [(3, [0, 1])], payload: Media.vp8(isKeyFrame: true)), from: alice)
    fixture.send(Media.delta(9), from: alice)
    for _ in 0..<500 {
        guard fixture.router.deadline < fixture.now + .seconds(30) else { break }
        fixture.now = max(fixture.now, fixture.router.deadline)
        fixture.router.advance(to: fixture.now)
        fixture.drain()
        #expect(fixture.router.deadline > fixture.now)
    }
}

@Test func theCodecInUseIsToldOnceAndWhenItChanges() {
    let fixture = Fixture()
    var parameters = Media.videoIn
    parameters.codecs.append(CodecParameters(name: "H264", payloadType: 102, clockRate: 90_000))
    fixture.join(alice, [MediaSection(mid: "v", kind: .video, receives: parameters)])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    func send(_ sequence: UInt16, _ type: UInt8) {
        fixture.send(Media.packet(sequence, type: type, payload: [0x10, 0, 0, 0]), from: alice)
        _ = fixture.events()
    }
    for sequence in 1...3 { send(UInt16(sequence), 96) }
    #expect(fixture.codecs == ["VP8"])
    // A sender that mixes them is not told of at each packet.
    for sequence in 4...13 { send(UInt16(sequence), sequence.isMultiple(of: 2) ? 102 : 96) }
    #expect(fixture.codecs == ["VP8"])
    fixture.wait(.milliseconds(500))
    for sequence in 14...16 { send(UInt16(sequence), 102) }
    #expect(fixture.codecs == ["VP8", "H264"])
}

@Test func redundantAudioIsOfTheCodecThatIsInIt() {
    let fixture = Fixture()
    var parameters = Media.audioIn
    parameters.codecs.insert(CodecParameters(name: "red", payloadType: 63, clockRate: 48_000, channels: 2), at: 0)
    fixture.join(alice, [MediaSection(mid: "a", kind: .audio, receives: parameters)])
    fixture.join(bob, [Media.listen()])
    fixture.connect(alice, bob)
    fixture.send(Media.packet(1, type: 63, payload: [111, 1, 2, 3]), from: alice)
    _ = fixture.events()
    #expect(fixture.codecs == ["opus"])
}
