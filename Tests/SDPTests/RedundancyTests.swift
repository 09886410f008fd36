import RTP
import SDP
import Testing

/// An offer of audio with the formats; each `a=` line without its `a=`.
private func offer(_ formats: String, _ lines: [String]) -> String {
    Offers.chrome.split(separator: "\r\n", omittingEmptySubsequences: true).map(String.init).reduce(into: []) {
        (text: inout [String], line: String) in
        let isAudio = !text.contains { $0.hasPrefix("m=video") }
        if line.hasPrefix("m=audio") { return text.append("m=audio 9 UDP/TLS/RTP/SAVPF \(formats)") }
        let isFormat = line.hasPrefix("a=rtpmap") || line.hasPrefix("a=fmtp") || line.hasPrefix("a=rtcp-fb")
        if isAudio, isFormat, !line.hasPrefix("m=") { return }
        if line.hasPrefix("a=rtcp-rsize"), isAudio { text += lines.map { "a=" + $0 } }
        text.append(line)
    }.joined(separator: "\r\n") + "\r\n"
}

private func audio(_ text: String) throws -> (section: MediaNegotiation, lines: [String]) {
    let negotiation = try Negotiator.answer(to: SessionDescription(parsing: text), with: Offers.capabilities { _ in })
    let lines = negotiation.localDescription.text.split(separator: "\r\n").map(String.init)
    return (try #require(negotiation.media.first), lines)
}

private let opus = ["rtpmap:111 opus/48000/2", "fmtp:111 minptime=10;useinbandfec=1"]
private let red = ["rtpmap:63 red/48000/2", "fmtp:63 111/111"]

@Test func redundancyIsAnsweredWhereTheOfferHasIt() throws {
    let (section, lines) = try audio(offer("111 63", opus + red))
    #expect(lines.contains("m=audio 9 UDP/TLS/RTP/SAVPF 111 63"))
    #expect(lines.contains("a=rtpmap:63 red/48000/2") && lines.contains("a=fmtp:63 111/111"))
    #expect(section.receive.codecs.map(\.name) == ["opus", "red"])
    #expect(section.send.codecs.map(\.payloadType) == [111, 63])
}

/// Chromium then sends it.
@Test func redundancyThatIsOfferedFirstIsAnsweredFirst() throws {
    let (_, lines) = try audio(offer("63 111", red + opus))
    #expect(lines.contains("m=audio 9 UDP/TLS/RTP/SAVPF 63 111"))
}

@Test func redundancyOfNoCommonCodecIsLeftOut() throws {
    for fmtp in ["fmtp:63 9/9", "fmtp:63 111/9", "fmtp:63 111", "fmtp:63 63/63", "fmtp:63 a/a", "fmtp:63 111/111;x=1"] {
        let (section, lines) = try audio(
            offer("111 63 9", opus + ["rtpmap:63 red/48000/2", fmtp, "rtpmap:9 G722/8000"]))
        #expect(section.receive.codecs.map(\.name) == ["opus"], "\(fmtp)")
        #expect(!lines.contains { $0.contains("red/") }, "\(fmtp)")
    }
    #expect(try audio(offer("111 63", opus + ["rtpmap:63 red/48000/2"])).section.send.codecs.count == 1)
}

@Test func redundancyOfACodecThatWeDoNotTakeIsLeftOut() throws {
    let local = Offers.capabilities { $0.audio.codecs.removeAll { $0.name == "opus" } }
    let negotiation = try Negotiator.answer(to: SessionDescription(parsing: Offers.chrome), with: local)
    #expect(negotiation.media[0].receive.codecs.map(\.name) == ["PCMU", "PCMA"])
}

@Test func inBandErrorCorrectionIsAskedForWhetherOfferedOrNot() throws {
    for fmtp in ["fmtp:111 minptime=10;useinbandfec=1", "fmtp:111 minptime=10"] {
        #expect(try audio(offer("111", [opus[0], fmtp])).lines.contains("a=fmtp:111 minptime=10;useinbandfec=1"))
    }
}

@Test func ourOfferHasRedundancyBehindOpusAndTheAnswerMayLeaveItOut() throws {
    let local = Offers.capabilities { _ in }
    let ours = Negotiator.offer(with: local)
    #expect(ours.text.contains("m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0 8"))
    #expect(ours.text.contains("a=fmtp:63 111/111"))
    for (keeps, names) in [(true, ["opus", "red"]), (false, ["opus"])] {
        var answer = try Negotiator.answer(to: ours, with: local).localDescription
        answer.media[0].formats = keeps ? ["111", "63"] : ["111"]
        let accepted = try Negotiator.accept(answer: answer, to: ours, with: local)
        #expect(accepted.media[0].receive.codecs.map(\.name) == names)
    }
    // Without what it repeats it is nothing.
    var answer = try Negotiator.answer(to: ours, with: local).localDescription
    answer.media[0].formats = ["63", "0"]
    #expect(try Negotiator.accept(answer: answer, to: ours, with: local).media[0].send.codecs.map(\.name) == ["PCMU"])
}
