import RTP
import Testing
import Wire

@testable import Forwarding

/// Opus and redundant opus as the publisher, and as a peer with other payload types numbers them.
private func audio(opus: UInt8, red: UInt8?, ssrc: UInt32? = nil) -> RTPParameters {
    var codecs = [CodecParameters(name: "opus", payloadType: opus, clockRate: 48_000, channels: 2)]
    if let red {
        codecs.append(
            CodecParameters(
                name: "red", payloadType: red, clockRate: 48_000, channels: 2,
                formatParameters: [FormatParameter("\(opus)/\(opus)", "")]))
    }
    return RTPParameters(codecs: codecs, encodings: ssrc.map { [EncodingParameters(ssrc: $0)] } ?? [], cname: "us")
}

private func listener(red: UInt8?, ssrc: UInt32, isRelay: Bool = false) -> MediaSection {
    MediaSection(mid: "l", kind: .audio, sends: audio(opus: 109, red: red, ssrc: ssrc), isRelay: isRelay)
}

private let speaker = MediaSection(mid: "a", kind: .audio, receives: audio(opus: 111, red: 63))

/// Alice speaks; bob takes redundancy, carol knows opus alone.
private func room() -> Fixture {
    let fixture = Fixture()
    fixture.join(alice, [speaker])
    fixture.join(bob, [listener(red: 121, ssrc: 0xB0)])
    fixture.join(carol, [listener(red: nil, ssrc: 0xC0)])
    fixture.connect(alice, bob, .audio)
    fixture.connect(alice, carol, .audio)
    return fixture
}

/// A frame and the one before it, as libwebrtc sends them: 20 ms apart.
private func redundant(_ number: UInt16, primary: [UInt8] = [8, 9], type: UInt8 = 111) -> [UInt8] {
    Media.packet(
        number, timestamp: UInt32(number) * 960, type: 63,
        payload: [0x80 | type, 0x0F, 0x00, 0x03, 111, 5, 6, 7] + primary)
}

private func report(_ fixture: Fixture, _ fractionLost: Double, ssrc: UInt32 = 0xB0, from peer: EndpointIndex = bob) {
    // Something new has come each time, or the circuit breaker would trip.
    let block = ReportBlock(
        ssrc: ssrc, fractionLost: UInt8(fractionLost * 256), cumulativeLost: 0,
        highestSequence: UInt32(truncatingIfNeeded: fixture.now.nanoseconds / 1_000_000), jitter: 0,
        lastSenderReport: 0, delaySinceLastSenderReport: 0)
    fixture.sendRTCP(from: peer) { $0.writeReceiverReport(ssrc: 9, blocks: [block]) }
}

private func hasRedundancy(_ fixture: Fixture, _ number: UInt16) -> Bool {
    fixture.send(redundant(number), from: alice).first { $0.endpoint == bob }?.header.payloadType == 121
}

@Test func redundancyIsPassedWithThePayloadTypesOfThePeer() throws {
    let copy = try #require(room().send(redundant(1), from: alice).first { $0.endpoint == bob })
    #expect(copy.header.payloadType == 121)
    #expect(copy.payload == [0x80 | 109, 0x0F, 0x00, 0x03, 109, 5, 6, 7, 8, 9])
}

@Test func aPeerWithoutRedundancyGetsThePrimaryBlockAlone() throws {
    let fixture = room()
    let first = try #require(fixture.send(redundant(1), from: alice).first { $0.endpoint == carol })
    #expect(first.header.payloadType == 109)
    #expect(first.payload == [8, 9])
    let second = try #require(fixture.send(redundant(2, primary: [1]), from: alice).first { $0.endpoint == carol })
    #expect(second.payload == [1])
    #expect(second.header.sequenceNumber.distance(from: first.header.sequenceNumber) == 1)
    #expect(second.header.timestamp &- first.header.timestamp == 960)
}

