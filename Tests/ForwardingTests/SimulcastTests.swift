import RTP
import Testing
import Wire

@testable import Forwarding

private let rids = ["q", "h", "f"]

/// A peer with three encodings, told apart by RID, and how its packets look.
private enum Simulcast {
    static func parameters(_ rids: [String] = rids) -> RTPParameters {
        var parameters = Media.videoIn
        parameters.headerExtensions += [
            HeaderExtensionParameters(uri: HeaderExtensionURI.rid, id: 5),
            HeaderExtensionParameters(uri: HeaderExtensionURI.repairedRid, id: 6),
        ]
        parameters.encodings = rids.map { EncodingParameters(rid: $0) }
        return parameters
    }

    static func section(_ rids: [String] = rids) -> MediaSection {
        MediaSection(mid: "v", kind: .video, receives: parameters(rids))
    }

    static func packet(
        _ sequence: UInt16, layer: Int, isKey: Bool = false, rid: String? = nil, timestamp: UInt32 = 0,
        width: UInt8 = 0x10, size: Int = 0
    ) -> [UInt8] {
        var extensions: [(UInt8, [UInt8])] = []
        if let rid { extensions = [(4, Array("v".utf8)), (5, Array(rid.utf8))] }
        var payload = Media.vp8(isKeyFrame: isKey, [UInt8(layer)] + [UInt8](repeating: 1, count: size))
        payload[7] = width
        return Media.packet(
            sequence, timestamp: timestamp, ssrc: UInt32(0x100 + layer), extensions: extensions, payload: payload)
    }
}

private func started(watchers: [EndpointIndex] = [bob]) -> Fixture {
    let fixture = Fixture()
    fixture.join(alice, [Simulcast.section()])
    for (index, watcher) in watchers.enumerated() {
        fixture.join(watcher, [Media.watch(ssrc: UInt32(0xA0 + 16 * index))])
        fixture.connect(alice, watcher)
    }
    for layer in 0..<3 {
        fixture.send(Simulcast.packet(100, layer: layer, isKey: true, rid: rids[layer]), from: alice)
    }
    fixture.wait(.milliseconds(20))
    fixture.rtcp = []
    return fixture
}

/// Which layer's packet came out; nil when none did.
private func layer(_ copies: [Fixture.Sent]) -> Int? { copies.first.map { Int($0.payload[11]) } }

private func keyFrameTargets(_ fixture: Fixture) -> [UInt32] {
    fixture.takeRTCP(to: alice).compactMap { entry in
        if case .pictureLossIndication(let indication) = entry.packet { indication.mediaSSRC } else { nil }
    }
}

@Test func theBestLayerIsSentAndTheOthersAreNot() {
    let fixture = started()
    #expect(fixture.send(Simulcast.packet(101, layer: 0), from: alice).isEmpty)
    #expect(fixture.lastDrop == .layerNotSelected)
    #expect(fixture.send(Simulcast.packet(101, layer: 1), from: alice).isEmpty)
    #expect(layer(fixture.send(Simulcast.packet(101, layer: 2), from: alice)) == 2)
    let inbound = fixture.router.statistics(of: alice).inbound
    #expect(inbound.map(\.rid) == rids)
    #expect(inbound.map(\.packetsReceived) == [2, 2, 2])
    #expect(fixture.router.statistics(of: bob).outbound.first?.rid == "f")
}

@Test func anEncodingIsKnownByItsSSRCOnceItsRIDWasSeen() {
    let fixture = started()
    // No extension any more.
    #expect(layer(fixture.send(Simulcast.packet(101, layer: 2), from: alice)) == 2)
    // A new SSRC without a RID is nobody's, with an unknown RID as well.
    let stranger = Media.key(1, ssrc: 0x999)
    #expect(fixture.send(stranger, from: alice).isEmpty)
    #expect(fixture.lastDrop == .rtpUnknownStream)
    let unknown = Media.packet(
        1, ssrc: 0x999, extensions: [(5, Array("x".utf8))], payload: Media.vp8(isKeyFrame: true))
    #expect(fixture.send(unknown, from: alice).isEmpty)
    #expect(fixture.lastDrop == .rtpUnknownStream)
    // The mapping survives a renegotiation.
    fixture.router.negotiate(alice, media: [Simulcast.section()], now: fixture.now)
    #expect(layer(fixture.send(Simulcast.packet(102, layer: 2), from: alice)) == 2)
}

