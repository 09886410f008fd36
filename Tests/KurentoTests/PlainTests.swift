import RTP
import SDP
import Session
import Testing

@testable import Kurento

/// RtpEndpoint, on a media plane that only says what it was asked.
@Suite(.timeLimit(.minutes(1)))
struct PlainTests {
    private let bench = Bench()

    static let key = "4321ZYXWVUTSRQPONMLKJIHGFEDCBA"
    private static let offer = """
        v=0\r
        o=- 0 0 IN IP4 192.0.2.9\r
        s=-\r
        c=IN IP4 192.0.2.9\r
        t=0 0\r
        m=audio 5006 RTP/AVPF 96\r
        a=rtpmap:96 opus/48000/2\r
        a=sendonly\r
        a=ssrc:445566 cname:user@example.com\r
        m=video 5004 RTP/AVPF 103\r
        a=rtpmap:103 H264/90000\r
        a=rtcp-fb:103 goog-remb\r
        a=sendonly\r
        a=ssrc:112233 cname:user@example.com\r

        """
    private static let crypto = "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0|2^31|1:1"

    private static func protected(_ line: String = crypto) -> String {
        offer.replacing("video 5004 RTP/AVPF", with: "video 5004 RTP/SAVPF")
            .replacing("a=rtpmap:103", with: "\(line)\r\na=rtpmap:103")
    }

    private func make(_ arguments: [String: JSONValue] = [:]) async -> (Client, String) {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        var all = arguments
        all["mediaPipeline"] = .string(pipeline)
        return (client, await client.create("RtpEndpoint", .object(all)))
    }

    private func refused(_ crypto: JSONValue) async -> JSONValue {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        let arguments: JSONValue = ["mediaPipeline": .string(pipeline), "crypto": crypto]
        let params: JSONValue = ["type": "RtpEndpoint", "constructorParams": arguments]
        return await client.request("create", params)["error"] ?? .null
    }

    private func negotiated() async -> NegotiatedPlain? {
        for operation in await bench.plane.operations {
            if case .negotiatePlain(_, let negotiated) = operation { return negotiated }
        }
        return nil
    }

    @Test func theTutorialsOfferGetsWhatTheTutorialLooksFor() async throws {
        let (client, endpoint) = await make()
        let answer = await client.invoke(endpoint, "processOffer", ["offer": .string(Self.offer)]).asString ?? ""
        let audio = try #require(answer.firstMatch(of: /m=audio (\d+) RTP/))
        let video = try #require(answer.firstMatch(of: /m=video (\d+) RTP/))
        #expect(audio.1 == "40200" && video.1 == "40202")
        #expect(answer.contains("c=IN IP4 192.0.2.1\r\n") && answer.firstMatch(of: /a=ssrc:(\d+)/) != nil)
        let sections = try #require(await negotiated()?.sections)
        #expect(sections.map(\.remote) == ["192.0.2.9:5006", "192.0.2.9:5004"])
        #expect(sections.map(\.controlRemote) == ["192.0.2.9:5007", "192.0.2.9:5005"])
        #expect(sections.allSatisfy { $0.sendKey == nil && $0.receiveKey == nil && !$0.sharesPort })
        #expect(await client.invoke(endpoint, "getLocalSessionDescriptor") == .string(answer))
        #expect(await client.invoke(endpoint, "getRemoteSessionDescriptor") == .string(Self.offer))
    }

    @Test func comediaLearnsAddresses() async throws {
        let (client, endpoint) = await make()
        let offer = Self.offer.replacing("a=sendonly", with: "a=sendonly\r\na=direction:active")
            .replacing("5004", with: "9").replacing("5006", with: "9")
        let answer = await client.invoke(endpoint, "processOffer", ["offer": .string(offer)]).asString ?? ""
        #expect(answer.contains("a=direction:passive\r\n"))
        #expect(await negotiated()?.sections.allSatisfy { $0.remote == nil && $0.controlRemote == nil } == true)
    }

