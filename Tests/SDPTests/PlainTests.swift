import Foundation
import RTP
import Testing

@testable import SDP

/// Offer and answer of plain RTP and of SRTP with keys in the description.
@Suite struct PlainTests {
    private static let key = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0"
    private static let keyBytes = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ1234".utf8)

    private func local(
        suites: [CryptoSuite] = CryptoSuite.allCases, takesUnprotected: Bool = true
    ) -> PlainCapabilities {
        var local = PlainCapabilities(
            suites: suites, takesUnprotected: takesUnprotected, inline: (0..<46).map { UInt8($0) },
            address: PlainAddress(
                connection: ConnectionData(address: "192.0.2.1"), audioPort: 40_200, videoPort: 40_202),
            cname: "us", sessionID: 7)
        local.audio.sources = [LocalSource(ssrc: 11, trackID: "a")]
        local.video.sources = [LocalSource(ssrc: 22, trackID: "v")]
        return local
    }

    /// As Kurento's tutorial "rtp-receiver" makes it.
    private func tutorial(isLearned: Bool = false, isProtected: Bool = false) -> String {
        let role = isLearned ? "a=direction:active\r\n" : ""
        let crypto = "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)|2^31|1:1\r\n"
        return """
            v=0\r
            o=- 0 0 IN IP4 192.0.2.9\r
            s=Kurento Tutorial - RTP Receiver\r
            c=IN IP4 192.0.2.9\r
            t=0 0\r
            m=audio \(isLearned ? 9 : 5006) RTP/AVPF 96\r
            a=rtpmap:96 opus/48000/2\r
            a=sendonly\r
            \(role)a=ssrc:445566 cname:user@example.com\r
            m=video \(isLearned ? 9 : 5004) RTP/\(isProtected ? "SAVPF" : "AVPF") 103\r
            \(isProtected ? crypto : "")a=rtpmap:103 H264/90000\r
            a=rtcp-fb:103 goog-remb\r
            a=sendonly\r
            \(role)a=ssrc:112233 cname:user@example.com\r

            """
    }

    private func answer(_ offer: String, _ local: PlainCapabilities? = nil) throws -> PlainNegotiation {
        let negotiation = try PlainNegotiator.answer(
            to: try SessionDescription(parsing: offer), with: local ?? self.local())
        // What we write can be read again, and is the same.
        let text = negotiation.localDescription.text
        #expect(try SessionDescription(parsing: text) == negotiation.localDescription)
        return negotiation
    }

    private func error(_ work: () throws -> Void) -> SDPError? {
        do {
            try work()
            return nil
        } catch { return error as? SDPError }
    }

