import RTP
import Testing
import Wire

@testable import Forwarding

/// One sender and one watcher of a layered stream.
private struct Watched {
    let fixture = Fixture()
    var sender: ModelSender

    init(_ kind: ModelSender.Kind) {
        sender = ModelSender(kind, ssrc: 0x11, name: 1, seed: 5)
        fixture.join(
            alice, [MediaSection(mid: "v", kind: .video, receives: ModelSender.parameters(kind))])
        var output = ModelSender.parameters(kind)
        output.headerExtensions = [HeaderExtensionParameters(uri: HeaderExtensionURI.dependencyDescriptor, id: 8)]
        output.encodings = [EncodingParameters(ssrc: 0xAA, rtxSSRC: 0xAB)]
        fixture.join(bob, [MediaSection(mid: "w", kind: .video, sends: output)])
        fixture.connect(alice, bob)
    }

    /// The copies of the next pictures, picture by picture.
    mutating func pictures(_ count: Int) -> [[Fixture.Sent]] {
        (0..<count).map { _ in
            fixture.wait(.milliseconds(33))
            return sender.nextPicture().flatMap { fixture.send($0.bytes, from: alice) }
        }
    }

    func layers(_ copies: [Fixture.Sent]) -> Set<UInt32> { Set(copies.compactMap { Mark($0.payload)?.frame & 15 }) }
}

private func & (left: UInt32?, right: UInt32) -> UInt32? { left.map { $0 & right } }

private func vp8(_ copy: Fixture.Sent) -> VP8PayloadDescriptor {
    try! VP8PayloadDescriptor(parsing: copy.payload.span.bytes)
}

private func vp9(_ copy: Fixture.Sent) -> VP9PayloadDescriptor {
    try! VP9PayloadDescriptor(parsing: copy.payload.span.bytes)
}

@Test func vp8TemporalLayersAreThinnedOutAndJoinedAgain() {
    var watched = Watched(.vp8)
    #expect(watched.pictures(8).allSatisfy { !$0.isEmpty })
    watched.fixture.select(bob, temporal: 0)
    let slow = watched.pictures(8)
    #expect(slow.map(\.isEmpty) == [false, true, true, true, false, true, true, true])
    watched.fixture.select(bob, temporal: 1)
    let middle = watched.pictures(8)
    #expect(middle.map(\.isEmpty) == [false, true, false, true, false, true, false, true])
    watched.fixture.select(bob)
    // The second picture of the fastest layer is a sync frame only behind the base layer.
    let all = watched.pictures(8)
    #expect(all.suffix(4).allSatisfy { !$0.isEmpty })
    let sent = (slow + middle + all).joined().map { ($0.header.sequenceNumber, vp8($0)) }
    for (before, after) in zip(sent, sent.dropFirst()) {
        #expect(after.0.distance(from: before.0) == 1)
        let step = ((after.1.pictureID ?? 0) &- (before.1.pictureID ?? 0)) & 0x7FFF
        #expect(step == (after.1.startsPartition ? 1 : 0))
    }
}

@Test func aVP8NackAcrossThinnedPicturesIsAnsweredWithTheSameContent() throws {
    var watched = Watched(.vp8)
    watched.fixture.select(bob, temporal: 0)
    let copies = Array(watched.pictures(24).joined())
    #expect(copies.count > 6)
    watched.fixture.sendRTCP(from: bob) {
        $0.writeNack(senderSSRC: 1, mediaSSRC: 0xAA, sequenceNumbers: copies.map(\.header.sequenceNumber))
    }
    #expect(watched.fixture.retransmitted.map { Array($0.payload.dropFirst(2)) } == copies.map(\.payload))
}

