import Payload
import Testing
import Wire

private func size(_ width: Int, _ height: Int) -> FrameSize? { FrameSize(width: width, height: height) }

private func parse(_ unit: [UInt8]) throws -> SequenceParameterSet {
    try SequenceParameterSet(parsing: unit.span.bytes)
}

@Test func keyFramesOfVP8SayTheirSize() {
    let key = Sample.frame(.vp8, key: true)
    #expect(FrameSize(vp8Frame: key.span.bytes) == size(320, 240))
    // The upper two bits of each are how the picture is to be scaled.
    #expect(FrameSize(vp8Frame: hex("10 0200 9D012A 4041 F0C0").span.bytes) == size(320, 240))
    let delta = Sample.frame(.vp8)
    #expect(FrameSize(vp8Frame: delta.span.bytes) == nil)
    let wrongCode = hex("10 0200 9D012B 4001 F000")
    #expect(FrameSize(vp8Frame: wrongCode.span.bytes) == nil)
    let nothing = hex("10 0200 9D012A 0000 F000")
    #expect(FrameSize(vp8Frame: nothing.span.bytes) == nil)
}

@Test func keyFramesOfVP9SayTheirSizeInEachProfile() {
    let sizeBits = "0000001001111111 0000000101100111"
    let sync = "0100 1001 1000 0011 0100 0010"
    for text in [
        // Profile 0; 1 with chroma sampling; 2 with a bit depth; 3, sRGB.
        "10 0 0 0 0 10 \(sync) 001 0",
        "10 1 0 0 0 10 \(sync) 001 0 000",
        "10 0 1 0 0 10 \(sync) 0 001 0",
        "10 1 1 0 0 0 10 \(sync) 1 111 0",
    ] {
        let frame = bits(text + sizeBits)
        #expect(FrameSize(vp9Frame: frame.span.bytes) == size(640, 360), "\(text)")
    }
    let shown = bits("10 0 0 1 000")
    let delta = bits("10 0 0 0 1 10" + sync + "001 0" + sizeBits)
    let marker = bits("11 0 0 0 0 10" + sync + "001 0" + sizeBits)
    let cut = Array(bits("10 0 0 0 0 10" + sync + "001 0" + sizeBits).dropLast(2))
    for frame in [shown, delta, marker, cut] { #expect(FrameSize(vp9Frame: frame.span.bytes) == nil) }
}

@Test func parameterSetsOfRealEncodersAreRead() throws {
    let baseline = try parse(Sample.sps)
    #expect(baseline.size == size(1280, 720) && baseline.profile == 66 && baseline.level == 31)
    // High profile with VUI, and bytes that only prevent start codes.
    let high = try parse(hex("67 64001F ACD940 5005BB 011000 000300 100000 0303C0 F18319 60"))
    #expect(high.size == size(1280, 720) && high.profile == 100)
}

/// Baseline up to the size: set 0, 4 bits of frame numbers, order type 2, one reference.
private let start = "01000010 11000000 00011111" + golomb(0) + golomb(0) + golomb(2) + golomb(1) + "0"

@Test func croppingTakesRowsAway() throws {
    // 120 by 68 macroblocks, frames only, 8 rows cropped at the bottom in units of two.
    let text = start + golomb(119) + golomb(67) + "1 1 1" + [0, 0, 0, 4].map(golomb).joined() + "0 1"
    #expect(try parse([0x67] + bits(text)).size == size(1920, 1080))
    // The same in fields: half as many map units, cropped in units of four rows.
    let fields = start + golomb(119) + golomb(33) + "0 0 1 1" + [0, 0, 0, 2].map(golomb).joined() + "0 1"
    #expect(try parse([0x67] + bits(fields)).size == size(1920, 1080))
}

@Test func scalingListsAndOrderCyclesAreSteppedOver() throws {
    // High: 4:4:4, a list that ends at once, and one of sixteen times +0 with lists absent otherwise; order type 1.
    let lists = "1" + "1" + signed(-8) + "1" + String(repeating: golomb(0), count: 16) + "0000000000"
    let text =
        "01100100 00000000 00101000" + golomb(0) + golomb(3) + "0" + golomb(0) + golomb(0) + "0" + lists
        + golomb(0) + golomb(1) + "0" + signed(-1) + signed(2) + golomb(2) + signed(3) + signed(-3)
        + golomb(4) + "0" + golomb(39) + golomb(29) + "1 1 1" + [1, 1, 0, 0].map(golomb).joined() + "0 1"
    // In 4:4:4, columns are cropped one by one.
    #expect(try parse([0x67] + bits(text)).size == size(638, 480))
}

@Test func bytesThatOnlyPreventStartCodesAreLeftOut() throws {
    // Order type 1 with an offset whose code is full of zeros.
    let offset = signed(-(1 << 29))
    let text =
        "01000010 11000000 00011111" + golomb(0) + golomb(0) + golomb(1) + "0" + offset + signed(0) + golomb(0)
        + golomb(1) + "0" + golomb(39) + golomb(29) + "1 1 0 0 1"
    var escaped: [UInt8] = [0x67]
    for byte in bits(text) {
        if escaped.suffix(2) == [0, 0], byte <= 3 { escaped.append(3) }
        escaped.append(byte)
    }
    #expect(escaped.count > bits(text).count + 1)
    #expect(try parse(escaped).size == size(640, 480))
}

private func signed(_ value: Int) -> String { golomb(value > 0 ? 2 * value - 1 : -2 * value) }

@Test func parameterSetsThatLieAreRefused() {
    func refusal(_ text: String, type: UInt8 = 0x67) -> ParseError? {
        do throws(ParseError) {
            let unit = [type] + bits(text)
            _ = try SequenceParameterSet(parsing: unit.span.bytes)
            return nil
        } catch { return error }
    }
    let whole = start + golomb(119) + golomb(67) + "1 1 0 0 1"
    #expect(refusal(whole) == nil)
    #expect(refusal(whole, type: 0x68) == .badHeader)
    #expect(refusal(start + golomb(119)) == .truncated)
    // Wider than any level; cropped to nothing; a number of more than 32 bits.
    #expect(refusal(start + golomb(5000) + golomb(67) + "1 1 0 0 1") == .badValue)
    #expect(refusal(start + golomb(0) + golomb(0) + "1 1 1" + [4, 4, 0, 0].map(golomb).joined() + "0 1") == .badValue)
    #expect(refusal(start + String(repeating: "0", count: 80) + "1") == .badValue)
}