@Test func announcedSSRCsTellEncodingsWithoutRIDs() {
    var parameters = Media.videoIn
    parameters.encodings = (UInt32(0)..<3).map { EncodingParameters(ssrc: 0x100 + $0, rtxSSRC: 0x200 + $0) }
    let fixture = Fixture()
    fixture.join(alice, [MediaSection(mid: "v", kind: .video, receives: parameters)])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    for index in 0..<3 { fixture.send(Simulcast.packet(100, layer: index, isKey: true), from: alice) }
    #expect(layer(fixture.send(Simulcast.packet(101, layer: 2), from: alice)) == 2)
    let lost = Simulcast.packet(102, layer: 2)
    fixture.send(Simulcast.packet(103, layer: 2), from: alice)
    #expect(layer(fixture.send(Media.rtx(of: lost, sequence: 1, ssrc: 0x202), from: alice)) == 2)
}

@Test func theRepairedRIDTellsWhatAnRTXStreamRepairs() {
    let fixture = started()
    fixture.send(Simulcast.packet(102, layer: 2), from: alice)
    var lost = Simulcast.packet(101, layer: 2)
    let header = try! RTPHeader(parsing: lost.span.bytes)
    lost = Media.packet(
        7, timestamp: 0, ssrc: 0x302, type: 97, extensions: [(4, Array("v".utf8)), (6, Array("f".utf8))],
        payload: [0, 101] + lost[header.payloadRange])
    #expect(layer(fixture.send(lost, from: alice)) == 2)
    // Latched: the next needs no extension.
    fixture.send(Simulcast.packet(104, layer: 2), from: alice)
    #expect(layer(fixture.send(Media.rtx(of: Simulcast.packet(103, layer: 2), sequence: 8, ssrc: 0x302), from: alice)) == 2)
}

@Test func aSwitchKeepsTheOldLayerUntilTheNewOnesKeyFrame() {
    let fixture = started()
    let before = fixture.send(Simulcast.packet(101, layer: 2, timestamp: 3000), from: alice)[0]
    fixture.router.selectLayers(of: bob, spatial: 0, now: fixture.now)
    fixture.drain()
    #expect(keyFrameTargets(fixture) == [0x100])
    #expect(fixture.send(Simulcast.packet(101, layer: 0), from: alice).isEmpty)
    #expect(layer(fixture.send(Simulcast.packet(102, layer: 2, timestamp: 6000), from: alice)) == 2)
    fixture.wait(.milliseconds(33))
    let first = fixture.send(Simulcast.packet(102, layer: 0, isKey: true, timestamp: 777), from: alice)
    #expect(layer(first) == 0)
    #expect(first[0].header.sequenceNumber == before.header.sequenceNumber.advanced(by: 2))
    #expect(first[0].header.timestamp &- before.header.timestamp == 3000 + 33 * 90)
    #expect(fixture.send(Simulcast.packet(103, layer: 2), from: alice).isEmpty)
    let second = fixture.send(Simulcast.packet(103, layer: 0, timestamp: 777 + 3000), from: alice)[0]
    #expect(second.header.timestamp &- first[0].header.timestamp == 3000)
}

@Test func aLayerMayBeChosenBeforeAnythingIsNegotiated() {
    let fixture = Fixture()
    fixture.router.open(bob)
    #expect(fixture.select(bob, spatial: 1))
    fixture.join(alice, [Simulcast.section()])
    fixture.router.negotiate(bob, media: [Media.watch()], now: fixture.now)
    fixture.router.setConnected(bob, true, now: fixture.now)
    fixture.connect(alice, bob)
    var seen: [Int?] = []
    for index in 0..<3 {
        seen.append(layer(fixture.send(Simulcast.packet(9, layer: index, isKey: true, rid: rids[index]), from: alice)))
    }
    #expect(seen == [0, 1, nil])
    #expect(!fixture.select(carol))
}

