import Foundation
import LoadGenerator
import Synchronization
import Wire

/// Why Janus refused a client.
struct JanusFailure: Error, Sendable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = "Janus: " + description }
}

/// The videoroom plugin of Janus over its HTTP API: one session, a handle for each client, one long poll for all.
/// Publishers offer; subscribers answer the offer of the room.
final class JanusSignaling: LoadSignaling {
    static let room: UInt64 = 1_234
    /// Seconds that Janus has for its answer to a request.
    private static let patience = 10
    private static let plugin = "janus.plugin.videoroom"

    private let client: HTTPClient
    private let session: UInt64
    private let state = Mutex(State())
    private let poll = Mutex<Task<Void, Never>?>(nil)

    private struct State {
        var nextTransaction = 0
        var waiting: [String: CheckedContinuation<JanusMessage, any Error>] = [:]
        /// Feed of each publisher, by its number.
        var feeds: [Int: UInt64] = [:]
    }

    /// Opens the session and begins to poll.
    init(port: Int) async throws {
        client = HTTPClient(port: port)
        let answer = try await Self.post(client, "/janus", JanusRequest(janus: "create", transaction: "create"))
        guard let id = answer.data?.id else { throw JanusFailure("no session") }
        session = id
        poll.withLock { $0 = Task { [weak self, client] in await Self.poll(client, session: id) { self } } }
    }

    deinit { poll.withLock { $0?.cancel() } }

    /// Version of the server and of the plugin.
    static func information(port: Int) async throws -> JanusInformation {
        let answer = try await HTTPClient(port: port).request("GET", "/janus/info", seconds: 2)
        return try JSONDecoder().decode(JanusInformation.self, from: answer.body)
    }

    func publish(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        let handle = try await attach()
        let body = VideoRoomRequest(request: "joinandconfigure", ptype: "publisher", room: Self.room)
        let event = try await message(handle, body, JanusDescription(type: "offer", sdp: client.offer()))
        guard let feed = event.plugindata?.data.id, let answer = event.jsep?.sdp else {
            throw JanusFailure("joinandconfigure brought no answer")
        }
        state.withLock { $0.feeds[number] = feed }
        try client.accept(answer: answer)
        return JanusSession(signaling: self, handle: handle)
    }

    func subscribe(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        let handle = try await attach()
        let feeds = state.withLock { $0.feeds }
        let numbers = Dictionary(feeds.map { ($0.value, $0.key) }) { first, _ in first }
        let streams = feeds.sorted { $0.key < $1.key }.map { VideoRoomRequest.Stream(feed: $0.value) }
        let event = try await message(
            handle, VideoRoomRequest(request: "join", ptype: "subscriber", room: Self.room, streams: streams))
        guard let offer = event.jsep?.sdp, let sections = event.plugindata?.data.streams else {
            throw JanusFailure("join brought no offer")
        }
        let publishers = sections.sorted { $0.mindex < $1.mindex }.map { $0.feed_id.flatMap { numbers[$0] } ?? 0 }
        let answer = try client.answer(to: offer, publishers: publishers)
        _ = try await message(
            handle, VideoRoomRequest(request: "start"), JanusDescription(type: "answer", sdp: answer))
        let videos = sections.filter { $0.type == "video" }.compactMap(\.mid)
        return JanusSession(signaling: self, handle: handle, videos: videos)
    }

    /// Which simulcast encoding the subscriber gets from now on; 0 is the smallest.
    func choose(substream: Int, handle: UInt64, videos: [String]) async throws {
        let streams = videos.map { VideoRoomRequest.Stream(mid: $0, substream: substream) }
        _ = try await message(handle, VideoRoomRequest(request: "configure", streams: streams))
    }

    fileprivate func detach(_ handle: UInt64) async {
        let request = JanusRequest(janus: "detach", transaction: transaction())
        _ = try? await Self.post(client, "/janus/\(session)/\(handle)", request)
    }

    private func attach() async throws -> UInt64 {
        let request = JanusRequest(janus: "attach", transaction: transaction(), plugin: Self.plugin)
        guard let id = try await Self.post(client, "/janus/\(session)", request).data?.id else {
            throw JanusFailure("no handle")
        }
        return id
    }

    private func transaction() -> String {
        state.withLock {
            $0.nextTransaction += 1
            return "t\($0.nextTransaction)"
        }
    }

    /// Sends a request to the plugin and waits for the event that answers it.
    private func message(
        _ handle: UInt64, _ body: VideoRoomRequest, _ jsep: JanusDescription? = nil
    ) async throws -> JanusMessage {
        let name = transaction()
        let request = JanusRequest(janus: "message", transaction: name, body: body, jsep: jsep)
        let path = "/janus/\(session)/\(handle)"
        let watch = Task { [weak self] in
            try await Task.sleep(for: .seconds(Self.patience))
            self?.resume(name, .failure(JanusFailure("\(body.request): no event in \(Self.patience) s")))
        }
        defer { watch.cancel() }
        let event = try await withCheckedThrowingContinuation { continuation in
            state.withLock { $0.waiting[name] = continuation }
            Task {
                do {
                    _ = try await Self.post(client, path, request)
                } catch {
                    resume(name, .failure(error))
                }
            }
        }
        if let error = event.plugindata?.data.error { throw JanusFailure("\(body.request): \(error)") }
        return event
    }

    private func resume(_ transaction: String, _ result: Result<JanusMessage, any Error>) {
        state.withLock { $0.waiting.removeValue(forKey: transaction) }?.resume(with: result)
    }

    private static func post(_ client: HTTPClient, _ path: String, _ request: JanusRequest) async throws -> JanusMessage
    {
        let body = try JSONEncoder().encode(request)
        let answer = try await client.request(
            "POST", path, contentType: "application/json", body: body, seconds: patience)
        let message = try JSONDecoder().decode(JanusMessage.self, from: answer.body)
        if let error = message.error { throw JanusFailure("\(request.janus): \(error.reason) (\(error.code))") }
        return message
    }

    /// Hands events out until the session ends, the server is gone or `owner` is.
    private static func poll(_ client: HTTPClient, session: UInt64, owner: () -> JanusSignaling?) async {
        while !Task.isCancelled {
            let answer = try? await client.request("GET", "/janus/\(session)?maxev=50", seconds: 60)
            guard let answer, answer.status == 200, let owner = owner() else { break }
            // Janus answers with one object for `keepalive` and with an array for events.
            let messages =
                (try? JSONDecoder().decode([JanusMessage].self, from: answer.body))
                ?? (try? JSONDecoder().decode(JanusMessage.self, from: answer.body)).map { [$0] } ?? []
            for message in messages {
                guard message.janus == "event" || message.janus == "error", let name = message.transaction else {
                    continue
                }
                owner.resume(name, .success(message))
            }
        }
        guard let owner = owner() else { return }
        for waiting in owner.state.withLock({ Array($0.waiting.keys) }) {
            owner.resume(waiting, .failure(JanusFailure("the session has ended")))
        }
    }
}

/// A client in the room.
struct JanusSession: SignaledSession, LayerChoosing {
    let signaling: JanusSignaling
    let handle: UInt64
    /// Sections of its video.
    var videos: [String] = []

    func close() async { await signaling.detach(handle) }

    func choose(layer: Int) async throws {
        guard !videos.isEmpty else { return }
        try await signaling.choose(substream: layer, handle: handle, videos: videos)
    }
}

/// A subscriber that can be told which simulcast encoding to receive.
protocol LayerChoosing: Sendable {
    /// 0 is the smallest of three. Throws when the server refuses.
    func choose(layer: Int) async throws
}
