import SDP
import Testing

private let candidate = "candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw"

@Test func aFragmentIsReadWhereverItsCredentialsStand() throws {
    for text in [
        "a=ice-ufrag:EsAw\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\nm=audio 9 RTP/AVP 0\na=mid:0\na=\(candidate)\n",
        "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\n"
            + "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=\(candidate)\r\na=\(candidate)",
    ] {
        let fragment = try TrickleFragment(parsing: text)
        #expect(
            fragment
                == TrickleFragment(
                    iceUfrag: "EsAw", icePassword: "P2uYro0UCOQ4zxjKXaWCBui1", candidates: [candidate]))
    }
}

@Test func theEndOfCandidatesAloneIsAFragment() throws {
    let fragment = try TrickleFragment(parsing: "a=end-of-candidates\r\n")
    #expect(fragment.hasEndOfCandidates && fragment.candidates.isEmpty && fragment.iceUfrag == nil)
}

@Test func theSameCredentialsInEverySectionAreOneGeneration() throws {
    let section = "m=audio 9 RTP/AVP 0\na=ice-ufrag:EsAw\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\n"
    #expect(try TrickleFragment(parsing: section + section).iceUfrag == "EsAw")
}

@Test(arguments: [
    ("", SDPError.Reason.empty, nil as Int?), ("\r\n\r\n", .empty, nil), ("nonsense", .malformed, 1),
    ("a=mid:0\na=ice-ufrag:x\n", .malformed, 2), ("a=ice-pwd:short\n", .malformed, 1),
    ("a=ice-ufrag:EsAw\na=ice-ufrag:Other\n", .inconsistent, 2), ("a=ice-ufrag:E\u{7}sAw\n", .malformed, 1),
    ("a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\n", .missing, nil),
    ("a=" + String(repeating: "x", count: 5000), .overLimit, 1), (String(repeating: "a=x\n", count: 20_000), .overLimit, nil),
]) func aFragmentThatCannotBeReadSaysWhere(_ text: String, _ reason: SDPError.Reason, _ line: Int?) {
    let error = #expect(throws: SDPError.self) { try TrickleFragment(parsing: text) }
    #expect(error?.reason == reason && error?.line == line)
}

@Test func aFragmentIsWrittenUnderTheBundlesFirstSection() throws {
    let answer = try Negotiator.answer(
        to: SessionDescription(parsing: Offers.chrome), with: Offers.capabilities()
    ).localDescription
    let fragment = TrickleFragment(
        iceUfrag: "EsAw", icePassword: "P2uYro0UCOQ4zxjKXaWCBui1", isICELite: true, iceOptions: ["trickle"],
        candidates: [candidate], hasEndOfCandidates: true)
    let text = fragment.text(for: answer)
    #expect(
        text == """
            a=ice-lite\r
            a=ice-options:trickle\r
            a=group:BUNDLE \(answer.bundles[0].mids.joined(separator: " "))\r
            a=ice-ufrag:EsAw\r
            a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r
            m=audio 9 UDP/TLS/RTP/SAVPF \(answer.media[0].formats[0])\r
            a=mid:\(answer.media[0].mid ?? "")\r
            a=\(candidate)\r
            a=end-of-candidates\r

            """)
    #expect(try TrickleFragment(parsing: text) == fragment)
}
