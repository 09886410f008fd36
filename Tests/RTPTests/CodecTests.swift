import RTP
import Testing
import Wire

private func isKeyFrame(_ codec: Codec, _ text: String) -> Bool {
    let payload = hex(text)
    return codec.isKeyFrameStart(payload.span.bytes)
}

@Test func vp8KeyFrameBitIsReadBehindEveryDescriptorForm() {
    #expect(isKeyFrame(.vp8, "10 00"))
    #expect(!isKeyFrame(.vp8, "10 01"))
    #expect(!isKeyFrame(.vp8, "00 00"))  // not the start of a partition
    #expect(!isKeyFrame(.vp8, "11 00"))  // a later partition
    #expect(isKeyFrame(.vp8, "90 80 81 23 00"))
    #expect(isKeyFrame(.vp8, "90 E0 8123 05 20 00"))
    #expect(!isKeyFrame(.vp8, "90 E0 8123 05 20 01"))
    for cut in ["", "10", "90", "90 80", "90 80 81", "90 E0 8123 05", "90 E0 8123 05 20"] {
        #expect(!isKeyFrame(.vp8, cut))
    }
}

@Test func vp8DescriptorIsReadAndRewritten() throws {
    var packet = hex("FFFF B0 F0 8123 05 B1 00")
    let parsed = try VP8PayloadDescriptor(parsing: packet.span.bytes.extracting(2..<9))
    #expect(parsed.pictureID == 0x0123 && parsed.hasLongPictureID && parsed.baseLayerIndex == 5)
    #expect(parsed.temporalLayer == 2 && parsed.isLayerSync && parsed.keyIndex == 0x11)
    #expect(parsed.isNonReference && parsed.length == 6 && parsed.isKeyFrameStart)
    var spanElements = packet.mutableSpan
    var span = spanElements.mutableBytes
    parsed.setPictureID(0x7FFF, inPayloadAt: 2, of: &span)
    parsed.setBaseLayerIndex(0xAB, inPayloadAt: 2, of: &span)
    #expect(packet == hex("FFFF B0 F0 FFFF AB B1 00"))
}

@Test func vp9KeyFrameNeedsBeginAndNoPrediction() {
    #expect(isKeyFrame(.vp9, "88 8100 FF"))  // I, B
    #expect(isKeyFrame(.vp9, "08 FF"))
    #expect(!isKeyFrame(.vp9, "48 FF"))  // P
    #expect(!isKeyFrame(.vp9, "80 01 FF"))  // no B
    #expect(isKeyFrame(.vp9, "A8 8123 00 07 FF"))  // spatial layer 0
    #expect(!isKeyFrame(.vp9, "A8 8123 02 07 FF"))  // spatial layer 1
    #expect(!isKeyFrame(.vp9, "A8 81"))
    #expect(!isKeyFrame(.vp9, "88 81"))  // nothing behind the descriptor
    #expect(!isKeyFrame(.vp9, ""))
}

@Test func h264KeyFrameIsFoundInEveryPacketForm() {
    #expect(isKeyFrame(.h264, "67 42"))  // SPS
    #expect(isKeyFrame(.h264, "65 88"))  // IDR
    #expect(!isKeyFrame(.h264, "61 9A"))  // non-IDR
    #expect(!isKeyFrame(.h264, "68 CE"))  // PPS alone
    #expect(isKeyFrame(.h264, "78 0002 09F0 0002 6742"))  // STAP-A: AUD, SPS
    #expect(!isKeyFrame(.h264, "78 0002 09F0 0002 619A"))
    #expect(!isKeyFrame(.h264, "78 0009 6742"))  // lying size
    #expect(!isKeyFrame(.h264, "78 0000 6742"))
    #expect(isKeyFrame(.h264, "7C 85 00"))  // FU-A, start, IDR
    #expect(!isKeyFrame(.h264, "7C 05 00"))  // not the start
    #expect(!isKeyFrame(.h264, "7C 81 00"))
    #expect(!isKeyFrame(.h264, "7C"))
    #expect(!isKeyFrame(.h264, ""))
}

@Test func av1KeyFrameIsTheNewSequenceBit() {
    #expect(isKeyFrame(.av1, "18 0A"))
    #expect(!isKeyFrame(.av1, "10 32"))
    #expect(!isKeyFrame(.av1, "98 0A"))  // Z and N contradict
    #expect(!isKeyFrame(.av1, "08"))
}

@Test func audioStartsAnywhereAndNamesIgnoreCase() {
    #expect(isKeyFrame(.opus, "") && isKeyFrame(.other, "00"))
    #expect(Codec(name: "vp8") == .vp8 && Codec(name: "H264") == .h264 && Codec(name: "OPUS") == .opus)
    #expect(Codec(name: "telephone-event") == .other)
}

@Test func rtxCarriesThePacketThereAndBack() throws {
    let original = hex("90 E0 1234 00000001 0000000A BEDE0001 10AA0000 0102030405")
    var buffer = original + [0, 0]
    var spanElements = buffer.mutableSpan
    var span = spanElements.mutableBytes
    let length = try RTX.encapsulate(
        &span, header: try header(original), payloadType: 97, ssrc: 0xB, sequenceNumber: SequenceNumber(5))
    #expect(Array(buffer[..<length]) == hex("90 E1 0005 00000001 0000000B BEDE0001 10AA0000 1234 0102030405"))
    var again = Array(buffer[..<length])
    let repeated = try header(again)
    var backElements = again.mutableSpan
    var back = backElements.mutableBytes
    let restored = try RTX.decapsulate(&back, header: repeated, payloadType: 96, ssrc: 0xA)
    #expect(Array(again[..<restored]) == original)
}

@Test func rtxPaddingIsDroppedAndProbesAreToldFromLies() throws {
    var padded = hex("A0 61 0005 00000001 0000000B 1234 0102 0002")
    let parsed = try header(padded)
    var spanElements = padded.mutableSpan
    var span = spanElements.mutableBytes
    let length = try RTX.decapsulate(&span, header: parsed, payloadType: 96, ssrc: 0xA)
    #expect(Array(padded[..<length]) == hex("80 60 1234 00000001 0000000A 0102"))
    let cases: [(String, DropReason)] = [
        ("A0 61 0005 00000001 0000000B 0002", .rtxEmpty),
        ("80 61 0005 00000001 0000000B", .rtxEmpty),
        ("80 61 0005 00000001 0000000B 1234", .rtxEmpty),
        ("80 61 0005 00000001 0000000B 12", .rtxMalformed),
    ]
    for (text, reason) in cases {
        #expect(throws: reason) {
            var packet = hex(text)
            let parsed = try header(packet)
            var spanElements = packet.mutableSpan
            var span = spanElements.mutableBytes
            _ = try RTX.decapsulate(&span, header: parsed, payloadType: 96, ssrc: 0xA)
        }
    }
}