@Test func anIdleLayerCostsNoNackAndNoKeyFrameRequest() {
    let fixture = started()
    fixture.router.selectLayers(of: bob, spatial: 0, now: fixture.now)
    fixture.send(Simulcast.packet(101, layer: 0, isKey: true), from: alice)
    fixture.wait(.milliseconds(50))
    fixture.rtcp = []
    // Losses on all of them.
    for index in 0..<3 { fixture.send(Simulcast.packet(110, layer: index), from: alice) }
    fixture.wait(.milliseconds(300))
    let asked = fixture.takeRTCP(to: alice).compactMap { entry -> UInt32? in
        switch entry.packet {
        case .nack(let nack): nack.mediaSSRC
        case .pictureLossIndication(let indication): indication.mediaSSRC
        default: nil
        }
    }
    #expect(!asked.isEmpty && Set(asked) == [0x100])
    let held = (0..<fixture.router.streams.capacity).filter { fixture.router.streams.contains($0) }
        .filter { fixture.router.streams[$0].cache != nil }
    #expect(held.count == 1)
}

@Test func aLayerThatStopsIsReplacedByTheNextLowerOne() {
    let fixture = started()
    var sequence: UInt16 = 100
    for _ in 0..<40 {
        fixture.wait(.milliseconds(33))
        sequence += 1
        for index in 0..<2 { fixture.send(Simulcast.packet(sequence, layer: index), from: alice) }
    }
    // Asked for, and taken when it comes.
    #expect(keyFrameTargets(fixture).contains(0x101))
    sequence += 1
    #expect(layer(fixture.send(Simulcast.packet(sequence, layer: 1, isKey: true), from: alice)) == 1)
    // The best one comes back.
    fixture.rtcp = []
    fixture.send(Simulcast.packet(101, layer: 2), from: alice)
    #expect(keyFrameTargets(fixture).contains(0x102))
    #expect(layer(fixture.send(Simulcast.packet(sequence + 1, layer: 1), from: alice)) == 1)
    #expect(layer(fixture.send(Simulcast.packet(102, layer: 2, isKey: true), from: alice)) == 2)
}

@Test func theOrderOfSizesIsLearnedFromKeyFrames() {
    let fixture = Fixture()
    let names = ["x", "y", "z"]
    fixture.join(alice, [Simulcast.section(names)])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    // Largest first, as some clients list them.
    for index in 0..<3 {
        fixture.send(
            Simulcast.packet(9, layer: index, isKey: true, rid: names[index], width: UInt8(0x80 >> index)), from: alice)
    }
    fixture.send(Simulcast.packet(10, layer: 0, isKey: true, width: 0x80), from: alice)
    #expect(layer(fixture.send(Simulcast.packet(11, layer: 0), from: alice)) == 0)
    fixture.router.selectLayers(of: bob, spatial: 0, now: fixture.now)
    #expect(layer(fixture.send(Simulcast.packet(10, layer: 2, isKey: true, width: 0x20), from: alice)) == 2)
}

@Test func theOrderOfSizesIsLearnedFromBitRatesWithoutDimensions() {
    let fixture = Fixture()
    let names = ["x", "y"]
    var parameters = Simulcast.parameters(names)
    parameters.codecs[0].name = "H264"
    var output = Media.videoOut()
    output.codecs[0].name = "H264"
    fixture.join(alice, [MediaSection(mid: "v", kind: .video, receives: parameters)])
    fixture.join(bob, [MediaSection(mid: "w", kind: .video, sends: output)])
    fixture.connect(alice, bob)
    func h264(_ sequence: UInt16, _ index: Int, isKey: Bool) -> [UInt8] {
        Media.packet(
            sequence, ssrc: UInt32(0x100 + index), extensions: [(5, Array(names[index].utf8))],
            payload: [isKey ? 0x65 : 0x61] + [UInt8](repeating: UInt8(index), count: index == 0 ? 900 : 100))
    }
    var last: [Int] = []
    for step in UInt16(0)..<120 {
        for index in 0..<2 {
            for copy in fixture.send(h264(step, index, isKey: step % 30 == 0), from: alice) {
                last.append(Int(copy.payload[5]))
            }
        }
        fixture.wait(.milliseconds(33))
    }
    #expect(last.suffix(20).allSatisfy { $0 == 0 })
    #expect(last.prefix(20).contains(1))
}

