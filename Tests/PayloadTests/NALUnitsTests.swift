import Payload
import Testing
import Wire

@Test func startCodesOfBothLengthsSeparateUnits() throws {
    let units = try NALUnits(annexB: hex("0000 000001 6742 00 000001 68CE 000001 6588 0000 03 01 0000"))
    // The zero before a start code is the code's, those at the end nobody's; inside stays what prevents one.
    #expect(units.units == [hex("6742"), hex("68CE"), hex("6588 000003 01")])
    #expect(units.annexB == hex("00000001 6742 00000001 68CE 00000001 6588 00000301"))
    #expect(units.isKeyFrame && units.parameterSets.units == [hex("6742"), hex("68CE")])
}

@Test func lengthsSeparateUnits() throws {
    let units = NALUnits(of: hex("6742"), hex("68CE"), hex("658801"))
    #expect(units.lengthPrefixed == hex("00000002 6742 00000002 68CE 00000003 658801"))
    #expect(try NALUnits(lengthPrefixed: units.lengthPrefixed) == units)
    #expect(try NALUnits(lengthPrefixed: hex("0002 6742 0002 68CE 0003 658801"), lengthSize: 2) == units)
    #expect(try NALUnits(lengthPrefixed: hex("02 6742 02 68CE 03 658801"), lengthSize: 1) == units)
}

@Test func whatIsNoListOfUnitsIsRefused() {
    #expect(throws: ParseError.badHeader) { try NALUnits(annexB: hex("6742 000001 68CE")) }
    #expect(throws: ParseError.badHeader) { try NALUnits(annexB: hex("6742")) }
    #expect(throws: ParseError.truncated) { try NALUnits(lengthPrefixed: hex("00000003 6742")) }
    #expect(throws: ParseError.truncated) { try NALUnits(lengthPrefixed: hex("000000")) }
    #expect(throws: ParseError.badValue) { try NALUnits(lengthPrefixed: hex("000001 67"), lengthSize: 3) }
    let many = Array(repeating: hex("000001 09"), count: Payload.Limits.nalUnitsPerFrame + 1).flatMap { $0 }
    #expect(throws: ParseError.overLimit) { try NALUnits(annexB: many) }
}

@Test func theConfigurationOfAFileHoldsParameterSets() throws {
    let record = hex("01 42C01F FF E1 0009 67 42001F 95A814016E 01 0004 68CE3C80")
    let configuration = try AVCConfiguration(parsing: record.span.bytes)
    #expect(configuration.lengthSize == 4)
    #expect(configuration.parameterSets.units == [hex("67 42001F 95A814016E"), Sample.pps])
    #expect(throws: ParseError.badHeader) {
        let other = [2] + record.dropFirst()
        _ = try AVCConfiguration(parsing: other.span.bytes)
    }
    for count in 0..<record.count {
        let cut = Array(record.prefix(count))
        #expect(throws: ParseError.truncated) { try AVCConfiguration(parsing: cut.span.bytes) }
    }
}
