import RTP
import SDP
import Testing

private func answer(
    _ text: String, _ change: (inout EndpointCapabilities) -> Void = { _ in }
) throws -> Negotiation {
    try Negotiator.answer(to: SessionDescription(parsing: text), with: Offers.capabilities(change))
}

@Test func theAnswerToKurentoUtilsIsThisText() throws {
    let fingerprint = Array(repeating: "0F", count: 32).joined(separator: ":")
    let expected = """
        v=0
        o=- 77 1 IN IP4 0.0.0.0
        s=-
        t=0 0
        a=group:BUNDLE 0 1
        a=ice-options:trickle
        m=audio 9 UDP/TLS/RTP/SAVPF 111 0
        c=IN IP4 0.0.0.0
        a=ice-ufrag:srv1
        a=ice-pwd:srvsrvsrvsrvsrvsrvsrvsrv
        a=fingerprint:sha-256 \(fingerprint)
        a=setup:active
        a=mid:0
        a=sendrecv
        a=msid:stream audio-track
        a=rtcp-mux
        a=rtpmap:111 opus/48000/2
        a=rtpmap:0 PCMU/8000
        a=fmtp:111 minptime=10;useinbandfec=1
        a=ssrc:1001 cname:server@example
        a=ssrc:1001 msid:stream audio-track
        m=video 9 UDP/TLS/RTP/SAVPF 96 97
        c=IN IP4 0.0.0.0
        a=ice-ufrag:srv1
        a=ice-pwd:srvsrvsrvsrvsrvsrvsrvsrv
        a=fingerprint:sha-256 \(fingerprint)
        a=setup:active
        a=mid:1
        a=sendrecv
        a=msid:stream video-track
        a=rtcp-mux
        a=rtpmap:96 VP8/90000
        a=rtpmap:97 rtx/90000
        a=rtcp-fb:96 goog-remb
        a=rtcp-fb:96 transport-cc
        a=rtcp-fb:96 ccm fir
        a=rtcp-fb:96 nack
        a=rtcp-fb:96 nack pli
        a=fmtp:97 apt=96
        a=ssrc-group:FID 2001 2002
        a=ssrc:2001 cname:server@example
        a=ssrc:2001 msid:stream video-track
        a=ssrc:2002 cname:server@example
        a=ssrc:2002 msid:stream video-track
        """
    let text = try answer(Offers.kurentoUtils("sendrecv")).localDescription.text
    #expect(text.split(separator: "\r\n").map { String($0) } == expected.split(separator: "\n").map { String($0) })
}

@Test func chromeIsAnsweredInItsOrderWithItsNumbers() throws {
    let result = try answer(Offers.chrome)
    let local = result.localDescription
    #expect(local.media.map(\.port) == [9, 9, 0])
    #expect(local.media[2].formats == ["webrtc-datachannel"])
    #expect(local.groups == [MediaGroup("BUNDLE", ["0", "1"])])
    #expect(local.media[0].formats == ["111", "63", "0", "8"])
    #expect(
        local.media[1].formats
            == ["96", "97", "103", "104", "107", "108", "109", "114", "45", "46", "98", "99"])
    #expect(result.isBundled)
    #expect(result.isDTLSClient)
    #expect(result.remoteICE == ICEParameters(ufrag: "Kq9x", password: "wG3TQn1c0uEYBZ7mGk2r8d5V"))
    #expect(result.remoteFingerprint == Fingerprint(algorithm: "sha-256", value: Offers.fingerprint))
    #expect(result.dataChannels == nil)

    let video = try #require(result.media.last)
    #expect(video.receive.codecs.map(\.name) == ["VP8", "H264", "H264", "H264", "AV1", "VP9"])
    #expect(video.receive.codecs[0].rtxPayloadType == 97)
    #expect(video.receive.codecs[0].feedback == ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"])
    #expect(
        video.receive.codecs[1].formatParameters == [
            FormatParameter("level-asymmetry-allowed", "1"), FormatParameter("packetization-mode", "1"),
            FormatParameter("profile-level-id", "42001f"),
        ])
    #expect(
        video.receive.headerExtensions == [
            HeaderExtensionParameters(uri: HeaderExtensionURI.absoluteSendTime, id: 2),
            HeaderExtensionParameters(uri: HeaderExtensionURI.videoOrientation, id: 13),
            HeaderExtensionParameters(uri: HeaderExtensionURI.transportWideCC, id: 3),
            HeaderExtensionParameters(uri: HeaderExtensionURI.playoutDelay, id: 5),
            HeaderExtensionParameters(uri: HeaderExtensionURI.mid, id: 4),
            HeaderExtensionParameters(uri: HeaderExtensionURI.rid, id: 10),
            HeaderExtensionParameters(uri: HeaderExtensionURI.repairedRid, id: 11),
        ])
    // Which encoding a packet belongs to is for us to know; the peer gets one stream.
    #expect(video.send.headerExtensions.map(\.id) == [2, 13, 3, 5, 4])
    #expect(video.receive.encodings == [EncodingParameters(ssrc: 1_832_097_586, rtxSSRC: 2_605_193_324)])
    #expect(video.receive.cname == "4TOk42mSjXCkVIa6")
    #expect(video.send.encodings == [EncodingParameters(ssrc: 2001, rtxSSRC: 2002)])
    #expect(video.send.cname == "server@example")
    #expect(video.hasReducedSizeRTCP)
}

