import RTP
import Testing
import Wire

@testable import Forwarding

private func pli(_ fixture: Fixture, from endpoint: EndpointIndex, ssrc: UInt32) {
    fixture.sendRTCP(from: endpoint) { $0.writePictureLossIndication(senderSSRC: 1, mediaSSRC: ssrc) }
}

private func watched() -> Fixture {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch(ssrc: 0xB0)])
    fixture.join(carol, [Media.watch(ssrc: 0xC0)])
    fixture.connect(alice, bob)
    fixture.connect(alice, carol)
    fixture.send(Media.key(1), from: alice)
    fixture.wait(.seconds(3))
    fixture.rtcp = []
    return fixture
}

@Test func requestsOfManySubscribersBecomeOne() {
    let fixture = watched()
    for _ in 0..<50 {
        pli(fixture, from: bob, ssrc: 0xB0)
        pli(fixture, from: carol, ssrc: 0xC0)
    }
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1)
}

@Test func requestsAreHalfASecondApart() {
    let fixture = watched()
    var total = 0
    for step in 0..<100 {
        pli(fixture, from: bob, ssrc: 0xB0)
        fixture.wait(.milliseconds(20))
        let count = fixture.takeKeyFrameRequests(to: alice)
        if count > 0 { fixture.send(Media.key(UInt16(2 + step)), from: alice) }
        total += count
    }
    // Two seconds: at 0, 0.5, 1.0, 1.5 and perhaps 2.0.
    #expect((4...5).contains(total))
}

@Test func anUnansweredRequestIsRepeatedAFewTimesAndNoLongerAfterTheKeyFrame() {
    let fixture = watched()
    pli(fixture, from: bob, ssrc: 0xB0)
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1)
    fixture.wait(.milliseconds(2500))
    #expect(fixture.takeKeyFrameRequests(to: alice) == 2)
    fixture.send(Media.key(2), from: alice)
    fixture.wait(.seconds(10))
    #expect(fixture.takeKeyFrameRequests(to: alice) == 0)
    pli(fixture, from: bob, ssrc: 0xB0)
    fixture.wait(.seconds(60))
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1 + Limits.keyFrameRetries)
}

@Test func aPeerWithoutPLIIsAskedByFIRAndOneWithoutBothIsNot() {
    var parameters = Media.videoIn
    parameters.codecs[0].feedback = ["ccm fir"]
    let fixture = Fixture()
    fixture.join(alice, [MediaSection(mid: "v", kind: .video, receives: parameters)])
    fixture.join(bob, [Media.watch()])
    fixture.send(Media.key(1), from: alice)
    fixture.connect(alice, bob)
    let requests = fixture.takeRTCP(to: alice).filter { entry in
        guard case .fullIntraRequest(let request) = entry.packet else { return false }
        return request.entry(at: 0, in: entry.bytes.span.bytes).ssrc == 0x11
    }
    #expect(requests.count == 1)
    parameters.codecs[0].feedback = []
    fixture.join(alice, [MediaSection(mid: "v", kind: .video, receives: parameters)])
    fixture.connect(alice, bob)
    fixture.send(Media.delta(1), from: alice)
    fixture.wait(.seconds(5))
    #expect(fixture.takeKeyFrameRequests(to: alice) == 0)
}

@Test func aRepeatedFIRIsOneCommand() throws {
    let fixture = watched()
    for _ in 0..<5 {
        fixture.sendRTCP(from: bob) { $0.writeFullIntraRequest(senderSSRC: 1, mediaSSRC: 0xB0, sequence: 7) }
    }
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1)
    #expect(fixture.router.statistics(of: bob).outbound.first?.firCount == 1)
}

@Test func theOwnerCanAskAndAudioIsNeverAsked() {
    let fixture = watched()
    fixture.router.requestKeyFrame(from: alice, now: fixture.now)
    fixture.drain()
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1)
    fixture.join(dave, [Media.audio])
    fixture.router.requestKeyFrame(from: dave, now: fixture.now)
    fixture.drain()
    #expect(fixture.takeKeyFrameRequests(to: dave) == 0)
}

@Test func aRequestForAPeerThatIsNotUpYetGoesOutWhenItIs() {
    let fixture = Fixture()
    fixture.join(bob, [Media.watch()])
    fixture.router.open(alice)
    var section = Media.video
    section.receives?.encodings = [EncodingParameters(ssrc: 0x11)]
    fixture.router.negotiate(alice, media: [section], now: fixture.now)
    fixture.connect(alice, bob)
    fixture.wait(.seconds(2))
    #expect(fixture.takeKeyFrameRequests(to: alice) == 0)
    fixture.router.setConnected(alice, true, now: fixture.now)
    fixture.wait(.milliseconds(1))
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1)
}

@Test func aSubscriberThatMissedTheKeyFrameAsksAnew() {
    let fixture = watched()
    fixture.router.setConnected(bob, false, now: fixture.now)
    fixture.router.setConnected(bob, true, now: fixture.now)
    fixture.drain()
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1)
    fixture.router.setConnected(bob, false, now: fixture.now)
    fixture.send(Media.key(2), from: alice)
    fixture.router.setConnected(bob, true, now: fixture.now)
    fixture.drain()
    fixture.wait(Limits.keyFrameInterval)
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1)
}

@Test func aSubscriberThatAlwaysAsksGetsAKeyFrameNowAndThen() {
    let fixture = watched()
    var total = 0
    for step in 0..<2000 {
        pli(fixture, from: bob, ssrc: 0xB0)
        fixture.wait(.milliseconds(20))
        let count = fixture.takeKeyFrameRequests(to: alice)
        if count > 0 { fixture.send(Media.key(UInt16(2 + step)), from: alice) }
        total += count
    }
    // Forty seconds: the burst, and one in four seconds.
    #expect((10...15).contains(total))
    // Who asks seldom is heard at once.
    pli(fixture, from: carol, ssrc: 0xC0)
    fixture.wait(Limits.keyFrameInterval)
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1)
}

@Test func whatAPublisherDoesNotRepairInTimeIsReplacedByAKeyFrame() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    fixture.send(Media.key(1), from: alice)
    fixture.send(Media.delta(2, timestamp: 3_000), from: alice)
    fixture.send(Media.delta(4, timestamp: 9_000), from: alice)
    fixture.wait(.milliseconds(990))
    #expect(fixture.takeKeyFrameRequests(to: alice) == 0)
    fixture.wait(.milliseconds(20))
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1)
}

@Test func whatWasLostBeforeAKeyFrameIsGivenUpWithoutAnother() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    fixture.send(Media.key(1), from: alice)
    fixture.send(Media.delta(3, timestamp: 6_000), from: alice)
    fixture.send(Media.key(4, timestamp: 9_000), from: alice)
    _ = fixture.takeRTCP(to: alice)
    fixture.wait(.seconds(2))
    #expect(fixture.takeKeyFrameRequests(to: alice) == 0)
}
