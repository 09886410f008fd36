import RTP
import Testing
import Wire

@testable import Forwarding

private func joined(feedback: [String]? = nil) -> Fixture {
    var section = Media.video
    if let feedback { section.receives?.codecs[0].feedback = feedback }
    let fixture = Fixture()
    fixture.join(alice, [section])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    return fixture
}

@Test func transportWideFeedbackReportsEveryArrival() throws {
    let fixture = joined()
    var arrived: [UInt16] = []
    for number in UInt16(65_530)...UInt16(65_535) where number != 65_533 { arrived.append(number) }
    arrived += [0, 1]
    for (step, number) in arrived.enumerated() {
        fixture.send(
            Media.packet(
                UInt16(step), extensions: [(3, [UInt8(number >> 8), UInt8(number & 0xFF)])],
                payload: Media.vp8(isKeyFrame: true)), from: alice)
        fixture.wait(.milliseconds(2))
    }
    #expect(fixture.takeRTCP(to: alice).allSatisfy { if case .transportFeedback = $0.packet { false } else { true } })
    fixture.wait(Limits.transportFeedbackInterval)
    let reports = fixture.takeRTCP(to: alice).filter { if case .transportFeedback = $0.packet { true } else { false } }
    #expect(reports.count == 1)
    guard case .transportFeedback(let feedback) = try #require(reports.first).packet else { return }
    #expect(feedback.mediaSSRC == 0x11)
    var received: [UInt16] = []
    var statuses = feedback.statuses
    let bytes = reports[0].bytes
    while let status = statuses.next(in: bytes.span.bytes) {
        if status.isReceived { received.append(status.sequenceNumber.rawValue) }
    }
    #expect(received == arrived)
    #expect(feedback.statusCount == 8)
    fixture.wait(.milliseconds(200))
    #expect(fixture.takeRTCP(to: alice).allSatisfy { if case .transportFeedback = $0.packet { false } else { true } })
}

@Test func feedbackBeginsWithAReportAndACanonicalName() {
    let fixture = joined()
    fixture.send(Media.packet(1, extensions: [(3, [0, 1])], payload: Media.vp8(isKeyFrame: true)), from: alice)
    fixture.rtcp = []
    fixture.wait(.seconds(3))
    let compounds = fixture.rtcp.filter { $0.endpoint == alice }
    #expect(!compounds.isEmpty)
    for compound in compounds {
        #expect(compound.bytes[1] == 201)
        let second = (Int(compound.bytes[2]) << 8 | Int(compound.bytes[3])) * 4 + 4
        #expect(compound.bytes[second + 1] == 202)
        #expect(compound.bytes.count <= 1400)
    }
}

@Test func receiverReportsTellLossAndTheSendersReport() throws {
    let fixture = joined()
    fixture.wait(.seconds(2))
    fixture.rtcp = []
    fixture.sendRTCP(from: alice) {
        $0.writeSenderReport(
            SenderReport(
                ssrc: 0x11, ntp: NTPTimestamp(rawValue: 1), rtpTimestamp: 0, packetCount: 0, octetCount: 0))
    }
    fixture.send(Media.key(1), from: alice)
    fixture.sendRTCP(from: alice) {
        $0.writeSenderReport(
            SenderReport(
                ssrc: 0x11, ntp: NTPTimestamp(rawValue: 0x1234_5678_9ABC_DEF0), rtpTimestamp: 0, packetCount: 1,
                octetCount: 1))
    }
    for number in UInt16(2)...100 where number % 4 != 0 { fixture.send(Media.delta(number), from: alice) }
    let start = fixture.now
    fixture.wait(.milliseconds(1600))
    let blocks = fixture.takeRTCP(to: alice).compactMap { entry -> ReportBlock? in
        guard case .receiverReport(let report) = entry.packet, report.reportCount == 1 else { return nil }
        return report.report(at: 0, in: entry.bytes.span.bytes)
    }
    let block = try #require(blocks.first)
    #expect(block.ssrc == 0x11)
    #expect(block.cumulativeLost == 24)
    #expect((60...66).contains(block.fractionLost))
    #expect(block.highestSequence & 0xFFFF == 99)
    #expect(block.lastSenderReport == 0x5678_9ABC)
    #expect(block.delaySinceLastSenderReport > 0)
    #expect(Interval(ntpShort: block.delaySinceLastSenderReport) <= fixture.now - start)
    let statistics = try #require(fixture.router.statistics(of: alice).inbound.first)
    #expect(statistics.packetsReceived == 75)
    #expect(statistics.packetsLost == 24)
    #expect(statistics.codec?.name == "VP8")
}

