import RTP
import Testing
import Wire

private let block = ReportBlock(
    ssrc: 0x11, fractionLost: 0x40, cumulativeLost: -2, highestSequence: 0x0001_0203, jitter: 7,
    lastSenderReport: 0xAABB_CCDD, delaySinceLastSenderReport: 0x1_0000)

@Test func senderReportHasTheLayoutOfRFC3550() throws {
    var writer = ByteWriter()
    let report = SenderReport(
        ssrc: 0x0A, ntp: NTPTimestamp(rawValue: 0x0102_0304_0506_0708), rtpTimestamp: 0x0910, packetCount: 3,
        octetCount: 4)
    writer.writeSenderReport(report, blocks: [block])
    let expected = hex(
        """
        81 C8 000C 0000000A 01020304 05060708 00000910 00000003 00000004
        00000011 40 FFFFFE 00010203 00000007 AABBCCDD 00010000
        """)
    #expect(writer.bytes == expected)
    guard case .senderReport(let read)? = try packets(expected).first else {
        Issue.record("no SR")
        return
    }
    #expect(read.ssrc == 0x0A && read.ntp == report.ntp && read.octetCount == 4 && read.reportCount == 1)
    #expect(read.report(at: 0, in: expected) == block)
}

@Test func receiverReportHoldsAtMost31Blocks() throws {
    var writer = ByteWriter()
    writer.writeReceiverReport(ssrc: 5, blocks: Array(repeating: block, count: 40))
    guard case .receiverReport(let read)? = try packets(writer.bytes).first else {
        Issue.record("no RR")
        return
    }
    #expect(read.ssrc == 5 && read.reportCount == 31)
    #expect(read.report(at: 30, in: writer.bytes) == block)
}

@Test(arguments: ["", "a", "abc", "user@host", String(repeating: "x", count: 300)])
func cnameSurvivesTheTrip(_ cname: String) throws {
    var writer = ByteWriter()
    writer.writeReceiverReport(ssrc: 5)
    writer.writeSourceDescription(ssrc: 0x77, cname: cname)
    #expect(writer.count % 4 == 0)
    guard case .sourceDescription(let read) = try packets(writer.bytes)[1] else {
        Issue.record("no SDES")
        return
    }
    let range = try #require(read.cname(of: 0x77, in: writer.bytes))
    #expect(String(decoding: writer.bytes[range], as: UTF8.self) == String(cname.prefix(255)))
    #expect(read.cname(of: 0x78, in: writer.bytes) == nil)
}

@Test func goodbyeCarriesSourcesAndReason() throws {
    var writer = ByteWriter()
    writer.writeGoodbye(sources: [1, 2], reason: "bye now")
    #expect(writer.bytes == hex("82 CB 0004 00000001 00000002 07 627965206E6F77"))
    guard case .goodbye(let read)? = try packets(writer.bytes).first else {
        Issue.record("no BYE")
        return
    }
    #expect(read.sourceCount == 2 && read.source(at: 1, in: writer.bytes) == 2)
    #expect(String(decoding: writer.bytes[read.reason], as: UTF8.self) == "bye now")
    writer.reset()
    writer.writeGoodbye(sources: [1])
    #expect(writer.bytes == hex("81 CB 0001 00000001"))
}

@Test func nackIsPackedIntoPacketIDsAndBitmasks() throws {
    // RFC 4585 section 6.2.1: bit i of BLP stands for PID + i + 1.
    let lost: [UInt16] = [10, 11, 26, 27, 65530, 65535, 4]
    let numbers = lost.map { SequenceNumber($0) }
    var writer = ByteWriter()
    let count = writer.writeNack(senderSSRC: 1, mediaSSRC: 2, sequenceNumbers: numbers)
    #expect(count == 7)
    #expect(writer.bytes == hex("81 CD 0005 00000001 00000002 000A8001 001B0000 FFFA0210"))
    guard case .nack(let nack)? = try packets(writer.bytes).first else {
        Issue.record("no NACK")
        return
    }
    #expect(nack.senderSSRC == 1 && nack.mediaSSRC == 2 && nack.entryCount == 3)
    var walk = nack.sequenceNumbers
    var read: [UInt16] = []
    while let number = walk.next(in: writer.bytes.span.bytes) { read.append(number.rawValue) }
    #expect(read == lost)
}

