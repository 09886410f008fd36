import Kurento

/// One WebRTC connection between a page and the media server: its endpoint, and what waits until that is there.
actor CallSession {
    private let visitor: Visitor
    private let label: [String: JSONValue]
    private(set) var endpoint: String?
    /// Candidates that came before the endpoint.
    private var early: [JSONValue] = []

    /// - Parameter label: members of each candidate's message beside the candidate, where a page has several
    ///   connections.
    init(_ visitor: Visitor, label: [String: JSONValue] = [:]) {
        self.visitor = visitor
        self.label = label
    }

    func add(_ candidate: JSONValue) async throws(GalleryError) {
        if let endpoint {
            try await visitor.kurento.invoke("addIceCandidate", of: endpoint, ["candidate": candidate])
        } else {
            // The oldest may be of a connection that was given up.
            if early.count == Limits.early { early.removeFirst() }
            early.append(candidate)
        }
    }

    /// Makes the endpoint; one that was there before goes.
    /// - Parameter ended: called when the connection has failed for good, with the reason.
    @discardableResult
    func open(
        in pipeline: String, usesDataChannels: Bool = false, ended: (@Sendable (String) async -> Void)? = nil
    ) async throws(GalleryError) -> String {
        await close()
        var arguments: [String: JSONValue] = ["mediaPipeline": .string(pipeline)]
        if usesDataChannels { arguments["useDataChannels"] = true }
        let opened = try await visitor.kurento.create("WebRtcEndpoint", arguments)
        endpoint = opened
        let waiting = early
        early = []
        for candidate in waiting {
            try await visitor.kurento.invoke("addIceCandidate", of: opened, ["candidate": candidate])
        }
        try await visitor.kurento.listen(to: "IceCandidateFound", of: opened) { [visitor, label] event in
            let found = event["candidate"] ?? .null
            var members = label
            members["candidate"] = [
                "candidate": found["candidate"] ?? .null, "sdpMid": found["sdpMid"] ?? .null,
                "sdpMLineIndex": found["sdpMLineIndex"] ?? .null,
            ]
            visitor.send("iceCandidate", members)
        }
        if let ended {
            try await visitor.kurento.listen(to: "Error", of: opened) { event in
                await ended(event["description"]?.asString ?? "The connection failed")
            }
        }
        return opened
    }

    func answer(_ offer: String) async throws(GalleryError) -> JSONValue {
        try await visitor.kurento.invoke("processOffer", of: opened(), ["offer": .string(offer)])
    }

    /// Has the server's candidates sent: after the answer, for pages that take none before it.
    func gather() async throws(GalleryError) { try await visitor.kurento.invoke("gatherCandidates", of: opened()) }

    private func opened() throws(GalleryError) -> String {
        guard let endpoint else { throw GalleryError("The connection has been closed meanwhile") }
        return endpoint
    }

    /// Takes the endpoint away. Candidates that came without one are for the next.
    func close() async {
        guard let closing = endpoint else { return }
        endpoint = nil
        await visitor.kurento.release(closing)
    }

    /// Takes the endpoint away, and forgets the candidates of one that will not be made.
    func abandon() async {
        early = []
        await close()
    }
}
