import RTP
import Testing
import Wire

private func vp9(_ text: String) throws -> VP9PayloadDescriptor {
    let bytes = hex(text)
    return try VP9PayloadDescriptor(parsing: bytes.span.bytes)
}

@Test func aVP9DescriptorInNonFlexibleModeIsRead() throws {
    // I P L E, picture id 0x1234, TID 2 U SID 1 D, TL0PICIDX 0x77.
    let parsed = try vp9("E4 9234 53 77 AA")
    #expect(parsed.pictureID == 0x1234 && parsed.hasLongPictureID && parsed.pictureIDRange == 1..<3)
    #expect(parsed.isInterPredicted && parsed.endsFrame && !parsed.beginsFrame && !parsed.isFlexible)
    #expect(parsed.temporalLayer == 2 && parsed.isSwitchingPoint)
    #expect(parsed.spatialLayer == 1 && parsed.dependsOnLayerBelow)
    #expect(parsed.baseLayerIndex == 0x77 && parsed.baseLayerPosition == 4 && parsed.length == 5)
}

@Test func aVP9DescriptorInFlexibleModeNamesItsReferences() throws {
    // I P L F B, picture id 5, TID 1, two references: 1 and 4 back.
    let parsed = try vp9("F8 05 20 03 08 AA")
    #expect(parsed.pictureID == 5 && !parsed.hasLongPictureID)
    #expect(parsed.references == 0b1001)
    #expect(parsed.baseLayerIndex == nil && parsed.length == 5)
    #expect(throws: ParseError.badValue) { try vp9("F8 05 20 00 AA") }
    #expect(throws: ParseError.badValue) { try vp9("F8 05 20 03 03 03 02 AA") }
}

@Test func aVP9ScalabilityStructureIsSkippedAndItsSizesRead() throws {
    // B V: two spatial layers with 320x180 and 640x360, two pictures in the group with one reference each.
    let parsed = try vp9("0A 38 0140 00B4 0280 0168 02 04 01 14 01 AA")
    #expect(parsed.pixels == 640 * 360)
    #expect(parsed.length == 15 && parsed.isKeyPictureStart)
}

@Test(arguments: ["", "80", "A0 05", "A0 05 20", "F0 05 20", "0A", "0A 38 0140", "0A 08 02 04", "88 81"])
func aCutVP9DescriptorIsRefused(text: String) {
    #expect(throws: ParseError.truncated) { try vp9(text) }
}

/// L1T2 as libwebrtc sends it: three templates, two decode targets, one chain.
private func structureBits() -> [UInt8] {
    var text = "1" + "1" + "000000" + "0000000100000000"
    text += "1" + "0" + "0" + "0" + "0"
    text += "000000" + "00001"
    // S0T0, S0T0, S0T1.
    text += "00" + "01" + "11"
    // SS, SS, -D with the first target in front.
    text += "1010" + "1010" + "0001"
    // No reference; 2 back; 1 back.
    text += "0" + "1" + "0001" + "0" + "1" + "0000" + "0"
    // One chain (ns below 3: 1 is "10"), both targets protected by it (ns below 1 takes no bit).
    text += "10" + "0000" + "0010" + "0001"
    // 640 by 360.
    text += "1" + "0000001001111111" + "0000000101100111"
    while text.count % 8 != 0 { text += "0" }
    return stride(from: 0, to: text.count, by: 8).map { offset in
        let start = text.index(text.startIndex, offsetBy: offset)
        return UInt8(text[start..<text.index(start, offsetBy: 8)], radix: 2) ?? 0
    }
}

private func read(_ bytes: [UInt8], _ structure: inout DependencyStructure?) throws -> DependencyDescriptor {
    try DependencyDescriptor(parsing: bytes.span.bytes, structure: &structure)
}