@Test func fullBitmaskNamesSeventeenPackets() throws {
    let bytes = hex("81 CD 0003 00000001 00000002 FFF8FFFF")
    guard case .nack(let nack)? = try packets(bytes).first else {
        Issue.record("no NACK")
        return
    }
    var walk = nack.sequenceNumbers
    var read: [UInt16] = []
    while let number = walk.next(in: bytes.span.bytes) { read.append(number.rawValue) }
    #expect(read == (0..<17).map { UInt16(0xFFF8) &+ $0 })
}

@Test func nackStopsAtThePacketsLimit() {
    let numbers = (0..<600).map { SequenceNumber(UInt16($0 * 20)) }
    var writer = ByteWriter()
    let written = writer.writeNack(senderSSRC: 1, mediaSSRC: 2, sequenceNumbers: numbers)
    #expect(written > NackGenerator.batch && written < 600)
    #expect(writer.count <= Limits.feedbackLength)
    writer.reset()
    let none = writer.writeNack(senderSSRC: 1, mediaSSRC: 2, sequenceNumbers: [])
    #expect(none == 0 && writer.count == 0)
}

@Test func keyFrameRequestsHaveTheirLayouts() throws {
    var writer = ByteWriter()
    writer.writePictureLossIndication(senderSSRC: 1, mediaSSRC: 2)
    writer.writeFullIntraRequest(senderSSRC: 1, mediaSSRC: 2, sequence: 9)
    #expect(writer.bytes == hex("81 CE 0002 00000001 00000002 84 CE 0004 00000001 00000000 00000002 09000000"))
    let list = try packets(writer.bytes)
    guard case .pictureLossIndication(let pli) = list[0], case .fullIntraRequest(let fir) = list[1] else {
        Issue.record("wrong kinds")
        return
    }
    #expect(pli.mediaSSRC == 2 && fir.entryCount == 1)
    let entry = fir.entry(at: 0, in: writer.bytes.span.bytes)
    #expect(entry.ssrc == 2 && entry.sequence == 9)
}

@Test(arguments: [
    (0, 0), (1, 1), (262_143, 262_143), (262_145, 262_144), (2_500_000, 2_500_000), (UInt64.max, 0xFFFF_C000_0000_0000),
] as [(UInt64, UInt64)])
func rembRoundsDownToEighteenBits(_ written: UInt64, _ read: UInt64) throws {
    var writer = ByteWriter()
    writer.writeMaximumBitrate(senderSSRC: 1, bitsPerSecond: written, sources: [7, 8])
    guard case .maximumBitrate(let remb)? = try packets(writer.bytes).first else {
        Issue.record("no REMB")
        return
    }
    #expect(remb.bitsPerSecond == read && remb.sourceCount == 2)
    #expect(remb.source(at: 1, in: writer.bytes) == 8)
}

@Test func attack23RembBeyondSixtyFourBitsSaturates() throws {
    let bytes = hex("8F CE 0004 00000001 00000000 52454D42 00FFFFFF")
    guard case .maximumBitrate(let remb)? = try packets(bytes).first else {
        Issue.record("no REMB")
        return
    }
    #expect(remb.bitsPerSecond == .max)
}

@Test func compoundIsWalkedAndUnknownTypesAreSkipped() throws {
    // XR (207) and APP (204) between an RR and a PLI; the last packet is padded.
    let bytes = hex(
        "80C90001 00000005 80CF0001 00000001 81CC0002 00000001 6E616D65 A1CE0003 00000001 00000002 00000004")
    let list = try packets(bytes)
    #expect(list.count == 4)
    guard case .unknown(207, 0) = list[1], case .unknown(204, 1) = list[2],
        case .pictureLossIndication = list[3]
    else {
        Issue.record("wrong kinds")
        return
    }
}

