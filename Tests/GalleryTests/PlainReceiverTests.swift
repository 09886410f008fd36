import Testing

@testable import Gallery
@testable import Kurento

@Suite(.timeLimit(.minutes(1)))
struct PlainReceiverTests {
    private let bench = Bench()

    @Test func theOfferOfASenderThatSaysNothing() {
        let plain = PlainSender(isComedia: false, isEncrypted: false).offer
        #expect(plain.contains("m=audio 5006 RTP/AVPF 96\r\n") && plain.contains("m=video 5004 RTP/AVPF 103\r\n"))
        #expect(plain.contains("a=ssrc:445566 cname:") && plain.contains("a=ssrc:112233 cname:"))
        #expect(!plain.contains("a=direction") && !plain.contains("a=crypto"))
        let secret = PlainSender(isComedia: true, isEncrypted: true).offer
        #expect(secret.contains("m=video 9 RTP/SAVPF 103\r\n") && secret.contains("a=direction:active\r\n"))
        #expect(secret.contains("inline:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0|2^31|1:1\r\n"))
    }

    @Test func peopleAreToldWhereToSend() {
        let answer = "c=IN IP4 192.0.2.1\r\nm=audio 40100 RTP/AVPF 96\r\nm=video 40102 RTP/AVPF 103\r\na=direction:passive\r\n"
        let text = PlainSender(isComedia: true, isEncrypted: true).directions(answer: answer)
        for part in ["192.0.2.1 port 40100", "192.0.2.1 port 40102", "answers to the address", PlainSender.key] {
            #expect(text.contains(part))
        }
    }

    @Test func whatArrivesIsShown() async throws {
        let page = try await bench.page("/rtpreceiver")
        await page.say("PROCESS_SDP_OFFER", ["sdpOffer": "mine", "useSrtp": true, "useComedia": false])
        #expect(page.ids == ["PROCESS_SDP_ANSWER", "SHOW_CONN_INFO", "SHOW_SDP_ANSWER"])
        let receiver = try #require(await bench.kurento.newest("RtpEndpoint"))
        let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        #expect(await bench.kurento.constructors[receiver]?["crypto"]?["key"] == .string(PlainSender.serverKey))
        #expect(await bench.kurento.calls.contains("connect \(receiver) > \(endpoint)"))
        await bench.kurento.raise("Error", on: receiver, ["description": "no ports"])
        _ = await page.wait(for: "END_PLAYBACK")
        #expect(page.heard("ERROR").first?["message"] == "no ports")
        #expect(await bench.kurento.alive.isEmpty)
    }
}
