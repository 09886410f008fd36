import RTP
import Testing
import Wire

@testable import Forwarding

@Test func onePublisherReachesEverySubscriberUnderItsOwnIdentity() throws {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch(ssrc: 0xB0)])
    fixture.join(carol, [Media.watch(ssrc: 0xC0)])
    fixture.connect(alice, bob)
    fixture.connect(alice, carol)
    let payload = Media.vp8(isKeyFrame: true, [1, 2, 3])
    let copies = fixture.send(
        Media.packet(500, timestamp: 9000, marker: true, payload: payload), from: alice)
    #expect(copies.map(\.endpoint) == [bob, carol])
    #expect(copies.map(\.header.ssrc) == [0xB0, 0xC0])
    for copy in copies {
        #expect(copy.payload == payload)
        #expect(copy.header.marker)
        #expect(copy.header.payloadType == 100)
        #expect(copy.headerExtension(9) == Array("w".utf8))
    }
    #expect(copies[0].header.sequenceNumber != copies[1].header.sequenceNumber)
    let next = fixture.send(Media.delta(502, timestamp: 12000), from: alice)
    for (first, second) in zip(copies, next) {
        #expect(second.header.sequenceNumber.distance(from: first.header.sequenceNumber) == 2)
        #expect(second.header.timestamp &- first.header.timestamp == 3000)
    }
}

@Test func loopbackReturnsAPublishersOwnMedia() {
    let fixture = Fixture()
    fixture.join(
        alice,
        [
            MediaSection(mid: "v", kind: .video, receives: Media.videoIn, sends: Media.videoOut()),
            MediaSection(mid: "a", kind: .audio, receives: Media.audioIn, sends: Media.audioOut()),
        ])
    fixture.connect(alice, alice, .video)
    fixture.connect(alice, alice, .audio)
    let video = fixture.send(Media.key(1), from: alice)
    #expect(video.map(\.header.ssrc) == [0xAA])
    let audio = fixture.send(Media.packet(7, ssrc: 0x21, type: 111, payload: [1, 2]), from: alice)
    #expect(audio.map(\.header.ssrc) == [0xCC])
    #expect(audio.first?.header.payloadType == 109)
}

@Test func extensionsAreRenumberedAndTheInboundTransportsAreNotLeaked() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    let copy = fixture.send(
        Media.packet(
            1, extensions: [(3, [0x12, 0x34]), (11, [0x07]), (4, Array("v".utf8)), (13, [9])],
            payload: Media.vp8(isKeyFrame: true)), from: alice)[0]
    #expect(copy.headerExtension(6) == [0x07])
    #expect(copy.headerExtension(9) == Array("w".utf8))
    #expect(copy.headerExtension(3) == nil)
    #expect(copy.headerExtension(11) == nil)
    #expect(copy.headerExtension(13) == nil)
    let time = NTPTimestamp(fixture.now, unixOffset: .zero).absoluteSendTime
    #expect(copy.headerExtension(2) == [UInt8(time >> 16 & 0xFF), UInt8(time >> 8 & 0xFF), UInt8(time & 0xFF)])
}

@Test func aSubscriberWithoutExtensionsGetsNone() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [MediaSection(mid: "w", kind: .video, sends: Media.videoOut(extensions: false))])
    fixture.connect(alice, bob)
    let copy = fixture.send(
        Media.packet(1, extensions: [(11, [1])], payload: Media.vp8(isKeyFrame: true)), from: alice)[0]
    #expect(copy.header.extensionProfile == 0)
    #expect(copy.header.headerLength == 12)
}

