import Foundation
import RTP
import SDP
import Testing

private let head = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
private let section = head + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"

private func refusal(_ text: String) -> SDPError? {
    do throws(SDPError) {
        _ = try SessionDescription(parsing: text)
        return nil
    } catch {
        return error
    }
}

@Test(arguments: [
    ("", SDPError.Reason.empty, nil),
    ("\r\n\r\n", .empty, nil),
    ("hello", .malformed, 1),
    ("o=- 0 0 IN IP4 0.0.0.0\r\n", .malformed, 1),
    ("v=1\r\n", .malformed, 1),
    ("v=0\r\nv=0\r\n", .malformed, 2),
    ("v=0\r\ns=-\r\n", .missing, nil),
    ("v=0\r\no=- 99999999999999999999999 0 IN IP4 0.0.0.0\r\n", .malformed, 2),
    ("v=0\r\no=- +1 0 IN IP4 0.0.0.0\r\n", .malformed, 2),
    (head + "q=1\r\n", .malformed, 5),
    (head + "a=ice-ufrag:abc\r\n", .malformed, 5),
    (head + "a=ice-ufrag:ab\rcd\r\n", .malformed, 5),
    (head + "a=ice-ufrag:abcd\u{0}\r\n", .malformed, 5),
    (head + "a=ice-pwd:short\r\n", .malformed, 5),
    (head + "a=fingerprint:sha-256 AB:CD\r\n", .malformed, 5),
    (head + "a=fingerprint:sha-256 A:BCD\r\n", .malformed, 5),
    (head + "a=setup:both\r\n", .malformed, 5),
    (head + "a=group:BUNDLE 0\r\n", .inconsistent, nil),
    (head + "a=group\r\n", .malformed, 5),
    (head + "a=extmap:0 urn:x\r\n", .malformed, 5),
    (head + "a=extmap:70000 urn:x\r\n", .malformed, 5),
    (head + "a:b\r\n", .malformed, 5),
    (head + "a=:b\r\n", .malformed, 5),
    (head + "m=video\r\n", .malformed, 5),
    (head + "m=hologram 9 RTP/SAVPF 96\r\n", .unsupported, 5),
    (head + "m=video 99999 RTP/SAVPF 96\r\n", .malformed, 5),
    (head + "m=video -9 RTP/SAVPF 96\r\n", .malformed, 5),
    (head + "m=video 9 RTP//SAVPF 96\r\n", .malformed, 5),
    (head + "m=video 9 RTP/SAVPF 128\r\n", .malformed, 5),
    (head + "m=video 9 RTP/SAVPF 96 096\r\n", .inconsistent, 5),
    (head + "m=video 9 RTP/SAVPF\r\n", .malformed, 5),
    (section + "a=mid:a b\r\n", .malformed, 6),
    (section + "a=mid:\r\n", .malformed, 6),
    (section + "a=mid:a\u{301}\r\n", .malformed, 6),
    (section + "a=mid:0\r\na=mid:1\r\n", .inconsistent, 7),
    (section + "a=mid:0\r\nm=audio 9 RTP/SAVPF 0\r\na=mid:0\r\n", .inconsistent, nil),
    (section + "a=rtpmap:96 VP8\r\n", .malformed, 6),
    (section + "a=rtpmap:96 VP8/0\r\n", .malformed, 6),
    (section + "a=rtpmap:96 VP8/99999999999\r\n", .malformed, 6),
    (section + "a=rtpmap:96 VP8/90000\r\na=rtpmap:96 H264/90000\r\n", .inconsistent, 7),
    (section + "a=fmtp:96 =5\r\n", .malformed, 6),
    (section + "a=fmtp:x a=5\r\n", .malformed, 6),
    (section + "a=rtcp-fb:96\r\n", .malformed, 6),
    (section + "a=ssrc:-1 cname:x\r\n", .malformed, 6),
    (section + "a=ssrc:4294967296 cname:x\r\n", .malformed, 6),
    (section + "a=ssrc:1 cname:a b\r\n", .malformed, 6),
    (section + "a=ssrc:1 cname:\(String(repeating: "c", count: 256))\r\n", .malformed, 6),
    (section + "a=ssrc-group:FID x\r\n", .malformed, 6),
    (section + "a=ssrc-group:FID\(String(repeating: " 1", count: 65))\r\n", .overLimit, 6),
    (section + "a=msid:a b c\r\n", .malformed, 6),
    (section + "a=rid:a\\b send\r\n", .malformed, 6),
    (section + "a=simulcast:send a;;b\r\n", .malformed, 6),
    (section + "a=simulcast:send a send b\r\n", .malformed, 6),
    (section + "a=sctp-port:65536\r\n", .malformed, 6),
    (section + "b=AS:-1\r\n", .malformed, 6),
    (section + "t=0 0\r\n", .malformed, 6),
    (section + "a=fmtp:96 a=\(String(repeating: "x", count: 5000))\r\n", .overLimit, 6),
] as [(String, SDPError.Reason, Int?)])
func hostileTextIsRefusedWithItsLine(_ text: String, _ reason: SDPError.Reason, _ line: Int?) {
    let error = refusal(text)
    #expect(error?.reason == reason)
    #expect(error?.line == line)
}

