import RTP
import Testing
import Wire

@testable import LoadGenerator

/// A stream of valid packets and the verifier that watches it.
private struct Watched {
    var verifier: StreamVerifier
    var counters = VerificationCounters()
    var window = MeasurementWindow(start: 0)
    let kind: MediaKind

    init(kind: MediaKind = .video, publisher: UInt16 = 2, checksumInterval: Int = 1) {
        self.kind = kind
        verifier = StreamVerifier(run: 7, publisher: publisher, kind: kind, checksumInterval: checksumInterval)
    }

    struct Packet {
        var sequence: UInt16
        var number: UInt64
        var run: UInt32 = 7
        var publisher: UInt16 = 2
        var stream: UInt8?
        var sentAt: UInt64 = 1_000
        var timestamp: UInt32?
    }

    func bytes(_ packet: Packet) -> [UInt8] {
        let stream = packet.stream ?? (kind == .audio ? LoadPayload.audioStream : 0)
        var bytes = [UInt8](repeating: 0, count: 200)
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        let header = RTPHeader(
            payloadType: 96, sequenceNumber: SequenceNumber(packet.sequence),
            timestamp: packet.timestamp ?? UInt32(truncatingIfNeeded: packet.number) * 3_000, ssrc: 1)
        var writer = try! RTPHeaderWriter(header, into: &raw)
        let start = writer.finish(into: &raw)
        let content =
            kind == .audio
            ? MediaFraming.writeOpus(into: &raw, at: start)
            : MediaFraming.writeVP8(
                into: &raw, at: start, isFirst: packet.number % 5 == 0, isKeyFrame: packet.number == 0, pictureID: 1,
                frameBytes: 900, size: (16, 16))
        LoadPayload(
            run: packet.run, publisher: packet.publisher, stream: stream, number: packet.number, sentAt: packet.sentAt
        ).write(into: &raw, content, 200)
        return bytes
    }

    @discardableResult
    mutating func take(_ bytes: [UInt8], _ origin: StreamVerifier.Origin = .media) -> UInt64? {
        let header = try! RTPHeader(parsing: bytes.span.bytes)
        return verifier.receive(bytes.span.bytes, header: header, origin: origin, window: window, counters: &counters)
    }

    @discardableResult
    mutating func take(_ packet: Packet, _ origin: StreamVerifier.Origin = .media) -> UInt64? {
        take(bytes(packet), origin)
    }

    mutating func takeRun(_ numbers: Range<Int>, sequenceOffset: Int = 60_000) {
        for number in numbers {
            take(Packet(sequence: UInt16(truncatingIfNeeded: number + sequenceOffset), number: UInt64(number)))
        }
    }
}

/// What must be found is found, and nothing else is.
struct VerifierTests {
    @Test(arguments: [MediaKind.audio, .video]) func aWholeStreamIsClean(kind: MediaKind) {
        var watched = Watched(kind: kind)
        watched.takeRun(0..<10_000)
        var expected = VerificationCounters()
        expected.verified = 10_000
        expected.delivered = 10_000
        expected.totalDelivered = 10_000
        expected.deliveredBytes = 10_000 * 188
        expected.totalBytes = 10_000 * 188
        #expect(watched.counters == expected)
    }