    @Test func theKeyOfTheConstructorIsWhatWeSendUnder() async throws {
        let (client, endpoint) = await make(["crypto": ["crypto": "AES_128_CM_HMAC_SHA1_80", "key": .string(Self.key)]])
        let answer = await client.invoke(endpoint, "processOffer", ["offer": .string(Self.protected())]).asString ?? ""
        let line = "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:\(Base64.encode(Array(Self.key.utf8)))\r\n"
        #expect(answer.contains(line))
        // The audio section has no key, and this endpoint has one.
        let sections = try #require(await negotiated()?.sections)
        #expect(sections.map(\.media.kind) == [.video] && answer.contains("m=audio 0 RTP/AVPF 96\r\n"))
        #expect(sections[0].sendKey?.inline == Array(Self.key.utf8))
        #expect(sections[0].receiveKey?.inline == Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ1234".utf8))
        #expect(sections[0].receiveKey?.lifetime == 1 << 31 && sections[0].receiveKey?.identifierLength == 1)
    }

    @Test func withoutOneAKeyIsDrawnForWhoeverOffersSRTP() async throws {
        let (client, endpoint) = await make()
        _ = await client.invoke(endpoint, "processOffer", ["offer": .string(Self.protected())])
        let sections = try #require(await negotiated()?.sections)
        #expect(sections.map { $0.sendKey?.suite } == [nil, .aes128CMSHA180])
    }

    @Test(arguments: [
        (["crypto": "AES_128_CM_HMAC_SHA1_80", "key": "short"], 40107, "'crypto.key' has 5 bytes"),
        (["crypto": "AES_256_CM_HMAC_SHA1_32", "key": .string(key)], 40107, "takes 46"),
        (["crypto": "AES_128_CM_HMAC_SHA1_80", "keyBase64": "%%%"], 40107, "'crypto.keyBase64' is not base64"),
        (["crypto": "AES_128_CM_HMAC_SHA1_80", "keyBase64": "QUJD"], 40107, "'crypto.keyBase64' has 3 bytes"),
        (["crypto": "AES_128_CM_HMAC_SHA1_80", "key": .string(key), "keyBase64": "QUJD"], 40107, "both"),
        (["key": .string(key)], 40107, "'crypto.crypto' is missing"), (["crypto": "ROT13"], 40001, "CryptoSuite"),
    ] as [([String: JSONValue], JSONValue, String)])
    func aKeyThatIsNoneIsRefusedByItsField(crypto: [String: JSONValue], code: JSONValue, text: String) async {
        let error = await refused(.object(crypto))
        #expect(error["code"] == code)
        #expect(error["message"]?.asString?.contains(text) == true, "\(error)")
    }

    @Test(arguments: [
        ("", 40201, "Empty"), (protected("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QUJD"), 40201, "3 bytes"),
        (protected("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:*"), 40201, "base64"),
        (offer.replacing("RTP/AVPF", with: "RTP/SAVPF"), 40205, "a=crypto"),
        (offer.replacing("c=IN IP4 192.0.2.9", with: "c=IN IP4 example.com"), 40205, "names a host"),
        (offer.replacing("c=IN IP4 192.0.2.9", with: "c=IN IP6 2001:db8::1"), 40205, "useIpv6"),
        (offer.replacing("RTP/AVPF", with: "UDP/TLS/RTP/SAVPF"), 40205, "not plain RTP"),
        (offer.replacing("opus", with: "speex").replacing("H264", with: "H261"), 40205, "codec"),
    ] as [(String, JSONValue, String)])
    func anOfferThatCannotBeTakenIsRefusedWithAReason(offer: String, code: JSONValue, text: String) async {
        let (client, endpoint) = await make()
        let error = await client.error(endpoint, "processOffer", ["offer": .string(offer)])
        #expect(error["code"] == code)
        #expect(error["message"]?.asString?.contains(text) == true, "\(error)")
        // It may be tried again with a better one.
        #expect(await client.invoke(endpoint, "processOffer", ["offer": .string(Self.offer)]).asString != nil)
        #expect(await client.error(endpoint, "processOffer", ["offer": .string(Self.offer)])["code"] == 40208)
    }

