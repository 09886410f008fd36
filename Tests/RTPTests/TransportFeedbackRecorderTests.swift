import RTP
import Testing
import Wire

/// Reads feedback packets back into arrivals in ticks of 250 µs, by extended sequence number.
private struct Reader {
    var arrivals: [Int64: Int64] = [:]
    var lost: Set<Int64> = []
    var feedbackCounts: [UInt8] = []
    private var unwrapper = SequenceUnwrapper()
    private var previous: TransportFeedback?
    private var reference: Int64 = 0

    /// `origin`: the true reference of the first packet, since the field holds only 24 bits of it.
    mutating func read(_ bytes: [UInt8], origin: Int64) throws {
        let packet = try feedback(bytes)
        #expect(bytes.count <= Limits.feedbackLength && bytes.count % 4 == 0)
        if let previous {
            reference += packet.referenceInterval(since: previous).nanoseconds / 64_000_000
        } else {
            reference = origin
        }
        previous = packet
        feedbackCounts.append(packet.feedbackCount)
        for status in statuses(packet, bytes) {
            let number = unwrapper.unwrap(status.sequenceNumber)
            guard let arrival = status.arrival else {
                lost.insert(number)
                continue
            }
            lost.remove(number)
            arrivals[number] = reference * 256 + arrival.nanoseconds / 250_000
        }
    }
}

private func drain(_ recorder: inout TransportFeedbackRecorder) -> [[UInt8]] {
    var list: [[UInt8]] = []
    var writer = ByteWriter()
    while recorder.writeFeedback(senderSSRC: 1, mediaSSRC: 2, to: &writer) {
        list.append(writer.bytes)
        writer.reset()
    }
    return list
}

@Test(arguments: 0..<60)
func feedbackTellsExactlyWhatArrivedAndWhen(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    func below(_ bound: UInt64, _ random: inout SeededRandom) -> UInt64 { random.next() % bound }
    var recorder = TransportFeedbackRecorder()
    var reader = Reader()
    // Some runs begin just before the 24-bit reference wraps, or with a sequence number about to.
    let wrap: UInt64 = 64_000_000 << 24
    var sent = (seed % 3 == 0 ? wrap - 2_000_000_000 : 5_000_000_000) + below(1_000_000_000, &random)
    var number = UInt16(truncatingIfNeeded: seed % 2 == 0 ? 65_000 + below(500, &random) : below(60_000, &random))
    let loss = below(60, &random)
    let jitter = 1 + below(seed % 5 == 0 ? 20_000_000_000 : 60_000_000, &random)
    var flights: [(arrival: UInt64, extended: Int64)] = []
    var unwrapper = SequenceUnwrapper()
    for _ in 0..<800 {
        let extended = unwrapper.unwrap(SequenceNumber(number))
        if below(100, &random) >= loss { flights.append((sent + below(jitter, &random), extended)) }
        if below(200, &random) == 0 { number &+= UInt16(below(300, &random)) }
        number &+= 1
        sent += below(8_000_000, &random)
    }
    // Reordering stays inside the window; the first arrival is the base of what is reported.
    flights.sort { $0.arrival < $1.arrival }
    var expected: [Int64: Int64] = [:]
    var origin: Int64?
    for (index, flight) in flights.enumerated() {
        recorder.record(
            SequenceNumber(UInt16(truncatingIfNeeded: flight.extended)), arrival: Instant(nanoseconds: flight.arrival))
        expected[flight.extended] = Int64(flight.arrival / 250_000)
        guard below(20, &random) == 0 || index == flights.count - 1 else { continue }
        for bytes in drain(&recorder) {
            if origin == nil {
                let first = expected.keys.min()!
                origin = expected[first]! / 256
            }
            try reader.read(bytes, origin: origin!)
        }
    }
    #expect(!recorder.hasFeedback)
    // The reader's unwrapper may start at another cycle: compare relative to the newest number.
    let shift = reader.arrivals.keys.max()! - expected.keys.max()!
    #expect(shift % 0x1_0000 == 0)
    #expect(reader.arrivals == Dictionary(uniqueKeysWithValues: expected.map { ($0 + shift, $1) }))
    let reported = (expected.keys.min()! + shift)...(expected.keys.max()! + shift)
    #expect(reader.lost == Set(reported.filter { reader.arrivals[$0] == nil }))
    #expect(reader.feedbackCounts == reader.feedbackCounts.indices.map { UInt8(truncatingIfNeeded: $0) })
}

@Test func nothingNewIsNothingToSay() {
    var recorder = TransportFeedbackRecorder()
    #expect(drain(&recorder).isEmpty && !recorder.hasFeedback)
    recorder.record(SequenceNumber(1), arrival: at(milliseconds: 100))
    #expect(recorder.hasFeedback)
    #expect(drain(&recorder).count == 1)
    recorder.record(SequenceNumber(1), arrival: at(milliseconds: 200))
    #expect(drain(&recorder).isEmpty)
}

@Test func deltaBeyondSixteenBitsSplitsThePacket() throws {
    var recorder = TransportFeedbackRecorder()
    recorder.record(SequenceNumber(1), arrival: at(milliseconds: 64))
    recorder.record(SequenceNumber(2), arrival: at(milliseconds: 64 + 8_191))
    recorder.record(SequenceNumber(4), arrival: at(milliseconds: 64 + 8_191 + 8_192))
    let list = drain(&recorder)
    #expect(list.count == 2)
    let second = try feedback(list[1])
    #expect(second.baseSequenceNumber == SequenceNumber(3) && second.statusCount == 2 && second.feedbackCount == 1)
}

@Test func longFeedbackIsSplitByLength() throws {
    var recorder = TransportFeedbackRecorder()
    for index in 0..<1_500 {
        recorder.record(SequenceNumber(UInt16(index)), arrival: at(milliseconds: 64 + Int64(index) * 70))
    }
    let list = drain(&recorder)
    #expect(list.count == 3)
    #expect(try list.map { try feedback($0).statusCount }.reduce(0, +) == 1_500)
}

@Test func lateArrivalIsReportedAgain() throws {
    var recorder = TransportFeedbackRecorder()
    for number in [10, 12] as [UInt16] { recorder.record(SequenceNumber(number), arrival: at(milliseconds: 64)) }
    #expect(drain(&recorder).count == 1)
    recorder.record(SequenceNumber(11), arrival: at(milliseconds: 70))
    let list = drain(&recorder)
    let packet = try feedback(try #require(list.first))
    #expect(packet.baseSequenceNumber == SequenceNumber(11))
    #expect(statuses(packet, list[0]).map(\.isReceived) == [true, true])
}

@Test func jumpBeyondTheWindowForgetsThePast() throws {
    var recorder = TransportFeedbackRecorder(window: 64)
    recorder.record(SequenceNumber(1), arrival: at(milliseconds: 64))
    recorder.record(SequenceNumber(20_000), arrival: at(milliseconds: 65))
    recorder.record(SequenceNumber(19_900), arrival: at(milliseconds: 66))
    let list = drain(&recorder)
    let packet = try feedback(try #require(list.first))
    #expect(list.count == 1 && packet.statusCount == 64)
    #expect(statuses(packet, list[0]).filter(\.isReceived).map(\.sequenceNumber) == [SequenceNumber(20_000)])
}