@Test func aDependencyStructureAndTheFramesByItAreRead() throws {
    var structure: DependencyStructure?
    let key = try read(structureBits(), &structure)
    #expect(key.hasStructure && key.startsFrame && key.endsFrame && key.isIndependent && key.frameNumber == 0x100)
    let held = try #require(structure)
    #expect(held.targetCount == 2 && held.pixels == 640 * 360 && held.allTargets == 3)
    #expect(held.layers(ofTarget: 0) == (0, 0) && held.layers(ofTarget: 1) == (0, 1))
    #expect(held.bestTarget(spatial: 255, temporal: 0, active: 3) == 0)
    #expect(held.bestTarget(spatial: 0, temporal: 255, active: 3) == 1)
    #expect(held.bestTarget(spatial: 0, temporal: 255, active: 1) == 0)
    #expect(held.targets(within: 0) == 1 && held.targets(within: 1) == 3)
    // Template 2: the temporal enhancement.
    let fast = try read([0xC2, 0x01, 0x01], &structure)
    #expect(fast.temporalLayer == 1 && fast.references == 1 && fast.frameNumber == 0x101)
    #expect(fast.indication(forTarget: 0) == .notPresent && fast.indication(forTarget: 1) == .discardable)
    // Template 1 with its own references: 3 and 20 back.
    let custom = try read([0xC1, 0x01, 0x02, 0b0001_0010, 0b0101_0000, 0b1001_1000], &structure)
    #expect(custom.references == 1 << 2 | 1 << 19 && custom.indication(forTarget: 0) == .switchable)
    // A template that the structure does not have.
    #expect(throws: ParseError.badValue) { try read([0xC5, 0x01, 0x03], &structure) }
    var none: DependencyStructure?
    #expect(throws: ParseError.badValue) { try read([0xC0, 0x01, 0x00], &none) }
}

@Test func everyCutOfADependencyDescriptorIsRefused() {
    let whole = structureBits()
    for length in 0..<(whole.count - 1) {
        var structure: DependencyStructure?
        #expect(throws: ParseError.self) { try read(Array(whole.prefix(length)), &structure) }
        #expect(structure == nil)
    }
}

@Test(arguments: [UInt32(1), 3, nil]) func aDependencyDescriptorIsWrittenWithOtherTargetsAndNumber(mask: UInt32?) throws {
    var structure: DependencyStructure?
    let originals: [[UInt8]] = [
        structureBits(), [0xC2, 0x01, 0x01], [0xC1, 0x01, 0x02, 0b0001_0010, 0b0101_0000, 0b1001_1000],
        // Active targets are told already: 01.
        [0xC0, 0x01, 0x03, 0b0100_0010],
    ]
    for original in originals {
        let before = try read(original, &structure)
        let length = before.rewrittenLength(withActiveTargets: mask != nil)
        var output = [UInt8](repeating: 0xEE, count: length + 4)
        var elements = output.mutableSpan
        var span = elements.mutableBytes
        before.write(original.span.bytes, frameNumber: 0xBEEF, activeTargets: mask, to: &span, at: 2)
        #expect(output[..<2] == [0xEE, 0xEE] && output[(length + 2)...] == [0xEE, 0xEE])
        var again = structure
        let after = try read(Array(output[2..<(length + 2)]), &again)
        #expect(after.frameNumber == 0xBEEF && after.activeTargets == mask ?? before.activeTargets)
        #expect(after.references == before.references && after.temporalLayer == before.temporalLayer)
        #expect(after.hasStructure == before.hasStructure && after.startsFrame == before.startsFrame)
        for target in 0..<2 { #expect(after.indication(forTarget: target) == before.indication(forTarget: target)) }
    }
}

@Test func aVP8KeyFrameTellsItsSize() throws {
    let bytes = hex("10 00 00 00 9D 01 2A 80 02 68 01 FF")
    let parsed = try VP8PayloadDescriptor(parsing: bytes.span.bytes)
    #expect(parsed.isKeyFrameStart && parsed.pixels == 640 * 360)
}