@Test func vp9SpatialLayersAreCutWithTheMarkerMovedAndJoinedAtAKeyPicture() {
    var watched = Watched(.vp9)
    #expect(watched.pictures(4).allSatisfy { watched.layers($0) == [0, 1, 2] })
    watched.fixture.select(bob, spatial: 1)
    for picture in watched.pictures(4) {
        #expect(watched.layers(picture) == [0, 1])
        #expect(picture.map(\.header.marker) == picture.indices.map { $0 == picture.count - 1 })
    }
    watched.fixture.rtcp = []
    watched.fixture.select(bob, spatial: 2)
    #expect(watched.pictures(4).allSatisfy { watched.layers($0) == [0, 1] })
    #expect(watched.fixture.takeKeyFrameRequests(to: alice) == 1)
    watched.sender.wantsKey = true
    #expect(watched.pictures(4).allSatisfy { watched.layers($0) == [0, 1, 2] })
}

@Test func vp9PictureIdsGoOnWhenTheSourceChangesAndKeepTheirGapsWhenThinnedOut() {
    var watched = Watched(.vp9)
    watched.fixture.select(bob, temporal: 0)
    let slow = watched.pictures(9).filter { !$0.isEmpty }
    #expect(slow.count == 3)
    let ids = slow.map { vp9($0[0]).pictureID ?? 0 }
    #expect(ids.map { ($0 &- ids[0]) & 0x7FFF } == [0, 4, 8])
    let last = slow[2][0]
    var other = ModelSender(.vp9, ssrc: 0x77, name: 2, seed: 99)
    watched.fixture.join(
        carol, [MediaSection(mid: "v", kind: .video, receives: ModelSender.parameters(.vp9))])
    watched.fixture.connect(carol, bob)
    let first = other.nextPicture().flatMap { watched.fixture.send($0.bytes, from: carol) }[0]
    #expect(vp9(first).pictureID == ((vp9(last).pictureID ?? 0) + 1) & 0x7FFF)
    #expect(vp9(first).baseLayerIndex == (vp9(last).baseLayerIndex ?? 0) &+ 1)
}

@Test func dependencyDescriptorsTellWhichDecodeTargetsAreLeft() throws {
    var watched = Watched(.av1)
    var structure: DependencyStructure?
    func read(_ copy: Fixture.Sent) throws -> DependencyDescriptor {
        let bytes = try #require(copy.headerExtension(8))
        return try DependencyDescriptor(parsing: bytes.span.bytes, structure: &structure)
    }
    for copy in watched.pictures(4).joined() { #expect(try read(copy).activeTargets == nil) }
    watched.fixture.select(bob, spatial: 1, temporal: 1)
    watched.sender.wantsKey = true
    // Targets are numbered 3 * spatial + temporal.
    for (index, picture) in watched.pictures(8).enumerated() {
        #expect(watched.layers(picture) == (index % 2 == 0 ? [0, 1] : []))
        for copy in picture {
            let descriptor = try read(copy)
            #expect(descriptor.activeTargets == (descriptor.startsFrame ? 0b011_011 : nil))
        }
        if let last = picture.last { #expect(last.header.marker) }
    }
    watched.fixture.select(bob)
    watched.sender.wantsKey = true
    for picture in watched.pictures(4) {
        #expect(watched.layers(picture) == [0, 1, 2])
        for copy in picture { #expect(try read(copy).activeTargets == nil) }
    }
    // Down without a key frame: at the next frame that allows it.
    watched.fixture.select(bob, spatial: 0)
    let cut = watched.pictures(8)
    #expect(watched.layers(cut[7]) == [0])
    #expect(try read(cut[7][0]).activeTargets == 0b111)
}

@Test func aBrokenPayloadDescriptorIsLostAndBreaksNothing() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    fixture.send(Media.key(1), from: alice)
    #expect(fixture.send(Media.packet(2, payload: [0x90, 0x80]), from: alice).isEmpty)
    #expect(fixture.lastDrop == .payloadMalformed)
    #expect(fixture.send(Media.delta(3), from: alice).count == 1)
}

@Test func aSubscriberCostsLittleMemory() {
    let always = MemoryLayout<Subscriber>.stride + MemoryLayout<HeaderRewriter>.stride
    #expect(always <= 1024)
    // Taken with the first layer that is left out.
    #expect(MemoryLayout<RewritingSpan>.stride * Limits.rewritingSpans <= 2048)
    // Taken with the first NACK.
    #expect(8 * Limits.answeredPackets <= 1024)
}
