import RTP
import SDP
import Testing

private let numbers = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
private let all = "a=rtcp-fb:* ack ccfb"

/// A video section with two formats, RTX, and the lines that say how packets are to be reported on.
private func offer(_ lines: [String]) throws -> SessionDescription {
    try SessionDescription(
        parsing: ([
            "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98", "c=IN IP4 0.0.0.0", "a=ice-ufrag:abcd",
            "a=ice-pwd:abcdabcdabcdabcdabcdabcd", "a=fingerprint:sha-256 \(Offers.fingerprint)", "a=setup:actpass",
            "a=mid:0", "a=sendrecv", "a=rtcp-mux", "a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack",
            "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=rtpmap:98 VP9/90000", "a=fmtp:98 profile-id=0",
        ] + lines).joined(separator: "\r\n") + "\r\n")
}

private func answer(_ lines: [String]) throws -> Negotiation {
    try Negotiator.answer(to: offer(lines), with: Offers.capabilities())
}

private func feedbackLines(_ description: SessionDescription) -> [String] {
    description.text.split(separator: "\r\n").map { String($0) }.filter {
        $0.hasSuffix("ccfb") || $0.hasSuffix("transport-cc")
    }
}

@Test func reportsOfRFC8888AreAnsweredForAllFormatsAtOnce() throws {
    let result = try answer([all])
    #expect(feedbackLines(result.localDescription) == [all])
    for codec in result.media[0].send.codecs + result.media[0].receive.codecs {
        #expect(codec.feedback.contains(PacketFeedback.congestionControl))
    }
    #expect(result.media[0].send.codecs[0].feedback.contains("nack"))
}

@Test func reportsOfferedForOneFormatAreAnsweredForIt() throws {
    #expect(try feedbackLines(answer(["a=rtcp-fb:98 ack ccfb"]).localDescription) == ["a=rtcp-fb:98 ack ccfb"])
}

@Test func transportWideFeedbackGoesBeforeRFC8888() throws {
    let result = try answer([all, "a=rtcp-fb:96 transport-cc", "a=rtcp-fb:98 transport-cc", "a=extmap:3 \(numbers)"])
    #expect(feedbackLines(result.localDescription) == ["a=rtcp-fb:96 transport-cc", "a=rtcp-fb:98 transport-cc"])
}

@Test func transportWideFeedbackWithoutItsNumbersGivesWay() throws {
    let result = try answer([all, "a=rtcp-fb:96 transport-cc"])
    #expect(feedbackLines(result.localDescription) == [all])
}

@Test func feedbackThatWasNotOfferedIsNotAnswered() throws {
    #expect(try feedbackLines(answer(["a=extmap:3 \(numbers)"]).localDescription).isEmpty)
}

@Test func ourOffersHaveBothWaysInEverySection() throws {
    let offer = Negotiator.offer(with: Offers.capabilities())
    for section in offer.media {
        #expect(section.feedback.filter { $0.value == PacketFeedback.congestionControl }.map(\.payloadType) == [nil])
        #expect(section.feedback.contains { $0.value == PacketFeedback.transportWide })
    }
}

@Test(arguments: [PacketFeedback.transportWide, PacketFeedback.congestionControl])
func theAnswerDecidesWhichWayOfOurOfferHolds(feedback: String) throws {
    let local = Offers.capabilities()
    let offer = Negotiator.offer(with: local)
    var peer = local
    for kind in MediaKind.allCases {
        for index in peer[kind].codecs.indices {
            peer[kind].codecs[index].feedback.removeAll {
                [PacketFeedback.transportWide, PacketFeedback.congestionControl].contains($0) && $0 != feedback
            }
        }
    }
    let answered = try Negotiator.answer(to: SessionDescription(parsing: offer.text), with: peer).localDescription
    let result = try Negotiator.accept(
        answer: SessionDescription(parsing: answered.text), to: offer, with: local)
    let known = [PacketFeedback.transportWide, PacketFeedback.congestionControl]
    for section in result.media {
        #expect(section.send.codecs.allSatisfy { $0.feedback.filter(known.contains) == [feedback] })
        #expect(section.receive.codecs.allSatisfy { $0.feedback.filter(known.contains) == [feedback] })
    }
}
