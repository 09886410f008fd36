import Logging
import Synchronization

@testable import Gallery
@testable import Kurento

/// Stands for the media server: makes what it is asked for, notes all of it, and says what it is told to.
actor FakeKurento: KurentoServer {
    private var senders: [ConnectionID: @Sendable (String) async -> Void] = [:]
    private var connections: UInt64 = 0
    private var objects: UInt64 = 0
    private var subscribers: [String: [ConnectionID]] = [:]
    private var refusals: [String: String] = [:]
    /// What was asked for, in order: `create p1/WebRtcEndpoint2`, `connect … > …`, `play …`.
    private(set) var calls: [String] = []
    /// What has not been released, by id.
    private(set) var alive: Set<String> = []
    private(set) var constructors: [String: JSONValue] = [:]

    func connectionOpened(send: @escaping @Sendable (String) async -> Void) -> ConnectionID {
        connections += 1
        let id = ConnectionID(rawValue: connections)
        senders[id] = send
        return id
    }

    func connectionClosed(_ id: ConnectionID) { senders[id] = nil }

    var connectionCount: Int { senders.count }

    func receive(_ text: String, on id: ConnectionID) async {
        guard let request = try? JSONParser.parse(text), let send = senders[id] else { return }
        let parameters = request["params"] ?? .null
        var reply: [String: JSONValue] = ["jsonrpc": "2.0", "id": request["id"] ?? .null]
        let answer = perform(request["method"]?.asString ?? "", parameters, on: id)
        switch answer {
        case .success(let value):
            reply["result"] = ["sessionId": .string("s\(id.rawValue)"), "value": value]
        case .failure(let refusal):
            reply["error"] = ["code": 40000, "message": .string(refusal.message)]
        }
        await send(JSONValue.object(reply).text)
    }

    /// What begins with `call` fails from now on.
    func refuse(_ call: String, _ message: String = "no") { refusals[call] = message }
    func allowAll() { refusals = [:] }
    func forgetCalls() { calls = [] }

    func raise(_ event: String, on object: String, _ data: JSONValue = [:]) async {
        let value: JSONValue = ["object": .string(object), "type": .string(event), "data": data]
        let frame: JSONValue = ["jsonrpc": "2.0", "method": "onEvent", "params": ["value": value]]
        for connection in subscribers["\(event) \(object)"] ?? [] { await senders[connection]?(frame.text) }
    }

    /// The newest object of a type.
    func newest(_ type: String) -> String? { ordered(type).last }

    func ordered(_ type: String) -> [String] {
        func number(_ id: String) -> Int { Int(id.split { !$0.isNumber }.last ?? "") ?? 0 }
        return alive.filter { $0.split(separator: "/").last?.hasPrefix(type) == true }.sorted { number($0) < number($1) }
    }

    private func perform(
        _ method: String, _ parameters: JSONValue, on connection: ConnectionID
    ) -> Result<JSONValue, GalleryError> {
        let object = parameters["object"]?.asString ?? ""
        switch method {
        case "create": return create(parameters)
        case "invoke": return invoke(parameters["operation"]?.asString ?? "", object, parameters["operationParams"] ?? .null)
        case "subscribe":
            let event = parameters["type"]?.asString ?? ""
            return note("subscribe \(event) \(object)") { self.subscribers["\(event) \(object)", default: []].append(connection) }
        case "release":
            return note("release \(object)") { self.alive = self.alive.filter { $0 != object && !$0.hasPrefix(object + "/") } }
        default: return note(method) {}
        }
    }

    private func note(_ call: String, _ action: () -> Void) -> Result<JSONValue, GalleryError> {
        if let (_, message) = refusals.first(where: { call.hasPrefix($0.key) }) { return .failure(GalleryError(message)) }
        calls.append(call)
        action()
        return .success(.null)
    }

    private func create(_ parameters: JSONValue) -> Result<JSONValue, GalleryError> {
        let type = parameters["type"]?.asString ?? ""
        let arguments = parameters["constructorParams"] ?? .null
        let parent = (arguments["mediaPipeline"] ?? arguments["hub"])?.asString
        if let parent, !alive.contains(parent) { return .failure(GalleryError("Object '\(parent)' not found")) }
        if let message = refusals["create \(type)"] { return .failure(GalleryError(message)) }
        objects += 1
        let id = (parent.map { $0 + "/" } ?? "") + type + String(objects)
        calls.append("create \(id)")
        alive.insert(id)
        constructors[id] = arguments
        return .success(.string(id))
    }

    private func invoke(
        _ operation: String, _ object: String, _ arguments: JSONValue
    ) -> Result<JSONValue, GalleryError> {
        guard alive.contains(object) else { return .failure(GalleryError("Object '\(object)' not found")) }
        var call = "\(operation) \(object)"
        if let sink = arguments["sink"]?.asString {
            call += " > \(sink)" + (arguments["mediaType"]?.asString.map { " " + $0 } ?? "")
        }
        if let candidate = arguments["candidate"]?["candidate"]?.asString { call += " \(candidate)" }
        if let position = arguments["position"]?.asInt64 { call += " \(position)" }
        if case .failure(let refusal) = note(call, {}) { return .failure(refusal) }
        switch operation {
        case "processOffer": return .success(.string("answer to \(arguments["offer"]?.asString ?? "")"))
        case "getPosition": return .success(1500)
        case "getVideoInfo":
            return .success(["isSeekable": true, "seekableInit": 0, "seekableEnd": 6000, "duration": 6000])
        default: return .success(.null)
        }
    }
}

