import RTP
import Testing
import Wire

@Test func readsEveryFieldOfTheFixedHeader() throws {
    // RFC 3550 section 5.1: V=2, two CSRCs, M=1, PT=96.
    let packet = hex("82 E0 1234 DEADBEEF CAFEBABE 00000001 00000002 AABBCC")
    let parsed = try header(packet)
    #expect(parsed.marker && parsed.payloadType == 96 && parsed.csrcCount == 2)
    #expect(parsed.sequenceNumber == SequenceNumber(0x1234))
    #expect(parsed.timestamp == 0xDEAD_BEEF && parsed.ssrc == 0xCAFE_BABE)
    #expect(parsed.payloadRange == 20..<23 && parsed.headerLength == 20 && !parsed.hasPadding)
}

@Test func paddingIsNoPayload() throws {
    let parsed = try header(hex("A0 60 0001 00000000 00000001 AABB 000003"))
    #expect(parsed.payloadRange == 12..<14 && parsed.paddingLength == 3)
    let probe = try header(hex("A0 60 0001 00000000 00000001 00000004"))
    #expect(probe.payloadRange.isEmpty && probe.paddingLength == 4)
}

@Test(arguments: [
    ("", ParseError.truncated),
    ("80 60 0001 00000000 000000", .truncated),
    ("40 60 0001 00000000 00000001", .badHeader),
    ("81 60 0001 00000000 00000001", .truncated),
    ("8F 60 0001 00000000 00000001 00000001", .truncated),
    ("90 60 0001 00000000 00000001", .truncated),
    ("90 60 0001 00000000 00000001 BEDE0001", .badLength),
    ("90 60 0001 00000000 00000001 BEDEFFFF 00000000", .badLength),
    ("A0 60 0001 00000000 00000001", .badLength),
    ("A0 60 0001 00000000 00000001 AA00", .badLength),
    ("A0 60 0001 00000000 00000001 AA03", .badLength),
    ("B0 60 0001 00000000 00000001 BEDE0001 10FF0005", .badLength),
])
func attack22HeaderThatLiesIsRefused(_ text: String, _ error: ParseError) {
    #expect(throws: error) { try header(hex(text)) }
}

@Test func oneByteExtensionsOfRFC8285AreFound() throws {
    // Section 4.2's figure: three elements of 1, 2 and 4 bytes with padding between and behind.
    let packet = hex("90 60 0001 00000000 00000001 BEDE0003 10AA 21BBBB 0000 33CCCCCCCC FF")
    let parsed = try header(packet)
    #expect(parsed.headerExtension(id: 1, in: packet) == 17..<18)
    #expect(parsed.headerExtension(id: 2, in: packet) == 19..<21)
    #expect(parsed.headerExtension(id: 3, in: packet) == 24..<28)
    #expect(parsed.headerExtension(id: 4, in: packet) == nil)
    #expect(parsed.headerExtension(id: 0, in: packet) == nil)
    #expect(parsed.payloadRange == 28..<29)
}

@Test func twoByteExtensionsOfRFC8285AreFound() throws {
    // Section 4.3's figure: lengths 0, 1 and 4; the low bits of the profile are free.
    let packet = hex("90 60 0001 00000000 00000001 10050003 0100 0201AA 00 0304BBBBBBBB")
    let parsed = try header(packet)
    #expect(parsed.headerExtension(id: 1, in: packet) == 18..<18)
    #expect(parsed.headerExtension(id: 2, in: packet) == 20..<21)
    #expect(parsed.headerExtension(id: 3, in: packet) == 24..<28)
}

@Test(arguments: [
    "F0AA 20BB",  // id 15 ends the walk
    "07AA 20BB",  // id 0 with a length does too
    "1FAA 20BB",  // an element longer than its block
])
func attack22LyingElementEndsTheWalk(_ elements: String) throws {
    let packet = hex("90 60 0001 00000000 00000001 BEDE0001" + elements)
    let parsed = try header(packet)
    #expect(parsed.headerExtension(id: 2, in: packet) == nil)
    var walk = HeaderExtensions(parsed)
    let first = walk.next(in: packet.span.bytes)
    #expect(first == nil)
    #expect(walk.isMalformed)
}

@Test(arguments: ["0405AAAA", "00000004"])
func attack22LyingTwoByteElementEndsTheWalk(_ elements: String) throws {
    let packet = hex("90 60 0001 00000000 00000001 10000001" + elements)
    #expect(try header(packet).headerExtension(id: 4, in: packet) == nil)
}

