import Foundation
import LoadGenerator

/// WHIP (RFC 9725) and WHEP on one port of this machine: the way into Apus and into the limit loop.
struct WebRTCHTTPSignaling: LoadSignaling {
    private let client: HTTPClient
    private let room: String
    private let hasFeedback: Bool

    /// - Parameter hasFeedback: false leaves transport-wide feedback out of what subscribers offer.
    init(port: Int, room: String = "bench", hasFeedback: Bool = true) {
        client = HTTPClient(port: port)
        self.room = room
        self.hasFeedback = hasFeedback
    }

    func publish(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        try await join(client, "/whip/\(room)", offer: client.offer())
    }

    func subscribe(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        let offer = client.offer()
        return try await join(client, "/whep/\(room)", offer: hasFeedback ? offer : Self.withoutFeedback(offer))
    }

    private static func withoutFeedback(_ offer: String) -> String {
        offer.components(separatedBy: "\r\n").filter { line in
            !(line.hasPrefix("a=rtcp-fb:") && line.hasSuffix(" transport-cc")) && !line.contains("transport-wide-cc")
        }.joined(separator: "\r\n")
    }

    private func join(
        _ negotiation: ClientNegotiation, _ path: String, offer: String
    ) async throws -> any SignaledSession {
        let answer = try await client.request("POST", path, contentType: "application/sdp", body: Data(offer.utf8))
        let text = String(decoding: answer.body, as: UTF8.self)
        if answer.status == 503 { throw SignalingRetry("\(path): status 503 \(text)") }
        guard answer.status == 201, let location = answer.headers["location"] else {
            throw HTTPFailure("\(path): status \(answer.status) \(text.prefix(200))")
        }
        try negotiation.accept(answer: text)
        return Session(client: client, path: Self.path(of: location))
    }

    /// `Location` may be a whole URL (RFC 9725 section 4.2).
    private static func path(of location: String) -> String {
        guard let scheme = location.range(of: "://") else { return location }
        return location[scheme.upperBound...].firstIndex(of: "/").map { String(location[$0...]) } ?? "/"
    }

    private struct Session: SignaledSession, LayerChoosing {
        let client: HTTPClient
        let path: String

        func close() async { _ = try? await client.request("DELETE", path) }

        /// Layer selection of WHEP (draft-ietf-wish-whep); the generator's encodings are `q`, `h` and `f`.
        func choose(layer: Int) async throws {
            let body = "{\"encodingId\":\"\(["q", "h", "f"][layer])\"}"
            let answer = try await client.request(
                "POST", path + "/layer", contentType: "application/json", body: Data(body.utf8))
            guard (200...299).contains(answer.status) else {
                throw HTTPFailure("\(path)/layer: status \(answer.status)")
            }
        }
    }
}
