import Kurento
import Synchronization

/// Where a ``KurentoClient`` connects to: the media server of this process, or what stands for it in tests.
protocol KurentoServer: Sendable {
    func connectionOpened(send: @escaping @Sendable (String) async -> Void) async -> ConnectionID
    func receive(_ text: String, on id: ConnectionID) async
    func connectionClosed(_ id: ConnectionID) async
}

extension MediaServer: KurentoServer {}

/// A client of the Kurento protocol in the process of its server: text there, text back. So the gallery can do what
/// applications anywhere can do, and nothing else.
final class KurentoClient: Sendable {
    /// Gets the `data` of an event.
    typealias Listener = @Sendable (JSONValue) async -> Void

    private let server: any KurentoServer
    private let connection: ConnectionID
    private let inbox: Inbox

    private init(server: any KurentoServer, connection: ConnectionID, inbox: Inbox) {
        self.server = server
        self.connection = connection
        self.inbox = inbox
    }

    static func connect(to server: any KurentoServer) async -> KurentoClient {
        let inbox = Inbox()
        let connection = await server.connectionOpened { inbox.take($0) }
        return KurentoClient(server: server, connection: connection, inbox: inbox)
    }

    /// The `result` of a request.
    @discardableResult
    func request(_ method: String, _ parameters: [String: JSONValue]) async throws(GalleryError) -> JSONValue {
        let (id, text) = inbox.compose(method, parameters)
        // Returns when the reply was handed over.
        await server.receive(text, on: connection)
        guard let reply = inbox.reply(to: id) else { throw GalleryError("The media server does not answer") }
        if let error = reply["error"] {
            throw GalleryError(error["message"]?.asString ?? "The media server refuses \(method)")
        }
        return reply["result"] ?? .null
    }

    /// Makes an object and returns its id.
    func create(_ type: String, _ arguments: [String: JSONValue] = [:]) async throws(GalleryError) -> String {
        let result = try await request(
            "create", ["type": .string(type), "constructorParams": .object(arguments)])
        guard let id = result["value"]?.asString else { throw GalleryError("The media server made no \(type)") }
        return id
    }

    @discardableResult
    func invoke(
        _ operation: String, of object: String, _ arguments: [String: JSONValue] = [:]
    ) async throws(GalleryError) -> JSONValue {
        let result = try await request(
            "invoke",
            ["object": .string(object), "operation": .string(operation), "operationParams": .object(arguments)])
        return result["value"] ?? .null
    }

    /// Media of one kind (`AUDIO`, `VIDEO`), or all of them, go from one element to another.
    func connect(_ source: String, to sink: String, kind: String? = nil) async throws(GalleryError) {
        var arguments: [String: JSONValue] = ["sink": .string(sink)]
        if let kind { arguments["mediaType"] = .string(kind) }
        try await invoke("connect", of: source, arguments)
    }

    /// Listeners are called one after the other, in the order of the events.
    func listen(
        to event: String, of object: String, _ listener: @escaping Listener
    ) async throws(GalleryError) {
        inbox.add(listener, to: Inbox.Topic(object: object, event: event))
        try await request("subscribe", ["object": .string(object), "type": .string(event)])
    }

    /// Nobody hears of the object any more, even if the server cannot be told.
    func release(_ object: String) async {
        inbox.removeListeners(of: object)
        _ = try? await request("release", ["object": .string(object)])
    }

    /// Gives up what the session still holds.
    func close() async {
        inbox.close()
        if let session = inbox.session { _ = try? await request("closeSession", ["sessionId": .string(session)]) }
        await server.connectionClosed(connection)
    }
}

/// What came from the server: replies for whoever asked, events for whoever listens.
private final class Inbox: Sendable {
    struct Topic: Hashable {
        var object: String
        var event: String
    }

    private struct State {
        var requests: Int64 = 0
        var session: String?
        var replies: [Int64: JSONValue] = [:]
        var listeners: [Topic: KurentoClient.Listener] = [:]
    }

    private let state = Mutex(State())
    private let events: AsyncStream<(Topic, JSONValue)>.Continuation

    init() {
        let (stream, continuation) = AsyncStream.makeStream(
            of: (Topic, JSONValue).self, bufferingPolicy: .bufferingNewest(Limits.queuedEvents))
        events = continuation
        // Apart from the server's sending: a listener may ask the server, and must not wait for itself.
        Task { [weak self] in
            for await (topic, data) in stream { await self?.listener(of: topic)?(data) }
        }
    }

    var session: String? { state.withLock { $0.session } }

    func compose(_ method: String, _ parameters: [String: JSONValue]) -> (id: Int64, text: String) {
        let (id, session) = state.withLock { state in
            state.requests += 1
            return (state.requests, state.session)
        }
        var parameters = parameters
        if let session { parameters["sessionId"] = .string(session) }
        let request: JSONValue = [
            "jsonrpc": "2.0", "id": .integer(id), "method": .string(method), "params": .object(parameters),
        ]
        return (id, request.text)
    }

    func take(_ text: String) {
        guard let message = try? JSONParser.parse(text) else { return }
        if message["method"]?.asString == "onEvent" {
            guard let value = message["params"]?["value"], let object = value["object"]?.asString,
                let event = value["type"]?.asString
            else { return }
            events.yield((Topic(object: object, event: event), value["data"] ?? .null))
        } else if let id = message["id"]?.asInt64 {
            state.withLock { state in
                state.session = message["result"]?["sessionId"]?.asString ?? state.session
                state.replies[id] = message
            }
        }
    }

    func reply(to id: Int64) -> JSONValue? { state.withLock { $0.replies.removeValue(forKey: id) } }

    private func listener(of topic: Topic) -> KurentoClient.Listener? { state.withLock { $0.listeners[topic] } }

    func add(_ listener: @escaping KurentoClient.Listener, to topic: Topic) {
        state.withLock { $0.listeners[topic] = listener }
    }

    /// Also of the objects below it, whose ids begin with its own.
    func removeListeners(of object: String) {
        state.withLock { state in
            state.listeners = state.listeners.filter { topic, _ in
                topic.object != object && !topic.object.hasPrefix(object + "/")
            }
        }
    }

    func close() {
        state.withLock { $0.listeners = [:] }
        events.finish()
    }
}
