import RTP
import Testing
import Wire

private func packet(_ number: UInt16, _ timestamp: UInt32 = 0) -> RTPHeader {
    RTPHeader(payloadType: 96, sequenceNumber: SequenceNumber(number), timestamp: timestamp, ssrc: 1)
}

private func isCounted(_ statistics: inout ReceiverStatistics, _ number: UInt16, _ milliseconds: Int64) -> Bool {
    statistics.update(packet(number), arrival: at(milliseconds: milliseconds))
}

@Test func lossIsCountedAcrossTheSequenceWrap() {
    // RFC 3550 appendix A.3.
    var statistics = ReceiverStatistics(ssrc: 1, clockRate: 90_000)
    for number in [65_533, 65_534, 0, 1] as [UInt16] { statistics.update(packet(number), arrival: at(milliseconds: 1)) }
    let block = statistics.makeReportBlock(now: at(milliseconds: 2))
    #expect(block.highestSequence == 0x1_0001 && block.cumulativeLost == 1)
    #expect(block.fractionLost == UInt8(256 / 5))
    #expect(block.lastSenderReport == 0 && block.delaySinceLastSenderReport == 0)
    statistics.update(packet(2), arrival: at(milliseconds: 3))
    let next = statistics.makeReportBlock(now: at(milliseconds: 4))
    #expect(next.fractionLost == 0)
}

@Test func duplicatesMakeTheLossNegativeAndTheFractionZero() {
    var statistics = ReceiverStatistics(ssrc: 1, clockRate: 90_000)
    for number in [1, 2, 2, 2] as [UInt16] { statistics.update(packet(number), arrival: at(milliseconds: 1)) }
    let block = statistics.makeReportBlock(now: at(milliseconds: 2))
    #expect(block.cumulativeLost == -2 && block.fractionLost == 0)
}

@Test func jitterFollowsAppendixA8() {
    var statistics = ReceiverStatistics(ssrc: 1, clockRate: 8_000)
    // 20 ms packets; the second comes 10 ms late: D = 80, so J = 80/16 = 5.
    statistics.update(packet(1, 0), arrival: at(milliseconds: 1_000))
    statistics.update(packet(2, 160), arrival: at(milliseconds: 1_030))
    #expect(statistics.jitter == 5)
    // The third is on time again: D = -80, J = 5 + (80 - 5)/16.
    statistics.update(packet(3, 320), arrival: at(milliseconds: 1_040))
    #expect(statistics.jitter == 9)
    for index in 4..<400 as Range<UInt32> {
        statistics.update(packet(UInt16(index), (index - 1) * 160), arrival: at(milliseconds: 980 + 20 * Int64(index)))
    }
    #expect(statistics.jitter == 0)
}

@Test func wildTimestampsDoNotTrap() {
    var statistics = ReceiverStatistics(ssrc: 1, clockRate: .max)
    for number in 0..<2_000 as Range<UInt16> {
        let arrival = number % 2 == 0 ? Instant.distantFuture : Instant.origin
        statistics.update(packet(number, number % 3 == 0 ? .max : 0x8000_0000), arrival: arrival)
    }
    let block = statistics.makeReportBlock(now: .distantFuture)
    #expect(block.cumulativeLost == 0)
}

@Test func senderReportGivesLSRAndDLSR() {
    var statistics = ReceiverStatistics(ssrc: 1, clockRate: 8_000)
    statistics.update(packet(1), arrival: at(milliseconds: 1))
    let report = SenderReport(
        ssrc: 1, ntp: NTPTimestamp(rawValue: 0x1111_2222_3333_4444), rtpTimestamp: 0, packetCount: 0, octetCount: 0)
    statistics.receive(report, now: at(milliseconds: 1_000))
    let block = statistics.makeReportBlock(now: at(milliseconds: 2_500))
    #expect(block.lastSenderReport == 0x2222_3333 && block.delaySinceLastSenderReport == 0x1_8000)
}

@Test func restartNeedsTwoPacketsInARow() {
    var statistics = ReceiverStatistics(ssrc: 1, clockRate: 8_000)
    statistics.update(packet(1), arrival: at(milliseconds: 1))
    #expect(!isCounted(&statistics, 30_000, 2))
    #expect(isCounted(&statistics, 2, 3))
    #expect(!isCounted(&statistics, 40_000, 4))
    #expect(isCounted(&statistics, 40_001, 5))
    #expect(statistics.expected == 1 && statistics.cumulativeLost == 0)
}

// MARK: NACK

private func due(_ generator: inout NackGenerator, _ milliseconds: Int64) -> [UInt16] {
    var list: [SequenceNumber] = []
    generator.due(now: at(milliseconds: milliseconds), into: &list)
    return list.map(\.rawValue)
}

private func feed(
    _ generator: inout NackGenerator, _ number: UInt16, _ milliseconds: Int64 = 1
) -> NackGenerator.Received {
    generator.receive(SequenceNumber(number), isRecovered: false, now: at(milliseconds: milliseconds))
}

private func repair(_ generator: inout NackGenerator, _ number: UInt16) -> NackGenerator.Received {
    generator.receive(SequenceNumber(number), isRecovered: true, now: at(milliseconds: 2))
}

