import RTP
import Testing
import Wire

@testable import Forwarding

private func streaming(
    rtx: UInt8? = 101, packets: UInt16 = 20, apart: Interval = .milliseconds(10)
) -> (fixture: Fixture, copies: [Fixture.Sent]) {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch(rtx: rtx)])
    fixture.connect(alice, bob)
    var copies = fixture.send(Media.key(100), from: alice)
    for step in 1..<packets {
        fixture.now = fixture.now + apart
        copies += fixture.send(
            Media.packet(
                100 + step, timestamp: UInt32(step) * 900, marker: step % 2 == 0, extensions: [(11, [3])],
                payload: Media.vp8(isKeyFrame: false, [UInt8(truncatingIfNeeded: step)])), from: alice)
    }
    return (fixture, copies)
}

private func nack(_ fixture: Fixture, _ numbers: [SequenceNumber], ssrc: UInt32 = 0xAA) {
    fixture.sendRTCP(from: bob) { $0.writeNack(senderSSRC: 9, mediaSSRC: ssrc, sequenceNumbers: numbers) }
}

@Test func aLostPacketIsAnsweredAsRTXWhereThatWasNegotiated() throws {
    let (fixture, copies) = streaming()
    nack(fixture, [copies[5].header.sequenceNumber, copies[8].header.sequenceNumber])
    #expect(fixture.retransmitted.map(\.endpoint) == [bob, bob])
    for (again, original) in zip(fixture.retransmitted, [copies[5], copies[8]]) {
        #expect(again.header.ssrc == 0xAB)
        #expect(again.header.payloadType == 101)
        #expect(again.header.timestamp == original.header.timestamp)
        #expect(again.header.marker == original.header.marker)
        let number = original.header.sequenceNumber.rawValue
        #expect(again.payload == [UInt8(number >> 8), UInt8(number & 0xFF)] + original.payload)
        #expect(again.headerExtension(9) == Array("w".utf8))
        #expect(again.headerExtension(6) == [3])
    }
    let numbers = fixture.retransmitted.map(\.header.sequenceNumber)
    #expect(numbers[1].distance(from: numbers[0]) == 1)
    let statistics = try #require(fixture.router.statistics(of: bob).outbound.first)
    #expect(statistics.packetsRetransmitted == 2)
    #expect(statistics.nackCount == 1)
}

@Test func withoutRTXTheSamePacketGoesOutByteForByte() {
    let (fixture, copies) = streaming(rtx: nil)
    fixture.wait(.milliseconds(300))
    nack(fixture, [copies[7].header.sequenceNumber])
    // The SRTP index is used again: then the plaintext must be the same in every bit.
    #expect(fixture.retransmitted.map(\.bytes) == [copies[7].bytes])
}

@Test func aPacketThatCameAsRTXCanBeRetransmitted() {
    let (fixture, copies) = streaming(packets: 2)
    fixture.send(Media.delta(103), from: alice)
    let recovered = fixture.send(Media.rtx(of: Media.delta(102, timestamp: 6), sequence: 1), from: alice)
    #expect(recovered.count == 1)
    nack(fixture, [copies[1].header.sequenceNumber.advanced(by: 1)])
    #expect(fixture.retransmitted.first?.payload.dropFirst(2).elementsEqual(recovered[0].payload) == true)
}

@Test func thePacketIsNotSentAgainWithinTheInterval() {
    let (fixture, copies) = streaming()
    for _ in 0..<10 { nack(fixture, [copies[3].header.sequenceNumber]) }
    #expect(fixture.retransmitted.count == 1)
    #expect(fixture.router.drops[.retransmissionThrottled] == 9)
    fixture.wait(Limits.retransmissionInterval)
    nack(fixture, [copies[3].header.sequenceNumber])
    #expect(fixture.retransmitted.count == 2)
}

@Test func whatIsNotThereIsCountedAsUnavailable() {
    let (fixture, copies) = streaming(packets: 2)
    let newest = copies[1].header.sequenceNumber
    nack(fixture, [newest.advanced(by: -300), newest.advanced(by: 1), newest.advanced(by: 2000)])
    #expect(fixture.retransmitted.isEmpty)
    #expect(fixture.router.drops[.retransmissionUnavailable] == 3)
    nack(fixture, [newest], ssrc: 0x9999)
    #expect(fixture.retransmitted.isEmpty)
}

@Test func packetsOlderThanTheCacheAreUnavailableAndYoungerOnesAreNot() {
    let (fixture, copies) = streaming(packets: UInt16(Limits.cachedPackets + 10), apart: .milliseconds(1))
    nack(fixture, [copies[9].header.sequenceNumber, copies[10].header.sequenceNumber])
    #expect(fixture.retransmitted.count == 1)
    #expect(fixture.router.drops[.retransmissionUnavailable] == 1)
}

@Test func aFormerSourcesPacketsAreNotMistakenForTheNewOnes() {
    let (fixture, copies) = streaming()
    fixture.join(carol, [Media.video])
    fixture.connect(carol, bob)
    fixture.send(Media.key(112, ssrc: 0x33), from: carol)
    nack(fixture, [copies[12].header.sequenceNumber])
    #expect(fixture.retransmitted.isEmpty)
    #expect(fixture.router.drops[.retransmissionUnavailable] == 1)
}

