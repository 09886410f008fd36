import RTP
import Testing
import Wire

private func ccfb(_ bytes: [UInt8]) throws -> CongestionControlFeedback {
    guard case .congestionControlFeedback(let feedback)? = try packets(bytes).first else { throw ParseError.badHeader }
    return feedback
}

private func statuses(_ bytes: [UInt8]) throws -> [CongestionControlFeedback.Status] {
    var walk = try ccfb(bytes).statuses
    var list: [CongestionControlFeedback.Status] = []
    while let status = walk.next(in: bytes.span.bytes) { list.append(status) }
    return list
}

/// Two streams: three packets from 65535 on (received with CE, lost, received without a time), and one received
/// 1/1024 s before the report.
private let example =
    "8bcd0009" + "11111111" + "22222222" + "ffff0003" + "f064" + "0000" + "9fff" + "0000" + "33333333" + "00070001"
    + "8001" + "0000" + "00010000"

@Suite struct CongestionControlFeedbackTests {
    private let start = Instant(nanoseconds: 60_000_000_000)

    private func write(_ recorder: inout CongestionControlRecorder, now: Instant) -> [[UInt8]] {
        var list: [[UInt8]] = []
        var writer = ByteWriter()
        while recorder.writeFeedback(
            senderSSRC: 9, timestamp: NTPTimestamp(now, unixOffset: .zero), now: now, to: &writer)
        {
            list.append(writer.bytes)
            writer.reset()
        }
        return list
    }

    @Test func everyFieldOfTheRFCIsRead() throws {
        let bytes = hex(example)
        let feedback = try ccfb(bytes)
        #expect(feedback.senderSSRC == 0x1111_1111)
        #expect(feedback.streamCount == 2)
        #expect(feedback.timestamp == 0x1_0000)
        let list = try statuses(bytes)
        #expect(list.map(\.ssrc) == [0x2222_2222, 0x2222_2222, 0x2222_2222, 0x3333_3333])
        #expect(list.map(\.sequenceNumber.rawValue) == [65_535, 0, 1, 7])
        #expect(list.map(\.isReceived) == [true, false, true, true])
        #expect(list.map(\.ecn) == [.congestionExperienced, .notCapable, .notCapable, .notCapable])
        let oldest: Int64 = 4_196 * 1_000_000 / 1_024
        let ages: [Int64?] = list.map { $0.age?.microseconds }
        #expect(ages == [oldest, nil, nil, 976])
    }

    @Test(arguments: [
        // Too short for a timestamp; a stream header cut off; more statuses than bytes; too many statuses.
        ("8bcd0001" + "11111111", ParseError.badLength),
        ("8bcd0003" + "11111111" + "22222222" + "00010000", .truncated),
        ("8bcd0004" + "11111111" + "22222222" + "00010001" + "00010000", .badLength),
        ("8bcd0004" + "11111111" + "22222222" + "00014001" + "00010000", .overLimit),
    ])
    func aLengthThatLiesIsRefused(text: String, error: ParseError) {
        #expect(refusal(hex(text)) == error)
    }

    @Test func aReportWithoutStreamsIsEmpty() throws {
        #expect(try statuses(hex("8bcd0002" + "11111111" + "00010000")).isEmpty)
    }