@Test func packetsInOrderAskForNothing() {
    var generator = NackGenerator()
    for number in 65_500...65_535 as ClosedRange<UInt16> { #expect(feed(&generator, number) == .newest) }
    for number in 0..<40 as Range<UInt16> { #expect(feed(&generator, number) == .newest) }
    #expect(generator.missingCount == 0 && generator.deadline == .distantFuture)
    #expect(due(&generator, 1_000).isEmpty)
}

@Test func gapIsAskedForAfterTheReorderDelayAndEveryRoundTrip() {
    var generator = NackGenerator()
    generator.setRoundTripTime(.milliseconds(50))
    _ = feed(&generator, 65_534, 0)
    _ = feed(&generator, 1, 10)
    #expect(generator.deadline == at(milliseconds: 15))
    #expect(due(&generator, 14).isEmpty)
    #expect(due(&generator, 15) == [65_535, 0])
    #expect(generator.deadline == at(milliseconds: 65))
    #expect(due(&generator, 64).isEmpty)
    #expect(due(&generator, 65) == [65_535, 0])
}

@Test func reorderedOrRepeatedPacketsLeaveTheList() {
    var generator = NackGenerator()
    _ = feed(&generator, 1)
    _ = feed(&generator, 4)
    #expect(feed(&generator, 2) == .recovered)
    #expect(repair(&generator, 3) == .recovered)
    #expect(feed(&generator, 3) == .old)
    #expect(due(&generator, 1_000).isEmpty)
    // A retransmission never opens a gap.
    #expect(repair(&generator, 9) == .old)
    #expect(generator.missingCount == 0)
    #expect(feed(&generator, 5) == .newest)
}

@Test func aPacketIsAskedForEverMoreRarelyAndGivenUpAfterASecond() {
    var generator = NackGenerator()
    generator.setRoundTripTime(.milliseconds(20))
    _ = feed(&generator, 1, 0)
    _ = feed(&generator, 3, 0)
    var asked: [Int64] = []
    for time in 0..<1_000 as Range<Int64> where !due(&generator, time).isEmpty { asked.append(time) }
    #expect(asked == [5, 25, 45, 65, 85, 107, 134, 168, 210, 263, 329, 412, 515, 644, 805])
    #expect(generator.missingCount == 1 && generator.deadline == at(milliseconds: 1_000))
    #expect(due(&generator, 1_000).isEmpty)
    #expect(generator.missingCount == 0 && generator.abandoned == 1)
}

@Test func aLongRoundTripGivesAPacketMoreTime() {
    var generator = NackGenerator()
    generator.setRoundTripTime(.milliseconds(600))
    _ = feed(&generator, 1, 0)
    _ = feed(&generator, 3, 0)
    #expect([5, 605, 1_205, 1_799].map { due(&generator, $0).count } == [1, 1, 1, 0])
    #expect(generator.missingCount == 1)
    #expect(due(&generator, 1_800).isEmpty && generator.missingCount == 0)
}

@Test func whatIsGivenUpBehindTheNewestKeyFrameNeedsAnother() {
    for (keyFrame, isNeeded) in [(nil, true), (5, false), (3, true)] as [(UInt16?, Bool)] {
        var generator = NackGenerator()
        for number in [1, 2, 3, 5] as [UInt16] { _ = feed(&generator, number, 0) }
        if let keyFrame { generator.noteKeyFrame(SequenceNumber(keyFrame)) }
        var list: [SequenceNumber] = []
        #expect(!generator.due(now: at(milliseconds: 10), into: &list) && list.count == 1)
        #expect(generator.due(now: at(milliseconds: 2_000), into: &list) == isNeeded)
    }
}

@Test func tooManyMissingPacketsAskForAKeyFrame() {
    var generator = NackGenerator()
    _ = feed(&generator, 0)
    #expect(feed(&generator, UInt16(Limits.missingPackets + 1)) == .newest)
    #expect(generator.missingCount == Limits.missingPackets)
    #expect(due(&generator, 100).count == NackGenerator.batch)
    #expect(due(&generator, 100).count == NackGenerator.batch)
    #expect(due(&generator, 100).isEmpty)
    #expect(feed(&generator, UInt16(Limits.missingPackets + 3)) == .keyFrameNeeded)
    #expect(generator.missingCount == 0)
    #expect(feed(&generator, UInt16(Limits.missingPackets + 4)) == .newest)
}

@Test func whatWasLostBeforeAKeyFrameIsStillAskedFor() {
    var generator = NackGenerator()
    for number in [1, 3, 5, 7] as [UInt16] { _ = feed(&generator, number) }
    generator.noteKeyFrame(SequenceNumber(5))
    #expect(due(&generator, 1_000) == [2, 4, 6])
}

@Test func whatWasLostBeforeAKeyFrameIsGivenUpFirst() {
    var generator = NackGenerator()
    _ = feed(&generator, 0)
    #expect(feed(&generator, 201) == .newest)
    generator.noteKeyFrame(SequenceNumber(201))
    // An older one that comes late takes nothing back.
    generator.noteKeyFrame(SequenceNumber(1))
    let next = 202 + UInt16(Limits.missingPackets) - 100
    #expect(feed(&generator, next) == .newest)
    #expect(generator.missingCount == Limits.missingPackets - 100)
    #expect(feed(&generator, next + 200) == .keyFrameNeeded, "all of these came after it")
}

@Test func senderThatRestartsIsFollowed() {
    var generator = NackGenerator()
    _ = feed(&generator, 30_000)
    #expect(feed(&generator, 10) == .old)
    #expect(feed(&generator, 11) == .keyFrameNeeded)
    #expect(feed(&generator, 12) == .newest)
    _ = feed(&generator, 14)
    #expect(due(&generator, 1_000) == [13])
}