@Test func unknownProfileHasNoElements() throws {
    let packet = hex("90 60 0001 00000000 00000001 ABCD0001 10AA20BB")
    let parsed = try header(packet)
    #expect(parsed.headerExtension(id: 1, in: packet) == nil)
    #expect(parsed.headerLength == 20)
}

@Test func fieldsAreRewrittenInPlace() throws {
    var packet = hex("80 E0 0001 00000000 00000001 AA")
    var spanElements = packet.mutableSpan
    var span = spanElements.mutableBytes
    RTPHeader.setPayloadType(111, in: &span)
    RTPHeader.setSequenceNumber(SequenceNumber(0xFFFE), in: &span)
    RTPHeader.setTimestamp(0x0102_0304, in: &span)
    RTPHeader.setSSRC(0x0A0B_0C0D, in: &span)
    #expect(packet == hex("80 EF FFFE 01020304 0A0B0C0D AA"))
    var againElements = packet.mutableSpan
    var again = againElements.mutableBytes
    RTPHeader.setMarker(false, in: &again)
    #expect(packet[1] == 0x6F)
}

@Test func writerMakesTheHeaderThatAReaderFinds() throws {
    var buffer = [UInt8](repeating: 0xEE, count: 64)
    var spanElements = buffer.mutableSpan
    var span = spanElements.mutableBytes
    let fields = RTPHeader(
        payloadType: 96, marker: true, sequenceNumber: SequenceNumber(9), timestamp: 10, ssrc: 11)
    var writer = try RTPHeaderWriter(fields, into: &span)
    let mid = try #require(HeaderExtensionValue("video1"))
    let tooLong = HeaderExtensionValue("a text of seventeen")
    #expect(tooLong == nil)
    let ids: [(UInt8, Bool)] = [(15, false), (0, false), (4, true)]
    for (id, isWritten) in ids {
        let done = writer.append(id: id, mid, into: &span)
        #expect(done == isWritten)
    }
    writer.append(id: 1, UInt8(0x7F), into: &span)
    writer.append(id: 2, UInt16(0x1234), into: &span)
    writer.append(id: 3, uint24: 0xABCDEF, into: &span)
    let length = writer.finish(into: &span)
    let packet = Array(buffer[..<length])
    #expect(packet == hex("90 E0 0009 0000000A 0000000B BEDE0004 45 766964656F31 107F 211234 32ABCDEF"))
    let parsed = try header(packet)
    #expect(parsed.headerLength == length && parsed.marker)
    let found = try #require(parsed.headerExtension(id: 4, in: packet))
    #expect(String(decoding: packet[found], as: UTF8.self) == "video1")
}

@Test func writerWithoutElementsWritesNoBlock() throws {
    var buffer = [UInt8](repeating: 0, count: 12)
    var spanElements = buffer.mutableSpan
    var span = spanElements.mutableBytes
    let fields = RTPHeader(payloadType: 0, sequenceNumber: SequenceNumber(1), timestamp: 2, ssrc: 3)
    var writer = try RTPHeaderWriter(fields, into: &span)
    let refused = writer.append(id: 1, UInt8(1), into: &span)
    let length = writer.finish(into: &span)
    #expect(!refused && length == 12)
    #expect(buffer == hex("80 00 0001 00000002 00000003"))
}

@Test func twoByteFormCarriesLongElements() throws {
    var buffer = [UInt8](repeating: 0, count: 64)
    let descriptor = [UInt8](repeating: 7, count: 20)
    var spanElements = buffer.mutableSpan
    var span = spanElements.mutableBytes
    let fields = RTPHeader(payloadType: 0, sequenceNumber: SequenceNumber(1), timestamp: 2, ssrc: 3)
    var writer = try RTPHeaderWriter(fields, form: .twoByte, into: &span)
    writer.append(id: 200, descriptor.span.bytes, into: &span)
    let length = writer.finish(into: &span)
    let packet = Array(buffer[..<length])
    let found = try #require(try header(packet).headerExtension(id: 200, in: packet))
    #expect(Array(packet[found]) == descriptor)
}

@Test func rtcpIsToldFromRTPByItsSecondByte() {
    // RFC 5761 section 4.
    for type in UInt8.min...UInt8.max {
        let bytes: [UInt8] = [0x80, type]
        #expect(isRTCP(bytes) == (192...223).contains(type))
    }
    #expect(!isRTCP([0x80]))
}
