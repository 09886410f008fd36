import RTP
import Testing
import Wire

@testable import Forwarding

private func twoVideos(announcing ssrcs: Bool = false) -> [MediaSection] {
    ["v1", "v2"].enumerated().map { index, mid in
        var parameters = Media.videoIn
        if ssrcs { parameters.encodings = [EncodingParameters(ssrc: UInt32(index + 1), rtxSSRC: UInt32(index + 11))] }
        return MediaSection(mid: mid, kind: .video, receives: parameters)
    }
}

private func twoWatchers() -> [MediaSection] {
    [Media.watch(ssrc: 0xA0, mid: "w1"), Media.watch(ssrc: 0xB0, mid: "w2")]
}

@Test func announcedSSRCsDecide() {
    let fixture = Fixture()
    fixture.join(alice, twoVideos(announcing: true))
    fixture.join(bob, twoWatchers())
    fixture.connect(alice, bob)
    #expect(fixture.send(Media.key(1, ssrc: 2), from: alice).map(\.header.ssrc) == [0xB0])
    #expect(fixture.send(Media.key(1, ssrc: 1), from: alice).map(\.header.ssrc) == [0xA0])
    let recovered = fixture.send(Media.rtx(of: Media.delta(2), sequence: 1, ssrc: 12), from: alice)
    #expect(recovered.map(\.header.ssrc) == [0xB0])
}

@Test func anRTXStreamRepairsOnlyWhatItWasAnnouncedFor() {
    var parameters = Media.videoIn
    parameters.encodings = [EncodingParameters(ssrc: 1, rtxSSRC: 11), EncodingParameters(ssrc: 2, rtxSSRC: 12)]
    let fixture = Fixture()
    fixture.join(alice, [MediaSection(mid: "v", kind: .video, receives: parameters)])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    fixture.send(Media.key(1, ssrc: 1), from: alice)
    #expect(fixture.send(Media.rtx(of: Media.delta(2), sequence: 1, ssrc: 12), from: alice).isEmpty)
    #expect(fixture.lastDrop == .rtpUnknownStream)
    #expect(fixture.send(Media.rtx(of: Media.delta(2), sequence: 1, ssrc: 11), from: alice).count == 1)
}

@Test func theMIDDecidesWhenTheSSRCIsNew() {
    let fixture = Fixture()
    fixture.join(alice, twoVideos())
    fixture.join(bob, twoWatchers())
    fixture.connect(alice, bob)
    func packet(_ sequence: UInt16, mid: String?) -> [UInt8] {
        var extensions: [(UInt8, [UInt8])] = []
        if let mid { extensions.append((4, Array(mid.utf8))) }
        return Media.packet(sequence, ssrc: 77, extensions: extensions, payload: Media.vp8(isKeyFrame: true))
    }
    #expect(fixture.send(packet(1, mid: nil), from: alice).isEmpty)
    #expect(fixture.lastDrop == .rtpUnknownStream)
    #expect(fixture.send(packet(1, mid: "v9"), from: alice).isEmpty)
    #expect(fixture.lastDrop == .rtpUnknownStream)
    #expect(fixture.send(packet(1, mid: "v2"), from: alice).map(\.header.ssrc) == [0xB0])
    // Latched: the next one needs no MID.
    #expect(fixture.send(packet(2, mid: nil), from: alice).map(\.header.ssrc) == [0xB0])
}

@Test func thePayloadTypeDecidesWhenOnlyOneSectionHasIt() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video, Media.audio])
    fixture.join(bob, [Media.watch(), Media.listen()])
    fixture.connect(alice, bob, .video)
    fixture.connect(alice, bob, .audio)
    #expect(fixture.send(Media.packet(1, ssrc: 8, type: 111, payload: [1]), from: alice).map(\.header.ssrc) == [0xCC])
    #expect(fixture.send(Media.key(1, ssrc: 9), from: alice).map(\.header.ssrc) == [0xAA])
    #expect(fixture.send(Media.packet(2, ssrc: 9, type: 55, payload: [1]), from: alice).isEmpty)
    #expect(fixture.lastDrop == .rtpUnknownPayloadType)
    #expect(fixture.send(Media.packet(2, ssrc: 10, type: 55, payload: [1]), from: alice).isEmpty)
    #expect(fixture.lastDrop == .rtpUnknownPayloadType)
}

@Test func aPeerCannotLatchMoreSSRCsThanTheLimit() {
    let fixture = Fixture()
    fixture.join(alice, [Media.audio])
    fixture.join(bob, [Media.listen()])
    fixture.connect(alice, bob, .audio)
    for ssrc in 0..<UInt32(Limits.unsignalledSSRCs) {
        #expect(fixture.send(Media.packet(1, ssrc: 1000 + ssrc, type: 111, payload: [1]), from: alice).count == 1)
    }
    #expect(fixture.send(Media.packet(1, ssrc: 5000, type: 111, payload: [1]), from: alice).isEmpty)
    #expect(fixture.lastDrop == .rtpTooManyStreams)
    // A former SSRC takes over again only from a silent one.
    #expect(fixture.send(Media.packet(2, ssrc: 1000, type: 111, payload: [1]), from: alice).isEmpty)
    #expect(fixture.lastDrop == .staleSource)
    fixture.wait(Limits.flowSilence)
    #expect(fixture.send(Media.packet(3, ssrc: 1000, type: 111, payload: [1]), from: alice).count == 1)
}