@Test func reportsComeAboutOnceASecondWithJitter() {
    let fixture = joined()
    fixture.send(Media.key(1), from: alice)
    fixture.rtcp = []
    var times: [Instant] = []
    for _ in 0..<600 {
        fixture.wait(.milliseconds(50))
        let hasBlock = fixture.takeRTCP(to: alice).contains { entry in
            if case .receiverReport(let report) = entry.packet { report.reportCount > 0 } else { false }
        }
        if hasBlock { times.append(fixture.now) }
    }
    #expect((22...40).contains(times.count))
    let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
    #expect(Set(gaps).count > 3)
    #expect(gaps.allSatisfy { $0 >= .milliseconds(450) && $0 <= .milliseconds(1600) })
}

@Test func lostPacketsAreAskedForUpstream() throws {
    let fixture = joined()
    fixture.send(Media.key(10), from: alice)
    fixture.send(Media.delta(13), from: alice)
    fixture.rtcp = []
    fixture.wait(.milliseconds(50))
    let nacks = fixture.takeRTCP(to: alice).compactMap { entry -> [UInt16]? in
        guard case .nack(let nack) = entry.packet, nack.mediaSSRC == 0x11 else { return nil }
        var numbers = nack.sequenceNumbers
        var list: [UInt16] = []
        while let number = numbers.next(in: entry.bytes.span.bytes) { list.append(number.rawValue) }
        return list
    }
    #expect(nacks.first == [11, 12])
    fixture.send(Media.rtx(of: Media.delta(11), sequence: 1), from: alice)
    fixture.send(Media.delta(12), from: alice)
    fixture.rtcp = []
    fixture.wait(.seconds(2))
    #expect(fixture.takeRTCP(to: alice).allSatisfy { if case .nack = $0.packet { false } else { true } })
    #expect(fixture.router.statistics(of: alice).inbound.first?.nackCount ?? 0 > 0)
}

@Test func aPacketLostInFrontOfAKeyFrameIsMended() throws {
    let fixture = joined()
    fixture.send(Media.key(10), from: alice)
    fixture.send(Media.delta(11), from: alice)
    // 12, the end of its frame, is lost: only the key frame shows the gap.
    let key = try #require(fixture.send(Media.key(13), from: alice).first)
    fixture.rtcp = []
    fixture.wait(.milliseconds(50))
    let asked = fixture.takeRTCP(to: alice).contains { entry in
        guard case .nack(let nack) = entry.packet else { return false }
        var numbers = nack.sequenceNumbers
        return numbers.next(in: entry.bytes.span.bytes) == SequenceNumber(12)
    }
    #expect(asked)
    let mended = fixture.send(Media.rtx(of: Media.delta(12), sequence: 1), from: alice)
    #expect(mended.first.map { key.header.sequenceNumber.distance(from: $0.header.sequenceNumber) } == 1)
}

@Test func nothingIsAskedForWithoutNackNegotiated() {
    let fixture = joined(feedback: ["nack pli"])
    fixture.send(Media.key(10), from: alice)
    fixture.send(Media.delta(20), from: alice)
    fixture.wait(.seconds(2))
    #expect(fixture.takeRTCP(to: alice).allSatisfy { if case .nack = $0.packet { false } else { true } })
}

@Test func aGenerousREMBGoesOnlyToPeersWithoutTransportWideFeedback() {
    func estimates(_ fixture: Fixture) -> [UInt64] {
        fixture.send(Media.packet(1, extensions: [(3, [0, 1])], payload: Media.vp8(isKeyFrame: true)), from: alice)
        fixture.wait(.seconds(2))
        return fixture.takeRTCP(to: alice).compactMap { entry in
            if case .maximumBitrate(let estimate) = entry.packet { estimate.bitsPerSecond } else { nil }
        }
    }
    #expect(estimates(joined()).isEmpty)
    let withREMB = estimates(joined(feedback: ["goog-remb", "nack"]))
    #expect(!withREMB.isEmpty)
    #expect(withREMB.allSatisfy { $0 > 2_490_000 && $0 <= Limits.generousREMB })
}