    @Test func aCorruptPayloadIsFoundWhereverTheBitIs() {
        // The descriptor (12 to 15) is a server's to rewrite.
        for at in 16..<200 {
            var watched = Watched()
            watched.takeRun(0..<5)
            var bytes = watched.bytes(Watched.Packet(sequence: 60_006, number: 6))
            bytes[at] ^= 0x04
            watched.take(bytes)
            #expect(
                watched.counters.corrupt == 1 && watched.counters.misdelivered == 0
                    && watched.counters.delivered == 5, "byte \(at): \(watched.counters)")
        }
    }

    @Test func eachConnectionOfAPublisherCountsFromZero() {
        var watched = Watched()
        watched.takeRun(0..<100)
        for number in 0..<100 {
            watched.take(
                Watched.Packet(sequence: UInt16(60_100 + number), number: UInt64(number), stream: 0x10, timestamp: 900_000))
        }
        #expect(watched.counters.delivered == 200)
        #expect(watched.counters.duplicated == 0 && watched.counters.sequenceErrors == 0)
        watched.take(Watched.Packet(sequence: 60_200, number: 99, stream: 0x10, timestamp: 900_000))
        #expect(watched.counters.duplicated == 1)
    }

    @Test func overTwoConnectionsAPacketMayComeTwiceAndCountsOnce() {
        var watched = Watched()
        watched.takeRun(0..<10)
        watched.verifier.toleratesRepeats = true
        watched.take(Watched.Packet(sequence: 60_009, number: 9))
        #expect(watched.counters.delivered == 10 && watched.counters.duplicated == 0)
        watched.verifier.toleratesRepeats = false
        watched.take(Watched.Packet(sequence: 60_009, number: 9))
        #expect(watched.counters.duplicated == 1)
    }

    @Test func aPacketOfAnotherPublisherRoomOrKindIsMisdelivered() {
        let foreign = [
            Watched.Packet(sequence: 60_001, number: 1, publisher: 3),
            Watched.Packet(sequence: 60_001, number: 1, run: 8),
            Watched.Packet(sequence: 60_001, number: 1, stream: LoadPayload.audioStream),
        ]
        for packet in foreign {
            for interval in [1, 1_000] {
                var watched = Watched(checksumInterval: interval)
                watched.takeRun(0..<1)
                #expect(watched.take(packet) == nil)
                #expect(watched.counters.misdelivered == 1 && watched.counters.corrupt == 0)
                #expect(watched.counters.delivered == 1)
            }
        }
    }

    /// A broken publisher field looks foreign; the checksum says what it is even when it is not this packet's turn.
    @Test func aCorruptIdentityIsNotTakenForForeign() {
        var watched = Watched(checksumInterval: 1_000)
        watched.takeRun(0..<1)
        var bytes = watched.bytes(Watched.Packet(sequence: 60_001, number: 1))
        bytes[12 + 4 + 13] ^= 1
        watched.take(bytes)
        #expect(watched.counters.corrupt == 1 && watched.counters.misdelivered == 0)
    }

    @Test func aDuplicatedPayloadIsFound() {
        var watched = Watched()
        watched.takeRun(0..<10)
        watched.take(Watched.Packet(sequence: 60_004, number: 4))
        #expect(watched.counters.duplicated == 1 && watched.counters.redundantRepairs == 0)
        watched.take(Watched.Packet(sequence: 60_005, number: 5), .repair)
        #expect(watched.counters.duplicated == 1 && watched.counters.redundantRepairs == 1)
        // Under a new sequence number it is also a fault of the numbering.
        watched.take(Watched.Packet(sequence: 60_010, number: 9))
        #expect(watched.counters.duplicated == 2 && watched.counters.sequenceErrors == 1)
        #expect(watched.counters.delivered == 10)
    }

    @Test func lossAndRepairAreCounted() {
        var watched = Watched()
        watched.takeRun(0..<10)
        watched.takeRun(14..<20)
        #expect(watched.counters.gapsOpened == 4 && watched.counters.sequenceErrors == 0)
        for number in 10..<13 {
            watched.take(Watched.Packet(sequence: UInt16(60_000 + number), number: UInt64(number)), .repair)
        }
        #expect(watched.counters.gapsFilled == 3 && watched.counters.repaired == 3)
        #expect(watched.counters.delivered == 19 && watched.counters.sequenceErrors == 0)
    }

    @Test func contentsThatAreSkippedWithoutAGapAreASequenceError() {
        var watched = Watched()
        watched.takeRun(0..<10)
        watched.takeRun(12..<20, sequenceOffset: 59_998)
        #expect(watched.counters.sequenceErrors == 1 && watched.counters.gapsOpened == 0)
    }

    @Test func aSequenceGapWithoutMissingContentsIsASequenceError() {
        var watched = Watched()
        watched.takeRun(0..<10)
        watched.takeRun(10..<20, sequenceOffset: 60_100)
        #expect(watched.counters.sequenceErrors == 1)
    }

    @Test func paddingTakesSequenceNumbersWithoutContents() {
        var watched = Watched()
        watched.takeRun(0..<10)
        for sequence in [UInt16(60_010), 60_011] {
            watched.verifier.receivePadding(
                RTPHeader(payloadType: 96, sequenceNumber: SequenceNumber(sequence), timestamp: 0, ssrc: 1))
        }
        watched.takeRun(10..<20, sequenceOffset: 60_002)
        #expect(watched.counters.sequenceErrors == 0 && watched.counters.gapsOpened == 0)
        #expect(watched.counters.delivered == 20)
    }

    @Test func aChangeOfEncodingIsNoError() {
        var watched = Watched()
        watched.takeRun(0..<10)
        for step in 0..<10 {
            watched.take(
                Watched.Packet(
                    sequence: UInt16(60_010 + step), number: UInt64(700 + step), stream: 2,
                    timestamp: UInt32(100_000 + step)))
        }
        #expect(watched.counters.sequenceErrors == 0 && watched.counters.timestampErrors == 0)
        #expect(watched.counters.delivered == 20)
    }

    @Test func aTimestampThatRunsBackwardsIsFound() {
        var watched = Watched()
        watched.takeRun(0..<10)
        watched.take(Watched.Packet(sequence: 60_010, number: 10, timestamp: 8 * 3_000))
        #expect(watched.counters.timestampErrors == 1)
    }

    @Test func onlyPacketsSentInTheWindowCount() {
        var watched = Watched()
        watched.window = MeasurementWindow(start: 500, end: 600)
        for (step, sentAt) in [UInt64(499), 500, 599, 600].enumerated() {
            let sent = watched.take(
                Watched.Packet(sequence: UInt16(step), number: UInt64(step), sentAt: sentAt))
            #expect(sent == sentAt)
        }
        #expect(watched.counters.delivered == 2 && watched.counters.totalDelivered == 4)
    }

    @Test func aSampleOfChecksumsIsVerifiedAndEveryNumberIsLookedAt() {
        var watched = Watched(checksumInterval: 32)
        watched.takeRun(0..<320)
        #expect(watched.counters.verified == 10 && watched.counters.delivered == 320)
    }

    @Test func numbersAreRememberedAndForgottenInOrder() {
        var window = NumberWindow()
        let size = UInt64(Limits.rememberedNumbers)
        #expect(window.insert(10) == .new && window.insert(10) == .before && window.insert(9) == .new)
        #expect(window.insert(size + 9) == .new)
        #expect(window.insert(9) == .forgotten && window.insert(10) == .before && window.insert(11) == .new)
        #expect(window.insert(10 * size) == .new && window.insert(10 * size - 1) == .new)
        #expect(window.insert(size + 9) == .forgotten)
    }
}