@Test func anotherEndpointsSSRCMeansNothing() {
    let fixture = Fixture()
    fixture.join(alice, twoVideos(announcing: true))
    fixture.join(carol, [Media.audio])
    fixture.join(bob, twoWatchers())
    fixture.connect(alice, bob)
    fixture.send(Media.key(1, ssrc: 1), from: alice)
    #expect(fixture.send(Media.key(2, ssrc: 1), from: carol).isEmpty)
    #expect(fixture.lastDrop == .rtpUnknownPayloadType)
    #expect(fixture.send(Media.delta(2, ssrc: 1), from: alice).count == 1)
}

@Test func anEndpointThatIsNotOpenIsRefused() {
    let fixture = Fixture()
    #expect(fixture.send(Media.key(1), from: EndpointIndex(7)).isEmpty)
    #expect(fixture.lastDrop == .rtpUnknownStream)
    fixture.send(Media.key(1), from: EndpointIndex(99))
    #expect(fixture.lastDrop == .rtpUnknownStream)
    fixture.send(Media.key(1), from: EndpointIndex(-1))
    #expect(fixture.lastDrop == .rtpUnknownStream)
    #expect(fixture.sendRTCP(from: EndpointIndex(7)) { $0.writeReceiverReport(ssrc: 1) } == .rtpUnknownStream)
}

@Test func malformedPacketsAreDroppedWithTheirReason() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    fixture.send(Media.key(1), from: alice)
    fixture.send([0x80, 96, 0], from: alice)
    #expect(fixture.lastDrop == .rtpMalformed)
    fixture.send(Media.packet(1, ssrc: 0x12, type: 97, payload: [0]), from: alice)
    #expect(fixture.lastDrop == .rtxMalformed)
    fixture.send(Media.packet(2, ssrc: 0x12, type: 97, payload: []), from: alice)
    #expect(fixture.lastDrop == .rtxEmpty)
    // RTX of something far outside the stream.
    fixture.send(Media.rtx(of: Media.delta(40_000), sequence: 3), from: alice)
    #expect(fixture.lastDrop == .staleSource)
    #expect(fixture.sendRTCP([0x81, 201, 0, 9, 1], from: alice) == .rtcpMalformed)
    #expect(fixture.send(Media.delta(2), from: alice).count == 1)
}

/// Random bytes, and sound packets with random changes, in any order: nothing traps, nothing grows.
@Test(arguments: 1...8) func hostileBytesNeitherTrapNorStopTheMedia(seed: Int) {
    let fixture = Fixture(seed: UInt64(seed))
    fixture.join(alice, [MediaSection(mid: "v", kind: .video, receives: Media.videoIn, sends: Media.videoOut())])
    fixture.join(bob, [Media.watch(ssrc: 0xBB)])
    fixture.connect(alice, bob)
    fixture.connect(alice, alice)
    var random = SeededRandom(seed: UInt64(seed))
    for round in 0..<3000 {
        let base: [UInt8]
        switch random.next() % 4 {
        case 0: base = random.bytes(Int(random.next() % 80))
        case 1: base = Media.packet(
            UInt16(truncatingIfNeeded: random.next()), extensions: [(4, [118]), (3, [1, 2]), (11, [1])],
            payload: Media.vp8(isKeyFrame: random.next() % 2 == 0))
        case 2: base = Media.rtx(of: Media.delta(UInt16(truncatingIfNeeded: round)), sequence: UInt16(round))
        default:
            var writer = ByteWriter()
            writer.writeReceiverReport(
                ssrc: 1, blocks: [
                    ReportBlock(ssrc: 0xAA, fractionLost: 1, cumulativeLost: -1, highestSequence: 1, jitter: 0)
                ])
            writer.writeNack(
                senderSSRC: 1, mediaSSRC: 0xAA, sequenceNumbers: (0..<20).map { SequenceNumber($0 * 9) })
            writer.writeFullIntraRequest(senderSSRC: 1, mediaSSRC: 0xAA, sequence: UInt8(round & 0xFF))
            base = writer.bytes
        }
        var bytes = base
        for _ in 0..<(random.next() % 4) where !bytes.isEmpty {
            bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
        }
        if random.next() % 4 == 0 { bytes = Array(bytes.prefix(Int(random.next() % 100))) }
        if random.next() % 2 == 0 { fixture.send(bytes, from: alice) } else { fixture.sendRTCP(bytes, from: alice) }
        fixture.wait(.milliseconds(Int64(random.next() % 30)))
    }
    fixture.wait(.seconds(10))
    fixture.router.negotiate(
        alice, media: [MediaSection(mid: "v", kind: .video, receives: Media.videoIn)], now: fixture.now)
    fixture.send(Media.key(1), from: alice)
    #expect(fixture.send(Media.key(2), from: alice).contains { $0.endpoint == bob })
}