    @Test func anOfferOfOursIsAnswered() async throws {
        let (client, endpoint) = await make(["crypto": ["crypto": "AES_128_CM_HMAC_SHA1_32"]])
        #expect(await client.error(endpoint, "processAnswer", ["answer": "x"])["code"] == 40209)
        let offer = try #require(await client.invoke(endpoint, "generateOffer").asString)
        #expect(offer.contains("m=video 40202 RTP/SAVPF") && offer.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:"))
        #expect(offer.contains("H264/90000") && offer.contains("VP8/90000") && offer.contains("opus/48000/2"))
        let answer = offer.replacing("192.0.2.1", with: "192.0.2.9").replacing("a=sendrecv", with: "a=recvonly")
        #expect(await client.invoke(endpoint, "processAnswer", ["answer": .string(answer)]).asString != nil)
        let sections = try #require(await negotiated()?.sections)
        #expect(sections.map(\.remote) == ["192.0.2.9:40200", "192.0.2.9:40202"])
        #expect(sections.allSatisfy { $0.media.direction == .sendonly && $0.sendKey?.suite == .aes128CMSHA132 })
        #expect(await client.error(endpoint, "processAnswer", ["answer": .string(answer)])["code"] == 40210)
    }

    /// Offered by one process of the controller, answered at another.
    @Test func anOfferOutlivesItsProcess() async throws {
        let memory = FakeMemory()
        let (first, second) = (
            Bench(memory: memory),
            Bench(memory: memory) { configuration in
                let draw = configuration.drawIdentifier
                configuration.drawIdentifier = { "v" + draw() }
            }
        )
        let client = await first.client()
        let pipeline = await client.create("MediaPipeline", session: "s")
        let crypto: JSONValue = ["crypto": "AES_128_CM_HMAC_SHA1_80", "key": .string(Self.key)]
        let endpoint = await client.create(
            "RtpEndpoint", ["mediaPipeline": .string(pipeline), "crypto": crypto])
        let offer = try #require(await client.invoke(endpoint, "generateOffer").asString)
        await second.plane.allowAdoption()
        let other = await second.client()
        #expect(await other.request("connect", ["sessionId": "s"])["result"]?["sessionId"] == "s")
        #expect(await other.invoke(endpoint, "getLocalSessionDescriptor") == .string(offer))
        let answer = offer.replacing("192.0.2.1", with: "192.0.2.9")
        #expect(await other.invoke(endpoint, "processAnswer", ["answer": .string(answer)]) == .string(offer))
        guard case .negotiatePlain(_, let negotiated)? = await second.plane.operations.last else {
            Issue.record("not negotiated")
            return
        }
        #expect(negotiated.sections.map { $0.sendKey?.inline } == [Array(Self.key.utf8), Array(Self.key.utf8)])
    }

    @Test func statesAreThoseOfThePeer() async throws {
        let (client, endpoint) = await make()
        for event in ["ConnectionStateChanged", "MediaStateChanged", "OnKeySoftLimit", "MediaFlowOutStateChanged"] {
            await client.subscribe(endpoint, event)
        }
        #expect(await client.error(endpoint, "gatherCandidates")["code"] == 40008)
        _ = await client.invoke(endpoint, "processOffer", ["offer": .string(Self.offer)])
        let id = endpointID(endpoint)
        await bench.plane.emit(.plainConnected(id))
        #expect(await client.invoke(endpoint, "getConnectionState") == "CONNECTED")
        await bench.plane.emit(.mediaStateChanged(id, isConnected: true))
        await bench.plane.emit(.mediaFlowingIn(id, .video, isFlowing: true))
        await bench.plane.emit(.keySoftLimit(id, .video))
        #expect(await client.invoke(endpoint, "getMediaState") == "CONNECTED")
        let events = await client.inbox.frames.compactMap { try? JSONParser.parse($0) }
            .filter { $0["method"] == "onEvent" }.compactMap { $0["params"]?["value"] }
        let types = events.compactMap { $0["type"]?.asString }
        #expect(types.contains("OnKeySoftLimit") && types.contains("ConnectionStateChanged"))
        let limit = events.first { $0["type"] == "OnKeySoftLimit" }
        #expect(limit?["data"]?["mediaType"] == "VIDEO")
    }
}
