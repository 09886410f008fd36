import Kurento
import Session

/// rtp-receiver: what a program such as GStreamer sends by plain RTP is shown on the page.
///
/// The program negotiates nothing: the application makes up its offer, and tells the page where the media server waits.
actor PlainReceiver: Conversation {
    private let visitor: Visitor
    private let call: CallSession
    private let gate = SerialGate()
    private var pipeline: String?

    init(_ visitor: Visitor) {
        self.visitor = visitor
        call = CallSession(visitor)
    }

    func take(_ message: Message) async throws(GalleryError) {
        switch message.id {
        case "start": try await start(message)
        case "stop": await leave()
        case "onIceCandidate": try await call.add(message.candidate)
        default: throw .unknown(message)
        }
    }

    private func start(_ message: Message) async throws(GalleryError) {
        let offer = try message.offer
        let sender = PlainSender(isComedia: message.flag("useComedia"), isEncrypted: message.flag("useSrtp"))
        await gate.enter()
        defer { gate.leave() }
        await release()
        do throws(GalleryError) {
            try await connect(offer, sender)
        } catch {
            await release()
            throw error
        }
    }

    private func connect(_ offer: String, _ sender: PlainSender) async throws(GalleryError) {
        let kurento = visitor.kurento
        let pipeline = try await kurento.create("MediaPipeline")
        self.pipeline = pipeline
        let receiver = try await kurento.create("RtpEndpoint", sender.constructor(in: pipeline))
        let endpoint = try await call.open(in: pipeline) { [weak self] reason in
            await self?.end(pipeline, GalleryError(reason))
        }
        try await kurento.listen(to: "Error", of: receiver) { [weak self] event in
            await self?.end(pipeline, GalleryError(event["description"]?.asString ?? "The receiver failed"))
        }
        try await kurento.connect(receiver, to: endpoint)
        let answer = try await kurento.invoke("processOffer", of: receiver, ["offer": .string(sender.offer)])
        guard let text = answer.asString else { throw GalleryError("The media server gives no answer") }
        visitor.send("startResponse", ["sdpAnswer": try await call.answer(offer)])
        visitor.send("SHOW_CONN_INFO", ["text": .string(sender.directions(answer: text))])
        visitor.send("SHOW_SDP_ANSWER", ["text": .string(text)])
        try await call.gather()
    }

    private func end(_ ended: String, _ error: GalleryError) async {
        await gate.enter()
        defer { gate.leave() }
        guard pipeline == ended else { return }
        await release()
        visitor.send(error)
        visitor.send("playEnd")
    }

    func leave() async {
        await gate.enter()
        defer { gate.leave() }
        await release()
    }

    private func release() async {
        await call.close()
        guard let closing = pipeline else { return }
        pipeline = nil
        await visitor.kurento.release(closing)
    }
}

/// The program that sends, as the offer describes it that it would make if it could.
struct PlainSender: Sendable {
    /// Its address is learnt from its packets.
    var isComedia: Bool
    var isEncrypted: Bool

    /// As in the tutorial, whose command lines hold the same: keys for tries.
    static let key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ1234"
    static let serverKey = "4321ZYXWVUTSRQPONMLKJIHGFEDCBA"
    private static let keyInBase64 = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0"

    func constructor(in pipeline: String) -> [String: JSONValue] {
        var arguments: [String: JSONValue] = ["mediaPipeline": .string(pipeline)]
        if isEncrypted {
            arguments["crypto"] = [
                "__module__": "kurento", "__type__": "SDES", "crypto": "AES_128_CM_HMAC_SHA1_80",
                "key": .string(Self.serverKey),
            ]
        }
        return arguments
    }

    var offer: String {
        let profile = isEncrypted ? "RTP/SAVPF" : "RTP/AVPF"
        let common =
            (isEncrypted ? ["a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:\(Self.keyInBase64)|2^31|1:1"] : [])
            // draft-ietf-mmusic-sdp-comedia-05 section 4: the port that stands for none is 9.
            + ["a=sendonly"] + (isComedia ? ["a=direction:active"] : [])
        let audio = ["m=audio \(isComedia ? 9 : 5006) \(profile) 96", "a=rtpmap:96 opus/48000/2"]
        let video = [
            "m=video \(isComedia ? 9 : 5004) \(profile) 103", "a=rtpmap:103 H264/90000", "a=rtcp-fb:103 goog-remb",
        ]
        let lines =
            ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=rtp-receiver", "c=IN IP4 127.0.0.1", "t=0 0"]
            + audio + common + ["a=ssrc:445566 cname:user@example.com"]
            + video + common + ["a=ssrc:112233 cname:user@example.com"]
        return lines.joined(separator: "\r\n") + "\r\n"
    }

    /// What whoever starts the program has to know, for people.
    func directions(answer: String) -> String {
        let address = answer.firstMatch(of: /c=IN IP[46] (\S+)/).map { String($0.1) } ?? "the server"
        let audio = answer.firstMatch(of: /m=audio (\d+) RTP/).map { String($0.1) } ?? "?"
        let video = answer.firstMatch(of: /m=video (\d+) RTP/).map { String($0.1) } ?? "?"
        let isPassive = answer.contains("a=direction:passive")
        var lines = [
            "Send opus, payload type 96, SSRC 445566, to \(address) port \(audio)",
            "Send H.264, payload type 103, SSRC 112233, to \(address) port \(video)",
        ]
        if isComedia {
            lines.append(
                isPassive
                    ? "The server answers to the address that the packets come from"
                    : "The server did not agree to learn the address from the packets")
        } else {
            lines.append("The server sends its reports to 127.0.0.1, ports 5007 and 5005")
        }
        if isEncrypted {
            lines.append("SRTP, AES_CM_128_HMAC_SHA1_80, with the key \(Self.key); the server's is \(Self.serverKey)")
        }
        return lines.joined(separator: "\n")
    }
}