    @Test func theTutorialsOfferIsAnswered() throws {
        let negotiation = try answer(tutorial())
        #expect(
            negotiation.localDescription.text == """
                v=0\r
                o=- 7 0 IN IP4 192.0.2.1\r
                s=-\r
                c=IN IP4 192.0.2.1\r
                t=0 0\r
                m=audio 40200 RTP/AVPF 96\r
                a=recvonly\r
                a=rtpmap:96 opus/48000/2\r
                a=fmtp:96 minptime=10;useinbandfec=1\r
                a=rtcp:40201\r
                a=ssrc:11 cname:us\r
                m=video 40202 RTP/AVPF 103\r
                a=recvonly\r
                a=rtpmap:103 H264/90000\r
                a=rtcp-fb:103 goog-remb\r
                a=rtcp:40203\r
                a=ssrc:22 cname:us\r

                """)
        let video = try #require(negotiation.media.last)
        #expect(video.remote == PlainRemote(address: "192.0.2.9", port: 5004, controlPort: 5005))
        #expect(video.media.direction == .recvonly && video.media.receive.encodings.map(\.ssrc) == [112_233])
        #expect(video.media.send.encodings.map(\.ssrc) == [22] && video.localKey == nil && !video.sharesPort)
        // Encoders that say nothing cut units into fragments.
        let parameters = video.media.receive.codecs[0].formatParameters
        #expect(parameters.contains(FormatParameter("packetization-mode", "1")))
    }

    @Test func aPeerWhoseAddressIsToBeLearnedIsAnsweredWithPassive() throws {
        let negotiation = try answer(tutorial(isLearned: true))
        #expect(negotiation.media.allSatisfy { $0.remote.address == nil })
        #expect(negotiation.localDescription.media.allSatisfy { $0.connectionRole == .passive })
        #expect(negotiation.localDescription.text.contains("a=direction:passive\r\n"))
    }

    @Test func theTutorialsKeyIsTakenAndOursAnswersIt() throws {
        let negotiation = try answer(tutorial(isProtected: true))
        let video = try #require(negotiation.media.last)
        #expect(video.remoteKey?.inline == Self.keyBytes && video.remoteKey?.lifetime == 1 << 31)
        #expect(video.remoteKey?.identifier == KeyIdentifier(value: 1, length: 1))
        #expect(video.localKey?.tag == 2 && video.localKey?.inline == (0..<30).map { UInt8($0) })
        let lines = negotiation.localDescription.text.split(separator: "\r\n").filter { $0.hasPrefix("a=crypto") }
        #expect(lines == ["a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"])
        #expect(negotiation.media.first?.localKey == nil)
    }

    @Test func anEndpointWithAKeyTakesNothingUnprotected() throws {
        let local = local(suites: [.aes128CMSHA180], takesUnprotected: false)
        let refused = error { _ = try answer(tutorial(), local) }
        #expect(refused?.reason == .unsupported && refused?.problem.contains("not protected") == true)
        let negotiation = try answer(tutorial(isProtected: true), local)
        #expect(negotiation.media.map(\.media.kind) == [.video])
        #expect(negotiation.localDescription.media.map(\.port) == [0, 40_202])
    }

    @Test func aSuiteThatTheEndpointHasNotIsRefused() throws {
        let local = local(suites: [.aes256CMSHA180], takesUnprotected: false)
        let offer = tutorial(isProtected: true).replacing("RTP/AVPF", with: "RTP/SAVPF")
        let video = "m=video" + (try #require(offer.components(separatedByFirst: "m=video")))
        let head = try #require(offer.split(separator: "m=audio").first)
        let refused = error { _ = try answer(head + video, local) }
        #expect(refused?.reason == .unsupported && refused?.hint.contains("AES_256_CM_HMAC_SHA1_80") == true)
    }

    @Test func portsThatRTPAndRTCPShareAreAnsweredSo() throws {
        let offer = tutorial().replacing("a=sendonly\r\n", with: "a=sendonly\r\na=rtcp-mux\r\n")
        let negotiation = try answer(offer)
        #expect(negotiation.media.allSatisfy { $0.sharesPort && $0.remote.controlPort == $0.remote.port })
        #expect(negotiation.localDescription.media.allSatisfy { $0.hasRTCPMux && $0.rtcpAddress == nil })
    }

    @Test func rtcpElsewhereIsKnown() throws {
        let offer = tutorial().replacing(
            "a=rtpmap:103", with: "a=rtcp:6000 IN IP4 192.0.2.10\r\na=rtpmap:103")
        let remote = try answer(offer).media.last?.remote
        #expect(remote?.controlAddress == "192.0.2.10" && remote?.controlPort == 6000)
    }

    @Test func withoutFeedbackInTheTransportThereIsNone() throws {
        let offer = tutorial().replacing("RTP/AVPF", with: "RTP/AVP")
            .replacing("a=rtcp-fb:103 goog-remb", with: "a=rtcp-fb:103 nack pli")
        let negotiation = try answer(offer)
        #expect(negotiation.media.allSatisfy { $0.media.receive.codecs.allSatisfy(\.feedback.isEmpty) })
        let other = try answer(offer.replacing("RTP/AVP ", with: "RTP/AVPF "))
        #expect(other.media.last?.media.receive.codecs[0].feedback == ["nack pli"])
    }

    @Test(arguments: [
        ("UDP/TLS/RTP/SAVPF", "not plain RTP"), ("TCP/RTP/AVP", "not plain RTP"),
    ])
    func otherTransportsAreRefused(transport: String, problem: String) throws {
        let offer = tutorial().replacing("RTP/AVPF", with: transport)
        #expect(error { _ = try answer(offer) }?.problem.contains(problem) == true)
    }

    @Test func codecsThatHaveTheirNumberFromTheProfileNeedNoMap() throws {
        let negotiation = try answer(
            "v=0\r\no=- 0 0 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 5006 RTP/AVP 8 0\r\n")
        let audio = try #require(negotiation.media.first?.media)
        #expect(audio.receive.codecs.map(\.name) == ["PCMA", "PCMU"] && audio.direction == .sendrecv)
        #expect(negotiation.localDescription.text.contains("m=audio 40200 RTP/AVP 8 0\r\n"))
    }

    @Test func aSecondVideoIsRejectedAndTheFirstTaken() throws {
        let video = try #require(tutorial().components(separatedByFirst: "m=video"))
        let negotiation = try answer(tutorial() + "m=video" + video)
        #expect(negotiation.localDescription.media.map(\.port) == [40_200, 40_202, 0])
        #expect(negotiation.firstRefusal?.reason == .overLimit)
    }

    @Test func whatWeSendIsWhatThePeerTakes() throws {
        let negotiation = try answer(tutorial().replacing("a=sendonly", with: "a=recvonly"))
        #expect(negotiation.media.map(\.media.direction) == [.sendonly, .sendonly])
        #expect(negotiation.localDescription.media.map(\.direction) == [.sendonly, .sendonly])
    }

    @Test func anOfferOfOursIsAnsweredByAnotherOfUs() throws {
        let offer = PlainNegotiator.offer(with: local(suites: [.aes128CMSHA132, .aes256CMSHA180]))
        #expect(try SessionDescription(parsing: offer.text) == offer)
        var other = local(suites: [.aes256CMSHA180])
        other.address.connection.address = "192.0.2.2"
        other.inline = Array(repeating: 9, count: 46)
        let answered = try PlainNegotiator.answer(to: offer, with: other)
        let answer = answered.localDescription
        let accepted = try PlainNegotiator.accept(
            answer: answer, to: offer, with: local(suites: [.aes128CMSHA132, .aes256CMSHA180]))
        #expect(accepted.media.map(\.media.kind) == [.audio, .video])
        for (ours, theirs) in zip(accepted.media, answered.media) {
            #expect(ours.remoteKey == theirs.localKey && ours.localKey == theirs.remoteKey)
            #expect(ours.localKey?.suite == .aes256CMSHA180 && ours.remote.address == "192.0.2.2")
            #expect(ours.media.direction == .sendrecv)
        }
    }

    @Test func anAnswerWithoutAKeyIsRefused() throws {
        let offer = PlainNegotiator.offer(with: local(suites: [.aes128CMSHA180]))
        var answer = try PlainNegotiator.answer(to: offer, with: local(suites: [.aes128CMSHA180])).localDescription
        for index in answer.media.indices { answer.media[index].cryptos = [] }
        let missing = error {
            _ = try PlainNegotiator.accept(answer: answer, to: offer, with: local(suites: [.aes128CMSHA180]))
        }
        #expect(missing?.reason == .missing)
        for index in answer.media.indices { answer.media[index].transport = "RTP/AVPF" }
        let other = error {
            _ = try PlainNegotiator.accept(answer: answer, to: offer, with: local(suites: [.aes128CMSHA180]))
        }
        #expect(other?.reason == .unsupported)
    }
}

