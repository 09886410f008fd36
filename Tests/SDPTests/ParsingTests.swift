import RTP
import SDP
import Testing

@Test(arguments: Offers.all)
func parsingTheWrittenTextGivesTheSameDescription(_ text: String) throws {
    let description = try SessionDescription(parsing: text)
    let again = try SessionDescription(parsing: description.text)
    #expect(again == description)
    #expect(again.text == description.text)
}

@Test func everyModelledAttributeSurvivesWriting() throws {
    var section = MediaDescription(kind: .video, formats: ["96", "97"], mid: "v", direction: .sendonly)
    section.bandwidths = [Bandwidth(.applicationSpecific, 500), Bandwidth(.transportIndependent, 500_000)]
    section.isBundleOnly = true
    section.hasRTCPMux = true
    section.hasReducedSizeRTCP = true
    section.iceUfrag = "abcd"
    section.icePassword = "abcdefghijklmnopqrstuv"
    section.iceOptions = ["trickle", "renomination"]
    section.setup = .active
    section.candidates = ["candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host"]
    section.hasEndOfCandidates = true
    section.rtpMaps = [RTPMap(payloadType: 96, name: "VP8", clockRate: 90_000)]
    section.formatParameters = [
        FormatParameters(payloadType: 96, parameters: [FormatParameter("a", "b=c"), FormatParameter("bare", "")])
    ]
    section.feedback = [RTCPFeedback(payloadType: nil, value: "nack pli"), RTCPFeedback(payloadType: 96, value: "nack")]
    section.allowsMixedExtensions = true
    section.extensions = [HeaderExtension(id: 3, direction: .recvonly, uri: HeaderExtensionURI.mid)]
    section.sources = [
        SourceAttribute(ssrc: .max, .cname("me@example")),
        SourceAttribute(ssrc: 7, .msid(MSID(stream: "-", track: nil))),
    ]
    section.sourceGroups = [SourceGroup("SIM", [1, 2, 3])]
    section.msids = [MSID(stream: "s", track: "t")]
    section.rids = [RestrictionID(id: "hi", isSend: true), RestrictionID(id: "lo", isSend: true)]
    section.simulcast = Simulcast(
        send: [[SimulcastStream(rid: "hi")], [SimulcastStream(rid: "lo", isPaused: true), SimulcastStream(rid: "hi")]],
        receive: [[SimulcastStream(rid: "x")]])
    var data = MediaDescription(kind: .application, transport: MediaDescription.sctp, formats: ["webrtc-datachannel"])
    data.sctpPort = 5000
    data.maxMessageSize = 0
    let description = SessionDescription(
        origin: Origin(
            username: "me", sessionID: .max, version: 3, connection: ConnectionData(isIPv6: true, address: "::1")),
        name: "Sitzung ü", startTime: 1, stopTime: 2, connection: .unspecified,
        bandwidths: [Bandwidth(.applicationSpecific, 9)],
        groups: [MediaGroup("BUNDLE", ["v"]), MediaGroup("LS", ["v"])],
        isICELite: true, iceOptions: ["trickle"], iceUfrag: "wxyz", icePassword: "0123456789012345678901",
        fingerprints: [Fingerprint(algorithm: "sha-1", value: "AB:CD")], setup: .passive, msidSemantic: ["WMS", "*"],
        allowsMixedExtensions: true, extensions: [HeaderExtension(id: 4096, uri: "urn:x")], media: [section, data])
    #expect(try SessionDescription(parsing: description.text) == description)
}

@Test func lineFeedsAloneEndLinesToo() throws {
    let crlf = try SessionDescription(parsing: Offers.chrome)
    #expect(try SessionDescription(parsing: Offers.chrome.replacing("\r\n", with: "\n")) == crlf)
}

@Test func aRealisticChromeOfferIsReadInFull() throws {
    let offer = try SessionDescription(parsing: Offers.chrome)
    #expect(offer.groups == [MediaGroup("BUNDLE", ["0", "1", "2"])])
    #expect(offer.allowsMixedExtensions)
    #expect(offer.media.map(\.kind) == [.audio, .video, .application])
    let video = offer.media[1]
    #expect(video.payloadTypes.count == 21)
    #expect(video.extensions.count == 8)
    #expect(video.iceUfrag == "Kq9x")
    #expect(video.setup == .actpass)
    #expect(video.sourceGroups == [SourceGroup("FID", [1_832_097_586, 2_605_193_324])])
    #expect(offer.media[2].sctpPort == 5000)
}

@Test func sessionLevelValuesHoldForSectionsWithoutTheirOwn() throws {
    let text = Offers.legacy.replacing("t=0 0\r\n", with: "t=0 0\r\na=sendonly\r\n")
        .replacing("a=recvonly\r\n", with: "")
    let offer = try SessionDescription(parsing: text)
    #expect(offer.media.map(\.direction) == [.sendonly, .sendonly])
    #expect(offer.iceUfrag == "olde")
    #expect(offer.fingerprints == [Fingerprint(algorithm: "sha-256", value: Offers.fingerprint)])
}

@Test func unknownAttributesAreDroppedAndNeverWritten() throws {
    let text = Offers.safari.replacing("a=sendrecv", with: "a=sendrecv\r\na=x-secret:42\r\na=cliprect:0,0,480,640")
    let description = try SessionDescription(parsing: text)
    #expect(!description.text.contains("x-secret"))
    #expect(description == (try SessionDescription(parsing: Offers.safari)))
}

@Test func sixHundredLinesAreAccepted() throws {
    var text = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
    for index in 0..<6 {
        text += "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:\(index)\r\na=rtpmap:96 VP8/90000\r\n"
        for ssrc in 0..<100 { text += "a=ssrc:\(index * 1000 + ssrc) cname:c\r\n" }
    }
    #expect(try SessionDescription(parsing: text).media.count == 6)
}