@Test func theSendersReportIsTranslatedForEachSubscriber() throws {
    let fixture = joined()
    let copies = fixture.send(Media.key(1, timestamp: 90_000), from: alice)
    fixture.send(Media.delta(2, timestamp: 93_000), from: alice)
    fixture.rtcp = []
    let ntp = NTPTimestamp(rawValue: 0xE000_0000_4000_0000)
    fixture.sendRTCP(from: alice) {
        $0.writeSenderReport(
            SenderReport(ssrc: 0x11, ntp: ntp, rtpTimestamp: 99_000, packetCount: 7, octetCount: 8))
        $0.writeSourceDescription(ssrc: 0x11, cname: "alice")
    }
    let packets = fixture.takeRTCP(to: bob)
    guard case .senderReport(let report) = try #require(packets.first).packet else {
        Issue.record("no SR")
        return
    }
    #expect(report.ssrc == 0xAA)
    #expect(report.ntp == ntp)
    #expect(report.rtpTimestamp &- copies[0].header.timestamp == 9000)
    #expect(report.packetCount == 2)
    #expect(report.octetCount == UInt32(Media.vp8(isKeyFrame: true).count * 2))
    guard case .sourceDescription(let description) = packets[1].packet else {
        Issue.record("no SDES")
        return
    }
    let bytes = packets[1].bytes
    let found = description.cname(of: 0xAA, in: bytes.span.bytes)
    let name = try #require(found)
    #expect(String(decoding: bytes[name], as: UTF8.self) == "us")
}

@Test func theRoundTripIsMeasuredByOurOwnClock() throws {
    let fixture = joined()
    fixture.send(Media.key(1), from: alice)
    let ntp = NTPTimestamp(rawValue: 0x1111_2222_3333_4444)
    fixture.sendRTCP(from: alice) {
        $0.writeSenderReport(SenderReport(ssrc: 0x11, ntp: ntp, rtpTimestamp: 0, packetCount: 1, octetCount: 1))
    }
    fixture.wait(.milliseconds(250))
    fixture.sendRTCP(from: bob) {
        $0.writeReceiverReport(
            ssrc: 5, blocks: [
                ReportBlock(
                    ssrc: 0xAA, fractionLost: 64, cumulativeLost: 12, highestSequence: 9, jitter: 3,
                    lastSenderReport: ntp.middle, delaySinceLastSenderReport: Interval.milliseconds(150).ntpShort)
            ])
        $0.writeMaximumBitrate(senderSSRC: 5, bitsPerSecond: .max, sources: [0xAA])
    }
    let statistics = try #require(fixture.router.statistics(of: bob).outbound.first)
    #expect(abs((statistics.roundTripTime ?? 0) - 0.1) < 0.001)
    #expect(statistics.packetsLost == 12)
    #expect(statistics.fractionLost == 0.25)
    #expect(statistics.remb <= Limits.rembCeiling)
    #expect(statistics.codec?.payloadType == 100)
}

@Test func nothingIsSentToATransportThatIsDown() {
    let fixture = joined()
    fixture.send(Media.packet(1, extensions: [(3, [0, 1])], payload: Media.vp8(isKeyFrame: true)), from: alice)
    fixture.router.setConnected(alice, false, now: fixture.now)
    fixture.rtcp = []
    fixture.wait(.seconds(5))
    #expect(fixture.takeRTCP(to: alice).isEmpty)
}

@Test func whoOnlyReceivesHasNoReportTimerUntilItSends() {
    let fixture = Fixture()
    fixture.join(bob, [Media.watch()])
    fixture.wait(.seconds(3))
    #expect(fixture.router.deadline == .distantFuture, "a viewer wakes the reactor for nothing")
    fixture.router.negotiate(bob, media: [Media.watch(), Media.video], now: fixture.now)
    fixture.drain()
    fixture.send(Media.key(1), from: bob)
    fixture.rtcp = []
    fixture.wait(.seconds(3))
    #expect(fixture.takeRTCP(to: bob).contains { if case .receiverReport = $0.packet { true } else { false } })
}

/// Who only publishes sends no reports: its transport knows the round trip.
@Test func lostPacketsAreAskedForAgainAfterTheRoundTripOfTheTransport() {
    let fixture = joined()
    fixture.router.setRoundTripTime(.milliseconds(40), of: alice)
    // Also of streams that begin later.
    fixture.send(Media.key(1), from: alice)
    fixture.send(Media.delta(3), from: alice)
    var asked = 0
    for _ in 0..<9 {
        fixture.wait(.milliseconds(10))
        asked += fixture.takeRTCP(to: alice).count { if case .nack = $0.packet { true } else { false } }
    }
    #expect(asked == 3)
}