    private func only(_ recorder: inout CongestionControlRecorder, now: Instant) throws -> [CongestionControlFeedback
        .Status]
    {
        let reports = write(&recorder, now: now)
        #expect(reports.count == 1)
        return try statuses(try #require(reports.first))
    }

    @Test func whatWasRecordedIsRead() throws {
        var recorder = CongestionControlRecorder()
        #expect(!recorder.hasFeedback)
        for (number, ecn) in [
            (65_534, CongestionControlFeedback.ECN.capable0), (65_535, .congestionExperienced), (1, .capable1),
        ] {
            recorder.record(
                ssrc: 5, SequenceNumber(UInt16(number)), ecn: ecn, arrival: start + .milliseconds(Int64(number % 7)))
        }
        recorder.record(ssrc: 6, SequenceNumber(100), arrival: start + .milliseconds(90))
        let reports = write(&recorder, now: start + .milliseconds(100))
        #expect(reports.count == 1)
        let list = try statuses(reports[0])
        #expect(list.map(\.sequenceNumber.rawValue) == [65_534, 65_535, 0, 1, 100])
        #expect(list.map(\.isReceived) == [true, true, false, true, true])
        #expect(list.map(\.ecn) == [.capable0, .congestionExperienced, .notCapable, .capable1, .notCapable])
        for (status, age) in zip(list, [Int64(100 - 65_534 % 7), 100 - 65_535 % 7, nil, 99, 10] as [Int64?]) {
            #expect((status.age == nil) == (age == nil))
            if let seen = status.age, let age { #expect(abs(seen.microseconds - age * 1_000) <= 500) }
        }
        #expect(!recorder.hasFeedback)
    }

    @Test func aPacketThatComesAfterItWasReportedLostIsReportedAgain() throws {
        var recorder = CongestionControlRecorder()
        recorder.record(ssrc: 5, SequenceNumber(1), arrival: start)
        recorder.record(ssrc: 5, SequenceNumber(3), arrival: start)
        _ = write(&recorder, now: start)
        recorder.record(ssrc: 5, SequenceNumber(2), arrival: start)
        let list = try only(&recorder, now: start)
        #expect(list.map(\.sequenceNumber.rawValue) == [2, 3])
        #expect(list.allSatisfy { $0.isReceived })
    }

    @Test func aDuplicateKeepsTheFirstArrivalAndAddsItsMark() throws {
        var recorder = CongestionControlRecorder()
        recorder.record(ssrc: 5, SequenceNumber(1), ecn: .capable0, arrival: start)
        recorder.record(ssrc: 5, SequenceNumber(1), ecn: .congestionExperienced, arrival: start + .seconds(1))
        let status = try #require(try only(&recorder, now: start + .seconds(1)).first)
        #expect(status.ecn == .congestionExperienced)
        #expect(status.age == .seconds(1))
    }

    @Test func arrivalsLongAgoOrInTheFutureHaveNoTime() throws {
        var recorder = CongestionControlRecorder()
        recorder.record(ssrc: 5, SequenceNumber(1), arrival: start)
        recorder.record(ssrc: 5, SequenceNumber(2), arrival: start + .seconds(30))
        let list = try only(&recorder, now: start + .seconds(20))
        #expect(list.map(\.isReceived) == [true, true])
        #expect(list.map(\.age) == [nil, nil])
    }

    @Test func aStreamThatFellSilentGivesItsPlaceToANewOne() throws {
        var recorder = CongestionControlRecorder(streamCount: 2)
        recorder.record(ssrc: 1, SequenceNumber(1), arrival: start)
        recorder.record(ssrc: 2, SequenceNumber(1), arrival: start + Limits.silence)
        let isEarly = recorder.record(ssrc: 3, SequenceNumber(1), arrival: start + Limits.silence)
        #expect(!isEarly, "what has not been reported is not given up")
        _ = write(&recorder, now: start + Limits.silence)
        let hasRoom = recorder.record(ssrc: 3, SequenceNumber(1), arrival: start + Limits.silence)
        #expect(hasRoom)
        let isKept = recorder.record(ssrc: 1, SequenceNumber(2), arrival: start + Limits.silence)
        #expect(!isKept)
        #expect(try only(&recorder, now: start + Limits.silence).map(\.ssrc) == [3])
    }

    @Test func aLongReportIsSplitAndLosesNothing() throws {
        var recorder = CongestionControlRecorder(streamCount: 3, window: 1_024)
        for number in 0..<900 {
            for ssrc in UInt32(1)...3 {
                recorder.record(ssrc: ssrc, SequenceNumber(UInt16(number)), arrival: start)
            }
        }
        let hasRoom = recorder.record(ssrc: 4, SequenceNumber(0), arrival: start)
        #expect(!hasRoom)
        let reports = write(&recorder, now: start)
        #expect(reports.allSatisfy { $0.count <= Limits.feedbackLength })
        let all = try reports.flatMap { try statuses($0) }
        #expect(all.count == 2_700)
        #expect(all.allSatisfy { $0.isReceived })
        let names = all.map { status -> UInt64 in
            let number = UInt64(status.sequenceNumber.rawValue)
            return UInt64(status.ssrc) << 16 | number
        }
        #expect(Set(names).count == 2_700)
    }

    @Test func aStreamThatLeavesMakesRoomAndTakesNothingWithIt() throws {
        var recorder = CongestionControlRecorder(streamCount: 2, window: 64)
        recorder.record(ssrc: 1, SequenceNumber(10), arrival: start)
        recorder.record(ssrc: 2, SequenceNumber(20), arrival: start)
        recorder.remove(ssrc: 1)
        let hasRoom = recorder.record(ssrc: 3, SequenceNumber(30), arrival: start)
        #expect(hasRoom)
        let list = try write(&recorder, now: start).flatMap { try statuses($0) }
        #expect(Set(list.map(\.ssrc)) == [2, 3])
        #expect(list.allSatisfy { $0.isReceived })
    }

    @Test func timestampsAreComparedAcrossTheirWrap() throws {
        let early = try ccfb(hex("8bcd0002" + "11111111" + "ffff8000"))
        let late = try ccfb(hex("8bcd0002" + "11111111" + "00008000"))
        #expect(late.interval(since: early) == .seconds(1))
        #expect(early.interval(since: late) == .seconds(-1))
    }
}