@Test func aSizeThatIsLearnedLateIsFollowed() {
    let fixture = Fixture()
    fixture.join(alice, [Simulcast.section()])
    fixture.join(bob, [Media.watch()])
    fixture.router.selectLayers(of: bob, pixels: 1, now: fixture.now)
    fixture.connect(alice, bob)
    fixture.send(Simulcast.packet(9, layer: 0, rid: rids[0]), from: alice)
    #expect(layer(fixture.send(Simulcast.packet(9, layer: 1, isKey: true, rid: rids[1], width: 0x20), from: alice)) == 1)
    fixture.send(Simulcast.packet(9, layer: 2, isKey: true, rid: rids[2], width: 0x40), from: alice)
    #expect(layer(fixture.send(Simulcast.packet(10, layer: 0, isKey: true), from: alice)) == 0)
}

@Test func ridsSuggestAnOrderBeforeAnythingIsKnown() {
    let fixture = Fixture()
    fixture.join(alice, [Simulcast.section(["f", "h", "q"])])
    fixture.join(bob, [Media.watch()])
    fixture.router.selectLayers(of: bob, spatial: 0, now: fixture.now)
    fixture.connect(alice, bob)
    for index in 0..<3 {
        fixture.send(Simulcast.packet(9, layer: index, isKey: true, rid: ["f", "h", "q"][index]), from: alice)
    }
    #expect(layer(fixture.send(Simulcast.packet(10, layer: 2, isKey: true), from: alice)) == 2)
    #expect(fixture.send(Simulcast.packet(10, layer: 0, isKey: true), from: alice).isEmpty)
}

@Test func senderReportsPlaceTheNewLayerInTime() throws {
    let fixture = started()
    let rate: UInt64 = 90_000
    func report(_ ssrc: UInt32, _ rtp: UInt32, atMilliseconds milliseconds: UInt64) {
        let ntp = NTPTimestamp(rawValue: 0xE000_0000_0000_0000 + (milliseconds << 32) / 1000)
        fixture.sendRTCP(from: alice) {
            $0.writeSenderReport(
                SenderReport(ssrc: ssrc, ntp: ntp, rtpTimestamp: rtp, packetCount: 1, octetCount: 1))
        }
    }
    // Timestamp 0 of the large layer was at 0 ms, 500 000 of the small one at 100 ms.
    report(0x102, 0, atMilliseconds: 0)
    report(0x100, 500_000, atMilliseconds: 100)
    fixture.wait(.milliseconds(60))
    let before = fixture.send(Simulcast.packet(101, layer: 2, timestamp: 9000), from: alice)[0]
    fixture.router.selectLayers(of: bob, spatial: 0, now: fixture.now)
    fixture.rtcp = []
    // Captured at 133 ms, though it came 70 ms after the other's packet of 100 ms.
    fixture.wait(.milliseconds(70))
    let after = fixture.send(
        Simulcast.packet(102, layer: 0, isKey: true, timestamp: 500_000 + 33 * 90), from: alice)[0]
    #expect(abs(Int32(bitPattern: after.header.timestamp &- before.header.timestamp) - 33 * 90) <= 1)
    // The new layer's report goes out at once, and says the same time.
    let reports = fixture.takeRTCP(to: bob).compactMap { entry -> SenderReport? in
        if case .senderReport(let report) = entry.packet { report } else { nil }
    }
    let told = try #require(reports.first)
    #expect(told.rtpTimestamp &- after.header.timestamp == UInt32(bitPattern: -33 * 90))
    #expect(rate == 90_000)
}

@Test func layersOfACutConnectionAreGivenBack() {
    let fixture = started(watchers: [bob, carol])
    fixture.router.disconnect(source: alice, sink: bob, kind: .video)
    fixture.router.disconnect(source: alice, sink: carol, kind: .video)
    for slot in 0..<fixture.router.streams.capacity where fixture.router.streams.contains(slot) {
        #expect(fixture.router.streams[slot].users == 0)
    }
    fixture.router.close(alice)
    #expect(fixture.router.streams.count == 0)
}

