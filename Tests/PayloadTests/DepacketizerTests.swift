import Payload
import Testing
import Wire

private func part(_ format: PayloadFormat, _ text: String, marker: Bool = false) throws(ParseError) -> FramePart {
    try Depacketizer(format).part(of: hex(text).span.bytes, marker: marker)
}

private func refusal(_ format: PayloadFormat, _ text: String) -> ParseError? {
    do throws(ParseError) {
        _ = try part(format, text)
        return nil
    } catch { return error }
}

@Test(arguments: [PayloadFormat.vp8, .vp9, .h264])
func framesComeOutOfTheirPayloads(format: PayloadFormat) throws {
    var random = SeededRandom(seed: 5)
    var packetizer = Packetizer(format, payloadLength: 120, random: &random)
    for isKey in [true, false, true] {
        let frame = Sample.frame(format, key: isKey, count: 700)
        let payloads = try packetizer.packetize(frame)
        var assembler = FrameAssembler(format)
        for (index, payload) in payloads.enumerated() {
            let part = try Depacketizer(format).part(of: payload.bytes.span.bytes, marker: payload.marker)
            #expect(part.startsFrame == (index == 0) || format == .h264)
            #expect(part.startsKeyFrame == (isKey && index == 0) || format == .h264)
            #expect(part.endsFrame == (index == payloads.count - 1))
            try assembler.append(payload.bytes.span.bytes)
        }
        #expect(assembler.bytes == frame && assembler.isWhole)
    }
}

@Test func theFirstPayloadOfAKeyFrameSaysItsSize() throws {
    #expect(try part(.vp8, "10 10 0200 9D012A 4001 F000").size == FrameSize(width: 320, height: 240))
    #expect(try part(.vp9, "88 05 82 498342 0027F01670").size == FrameSize(width: 640, height: 360))
    #expect(try part(.h264, "67 42001F 95A814016E40").size == FrameSize(width: 1280, height: 720))
    // In a STAP-A with its picture parameter set.
    #expect(try part(.h264, "78 000A 67 42001F 95A814016E40 0004 68CE3C80").size != nil)
    #expect(try part(.vp8, "10 11 0200 9D012A 4001 F000").size == nil)
    #expect(try part(.vp9, "C8 05 82 498342 0027F01670").size == nil)
}

@Test func otherPartitionsOfVP8BeginNoFrame() throws {
    #expect(try part(.vp8, "10 11").startsFrame)
    #expect(try !part(.vp8, "00 10").startsFrame)
    #expect(try !part(.vp8, "11 10").startsFrame)
}

@Test func theLowestLayerBeginsAPictureOfVP9AndTheMarkerEndsIt() throws {
    // B and E of layer 0; B and E of layer 1, which depends on it.
    let base = try part(.vp9, "AC 05 00 01 82")
    #expect(base.startsFrame && base.startsKeyFrame && !base.endsFrame)
    let upper = try part(.vp9, "AC 05 03 01 86", marker: true)
    #expect(!upper.startsFrame && !upper.startsKeyFrame && upper.endsFrame)
}

@Test func payloadsOfH264SayWhatTheyMayBegin() throws {
    // Parameter sets, SEI, delimiter; slices whose first macroblock is the picture's first, and others.
    for text in ["67 42", "68 CE", "06 05", "09 F0", "65 88", "41 9A", "7C 85 88", "78 0002 68CE 0002 6588"] {
        #expect(try part(.h264, text).startsFrame, "\(text)")
    }
    for text in ["65 48", "41 5A", "7C 85 48", "7C 05 88", "7C 45 88"] {
        #expect(try !part(.h264, text).startsFrame, "\(text)")
    }
    #expect(try part(.h264, "7C 85 88").startsKeyFrame && part(.h264, "67 42").startsKeyFrame)
    #expect(try !part(.h264, "41 9A").startsKeyFrame && !part(.h264, "68 CE").startsKeyFrame)
    #expect(try part(.h264, "41 9A", marker: true).endsFrame)
}

@Test func packetsOfAudioAreFrames() throws {
    for format in [PayloadFormat.opus, .pcmu, .pcma] {
        let part = try part(format, "78 01")
        #expect(part.startsFrame && part.endsFrame && part.startsKeyFrame)
    }
}

@Test func anEmptyPayloadIsNoPartOfAFrame() throws {
    for format in PayloadFormat.allCases {
        let part = try part(format, "", marker: true)
        #expect(!part.startsFrame && !part.endsFrame && !part.startsKeyFrame)
    }
}

@Test func payloadsThatContradictThemselvesAreRefused() {
    #expect(refusal(.vp8, "90 80 81") == .truncated)
    #expect(refusal(.vp9, "88 81") == .truncated)
    // Aggregates that do not fill the payload, or hold nothing.
    #expect(refusal(.h264, "78 0003 6742") == .badLength)
    #expect(refusal(.h264, "78 0002 6742 0000") == .badLength)
    #expect(refusal(.h264, "78 0002 6742 00") == .truncated)
    #expect(refusal(.h264, "78") == .truncated)
    #expect(refusal(.h264, "7C 85") == .truncated)
    // STAP-B, MTAP, FU-B, undefined, a fragment of an aggregate.
    for text in ["79 01", "7A 01", "7D 85 01", "60 01", "7F 01", "7C 98 01"] {
        #expect(refusal(.h264, text) == .badHeader, "\(text)")
    }
}

@Test func fragmentsOfAUnitFollowEachOther() throws {
    func assemble(_ payloads: [String]) throws(ParseError) -> FrameAssembler {
        var assembler = FrameAssembler(.h264)
        for payload in payloads { try assembler.append(hex(payload).span.bytes) }
        return assembler
    }
    #expect(try assemble(["7C 85 88 01", "7C 05 02", "7C 45 03"]).bytes == hex("00000001 65 88010203"))
    #expect(try !assemble(["7C 85 88 01", "7C 05 02"]).isWhole)
    for payloads in [["7C 05 02"], ["7C 85 88", "7C 85 88"], ["7C 85 88", "7C 41 02"], ["7C 85 88", "67 42"]] {
        #expect(throws: ParseError.badHeader) { try assemble(payloads) }
    }
}