@Test func aLongExtensionElementIsPassedInTheTwoByteForm() {
    var input = Media.videoIn
    input.headerExtensions.append(HeaderExtensionParameters(uri: HeaderExtensionURI.dependencyDescriptor, id: 20))
    var output = Media.videoOut()
    output.headerExtensions.append(HeaderExtensionParameters(uri: HeaderExtensionURI.dependencyDescriptor, id: 8))
    let fixture = Fixture()
    fixture.join(alice, [MediaSection(mid: "v", kind: .video, receives: input)])
    fixture.join(bob, [MediaSection(mid: "w", kind: .video, sends: output)])
    fixture.connect(alice, bob)
    let descriptor = (0..<40).map { UInt8($0) }
    let copy = fixture.send(
        Media.packet(
            1, extensions: [(20, descriptor), (11, [5])], form: .twoByte, payload: Media.vp8(isKeyFrame: true)),
        from: alice)[0]
    #expect(copy.header.extensionProfile == HeaderExtensions.twoByteProfile)
    #expect(copy.headerExtension(8) == descriptor)
    #expect(copy.headerExtension(6) == [5])
    #expect(copy.headerExtension(9) == Array("w".utf8))
}

@Test func paddingAndContributingSourcesAreNotPassedOn() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    let payload = Media.vp8(isKeyFrame: true, [7])
    var packet = Media.packet(1, payload: payload)
    packet[0] |= 0x20 | 0x01
    packet.insert(contentsOf: [0, 0, 0, 9], at: 12)
    packet += [0, 0, 3]
    let copy = fixture.send(packet, from: alice)[0]
    #expect(copy.payload == payload)
    #expect(copy.bytes[0] & 0x2F == 0)
}

@Test func aFormatThatTheSubscriberLacksIsDroppedWithItsReason() {
    var parameters = Media.videoOut()
    parameters.codecs[0].name = "VP9"
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [MediaSection(mid: "w", kind: .video, sends: parameters)])
    fixture.connect(alice, bob)
    #expect(fixture.send(Media.key(1), from: alice).isEmpty)
    #expect(fixture.lastDrop == .codecNotNegotiated)
}

@Test func codecsMatchByWhatTheirPacketsNeed() {
    func h264(_ type: UInt8, _ mode: String?, _ profile: String) -> CodecParameters {
        CodecParameters(
            name: "H264", payloadType: type, clockRate: 90_000,
            formatParameters: (mode.map { [FormatParameter("packetization-mode", $0)] } ?? [])
                + [FormatParameter("profile-level-id", profile)])
    }
    let candidates = [h264(1, "0", "42e01f"), h264(2, "1", "640032"), h264(3, "1", "42e034")]
    #expect(h264(9, "1", "42e01f").match(in: candidates)?.payloadType == 3)
    #expect(h264(9, "1", "4d001f").match(in: candidates)?.payloadType == 2)
    #expect(h264(9, nil, "42e01f").match(in: candidates)?.payloadType == 1)
    let mono = CodecParameters(name: "opus", payloadType: 8, clockRate: 48_000, channels: 1)
    let stereo = CodecParameters(name: "OPUS", payloadType: 9, clockRate: 48_000, channels: 2)
    #expect(mono.match(in: [stereo]) == nil)
    #expect(stereo.match(in: [mono, stereo])?.payloadType == 9)
    let vp9 = CodecParameters(name: "VP9", payloadType: 7, clockRate: 90_000)
    var vp9Two = vp9
    vp9Two.formatParameters = [FormatParameter("profile-id", "2")]
    #expect(vp9.match(in: [vp9Two]) == nil)
}

@Test func aBufferThatIsTooSmallDropsThePacketAndMovesNothing() throws {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    let packet = Media.key(1)
    let forward = try fixture.router.receiveRTP(packet.span.bytes, from: alice, now: fixture.now)
    let subscriber = fixture.router.subscriber(of: forward, at: 0)
    var small = [UInt8](repeating: 0, count: 20)
    var span = small.mutableSpan
    var raw = span.mutableBytes
    var reason: DropReason?
    do {
        _ = try fixture.router.rewrite(
            forward, packet: packet.span.bytes, for: subscriber, into: &raw, now: fixture.now)
    } catch { reason = error }
    #expect(reason == .oversizedDatagram)
    #expect(fixture.router.statistics(of: bob).outbound.isEmpty)
}
