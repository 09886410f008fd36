import Kurento

/// A file or stream on its way to a page. It begins when the page's connection is there, so that its first pictures,
/// which all others need, are seen.
actor Playback {
    private let kurento: KurentoClient
    private let player: String
    private let began: @Sendable (Playback) async -> Void
    private var hasBegun = false

    private init(_ kurento: KurentoClient, player: String, began: @escaping @Sendable (Playback) async -> Void) {
        self.kurento = kurento
        self.player = player
        self.began = began
    }

    /// Makes player and endpoint and connects them. The caller answers the page's offer then.
    /// - Parameters:
    ///   - filter: type of an element that the media pass, which may speak over a data channel; nil for none.
    ///   - ended: called once or more when there is nothing more to come, with the reason if that is a fault.
    static func open(
        _ uri: String, for visitor: Visitor, over call: CallSession, in pipeline: String, filter: String? = nil,
        began: @escaping @Sendable (Playback) async -> Void = { _ in },
        ended: @escaping @Sendable (GalleryError?) async -> Void
    ) async throws(GalleryError) -> Playback {
        let kurento = visitor.kurento
        let player = try await kurento.create(
            "PlayerEndpoint", ["mediaPipeline": .string(pipeline), "uri": .string(uri)])
        let endpoint = try await call.open(in: pipeline, usesDataChannels: filter != nil) { reason in
            await ended(GalleryError(reason))
        }
        var source = player
        if let filter {
            source = try await kurento.create(filter, ["mediaPipeline": .string(pipeline)])
            try await kurento.connect(player, to: source)
        }
        try await kurento.connect(source, to: endpoint)
        let playback = Playback(kurento, player: player, began: began)
        try await kurento.listen(to: "EndOfStream", of: player) { _ in await ended(nil) }
        try await kurento.listen(to: "Error", of: player) { event in
            await ended(GalleryError(event["description"]?.asString ?? "The player failed"))
        }
        try await kurento.listen(to: "ConnectionStateChanged", of: endpoint) { event in
            if event["newState"]?.asString == "CONNECTED" { await playback.begin() }
        }
        return playback
    }

    private func begin() async {
        guard !hasBegun else { return }
        hasBegun = true
        guard (try? await kurento.invoke("play", of: player)) != nil else { return }
        await began(self)
    }

    func pause() async throws(GalleryError) { try await kurento.invoke("pause", of: player) }

    func resume() async throws(GalleryError) { try await kurento.invoke("play", of: player) }

    /// In milliseconds.
    var position: JSONValue {
        get async throws(GalleryError) { try await kurento.invoke("getPosition", of: player) }
    }

    func seek(to milliseconds: Int64) async throws(GalleryError) {
        try await kurento.invoke("setPosition", of: player, ["position": .integer(milliseconds)])
    }

    /// Kurento's VideoInfo.
    var information: JSONValue {
        get async throws(GalleryError) { try await kurento.invoke("getVideoInfo", of: player) }
    }

    func close() async { await kurento.release(player) }
}
