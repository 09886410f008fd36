import RTP
import SDP
import Testing

/// The peer that answers our offers: the same negotiator with other names.
private let peer = Offers.capabilities {
    $0.ice = ICEParameters(ufrag: "peer", password: "peerpeerpeerpeerpeerpeer")
    $0.fingerprint = Fingerprint(algorithm: "sha-256", value: Offers.fingerprint)
    $0.cname = "peer"
    $0.audio.sources = [LocalSource(ssrc: 11, trackID: "a")]
    $0.video.sources = [LocalSource(ssrc: 21, rtxSSRC: 22, trackID: "v")]
}

private func answer(
    to offer: SessionDescription, with capabilities: EndpointCapabilities = peer
) throws -> SessionDescription {
    let read = try SessionDescription(parsing: offer.text)
    return try SessionDescription(parsing: Negotiator.answer(to: read, with: capabilities).localDescription.text)
}

@Test func ourOfferIsBundledAndLeavesTheDTLSRoleOpen() throws {
    let offer = Negotiator.offer(with: Offers.capabilities())
    #expect(try SessionDescription(parsing: offer.text) == offer)
    #expect(offer.groups == [MediaGroup("BUNDLE", ["0", "1"])])
    #expect(offer.media.allSatisfy { $0.setup == .actpass && $0.hasRTCPMux && $0.direction == .sendrecv })
    #expect(offer.media[0].formats == ["111", "63", "0", "8"])
    #expect(offer.media[1].formats.prefix(4) == ["96", "97", "98", "99"])
    let types = offer.media.flatMap(\.payloadTypes)
    #expect(Set(types).count == types.count)
    let ids = Set(offer.media.flatMap(\.extensions).map { "\($0.id) \($0.uri)" })
    #expect(ids.count == Set(offer.media.flatMap(\.extensions).map(\.uri)).count)
}

@Test func offerAndAcceptedAnswerAgreeOnBothSides() throws {
    let local = Offers.capabilities()
    let offer = Negotiator.offer(with: local)
    let theirs = try Negotiator.answer(to: SessionDescription(parsing: offer.text), with: peer)
    let ours = try Negotiator.accept(
        answer: SessionDescription(parsing: theirs.localDescription.text), to: offer, with: local)
    #expect(ours.remoteICE.ufrag == "peer")
    #expect(theirs.isDTLSClient && !ours.isDTLSClient)
    #expect(ours.localDescription == offer)
    #expect(ours.isBundled)
    #expect(ours.media.map(\.direction) == [.sendrecv, .sendrecv])
    for (our, their) in zip(ours.media, theirs.media) {
        #expect(our.mid == their.mid && our.index == their.index && our.kind == their.kind)
        #expect(our.receive == their.send)
        #expect(our.send == their.receive)
    }
}

@Test func anAnswerMayRejectASectionAndOfferLessThanWeDo() throws {
    let local = Offers.capabilities()
    let offer = Negotiator.offer(with: local)
    var modest = peer
    modest.audio.maxSections = 0
    modest.video.codecs = [CodecParameters(name: "VP8", payloadType: 96, clockRate: 90_000, feedback: ["nack"])]
    modest.video.direction = .recvonly
    modest.video.headerExtensions = [HeaderExtensionURI.mid]
    let result = try Negotiator.accept(answer: answer(to: offer, with: modest), to: offer, with: local)
    #expect(result.media.map(\.index) == [1])
    let video = try #require(result.media.first)
    #expect(video.direction == .sendonly)
    #expect(video.receive.codecs.map(\.payloadType) == [96])
    #expect(video.receive.codecs[0].rtxPayloadType == nil)
    #expect(video.receive.codecs[0].feedback == ["nack"])
    #expect(video.send.headerExtensions.map(\.uri) == [HeaderExtensionURI.mid])
    #expect(video.send.encodings == [EncodingParameters(ssrc: 2001)])
}

@Test func kindsAndDataChannelsOfOurOfferCanBeChosen() throws {
    let local = Offers.capabilities {
        $0.acceptsDataChannels = true
        $0.video.sources = []
    }
    let offer = Negotiator.offer(with: local, kinds: [.video])
    #expect(offer.media.map(\.kind) == [.video, .application])
    #expect(offer.media[0].direction == .recvonly)
    #expect(!offer.text.contains("a=ssrc"))
    var other = peer
    other.acceptsDataChannels = true
    let result = try Negotiator.accept(answer: answer(to: offer, with: other), to: offer, with: local)
    #expect(result.dataChannels?.index == 1)
}

@Test func answersThatDoNotFitTheOfferAreRefused() throws {
    let local = Offers.capabilities()
    let offer = Negotiator.offer(with: local)
    let good = try answer(to: offer)
    let changes: [(SDPError.Reason, (inout SessionDescription) -> Void)] = [
        (.empty, { $0.media = [] }),
        (.inconsistent, { $0.media.removeLast() }),
        (.inconsistent, { $0.media.swapAt(0, 1) }),
        (.inconsistent, { $0.media[0].mid = "other" }),
        (.inconsistent, { $0.media[0].setup = .actpass }),
        (.inconsistent, { $0.media[1].rtpMaps = [] }),
        (.inconsistent, { $0.groups = [MediaGroup("BUNDLE", ["0", "9"])] }),
        (.unsupported, { $0.media[0].hasRTCPMux = false }),
        (.unsupported, { $0.media[0].port = 0; $0.media[1].port = 0 }),
        (.unsupported, { $0.groups = []; $0.media[1].iceUfrag = "else" }),
        (.missing, { $0.media[0].fingerprints = [] }),
    ]
    for (reason, change) in changes {
        var bad = good
        change(&bad)
        #expect {
            try Negotiator.accept(answer: bad, to: offer, with: local)
        } throws: { ($0 as? SDPError)?.reason == reason }
    }
}

@Test func anAnswerCannotRenumberExtensions() throws {
    let local = Offers.capabilities()
    let offer = Negotiator.offer(with: local)
    var bad = try answer(to: offer)
    bad.media[0].extensions = [HeaderExtension(id: 9, uri: HeaderExtensionURI.mid)]
    let result = try Negotiator.accept(answer: bad, to: offer, with: local)
    #expect(result.media[0].send.headerExtensions.isEmpty)
}
