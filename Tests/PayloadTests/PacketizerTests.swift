import Payload
import RTP
import Testing
import Wire

private func packetizer(_ format: PayloadFormat, length: Int = 120) -> Packetizer {
    var random = SeededRandom(seed: 5)
    return Packetizer(format, payloadLength: length, random: &random)
}

private func vp8(_ payload: PacketPayload) throws -> VP8PayloadDescriptor {
    try VP8PayloadDescriptor(parsing: payload.bytes.span.bytes)
}

private func vp9(_ payload: PacketPayload) throws -> VP9PayloadDescriptor {
    try VP9PayloadDescriptor(parsing: payload.bytes.span.bytes)
}

@Test(arguments: [PayloadFormat.vp8, .vp9, .h264])
func aPictureIsCutIntoPayloadsThatFitAndTheLastIsMarked(format: PayloadFormat) throws {
    var packetizer = packetizer(format)
    for count in [1, 100, 116, 117, 500, 5000] {
        let payloads = try packetizer.packetize(Sample.frame(format, key: true, count: count))
        #expect(payloads.allSatisfy { $0.bytes.count <= 120 && !$0.bytes.isEmpty && $0.offset == 0 })
        #expect(payloads.map(\.marker) == payloads.indices.map { $0 == payloads.count - 1 })
    }
}

@Test func piecesAreOfOneSizeOrAByteShorter() throws {
    var packetizer = packetizer(.vp8)
    let sizes = Set(try packetizer.packetize(Sample.frame(.vp8, count: 500)).map(\.bytes.count))
    #expect(sizes.count <= 2 && (sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
}

@Test func payloadsOfVP8SayWhereTheFrameBeginsAndWhichPictureItIs() throws {
    var packetizer = packetizer(.vp8)
    let first = try packetizer.packetize(Sample.frame(.vp8, key: true)).map { try vp8($0) }
    #expect(first.count > 1)
    #expect(first.map(\.startsPartition) == first.indices.map { $0 == 0 })
    #expect(first.map(\.isKeyFrameStart) == first.indices.map { $0 == 0 })
    #expect(first.allSatisfy { $0.partition == 0 && $0.hasLongPictureID && $0.pictureID == first[0].pictureID })
    #expect(first[0].width == 320 && first[0].height == 240)
    let second = try packetizer.packetize(Sample.frame(.vp8)).map { try vp8($0) }
    #expect(second[0].pictureID == ((first[0].pictureID ?? 0) + 1) & 0x7FFF)
    #expect(!second[0].isKeyFrameStart && second[0].temporalLayer == nil && second[0].baseLayerIndex == nil)
}