@Test func firefoxIsAnsweredWithItsFirstSectionsCredentials() throws {
    let result = try answer(Offers.firefox)
    #expect(result.remoteICE.ufrag == "0e91ab3f")
    #expect(result.remoteICE.trickles)
    #expect(result.localDescription.media[1].formats == ["120", "124", "121", "125", "126", "127", "97", "98"])
    let audio = result.media[0]
    #expect(
        audio.receive.codecs[0].formatParameters == [
            FormatParameter("minptime", "10"), FormatParameter("useinbandfec", "1"), FormatParameter("stereo", "1"),
        ])
    #expect(audio.send.codecs[0].parameter("maxplaybackrate") == "48000")
    let video = result.media[1]
    #expect(video.receive.codecs[0].feedback == ["nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"])
    #expect(video.receive.codecs[1].feedback == ["nack", "nack pli"])
    #expect(video.receive.codecs[0].formatParameters.isEmpty)
    #expect(video.send.codecs[0].parameter("max-fs") == "12288")
    #expect(video.receive.encodings == [EncodingParameters(ssrc: 3_127_046_218, rtxSSRC: 1_970_443_251)])
}

@Test func aiortcsCandidatesAndEndAreHandedOn() throws {
    let result = try answer(Offers.aiortc)
    #expect(result.remoteCandidates.count == 2)
    #expect(
        result.remoteCandidates[0]
            == RemoteCandidate(
                candidate: "candidate:1d2c3b4a5f6e 1 udp 2130706431 192.0.2.7 45712 typ host", mid: "0", index: 0))
    #expect(result.hasEndOfCandidates)
    #expect(!result.remoteICE.trickles)
    #expect(result.media.map(\.direction) == [.recvonly])
    #expect(result.media[0].send.encodings.isEmpty)
    #expect(!result.localDescription.text.contains("a=ssrc"))
}

@Test(arguments: [
    ("recvonly", MediaDirection.sendonly), ("sendonly", .recvonly), ("sendrecv", .sendrecv), ("inactive", .inactive),
])
func theDirectionIsTheOffersReversed(_ offered: String, _ ours: MediaDirection) throws {
    let result = try answer(Offers.kurentoUtils(offered))
    #expect(result.media.map(\.direction) == [ours, ours])
    #expect(result.localDescription.media.map(\.direction) == [ours, ours])
    #expect(result.media.allSatisfy { $0.send.encodings.isEmpty != ours.sends })
}

@Test(arguments: [
    ("sendrecv", MediaDirection.sendonly, MediaDirection.sendonly), ("sendrecv", .recvonly, .recvonly),
    ("sendonly", .sendonly, .inactive), ("recvonly", .recvonly, .inactive),
])
func ourRestrictionLimitsTheDirection(_ offered: String, _ local: MediaDirection, _ ours: MediaDirection) throws {
    let result = try answer(Offers.kurentoUtils(offered)) { $0.video.direction = local }
    #expect(result.media[1].direction == ours)
}