/// `a=crypto` (RFC 4568).
@Suite struct CryptoAttributeTests {
    private func parse(_ text: String) throws -> CryptoAttribute? { try CryptoAttribute(parsing: Array(text.utf8)[...]) }

    private static let inline = "inline:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0"

    @Test func theExampleOfRFC4568IsRead() throws {
        let crypto = try #require(
            try parse(
                "1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:4"))
        #expect(crypto.tag == 1 && crypto.suite == .aes128CMSHA180 && crypto.inline.count == 30)
        #expect(crypto.inline.prefix(4) == Array("=-n@".utf8)[...])
        #expect(crypto.lifetime == 1 << 20 && crypto.identifier == KeyIdentifier(value: 1, length: 4))
    }

    @Test(arguments: [
        "1 AES_CM_128_HMAC_SHA1_80 \(inline)", "1 AES_CM_128_HMAC_SHA1_32 \(inline)|2^31",
        "007 AES_CM_128_HMAC_SHA1_80 \(inline)|1000|300:2 WSH=128 -X=1", "3 AES_CM_128_HMAC_SHA1_80 \(inline)|1:1",
    ])
    func whatIsReadComesBack(text: String) throws {
        let crypto = try #require(try parse(text))
        #expect(try parse(crypto.text) == crypto)
    }

    @Test(arguments: [
        "1 AEAD_AES_128_GCM \(inline)", "1 AES_CM_128_HMAC_SHA1_80 \(inline) UNENCRYPTED_SRTP",
        "1 AES_CM_128_HMAC_SHA1_80 \(inline) KDR=1", "1 AES_CM_128_HMAC_SHA1_80 \(inline);\(inline)",
        "1 AES_CM_128_HMAC_SHA1_80 \(inline)|1:8",
    ])
    func whatCannotBeUsedIsPassedOver(text: String) throws { #expect(try parse(text) == nil) }

    @Test(arguments: [
        ("x AES_CM_128_HMAC_SHA1_80 \(inline)", "tag"), ("1234567890 AES_CM_128_HMAC_SHA1_80 \(inline)", "tag"),
        ("1 AES_CM_128_HMAC_SHA1_80", "a=crypto"), ("1 AES_CM_128_HMAC_SHA1_80 outline:abcd", "key"),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:!!!!", "key"), ("1 AES_CM_128_HMAC_SHA1_80 inline:QUJD", "3 bytes"),
        ("1 AES_256_CM_HMAC_SHA1_80 \(inline)", "30 bytes"), ("1 AES_CM_128_HMAC_SHA1_80 \(inline)|2^49", "lifetime"),
        ("1 AES_CM_128_HMAC_SHA1_80 \(inline)|0", "lifetime"), ("1 AES_CM_128_HMAC_SHA1_80 \(inline)|1:0", "identifier"),
        ("1 AES_CM_128_HMAC_SHA1_80 \(inline)|1:1|2:1", "identifier"),
    ])
    func whatIsMalformedIsNamed(text: String, part: String) {
        do {
            _ = try parse(text)
            Issue.record("was read")
        } catch {
            #expect((error as? SDPError)?.description.contains(part) == true, "\(error)")
            #expect(!"\(error)".contains("QUJD"), "a key is not shown")
        }
    }

    @Test(arguments: [
        ([], ""), ([1], "AQ=="), ([1, 2], "AQI="), ([1, 2, 3], "AQID"), ([255, 254, 253, 252], "//79/A=="),
    ] as [([UInt8], String)])
    func base64IsThatOfRFC4648(bytes: [UInt8], text: String) {
        #expect(Base64.encode(bytes) == text)
        #expect(Base64.decode(text.utf8) == bytes)
        #expect(Base64.decode(text.filter { $0 != "=" }.utf8) == bytes)
    }

    @Test(arguments: ["A", "AQ=A", "AQ==AQ==", "====", "AR==", "A-ID", "AQ\n="])
    func whatIsNoBase64IsNone(text: String) { #expect(Base64.decode(text.utf8) == nil) }
}

extension String {
    /// What stands behind the first `separator`.
    fileprivate func components(separatedByFirst separator: String) -> String? {
        range(of: separator).map { String(self[$0.upperBound...]) }
    }
}