@Test func pictureNumbersWrapAtFifteenBits() throws {
    var packetizer = packetizer(.vp8)
    var ids: Set<UInt16> = []
    for _ in 0..<0x8000 {
        let payloads = try packetizer.packetize([0x11, 0, 0])
        ids.insert(try #require(vp8(payloads[0]).pictureID))
    }
    #expect(ids.count == 0x8000)
}

@Test func temporalLayersAreWritten() throws {
    var packetizer = packetizer(.vp8)
    let base = try packetizer.packetize(Sample.frame(.vp8), layer: TemporalLayer(index: 0)).map { try vp8($0) }
    let upper = try packetizer.packetize(
        Sample.frame(.vp8), layer: TemporalLayer(index: 2, isSync: true, isNonReference: true)
    ).map { try vp8($0) }
    let next = try packetizer.packetize(Sample.frame(.vp8), layer: TemporalLayer(index: 0)).map { try vp8($0) }
    #expect(base.allSatisfy { $0.temporalLayer == 0 && !$0.isLayerSync && !$0.isNonReference })
    #expect(upper.allSatisfy { $0.temporalLayer == 2 && $0.isLayerSync && $0.isNonReference })
    // TL0PICIDX counts pictures of the base layer.
    #expect(upper[0].baseLayerIndex == base[0].baseLayerIndex)
    #expect(next[0].baseLayerIndex == (base[0].baseLayerIndex ?? 0) &+ 1)
}

@Test func payloadsOfVP9AreOfNonFlexibleModeWithAStructureInKeyPictures() throws {
    var packetizer = packetizer(.vp9)
    let payloads = try packetizer.packetize(Sample.frame(.vp9, key: true))
    let key = try payloads.map { try vp9($0) }
    #expect(key.count > 1)
    #expect(key.map(\.beginsFrame) == key.indices.map { $0 == 0 })
    #expect(key.map(\.endsFrame) == key.indices.map { $0 == key.count - 1 })
    #expect(key.allSatisfy { !$0.isFlexible && !$0.isInterPredicted && $0.hasLayers && $0.hasLongPictureID })
    #expect(key[0].pixels == 640 * 360 && key[0].sizedLayers == 1 && key[1].pixels == 0)
    // One picture in the group, of layer 0, which builds on the one before.
    #expect(Array(payloads[0].bytes[(key[0].length - 3)..<key[0].length]) == [1, 0x04, 1])
    let delta = try packetizer.packetize(Sample.frame(.vp9)).map { try vp9($0) }
    #expect(delta.allSatisfy { $0.isInterPredicted && $0.pixels == 0 })
    #expect(delta[0].baseLayerIndex == (key[0].baseLayerIndex ?? 0) &+ 1)
    #expect(delta[0].pictureID == ((key[0].pictureID ?? 0) + 1) & 0x7FFF)
}

@Test func parameterSetsGoTogetherAndLargeUnitsInFragments() throws {
    var packetizer = packetizer(.h264)
    let slice = hex("65 88") + Array(repeating: UInt8(7), count: 300)
    let payloads = try packetizer.packetize(NALUnits(of: Sample.sps, Sample.pps, slice))
    // STAP-A (RFC 6184 section 5.7.1), as important as the most important in it.
    #expect(payloads[0].bytes == hex("78 000A") + Sample.sps + hex("0004") + Sample.pps)
    let fragments = payloads.dropFirst()
    #expect(fragments.count == 3)
    #expect(fragments.allSatisfy { $0.bytes[0] == 0x7C })
    #expect(fragments.map { $0.bytes[1] } == [0x85, 0x05, 0x45])
    #expect(fragments.flatMap { $0.bytes.dropFirst(2) } == Array(slice.dropFirst()))
}

@Test func aUnitThatFitsGoesAsItIs() throws {
    var packetizer = packetizer(.h264)
    let unit = hex("41 9A") + Array(repeating: UInt8(7), count: 118)
    #expect(try packetizer.packetize(NALUnits(of: unit)).map(\.bytes) == [unit])
}

@Test func parameterSetsFromBesideTheStreamComeBeforeEachIDRPicture() throws {
    var packetizer = packetizer(.h264)
    let (sps, pps, slice, delta) = (Sample.sps, Sample.pps, hex("65 88 01"), hex("41 9A 01"))
    packetizer.setParameterSets(NALUnits(of: sps, hex("09 F0"), pps))
    func units(_ frame: NALUnits) throws -> [[UInt8]] {
        var assembler = FrameAssembler(.h264)
        for payload in try packetizer.packetize(frame) { try assembler.append(payload.bytes.span.bytes) }
        return try NALUnits(annexB: assembler.bytes).units
    }
    for _ in 0..<2 { #expect(try units(NALUnits(of: slice)) == [sps, pps, slice]) }
    #expect(try units(NALUnits(of: delta)) == [delta])
    // The delimiter must be first.
    #expect(try units(NALUnits(of: hex("09 F0"), slice)) == [hex("09 F0"), sps, pps, slice])
    // Sets of the stream's own replace them.
    let other = hex("67 42C01F DA")
    #expect(try units(NALUnits(of: other, pps, slice)) == [other, pps, slice])
    #expect(try units(NALUnits(of: slice)) == [other, pps, slice])
}

@Test func audioIsMarkedWhereATalkspurtBegins() throws {
    var packetizer = packetizer(.opus)
    let frame = Sample.frame(.opus)
    #expect(try packetizer.packetize(frame) == [PacketPayload(bytes: frame, marker: true)])
    #expect(try packetizer.packetize(frame) == [PacketPayload(bytes: frame, marker: false)])
    packetizer.beginTalkspurt()
    #expect(try packetizer.packetize(frame).map(\.marker) == [true])
}

@Test func samplesGoInPacketsOfTwentyMilliseconds() throws {
    var packetizer = packetizer(.pcma, length: 1000)
    let samples = (0..<400).map { UInt8(truncatingIfNeeded: $0) }
    let payloads = try packetizer.packetize(samples)
    #expect(payloads.map(\.bytes.count) == [160, 160, 80] && payloads.map(\.offset) == [0, 160, 320])
    #expect(payloads.flatMap(\.bytes) == samples && payloads.map(\.marker) == [true, false, false])
}

@Test func whatIsNoFrameIsRefused() {
    for format in PayloadFormat.allCases {
        var packetizer = packetizer(format)
        #expect(throws: ParseError.truncated) { try packetizer.packetize([]) }
    }
    var video = packetizer(.vp8)
    let long = [UInt8](repeating: 0x11, count: Payload.Limits.frameLength + 1)
    #expect(throws: ParseError.overLimit) { try video.packetize(long) }
    #expect(throws: ParseError.badHeader) { try video.packetize(NALUnits(of: Sample.sps)) }
    var audio = packetizer(.opus)
    #expect(throws: ParseError.overLimit) { try audio.packetize(hex("78") + [UInt8](repeating: 1, count: 120)) }
    #expect(throws: ParseError.badHeader) { try audio.packetize(hex("03")) }
    var vp9 = packetizer(.vp9)
    #expect(throws: ParseError.badHeader) { try vp9.packetize(hex("00 00")) }
    var h264 = packetizer(.h264)
    #expect(throws: ParseError.badHeader) { try h264.packetize(hex("67 42")) }
    #expect(throws: ParseError.truncated) { try h264.packetize(NALUnits()) }
}
