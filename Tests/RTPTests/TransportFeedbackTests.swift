import RTP
import Testing
import Wire

/// Header and fixed part: base 5, `count` statuses, reference time 1, feedback 0.
private func packet(count: UInt16, reference: UInt32 = 1, body: String) -> [UInt8] {
    var content = hex(body)
    while content.count % 4 != 0 { content.append(0) }
    var writer = ByteWriter()
    writer.write([0x8F, 205])
    writer.write(UInt16(4 + content.count / 4))
    writer.write(UInt32(1))
    writer.write(UInt32(2))
    writer.write(UInt16(5))
    writer.write(count)
    writer.writeUInt24(reference)
    writer.write(UInt8(0))
    writer.write(content)
    return writer.bytes
}

private func pattern(_ bytes: [UInt8]) throws -> String {
    statuses(try feedback(bytes), bytes).map { $0.isReceived ? "1" : "0" }.joined()
}

@Test func runLengthChunksOfTheDraft() throws {
    // Section 3.1.3's examples: 221 lost, and 24 received with small deltas.
    #expect(try pattern(packet(count: 221, body: "00DD")) == String(repeating: "0", count: 221))
    let deltas = String(repeating: "04", count: 24)
    let bytes = packet(count: 24, body: "2018" + deltas)
    #expect(try pattern(bytes) == String(repeating: "1", count: 24))
    let last = statuses(try feedback(bytes), bytes).last
    #expect(last?.sequenceNumber == SequenceNumber(28) && last?.arrival == .milliseconds(24))
}

@Test func oneBitVectorOfTheDraft() throws {
    // Section 3.1.4's first example: lost, five received, three lost, three received, two lost.
    let bytes = packet(count: 14, body: "9F1C" + String(repeating: "01", count: 8))
    #expect(try pattern(bytes) == "01111100011100")
}

@Test func twoBitVectorOfTheDraft() throws {
    // Section 3.1.4's second example: lost, received without a time, three small, two lost.
    let example = packet(count: 7, body: "CD50 010203")
    #expect(try pattern(example) == "0111100")
    #expect(statuses(try feedback(example), example)[1].arrival == nil)
    #expect(statuses(try feedback(example), example)[4].arrival == .microseconds(1_500))
    let bytes = packet(count: 7, body: "D800 08 FFFC")
    let list = statuses(try feedback(bytes), bytes)
    #expect(list.map(\.isReceived) == [true, true, false, false, false, false, false])
    #expect(list[0].arrival == .milliseconds(2) && list[1].arrival == .milliseconds(1))
}

@Test func lastChunkMaySayMoreThanTheCount() throws {
    #expect(try pattern(packet(count: 2, body: "3FFF 0101")) == "11")
    #expect(try pattern(packet(count: 1, body: "BFFF 01")) == "1")
}

@Test func referenceTimeIsSignedAndWraps() throws {
    let late = try feedback(packet(count: 1, reference: 0xFF_FFFF, body: "2001 00"))
    let early = try feedback(packet(count: 1, reference: 0, body: "2001 00"))
    #expect(late.reference == .milliseconds(-64))
    #expect(early.referenceInterval(since: late) == .milliseconds(64))
    #expect(late.referenceInterval(since: early) == .milliseconds(-64))
    let high = try feedback(packet(count: 1, reference: 0x7F_FFFF, body: "2001 00"))
    let low = try feedback(packet(count: 1, reference: 0x80_0000, body: "2001 00"))
    #expect(low.referenceInterval(since: high) == .milliseconds(64))
}

@Test(arguments: [
    ("8FCD0002 00000001 00000002", ParseError.truncated),
    ("8FCD0004 00000001 00000002 00050000 00000100", .badValue),  // no statuses
    ("8FCD0004 00000001 00000002 00050001 00000100", .truncated),  // no chunks
    ("8FCD0005 00000001 00000002 00050001 00000100 00000000", .badValue),  // empty run
    ("8FCD0005 00000001 00000002 00050003 00000100 20030101", .truncated),  // three deltas, two bytes
    ("8FCD0005 00000001 00000002 0005FFFF 00000100 1FFF1FFF", .truncated),  // too few chunks
    ("8FCD0005 00000001 00000002 00050002 00000100 40020101", .truncated),
])
func attack23FeedbackThatLiesIsRefused(_ text: String, _ error: ParseError) {
    #expect(refusal(hex(text)) == error)
}

@Test func runsAndVectorsAreChosenAsTheDraftShows() throws {
    func chunks(_ received: String, gap: Int64 = 1) -> [UInt8] {
        var recorder = TransportFeedbackRecorder()
        var time: Int64 = 64
        for (index, mark) in received.enumerated() where mark == "1" {
            recorder.record(SequenceNumber(UInt16(5 + index)), arrival: at(milliseconds: time))
            time += gap
        }
        var writer = ByteWriter()
        let done = recorder.writeFeedback(senderSSRC: 1, mediaSSRC: 2, to: &writer)
        #expect(done)
        return Array(writer.bytes.dropFirst(20))
    }
    let run = String(repeating: "1", count: 24)
    #expect(Array(chunks(run).prefix(2)) == hex("2018"))
    #expect(Array(chunks("11111000111001").prefix(2)) == hex("BE39"))
    // A delta of 100 ms is large: 400 ticks.
    #expect(chunks("1010011", gap: 100) == hex("D20A 00 0190 0190 0190 000000"))
}

/// As libwebrtc writes it: the content fills no whole words, and the last byte counts those that fill them.
private func padded(count: UInt16, body: String) -> [UInt8] {
    let missing = 3 - (hex(body).count + 3) % 4
    var bytes = packet(count: count, body: body)
    bytes[0] |= 0x20
    bytes[bytes.count - 1] = UInt8(missing)
    return bytes
}

@Test(arguments: [(1, "2001 04"), (3, "2003 040404"), (4, "2004 04040404")])
func feedbackThatIsPaddedToWholeWordsIsRead(_ count: Int, _ body: String) throws {
    let bytes = padded(count: UInt16(count), body: body)
    #expect(try pattern(bytes) == String(repeating: "1", count: count))
}

@Test func eachFeedbackOfACompoundMayBePadded() throws {
    let bytes = padded(count: 1, body: "2001 04") + padded(count: 3, body: "2003 040404")
    let counts = try packets(bytes).map { entry -> Int in
        if case .transportFeedback(let feedback) = entry { feedback.statusCount } else { 0 }
    }
    #expect(counts == [1, 3])
}

@Test func paddingIsNotTakenForDeltas() {
    // Two arrivals, one delta, and a byte of padding.
    #expect(refusal(padded(count: 2, body: "2002 04")) == .truncated)
}
