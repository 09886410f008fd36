import Payload
import RTP
import Testing
import Wire

@Test(arguments: PayloadFormat.allCases)
func aFormatIsFoundByItsParameters(format: PayloadFormat) {
    let parameters = format.parameters(payloadType: 96)
    #expect(PayloadFormat(parameters) == format && PayloadFormat(format.codec) == format)
    #expect(Codec(name: format.name) == format.codec)
    var other = parameters
    other.clockRate += 1
    #expect(PayloadFormat(other) == nil)
}

@Test func whatCannotBeTakenApartIsNoFormat() {
    #expect(PayloadFormat(CodecParameters(name: "AV1", payloadType: 96, clockRate: 90_000)) == nil)
    #expect(PayloadFormat(CodecParameters(name: "PCMU", payloadType: 0, clockRate: 8_000, channels: 2)) == nil)
    var interleaved = PayloadFormat.h264.parameters(payloadType: 96)
    interleaved.formatParameters = [FormatParameter("packetization-mode", "2")]
    #expect(PayloadFormat(interleaved) == nil)
    interleaved.formatParameters = []
    #expect(PayloadFormat(interleaved) == .h264)
}

/// RFC 6716 section 3.1, tables 2 and following: configuration, count of frames.
@Test(arguments: [
    ("00", 480), ("18", 2880), ("60", 480), ("68", 960), ("78", 960), ("80", 120), ("98", 960), ("FC", 960),
    ("F9", 1920), ("FB 03", 2880), ("1B 02", 5760), ("83 30", 5760),
])
func thePacketOfOpusSaysHowLongItLasts(packet: String, ticks: UInt32) {
    #expect(PayloadFormat.opus.duration(of: hex(packet)) == ticks)
}

@Test(arguments: ["", "03", "03 00", "1B 03", "83 31"])
func aPacketOfOpusThatContradictsItselfLastsForNoTime(packet: String) {
    #expect(PayloadFormat.opus.duration(of: hex(packet)) == nil)
}

@Test func samplesAreCounted() {
    #expect(PayloadFormat.pcmu.duration(of: Sample.frame(.pcmu)) == 160)
    #expect(PayloadFormat.vp8.duration(of: Sample.frame(.vp8)) == nil)
}