@Test func withoutASourceWeOnlyReceive() throws {
    let result = try answer(Offers.chrome) { $0.video.sources = [] }
    #expect(result.media.map(\.direction) == [.sendrecv, .recvonly])
}

@Test func safarisHighProfileH264StaysFirst() throws {
    let result = try answer(Offers.safari)
    #expect(result.localDescription.media[0].formats == ["96", "97", "98", "99", "100", "101"])
    #expect(result.media[0].receive.codecs.map(\.name) == ["H264", "H264", "VP8"])
    #expect(result.media[0].receive.codecs[0].parameter("profile-level-id") == "640c1f")
}

@Test func h264MatchesByProfileAndPacketizationModeAndNotByLevel() throws {
    func formats(_ parameters: String) throws -> [String] {
        let text = Offers.safari.replacing(Offers.h264("640c1f", 1), with: parameters)
        return try answer(text).localDescription.media[0].formats
    }
    #expect(try formats(Offers.h264("42e034", 1)).first == "96")
    #expect(try formats(Offers.h264("42e01f", 0)).first == "96")
    #expect(try formats(Offers.h264("f4001f", 1)).first == "98")
    #expect(try formats(Offers.h264("42e01f", 2)).first == "98")
    #expect(try formats(Offers.h264("+2e01f", 1)).first == "98")
}

@Test func aLegacyOfferWithoutBundleAndMidsIsAccepted() throws {
    let result = try answer(Offers.legacy)
    #expect(!result.isBundled)
    #expect(result.localDescription.groups.isEmpty)
    #expect(result.localDescription.media.map(\.mid) == [nil, nil])
    #expect(result.localDescription.media.map(\.transport) == ["RTP/SAVPF", "RTP/SAVPF"])
    #expect(result.media.map(\.mid) == ["0", "1"])
    #expect(result.media[0].receive.codecs.map(\.payloadType) == [0, 8])
    #expect(result.media[1].receive.codecs[0].feedback == ["nack", "ccm fir"])
    #expect(result.media[1].receive.codecs[0].rtxPayloadType == nil)
    #expect(result.media[1].send.encodings == [EncodingParameters(ssrc: 2001)])
    #expect(result.media[1].maxSendKbps == 500)
    #expect(result.isDTLSClient)
}

@Test func aSectionWithATransportOfItsOwnIsRejected() throws {
    let text = Offers.firefox.replacing("a=group:BUNDLE 0 1\r\n", with: "")
    #expect(try answer(text).localDescription.media.map(\.port) == [9, 0])
}

@Test(arguments: [("actpass", "active", true), ("passive", "active", true), ("active", "passive", false)])
func theDTLSRoleFollowsTheOffer(_ offered: String, _ answered: String, _ isClient: Bool) throws {
    let result = try answer(Offers.chrome.replacing("a=setup:actpass", with: "a=setup:\(offered)"))
    #expect(result.localDescription.media[0].setup?.rawValue == answered)
    #expect(result.isDTLSClient == isClient)
}

@Test func rejectedSectionsKeepTheirPlace() throws {
    let text = Offers.chrome.replacing("m=audio 9 ", with: "m=audio 0 ")
    let result = try answer(text)
    #expect(result.localDescription.media.map(\.port) == [0, 9, 0])
    #expect(result.localDescription.media[0].direction == .inactive)
    #expect(result.localDescription.media[0].mid == "0")
    #expect(result.localDescription.groups == [MediaGroup("BUNDLE", ["1"])])
    #expect(result.media.map(\.index) == [1])
}

@Test func bundleOnlySectionsTakeTheTransportOfTheTaggedOne() throws {
    let text = """
        v=0
        o=- 1 1 IN IP4 0.0.0.0
        s=-
        t=0 0
        a=group:BUNDLE a v
        m=audio 9 UDP/TLS/RTP/SAVPF 9
        a=mid:a
        a=ice-ufrag:tagd
        a=ice-pwd:tagdtagdtagdtagdtagdtagd
        a=fingerprint:sha-256 \(Offers.fingerprint)
        a=setup:passive
        a=rtcp-mux
        m=video 0 UDP/TLS/RTP/SAVPF 96
        a=mid:v
        a=bundle-only
        a=rtcp-mux
        a=rtpmap:96 VP8/90000
        """
    let result = try answer(text)
    #expect(result.localDescription.media.map(\.port) == [0, 9])
    #expect(result.remoteICE.ufrag == "tagd")
}