@Test func renegotiatingWithFewerEncodingsMovesTheViewers() {
    let fixture = started()
    #expect(layer(fixture.send(Simulcast.packet(101, layer: 2), from: alice)) == 2)
    fixture.router.negotiate(alice, media: [Simulcast.section(["q", "h"])], now: fixture.now)
    fixture.drain()
    #expect(keyFrameTargets(fixture).contains(0x101))
    #expect(layer(fixture.send(Simulcast.packet(101, layer: 1, isKey: true), from: alice)) == 1)
    #expect(fixture.send(Simulcast.packet(102, layer: 2), from: alice).isEmpty)
}

// MARK: Pinned subscribers

private func pipe() -> MediaSection {
    var parameters = Media.videoOut()
    parameters.headerExtensions.append(HeaderExtensionParameters(uri: HeaderExtensionURI.rid, id: 12))
    parameters.encodings = rids.enumerated().map {
        EncodingParameters(ssrc: UInt32(0x500 + $0.offset), rtxSSRC: UInt32(0x600 + $0.offset), rid: $0.element)
    }
    return MediaSection(mid: "p", kind: .video, sends: parameters)
}

@Test func aSectionWithSeveralEncodingsPassesEachAsItIs() {
    let fixture = Fixture()
    fixture.join(alice, [Simulcast.section(["f", "h", "q"])])
    fixture.join(bob, [pipe()])
    fixture.connect(alice, bob)
    fixture.router.selectLayers(of: bob, spatial: 0, temporal: 0, now: fixture.now)
    let order = ["f", "h", "q"]
    for index in 0..<3 {
        let copies = fixture.send(
            Simulcast.packet(100, layer: index, isKey: true, rid: order[index]), from: alice)
        // By RID, not by position.
        #expect(copies.map(\.header.ssrc) == [UInt32(0x502 - index)])
        #expect(copies.first?.headerExtension(12) == Array(order[index].utf8))
    }
    for index in 0..<3 {
        #expect(fixture.send(Simulcast.packet(101, layer: index), from: alice).map(\.header.ssrc) == [UInt32(0x502 - index)])
    }
    // Each answers its own NACK and asks for its own key frame.
    let again = fixture.send(Simulcast.packet(102, layer: 1), from: alice)[0]
    fixture.sendRTCP(from: bob) {
        $0.writeNack(senderSSRC: 1, mediaSSRC: 0x501, sequenceNumbers: [again.header.sequenceNumber])
    }
    #expect(fixture.retransmitted.map(\.header.ssrc) == [0x601])
    fixture.wait(.seconds(6))
    fixture.rtcp = []
    fixture.sendRTCP(from: bob) { $0.writePictureLossIndication(senderSSRC: 1, mediaSSRC: 0x500) }
    #expect(keyFrameTargets(fixture) == [0x102])
}

@Test func theOtherEndOfAPipeIsASimulcastPublisher() {
    let near = Fixture()
    near.join(alice, [Simulcast.section()])
    near.join(bob, [pipe()])
    near.connect(alice, bob)
    let far = Fixture()
    var input = pipe().sends ?? RTPParameters()
    input.codecs[0].name = "VP8"
    far.join(bob, [MediaSection(mid: "p", kind: .video, receives: input)])
    var output = Media.videoOut()
    output.codecs[0].payloadType = 100
    far.join(carol, [MediaSection(mid: "w", kind: .video, sends: output)])
    far.connect(bob, carol)
    far.router.selectLayers(of: carol, spatial: 1, now: far.now)
    var seen: [Int?] = []
    for step in UInt16(0)..<3 {
        for index in 0..<3 {
            for copy in near.send(
                Simulcast.packet(100 + step, layer: index, isKey: step == 0, rid: rids[index]), from: alice)
            {
                seen.append(layer(far.send(copy.bytes, from: bob)))
            }
        }
    }
    #expect(seen.suffix(6) == [nil, 1, nil, nil, 1, nil])
}

// MARK: Sections