/// A peer that asks for everything, always, gets at most as many bytes again as it was sent, after the
/// first burst.
@Test func aNackStormCostsAtMostAsMuchAsTheMedia() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    let rest = [UInt8](repeating: 7, count: 1000)
    var sent = 0
    for step in 0..<200 {
        let payload = Media.vp8(isKeyFrame: step == 0, rest)
        let copies = fixture.send(Media.packet(UInt16(step), payload: payload), from: alice)
        sent += copies[0].bytes.count
        let newest = copies[0].header.sequenceNumber
        for _ in 0..<2 {
            nack(fixture, (0..<Limits.cachedPackets).map { newest.advanced(by: $0 - Limits.cachedPackets + 1) })
        }
        fixture.wait(.milliseconds(20))
    }
    let again = fixture.retransmitted.reduce(0) { $0 + $1.bytes.count }
    #expect(again <= sent + Int(Limits.retransmissionBurstBytes))
    #expect(again > sent / 2)
}

@Test func aNackForEveryNumberIsCutAtTheLimit() {
    let (fixture, _) = streaming(packets: 3)
    var writer = ByteWriter()
    for start in stride(from: 0, to: 0x1_0000, by: 4000) {
        writer.writeNack(
            senderSSRC: 1, mediaSSRC: 0xAA,
            sequenceNumbers: (0..<4000).map { SequenceNumber(UInt16(truncatingIfNeeded: start + $0)) })
    }
    #expect(fixture.sendRTCP(writer.bytes, from: bob) == nil)
    #expect(fixture.router.drops.total <= UInt64(Limits.nackedPerPacket + 17))
}

@Test func renegotiationForbidsRepeatingWhatWouldNowLookDifferent() {
    let (fixture, copies) = streaming(rtx: nil)
    var section = Media.watch(rtx: nil)
    section.sends?.headerExtensions[0].id = 10
    fixture.router.negotiate(bob, media: [section], now: fixture.now)
    nack(fixture, [copies[7].header.sequenceNumber])
    #expect(fixture.retransmitted.isEmpty)
    let next = fixture.send(Media.delta(120), from: alice)
    #expect(next.first?.headerExtension(10) == Array("w".utf8))
    #expect(next.first?.header.sequenceNumber == copies.last?.header.sequenceNumber.advanced(by: 1))
}

// MARK: Deadlines

private func isSent(_ fixture: Fixture, _ copy: Fixture.Sent) -> Bool {
    fixture.retransmitted = []
    nack(fixture, [copy.header.sequenceNumber])
    return fixture.retransmitted.count == 1
}

@Test func whatWouldComeTooLateIsNotSentAgainAndAKeyFrameIsAskedForInstead() {
    let (fixture, copies) = streaming()
    // Packets 10 ms apart, the last one now.
    fixture.wait(Limits.retransmissionDeadline - .milliseconds(100))
    _ = fixture.takeRTCP(to: alice)
    #expect(!isSent(fixture, copies[8]))
    #expect(fixture.router.drops[.retransmissionTooLate] == 1)
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1)
    #expect(isSent(fixture, copies[10]))
    #expect(fixture.takeKeyFrameRequests(to: alice) == 0)
    #expect(fixture.router.drops[.retransmissionTooLate] == 1)
}

@Test func aLongRoundTripMovesTheDeadline() {
    let (fixture, copies) = streaming()
    fixture.sendRTCP(from: alice) {
        $0.writeSenderReport(
            SenderReport(
                ssrc: 0x11, ntp: NTPTimestamp(rawValue: 7 << 32), rtpTimestamp: 0, packetCount: 1, octetCount: 1))
    }
    fixture.wait(.milliseconds(500))
    let block = ReportBlock(
        ssrc: 0xAA, fractionLost: 0, cumulativeLost: 0, highestSequence: 0, jitter: 0, lastSenderReport: 7 << 16,
        delaySinceLastSenderReport: 0)
    fixture.sendRTCP(from: bob) { $0.writeReceiverReport(ssrc: 9, blocks: [block]) }
    fixture.wait(.milliseconds(800))
    #expect(isSent(fixture, copies[19]))
    fixture.wait(.milliseconds(250))
    #expect(!isSent(fixture, copies[19]))
    #expect(fixture.router.drops[.retransmissionTooLate] == 1)
}

@Test func whatCameBeforeAKeyFrameThatIsShownIsNotSentAgain() {
    let (fixture, copies) = streaming()
    fixture.send(Media.key(120, timestamp: 20 * 900), from: alice)
    let behind = fixture.send(Media.delta(121, timestamp: 21 * 900), from: alice)
    fixture.wait(Limits.keyFrameShown - .milliseconds(1))
    #expect(isSent(fixture, copies[19]))
    fixture.wait(.milliseconds(51))
    _ = fixture.takeRTCP(to: alice)
    #expect(!isSent(fixture, copies[19]))
    #expect(fixture.router.drops[.retransmissionTooLate] == 1)
    #expect(fixture.takeKeyFrameRequests(to: alice) == 0)
    #expect(isSent(fixture, behind[0]))
}

/// Its parameter sets come late: they are part of it, not something before it.
@Test func theFirstPacketOfAKeyFrameIsRepairedThoughItComesLast() {
    let (fixture, copies) = streaming(packets: 2)
    fixture.send(Media.key(103, timestamp: 5_000), from: alice)
    let late = fixture.send(Media.rtx(of: Media.key(102, timestamp: 5_000), sequence: 1), from: alice)
    fixture.wait(Limits.keyFrameShown + .milliseconds(100))
    #expect(isSent(fixture, late[0]))
    #expect(!isSent(fixture, copies[1]))
}