@Test func oneSectionOfAKindIsTakenUnlessToldOtherwise() throws {
    let video = Offers.safari.split(separator: "m=video")[1]
    let second = "m=video" + video.replacing("a=mid:0", with: "a=mid:1")
    let text = Offers.safari.replacing("BUNDLE 0", with: "BUNDLE 0 1") + second
    #expect(try answer(text).localDescription.media.map(\.port) == [9, 0])
    let both = try answer(text) {
        $0.video.maxSections = 2
        $0.video.sources.append(LocalSource(ssrc: 3001, trackID: "second"))
    }
    #expect(both.media.map { $0.send.encodings.first?.ssrc } == [2001, 3001])
}

@Test func dataChannelsAreAcceptedWhenTheyAreOn() throws {
    let result = try answer(Offers.chrome) { $0.acceptsDataChannels = true }
    #expect(result.localDescription.groups == [MediaGroup("BUNDLE", ["0", "1", "2"])])
    #expect(result.localDescription.media[2].port == 9)
    #expect(result.localDescription.media[2].sctpPort == 5000)
    #expect(
        result.dataChannels
            == DataChannelNegotiation(mid: "2", index: 2, remotePort: 5000, maxMessageSize: 262_144))
}

@Test func aCeilingIsWrittenOnlyWhereWeReceive() throws {
    let text = try answer(Offers.kurentoUtils("sendrecv")) { $0.video.maxReceiveKbps = 500 }.localDescription.text
    #expect(text.contains("b=AS:500\r\nb=TIAS:500000\r\n"))
    let other = try answer(Offers.kurentoUtils("recvonly")) { $0.video.maxReceiveKbps = 500 }.localDescription.text
    #expect(!other.contains("b="))
}

@Test func simulcastIsAnsweredOnlyWhenItIsOn() throws {
    let text = Offers.chrome.replacing(
        "a=extmap:14 urn:ietf:params:rtp-hdrext:toffset",
        with: "a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;~l\r\na=extmap:14 urn:ietf:params:rtp-hdrext:toffset")
    #expect(try !answer(text).localDescription.text.contains("simulcast"))
    let result = try answer(text) {
        $0.acceptsSimulcast = true
        $0.video.headerExtensions.append(HeaderExtensionURI.rid)
    }
    #expect(result.localDescription.text.contains("a=rid:h recv\r\na=rid:l recv\r\na=simulcast:recv h;l\r\n"))
    #expect(result.media[1].receive.encodings == [EncodingParameters(rid: "h"), EncodingParameters(rid: "l")])
}

@Test func candidatesGoIntoTheFirstSectionOfTheBundle() throws {
    let candidate = "candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host"
    let bundled = try answer(Offers.chrome).localDescription.adding(candidates: ["a=" + candidate, candidate])
    #expect(bundled.media.map(\.candidates) == [[candidate], [], []])
    #expect(bundled.text.contains("a=\(candidate)\r\na=end-of-candidates\r\nm=video"))
    let legacy = try answer(Offers.legacy).localDescription.adding(candidates: [candidate])
    #expect(legacy.media.map(\.candidates) == [[candidate], [candidate]])
}

@Test(arguments: Offers.all)
func answersAreDeterministicAndParse(_ text: String) throws {
    let first = try answer(text)
    for _ in 0..<20 { #expect(try answer(text) == first) }
    #expect(try SessionDescription(parsing: first.localDescription.text) == first.localDescription)
}

@Test func anOfferWithNothingUsableSaysWhy() throws {
    let text = Offers.kurentoUtils("sendrecv").replacing("opus", with: "speex").replacing("PCMU", with: "x")
        .replacing("VP8", with: "VP7").replacing("SAVPF 111 0", with: "SAVPF 111")
    #expect {
        try answer(text)
    } throws: { "\($0)" == "SDP: no audio codec is common; offer one of opus, PCMU, PCMA" }
    #expect {
        try answer("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")
    } throws: { ($0 as? SDPError)?.reason == .empty }
}

extension CodecParameters {
    fileprivate func parameter(_ key: String) -> String? { formatParameters.first { $0.key == key }?.value }
}