/// The gallery over a media server that is not there.
final class Bench: Sendable {
    let kurento = FakeKurento()
    let server: ApplicationServer

    init(_ change: (inout GalleryConfiguration) -> Void = { _ in }) {
        var configuration = GalleryConfiguration(directory: "/media/gallery", prefix: "c1")
        change(&configuration)
        server = ApplicationServer(
            server: kurento, configuration: configuration,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    func page(_ path: String) async throws -> Page {
        let page = Page()
        guard let session = await server.opened(path, send: { page.take($0) }) else { throw GalleryError("no session") }
        page.begin(session)
        return page
    }
}

/// A page: what it was told, and words to say.
final class Page: Sendable {
    private struct State {
        var session: PageSession?
        var heard: [JSONValue] = []
        var waiting: [(id: String, count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    func begin(_ session: PageSession) { state.withLock { $0.session = session } }

    func take(_ text: String) {
        guard let message = try? JSONParser.parse(text) else { return }
        state.withLock { state in
            state.heard.append(message)
            for waiter in state.waiting where Self.count(waiter.id, state.heard) >= waiter.count {
                waiter.continuation.resume()
            }
            let heard = state.heard
            state.waiting.removeAll { Self.count($0.id, heard) >= $0.count }
        }
    }

    private static func count(_ id: String, _ heard: [JSONValue]) -> Int {
        heard.count { $0["id"]?.asString == id }
    }

    var session: PageSession? { state.withLock { $0.session } }

    /// Returns when the application has handled it.
    func say(_ id: String, _ members: [String: JSONValue] = [:]) async {
        var members = members
        members["id"] = .string(id)
        await session?.text(JSONValue.object(members).text)
    }

    func candidate(_ text: String, id: String = "onIceCandidate", _ more: [String: JSONValue] = [:]) async {
        var members = more
        members["candidate"] = ["candidate": .string(text), "sdpMid": "0", "sdpMLineIndex": 0]
        await say(id, members)
    }

    /// All messages with this id so far.
    func heard(_ id: String) -> [JSONValue] { state.withLock { $0.heard.filter { $0["id"]?.asString == id } } }

    var ids: [String] { state.withLock { $0.heard.compactMap { $0["id"]?.asString } } }

    /// The `count`th message with this id, once it is there.
    func wait(for id: String, _ count: Int = 1) async -> JSONValue {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if Self.count(id, state.heard) >= count { return true }
                state.waiting.append((id, count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
        return heard(id)[count - 1]
    }

    func close() async { await session?.closed() }
}
