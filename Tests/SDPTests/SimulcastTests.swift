import RTP
import SDP
import Testing

private func answer(
    _ text: String, _ change: (inout EndpointCapabilities) -> Void = { _ in }
) throws -> Negotiation {
    try Negotiator.answer(to: SessionDescription(parsing: text), with: Offers.capabilities(change))
}

private func chrome(adding lines: String) -> String {
    Offers.chrome.replacing(
        "a=extmap:14 urn:ietf:params:rtp-hdrext:toffset",
        with: lines + "a=extmap:14 urn:ietf:params:rtp-hdrext:toffset")
}

@Test func simulcastIsAnsweredWithTheDefaultExtensions() throws {
    let text = chrome(adding: "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n")
    let result = try answer(text) { $0.acceptsSimulcast = true }
    #expect(result.localDescription.text.contains("a=simulcast:recv q;h;f\r\n"))
    // Whether or not the section has a=ssrc lines, as Chrome's has: the rid says which encoding a packet is of.
    #expect(result.media[1].receive.encodings == ["q", "h", "f"].map { EncodingParameters(rid: $0) })
    #expect(
        result.media[1].receive.headerExtensions.contains { $0.uri == HeaderExtensionURI.repairedRid && $0.id == 11 })
}

@Test func whoOnlyReceivesIsNotToldOfEncodings() throws {
    let text = Offers.chrome.replacing("a=sendrecv", with: "a=recvonly")
    let result = try answer(text) { $0.acceptsSimulcast = true }
    let uris = [HeaderExtensionURI.rid, HeaderExtensionURI.repairedRid]
    #expect(!result.localDescription.media[1].extensions.contains { uris.contains($0.uri) })
    #expect(!result.media[1].send.headerExtensions.contains { uris.contains($0.uri) })
    #expect(!Negotiator.offer(with: Offers.capabilities()).text.contains("rtp-stream-id"))
}

@Test func aSimulcastOfBeforeRidsKeepsTheOrderOfItsGroup() throws {
    let cname = { (ssrc: Int) in "a=ssrc:\(ssrc) cname:x\r\n" }
    let old = [30, 31, 10, 11, 20, 21].map(cname).joined()
    let text = chrome(
        adding: "a=ssrc-group:SIM 10 20 30\r\na=ssrc-group:FID 10 11\r\na=ssrc-group:FID 20 21\r\n"
            + "a=ssrc-group:FID 30 31\r\n" + old)
    let encodings = try answer(text).media[1].receive.encodings
    #expect(
        encodings.prefix(3) == [
            EncodingParameters(ssrc: 10, rtxSSRC: 11), EncodingParameters(ssrc: 20, rtxSSRC: 21),
            EncodingParameters(ssrc: 30, rtxSSRC: 31),
        ])
}

@Test func theDTLSServerIsOursWhereThatIsPreferredAndThePeerCanDoEither() throws {
    for (offered, expected) in [("actpass", "passive"), ("active", "passive"), ("passive", "active")] {
        let text = Offers.chrome.replacing("a=setup:actpass", with: "a=setup:\(offered)")
        let result = try answer(text) { $0.prefersPassive = true }
        #expect(result.localDescription.text.contains("a=setup:\(expected)\r\n"))
        #expect(result.isDTLSClient == (expected == "active"))
    }
    #expect(try answer(Offers.chrome).isDTLSClient)
}

@Test func theFirstRejectedSectionsReasonIsTold() throws {
    #expect(try answer(Offers.chrome).firstRefusal?.reason == .unsupported, "data channels are off")
    #expect(try answer(Offers.chrome) { $0.acceptsDataChannels = true }.firstRefusal == nil)
}

@Test func sourcesMayHaveStreamsOfTheirOwn() throws {
    let text = try answer(Offers.chrome) { $0.video.sources[0].streamID = "other" }.localDescription.text
    #expect(text.contains("a=msid:stream audio-track\r\n"))
    #expect(text.contains("a=msid:other video-track\r\n"))
}

@Test func optionsOfICEMayBePartedByCommas() throws {
    let text = Offers.chrome.replacing("a=ice-options:trickle", with: "a=ice-options:ice2,trickle")
    #expect(try SessionDescription(parsing: text).media[0].iceOptions == ["ice2", "trickle"])
}