@Test func aRouteCanNameTheSectionThatItFeeds() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    // Before the sink is negotiated.
    fixture.router.open(carol)
    fixture.router.open(bob)
    #expect(fixture.connect(bob, carol, section: 1))
    #expect(fixture.connect(alice, carol, section: 0))
    #expect(!fixture.connect(alice, carol, section: -1))
    #expect(!fixture.connect(alice, carol, section: 99))
    fixture.router.negotiate(
        carol, media: [Media.watch(ssrc: 0xA0, mid: "1"), Media.watch(ssrc: 0xB0, mid: "2")], now: fixture.now)
    fixture.router.setConnected(carol, true, now: fixture.now)
    fixture.join(bob, [Media.video])
    // Opening a slot anew forgets what it fed.
    #expect(fixture.connect(bob, carol, section: 1))
    #expect(fixture.send(Media.key(1), from: alice).map(\.header.ssrc) == [0xA0])
    #expect(fixture.send(Media.key(1), from: bob).map(\.header.ssrc) == [0xB0])
    // The same source on both, then only on one.
    #expect(fixture.connect(alice, carol, section: 1))
    #expect(Set(fixture.send(Media.key(2), from: alice).map(\.header.ssrc)) == [0xA0, 0xB0])
    fixture.router.disconnect(source: alice, sink: carol, kind: .video, section: 0)
    #expect(fixture.send(Media.key(3), from: alice).map(\.header.ssrc) == [0xB0])
    // Without a section the whole sink changes over.
    fixture.connect(bob, carol)
    #expect(fixture.send(Media.key(4), from: alice).isEmpty)
    #expect(fixture.send(Media.key(4), from: bob).map(\.header.ssrc) == [0xA0])
}

// MARK: Padding

@Test(arguments: [UInt8(101), nil]) func paddingIsAddedOnlyWhereRetransmissionsAreRTX(rtx: UInt8?) throws {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch(rtx: rtx)])
    fixture.connect(alice, bob)
    let plain = fixture.send(Media.key(1), from: alice)[0]
    let packet = Media.delta(2)
    var forward = try fixture.router.receiveRTP(packet.span.bytes, from: alice, now: fixture.now)
    forward.padding = 7
    var buffer = [UInt8](repeating: 0xEE, count: forward.roomNeeded)
    var span = buffer.mutableSpan
    var raw = span.mutableBytes
    let length = try fixture.router.rewrite(
        forward, packet: packet.span.bytes, for: fixture.router.subscriber(of: forward, at: 0), into: &raw,
        now: fixture.now)
    let sent = Fixture.Sent(endpoint: bob, bytes: Array(buffer[..<length]))
    #expect(sent.payload == Media.vp8(isKeyFrame: false))
    #expect(sent.header.paddingLength == (rtx == nil ? 0 : 7))
    #expect(length == plain.bytes.count + (rtx == nil ? 0 : 7))
    fixture.wait(.milliseconds(100))
    fixture.sendRTCP(from: bob) {
        $0.writeNack(senderSSRC: 1, mediaSSRC: 0xAA, sequenceNumbers: [sent.header.sequenceNumber])
    }
    #expect(fixture.retransmitted.first?.header.paddingLength == 0)
    if rtx == nil { #expect(fixture.retransmitted.first?.bytes == sent.bytes) }
}

@Test func aPublishersPaddingTakesNoNumber() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    let before = fixture.send(Media.key(1), from: alice)[0]
    #expect(fixture.send(Media.packet(2, payload: []), from: alice).isEmpty)
    #expect(fixture.lastDrop == .paddingOnly)
    let after = fixture.send(Media.delta(3, timestamp: 3000), from: alice)[0]
    #expect(after.header.sequenceNumber == before.header.sequenceNumber.advanced(by: 1))
    // Late, its number is used already: an empty packet fills the gap.
    fixture.send(Media.delta(5, timestamp: 6000), from: alice)
    let filler = fixture.send(Media.packet(4, timestamp: 3000, payload: []), from: alice)
    #expect(filler.first?.payload == [])
    #expect(filler.first?.header.sequenceNumber == after.header.sequenceNumber.advanced(by: 1))
}