@Test func anErrorSaysWhereWhatAndWhatToDo() {
    #expect(
        refusal(section + "a=ice-ufrag:x\r\n")?.description
            == "SDP line 6: a=ice-ufrag is malformed; write 4 to 256 letters, digits, + or /")
}

@Test func floodsAreRefusedQuickly() {
    let clock = ContinuousClock()
    let floods = [
        String(repeating: "a", count: 1 << 20),
        head + String(repeating: "m=audio 9 RTP/SAVPF 0\r\n", count: 10_000),
        head + String(repeating: "m=audio 9 RTP/SAVPF 0\n", count: 65),
        head + String(repeating: "\n", count: 10_000),
        head + String(repeating: "a=x\n", count: 10_000),
        section + String(repeating: "a=y:1\n", count: 600),
        head + String(repeating: "a=group:LS\n", count: 100),
        head + "m=audio 9 RTP/SAVPF" + (0..<200).map { " \($0 % 128)" }.joined() + "\r\n",
    ]
    let elapsed = clock.measure {
        for flood in floods { #expect(refusal(flood)?.reason == .overLimit) }
    }
    #expect(elapsed < .seconds(20))
}

@Test func noValueInTheModelCanBeginANewLine() throws {
    var description = try SessionDescription(parsing: Offers.safari)
    let lines = description.text.split(separator: "\r\n").count
    description.name = "x\r\na=injected:1"
    description.media[0].mid = "0\na=injected:2"
    description.media[0].msids = [MSID(stream: "s\r\na=injected:3", track: "\u{0}t")]
    #expect(description.text.split(separator: "\r\n").count == lines + 1)
    #expect(!description.text.contains("\na=injected"))
}

@Test(arguments: [
    "candidate:1 1 udp 1 192.0.2.1 5 typ host\r\na=injected:1", "nonsense", "candidate:1 1 udp", "",
    "candidate:1 1 udp 1 192.0.2.1 5 typ hôst",
])
func whatIsNoCandidateIsNotAdded(_ candidate: String) throws {
    let answer = try Negotiator.answer(
        to: SessionDescription(parsing: Offers.chrome), with: Offers.capabilities()
    ).localDescription.adding(candidates: [candidate])
    #expect(!answer.text.contains("candidate:"))
    #expect(!answer.text.contains("injected"))
}

@Test func inconsistentOffersAreRefusedWhenTheyAreAnswered() throws {
    let cases: [(String, String, SDPError.Reason)] = [
        ("a=extmap:2 http://www.webrtc", "a=extmap:4 http://www.webrtc", .inconsistent),
        ("a=ice-ufrag:Kq9x\r\n", "", .missing),
        ("a=fingerprint:sha-256 \(Offers.fingerprint)\r\n", "", .missing),
        ("a=fingerprint:sha-256 \(Offers.fingerprint)", "a=fingerprint:sha-1 AB:CD", .unsupported),
        ("a=setup:actpass", "a=setup:holdconn", .unsupported),
        ("a=rtcp-mux\r\n", "", .unsupported),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", .unsupported),
        ("a=ssrc:3570614608 cname", "a=ssrc:1832097586 cname", .inconsistent),
    ]
    for (old, new, reason) in cases {
        let offer = try SessionDescription(parsing: Offers.chrome.replacing(old, with: new))
        #expect {
            try Negotiator.answer(to: offer, with: Offers.capabilities())
        } throws: { ($0 as? SDPError)?.reason == reason }
    }
}

@Test func aPayloadTypeWithTwoMeaningsInOneBundleIsRefused() throws {
    let text = Offers.kurentoUtils("sendrecv").replacing("111", with: "96")
    let offer = try SessionDescription(parsing: text)
    #expect {
        try Negotiator.answer(to: offer, with: Offers.capabilities())
    } throws: { ($0 as? SDPError)?.reason == .inconsistent }
}
