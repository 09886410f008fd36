import Kurento
import Session

/// The page is shown a file or a stream: player as it is; send-data-channel puts an element in between.
actor Player: Conversation {
    /// What is played.
    struct Plan: Sendable {
        /// What is played when the page names nothing; nil when it has to.
        var uri: String?
        /// Type of an element that the media pass.
        var filter: String?
    }

    private let visitor: Visitor
    private let plan: Plan
    private let call: CallSession
    private let gate = SerialGate()
    private var pipeline: String?
    private var playback: Playback?

    init(_ visitor: Visitor, _ plan: Plan = Plan()) {
        self.visitor = visitor
        self.plan = plan
        call = CallSession(visitor)
    }

    func take(_ message: Message) async throws(GalleryError) {
        guard message.id != "onIceCandidate" else { return try await call.add(message.candidate) }
        await gate.enter()
        defer { gate.leave() }
        switch message.id {
        case "start": try await start(message)
        case "stop": await release()
        case "pause": try await playback?.pause()
        case "resume": try await playback?.resume()
        case "doSeek": await seek(to: try message.integer("position"))
        case "getPosition":
            guard let position = try await playback?.position else { return }
            visitor.send("position", ["position": position])
        case "debugDot":
            guard let pipeline else { return }
            visitor.send("debugDot", ["dot": try await visitor.kurento.invoke("getGstreamerDot", of: pipeline)])
        default: throw .unknown(message)
        }
    }

    private func start(_ message: Message) async throws(GalleryError) {
        let offer = try message.offer
        guard let uri = message.optionalString("videourl") ?? plan.uri else {
            throw .missing("videourl", of: message.id)
        }
        guard uri.utf8.count <= Limits.addressBytes else { throw GalleryError("The address is too long") }
        await release()
        do throws(GalleryError) {
            try await play(uri, offer)
        } catch {
            await release()
            throw error
        }
    }

    private func play(_ uri: String, _ offer: String) async throws(GalleryError) {
        let pipeline = try await visitor.kurento.create("MediaPipeline")
        self.pipeline = pipeline
        playback = try await Playback.open(
            uri, for: visitor, over: call, in: pipeline, filter: plan.filter,
            // The page of send-data-channel has no word for it.
            began: { [visitor, plan] in if plan.filter == nil { await Self.tell(visitor, of: $0) } },
            ended: { [weak self] in await self?.end(pipeline, $0) })
        visitor.send("startResponse", ["sdpAnswer": try await call.answer(offer)])
        try await call.gather()
    }

    /// Nothing is known of a source that does not open; its error is told then.
    private static func tell(_ visitor: Visitor, of playback: Playback) async {
        guard let information = try? await playback.information else { return }
        visitor.send(
            "videoInfo",
            [
                "isSeekable": information["isSeekable"] ?? false, "initSeekable": information["seekableInit"] ?? 0,
                "endSeekable": information["seekableEnd"] ?? 0, "videoDuration": information["duration"] ?? 0,
            ])
    }

    private func seek(to milliseconds: Int64) async {
        guard let playback else { return }
        do throws(GalleryError) {
            try await playback.seek(to: milliseconds)
        } catch {
            visitor.send("seek", ["message": .string(error.message)])
        }
    }

    private func end(_ ended: String, _ error: GalleryError?) async {
        await gate.enter()
        defer { gate.leave() }
        guard pipeline == ended else { return }
        await release()
        if let error { visitor.send(error) }
        visitor.send("playEnd")
    }

    func leave() async {
        await gate.enter()
        defer { gate.leave() }
        await release()
    }

    private func release() async {
        await call.close()
        playback = nil
        guard let closing = pipeline else { return }
        pipeline = nil
        await visitor.kurento.release(closing)
    }
}

extension Player.Plan {
    /// Bar codes and QR codes of a video are told over a data channel.
    static func sendData(from uri: String?) -> Player.Plan {
        Player.Plan(uri: uri, filter: "datachannelexample.KmsSendData")
    }
}