@Test func plainPacketsBetweenRedundantOnesKeepTheirPlace() {
    let fixture = room()
    var numbers: [UInt16] = []
    for number in 1...4 as ClosedRange<UInt16> {
        let plain = Media.packet(number, timestamp: UInt32(number) * 960, type: 111, payload: [number == 2 ? 7 : 0])
        let copies = fixture.send(number % 2 == 0 ? plain : redundant(number), from: alice)
        #expect(copies.map(\.header.payloadType) == (number % 2 == 0 ? [109, 109] : [121, 109]))
        numbers.append(copies[0].header.sequenceNumber.rawValue)
    }
    #expect(numbers == (0..<4).map { numbers[0] &+ $0 })
}

@Test func paddingBehindRedundancyIsNotTakenForSound() throws {
    var packet = redundant(1) + [0, 0, 3]
    packet[0] |= 0x20
    let copies = room().send(packet, from: alice)
    #expect(copies.map(\.payload.last) == [9, 9])
    #expect(copies.map(\.header.paddingLength) == [0, 0])
}

@Test func redundancyThatContradictsItselfGoesToNobody() {
    let fixture = room()
    for payload in [[], [0xEF], [0xEF, 0x0F, 0xFF, 0xFF, 111, 1], [111], [63, 1]] as [[UInt8]] {
        #expect(fixture.send(Media.packet(1, type: 63, payload: payload), from: alice).isEmpty)
        #expect(fixture.lastDrop == .payloadMalformed || fixture.lastDrop == .rtpDuplicate)
    }
    #expect(fixture.send(Media.packet(2, type: 63, payload: [63, 1]), from: alice).isEmpty)
    #expect(fixture.lastDrop == .payloadMalformed)
}

@Test func redundancyOfAnotherCodecIsStripped() {
    let copies = room().send(redundant(1, type: 0), from: alice)
    #expect(copies.map(\.header.payloadType) == [109, 109])
    #expect(copies.map(\.payload) == [[8, 9], [8, 9]])
}

@Test func aPrimaryBlockThatThePeerDoesNotKnowIsNotForIt() {
    let fixture = room()
    #expect(fixture.send(Media.packet(1, type: 63, payload: [9, 1, 2]), from: alice).isEmpty)
    #expect(fixture.lastDrop == .codecNotNegotiated)
}

@Test func sendersCountsAreOfWhatWasSent() throws {
    let fixture = room()
    for number in 1...3 as ClosedRange<UInt16> { fixture.send(redundant(number), from: alice) }
    fixture.sendRTCP(from: alice) {
        $0.writeSenderReport(
            SenderReport(
                ssrc: 0x11, ntp: NTPTimestamp(rawValue: 1 << 32), rtpTimestamp: 0, packetCount: 3, octetCount: 30))
    }
    for (peer, octets) in [(bob, 30), (carol, 6)] as [(EndpointIndex, UInt32)] {
        let sent = fixture.takeRTCP(to: peer).compactMap { entry -> SenderReport? in
            if case .senderReport(let report) = entry.packet { report } else { nil }
        }
        #expect(sent.map(\.octetCount) == [octets])
    }
}

@Test func aPathWithoutLossGoesWithoutRedundancyAfterAWhile() {
    let fixture = room()
    var number: UInt16 = 1
    for _ in 0..<10 {
        report(fixture, 0)
        #expect(hasRedundancy(fixture, number))
        number += 1
        fixture.wait(.seconds(1))
    }
    report(fixture, 0)
    #expect(!hasRedundancy(fixture, number))
    fixture.wait(.seconds(1))
    report(fixture, 0.1)
    #expect(hasRedundancy(fixture, number + 1))
}

@Test func lossThatLastsKeepsRedundancyAndALittleDoesNotBringItBack() {
    let fixture = room()
    for number in 1...60 as ClosedRange<UInt16> {
        report(fixture, 0.03)
        #expect(hasRedundancy(fixture, number))
        fixture.wait(.seconds(1))
    }
    for _ in 0..<30 {
        report(fixture, 0)
        fixture.wait(.seconds(1))
    }
    #expect(!hasRedundancy(fixture, 61))
    // One packet of fifty, once.
    report(fixture, 0.02)
    #expect(!hasRedundancy(fixture, 62))
    for number in 63...70 as ClosedRange<UInt16> {
        fixture.wait(.seconds(1))
        report(fixture, 0.05)
        #expect(hasRedundancy(fixture, number) || number < 65)
    }
}

