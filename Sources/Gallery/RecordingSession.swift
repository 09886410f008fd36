import Kurento
import Session

/// hello-world-recording and hello-world-repository: the page's camera comes back to it and is recorded meanwhile; then
/// it can be played.
actor RecordingSession: Conversation {
    /// What the page asks to be recorded.
    private enum Mode: String {
        case all = "video-and-audio"
        case video = "video-only"
        case audio = "audio-only"

        var profile: JSONValue {
            switch self {
            case .all: "WEBM"
            case .video: "WEBM_VIDEO_ONLY"
            case .audio: "WEBM_AUDIO_ONLY"
            }
        }

        var kinds: [String] {
            switch self {
            case .all: ["AUDIO", "VIDEO"]
            case .video: ["VIDEO"]
            case .audio: ["AUDIO"]
            }
        }
    }

    private let visitor: Visitor
    private let shelf: Shelf
    private let longest: Duration
    private let tellsState: Bool
    private let call: CallSession
    private let gate = SerialGate()
    /// One for recording and playing: a worker finds the files that it has written itself.
    private var pipeline: String?
    private var recorder: String?
    private var place: Shelf.Place?
    private var playback: Playback?
    private var limit: Task<Void, Never>?
    /// Counts what was begun, so that late events are known to be of something else.
    private var round = 0

    /// - Parameters:
    ///   - longest: a recording ends by itself after this time.
    ///   - tellsState: the page knows `recording`, `paused` and `stopped`; that of hello-world-repository takes them
    ///     for faults.
    init(_ visitor: Visitor, shelf: Shelf, longest: Duration, tellsState: Bool = true) {
        self.visitor = visitor
        self.shelf = shelf
        self.longest = longest
        self.tellsState = tellsState
        call = CallSession(visitor)
    }

    func take(_ message: Message) async throws(GalleryError) {
        guard message.id != "onIceCandidate" else { return try await call.add(message.candidate) }
        await gate.enter()
        defer { gate.leave() }
        switch message.id {
        case "start": try await start(message)
        case "stop": try await stop()
        case "play": try await play(message)
        case "stopPlay": await releaseElements()
        default: throw .unknown(message)
        }
    }

    // MARK: Recording

    private func start(_ message: Message) async throws(GalleryError) {
        let offer = try message.offer
        guard let mode = Mode(rawValue: message.optionalString("mode") ?? Mode.all.rawValue) else {
            throw GalleryError("`mode` is video-and-audio, video-only or audio-only")
        }
        await releaseElements()
        do throws(GalleryError) {
            try await record(offer, mode)
        } catch {
            // With the pipeline: its worker may be gone.
            await releaseAll()
            throw error
        }
    }

    private func record(_ offer: String, _ mode: Mode) async throws(GalleryError) {
        let kurento = visitor.kurento
        let pipeline = try await openPipeline()
        place = nil
        let place = try shelf.take()
        self.place = place
        let current = round
        let ended: @Sendable (String) async -> Void = { [weak self] in await self?.fail(GalleryError($0), in: current) }
        let endpoint = try await call.open(in: pipeline, ended: ended)
        let recorder = try await kurento.create(
            "RecorderEndpoint",
            ["mediaPipeline": .string(pipeline), "uri": .string(place.uri), "mediaProfile": mode.profile])
        self.recorder = recorder
        if tellsState {
            try await kurento.listen(to: "Recording", of: recorder) { [visitor] _ in visitor.send("recording") }
            try await kurento.listen(to: "Paused", of: recorder) { [visitor] _ in visitor.send("paused") }
        }
        try await kurento.listen(to: "Error", of: recorder) { event in
            await ended(event["description"]?.asString ?? "The recorder failed")
        }
        try await kurento.connect(endpoint, to: endpoint)
        for kind in mode.kinds { try await kurento.connect(endpoint, to: recorder, kind: kind) }
        visitor.send("startResponse", ["sdpAnswer": try await call.answer(offer)])
        try await call.gather()
        try await kurento.invoke("record", of: recorder)
        limit = Task { [weak self, longest] in
            guard (try? await Task.sleep(for: longest)) != nil else { return }
            await self?.endRecording(of: current)
        }
    }

    private func endRecording(of ended: Int) async {
        await gate.enter()
        defer { gate.leave() }
        guard ended == round else { return }
        // This task is the limit: what follows must not run cancelled.
        limit = nil
        do throws(GalleryError) {
            try await stop()
        } catch {
            visitor.send(error)
        }
    }

    private func stop() async throws(GalleryError) {
        guard let ending = recorder else { return await releaseElements() }
        do throws(GalleryError) {
            try await visitor.kurento.invoke("stopAndWait", of: ending)
        } catch {
            await releaseElements()
            throw error
        }
        await releaseElements()
        if tellsState { visitor.send("stopped") }
    }

    // MARK: Playing

    private func play(_ message: Message) async throws(GalleryError) {
        let offer = try message.offer
        guard recorder == nil else { throw GalleryError("Stop the recording before you play it") }
        guard let place else { throw GalleryError("Nothing has been recorded yet") }
        await releaseElements()
        do throws(GalleryError) {
            let current = round
            playback = try await Playback.open(
                place.uri, for: visitor, over: call, in: try await openPipeline(),
                ended: { [weak self] in await self?.endPlaying(of: current, $0) })
            visitor.send("playResponse", ["sdpAnswer": try await call.answer(offer)])
            try await call.gather()
        } catch {
            await releaseAll()
            throw error
        }
    }

    private func endPlaying(of ended: Int, _ error: GalleryError?) async {
        await gate.enter()
        defer { gate.leave() }
        guard ended == round else { return }
        await releaseElements()
        if let error { visitor.send(error) }
        visitor.send("playEnd")
    }

    // MARK: The end

    private func fail(_ error: GalleryError, in failed: Int) async {
        await gate.enter()
        defer { gate.leave() }
        guard failed == round else { return }
        await releaseAll()
        visitor.send(error)
    }

    private func openPipeline() async throws(GalleryError) -> String {
        if let pipeline { return pipeline }
        let opened = try await visitor.kurento.create("MediaPipeline")
        pipeline = opened
        return opened
    }

    private func releaseElements() async {
        round += 1
        limit?.cancel()
        limit = nil
        await call.close()
        if let closing = recorder {
            recorder = nil
            await visitor.kurento.release(closing)
        }
        if let closing = playback {
            playback = nil
            await closing.close()
        }
    }

    private func releaseAll() async {
        await releaseElements()
        guard let closing = pipeline else { return }
        pipeline = nil
        await visitor.kurento.release(closing)
    }

    func leave() async {
        await gate.enter()
        defer { gate.leave() }
        await releaseAll()
        place = nil
    }
}