@Test func reducedSizePacketNeedsNoReport() throws {
    // RFC 5506.
    #expect(try packets(hex("81CE0002 00000001 00000002")).count == 1)
}

@Test func oneBadPacketDoesNotHideTheNext() throws {
    let bytes = hex("81CD0002 00000001 00000002 81CE0002 00000001 00000002")
    var compound = try CompoundPacket(bytes.span.bytes)
    do {
        _ = try compound.next()
        Issue.record("an empty NACK was accepted")
    } catch {
        #expect(error == .badLength)
    }
    guard case .pictureLossIndication? = try compound.next() else {
        Issue.record("the PLI was lost")
        return
    }
}

@Test(arguments: [
    ("", ParseError.truncated),
    ("80C900", .truncated),
    ("40C90001 00000005", .badHeader),
    ("80C90002 00000005", .badLength),  // longer than the datagram
    ("80C90001 00000005 80C9FFFF", .badLength),  // truncated compound
    ("80C90001 00000005 80", .truncated),
    ("A0C90001 00000000", .badLength),  // padding of zero
    ("A0C90001 00000001", .badLength),  // a padding that leaves no SSRC
    ("A0C90001 00000008", .badLength),  // padding > packet
    ("A0C90000", .badLength),
    ("81C90001 00000005", .badLength),  // report count > packet
    ("80C80001 00000005", .badLength),
    ("82CB0001 00000005", .badLength),  // BYE with more sources than bytes
    ("81CB0002 00000001 FF616263", .badLength),  // BYE reason (CVE-2021-43804)
    ("81CB0002 00000001 04616263", .badLength),
    ("81CA0001 00000001", .truncated),  // SDES without an end
    ("81CA0002 00000001 01FF6161", .badLength),
    ("81CA0002 00000001 01026161", .truncated),
    ("82CA0002 00000001 00000000", .truncated),
    ("81CD0001 00000001", .badLength),
    ("81CE0001 00000001", .badLength),
    ("84CE0002 00000001 00000000", .badLength),
    ("8FCE0003 00000001 00000000 52454D42", .badLength),
    ("8FCE0004 00000001 00000000 52454D42 02000000", .badLength),
])
func attack23MalformedRTCPIsRefused(_ text: String, _ error: ParseError) {
    #expect(refusal(hex(text)) == error)
}

@Test func attack23EndlessCompoundIsOverTheLimit() {
    let many = [UInt8](Array(repeating: hex("80CF0000"), count: Limits.packetsPerCompound + 1).joined())
    #expect(refusal(many) == .overLimit)
}

@Test func ntpTimeIsFixedPointSince1900() {
    let time = NTPTimestamp(at(milliseconds: 1_500), unixOffset: .seconds(1))
    #expect(time.rawValue == UInt64(2_208_988_802) << 32 | 0x8000_0000)
    #expect(time.middle == UInt32(truncatingIfNeeded: UInt64(2_208_988_802) << 16) | 0x8000)
    #expect(NTPTimestamp(at(milliseconds: 250), unixOffset: .zero).absoluteSendTime & 0x3_FFFF == 0x1_0000)
    #expect(Interval.milliseconds(1_500).ntpShort == 0x1_8000)
    #expect(Interval(ntpShort: 0x1_8000) == .milliseconds(1_500))
    #expect(Interval.milliseconds(-1).ntpShort == 0 && Interval.seconds(1 << 20).ntpShort == .max)
}

@Test func roundTripFollowsTheExampleOfRFC3550() {
    // Section 6.4.1, figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 0x0005:4000, so 6.125 s.
    var example = block
    example.lastSenderReport = 0xB705_2000
    example.delaySinceLastSenderReport = 0x0005_4000
    let now = NTPTimestamp(rawValue: 0x0000_B710_8000_0000)
    #expect(example.roundTripTime(at: now) == .milliseconds(6_125))
    example.delaySinceLastSenderReport = 0x00FF_0000
    #expect(example.roundTripTime(at: now) == nil)
    example.lastSenderReport = 0
    #expect(example.roundTripTime(at: now) == nil)
}