@Test func anotherRouterGetsRedundancyWhateverItsPath() {
    let fixture = Fixture()
    fixture.join(alice, [speaker])
    fixture.join(bob, [listener(red: 121, ssrc: 0xB0, isRelay: true)])
    fixture.connect(alice, bob, .audio)
    for _ in 0..<30 {
        report(fixture, 0)
        fixture.wait(.seconds(1))
    }
    #expect(hasRedundancy(fixture, 1))
}

@Test func aNarrowPathGoesWithoutRedundancyUntilItIsWideEnough() {
    var gate = RedundancyGate()
    #expect(gate.isOpen)
    gate.note(path: 300_000, audio: 80_000)
    #expect(!gate.isOpen)
    gate.note(path: 390_000, audio: 80_000)
    #expect(!gate.isOpen)
    gate.note(path: 410_000, audio: 80_000)
    #expect(gate.isOpen)
    gate.note(path: 330_000, audio: 80_000)
    #expect(gate.isOpen)
}

// MARK: What redundancy brings back

/// Sends redundant packets with some numbers left out, and returns what carol, who gets opus alone, was sent.
private func heardByCarol(_ fixture: Fixture, _ numbers: [UInt16]) -> [Fixture.Sent] {
    var heard: [Fixture.Sent] = []
    for number in numbers {
        heard += fixture.send(redundant(number, primary: [UInt8(number)]), from: alice).filter { $0.endpoint == carol }
        heard += fixture.retransmitted.filter { $0.endpoint == carol }
        #expect(fixture.retransmitted.allSatisfy { $0.endpoint == carol }, "who gets redundancy has it already")
        fixture.retransmitted = []
    }
    return heard
}

@Test func aFrameThatCameAsRedundancyOnlyReachesWhoGetsNone() throws {
    let heard = heardByCarol(room(), [1, 2, 4])
    try #require(heard.count == 4)
    let first = heard[0].header
    #expect(heard.map { $0.header.sequenceNumber.distance(from: first.sequenceNumber) } == [0, 1, 3, 2])
    #expect(heard.map { ($0.header.timestamp &- first.timestamp) / 960 } == [0, 1, 3, 2])
    #expect(heard[3].payload == [5, 6, 7])
    #expect(heard[3].header.payloadType == 109 && heard[3].header.ssrc == 0xC0)
}

@Test func whatComesLateAfterItsRedundancyIsADuplicate() {
    let fixture = room()
    #expect(heardByCarol(fixture, [1, 3, 2, 4]).count == 4)
}

@Test func nothingIsRecoveredThatCameOrThatNobodyMisses() {
    #expect(heardByCarol(room(), [1, 2, 3, 4]).count == 4)
    let fixture = Fixture()
    fixture.join(alice, [speaker])
    fixture.join(bob, [listener(red: 121, ssrc: 0xB0)])
    fixture.connect(alice, bob, .audio)
    for number in [1, 3, 2] as [UInt16] { #expect(hasRedundancy(fixture, number), "the late one is taken as it is") }
    #expect(fixture.retransmitted.isEmpty)
}

@Test func ofManyBlocksOnlyTheNewestAreRecovered() {
    let fixture = room()
    fixture.send(redundant(1), from: alice)
    let count = 20
    let headers = (0..<count).flatMap { index -> [UInt8] in
        let offset = UInt16(960 * (count - index)) & 0x3FFF
        return [0x80 | 111, UInt8(offset >> 6), UInt8(offset & 0x3F) << 2, 1]
    }
    let payload = headers + [111] + (0..<count).map { UInt8($0) } + [99]
    let copies = fixture.send(
        Media.packet(40, timestamp: 40 * 960, type: 63, payload: payload), from: alice)
    #expect(copies.count == 2)
    #expect(fixture.retransmitted.map(\.payload) == (16..<20).map { [UInt8($0)] })
}

@Test func aSubscriberThatLeavesIsNotSentWhatWaits() throws {
    let fixture = room()
    fixture.send(redundant(1), from: alice)
    let packet = redundant(3)
    _ = try fixture.router.receiveRTP(packet.span.bytes, from: alice, now: fixture.now)
    fixture.router.close(carol)
    fixture.drain()
    #expect(fixture.retransmitted.isEmpty)
}
