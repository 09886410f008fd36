import Foundation
import Logging
import Session
import Synchronization
import Wire

@testable import Kurento

/// What a connection was sent.
actor Inbox {
    private(set) var frames: [String] = []
    private var waiters: [(Int, CheckedContinuation<Void, Never>)] = []

    func append(_ frame: String) {
        frames.append(frame)
        let ready = waiters.filter { $0.0 <= frames.count }
        waiters.removeAll { $0.0 <= frames.count }
        for (_, waiter) in ready { waiter.resume() }
    }

    func wait(for count: Int) async {
        guard frames.count < count else { return }
        await withCheckedContinuation { waiters.append((count, $0)) }
    }
}

/// Time, ids and the server under test.
final class Bench: Sendable {
    let plane = FakePlane()
    let server: MediaServer

    init(memory: FakeMemory? = nil, _ change: (inout KurentoConfiguration) -> Void = { _ in }) {
        let clock = Shared()
        var configuration = KurentoConfiguration(serverID: "server", metadata: "{\"zone\":\"test\"}")
        configuration.now = { Instant(nanoseconds: clock.time.withLock { $0 }) }
        configuration.wallClock = { 1_795_384_158_414 }
        configuration.drawIdentifier = { "u" + String(clock.ids.withLock { $0 += 1; return $0 }) }
        change(&configuration)
        shared = clock
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        server = MediaServer(plane: plane, memory: memory, configuration: configuration, logger: logger)
    }

    private let shared: Shared

    func advance(seconds: UInt64) { shared.time.withLock { $0 += seconds * 1_000_000_000 } }

    func client() async -> Client { await Client(self) }

    final class Shared: Sendable {
        let time = Mutex<UInt64>(1)
        let ids = Mutex<Int>(0)
    }
}

/// One connection, speaking JSON-RPC.
final class Client: Sendable {
    let inbox = Inbox()
    let server: MediaServer
    let connection: ConnectionID
    private let nextID = Mutex<Int64>(0)

    init(_ bench: Bench) async {
        server = bench.server
        let inbox = inbox
        connection = await server.connectionOpened { await inbox.append($0) }
    }

    /// Sends a frame and returns all frames that came before `receive` returned.
    func send(_ text: String) async -> [String] {
        let before = await inbox.frames.count
        await server.receive(text, on: connection)
        return Array(await inbox.frames.dropFirst(before))
    }

    /// Sends a frame and returns the first frame back.
    func exchange(_ text: String) async -> String { await send(text).first ?? "" }

    /// The whole response to one request.
    func request(_ method: String, _ params: JSONValue? = nil) async -> JSONValue {
        let id = nextID.withLock { $0 += 1; return $0 }
        var members: [String: JSONValue] = ["id": .integer(id), "jsonrpc": "2.0", "method": .string(method)]
        members["params"] = params
        for frame in await send(JSONValue.object(members).text) {
            if let value = try? JSONParser.parse(frame), value["id"] == .integer(id) { return value }
        }
        return .null
    }

    /// `result.value`, or null.
    func value(_ method: String, _ params: JSONValue? = nil) async -> JSONValue {
        await request(method, params)["result"]?["value"] ?? .null
    }

    func create(_ type: String, _ arguments: JSONValue = [:], session: String? = nil) async -> String {
        var params: [String: JSONValue] = ["type": .string(type), "constructorParams": arguments]
        if let session { params["sessionId"] = .string(session) }
        return await value("create", .object(params)).asString ?? ""
    }

    func endpoint(_ pipeline: String) async -> String {
        await create("WebRtcEndpoint", ["mediaPipeline": .string(pipeline)])
    }

    func invokeRequest(_ object: String, _ operation: String, _ arguments: JSONValue? = nil) async -> JSONValue {
        var params: [String: JSONValue] = ["object": .string(object), "operation": .string(operation)]
        params["operationParams"] = arguments
        return await request("invoke", .object(params))
    }

    func invoke(_ object: String, _ operation: String, _ arguments: JSONValue? = nil) async -> JSONValue {
        await invokeRequest(object, operation, arguments)["result"]?["value"] ?? .null
    }

    func error(_ object: String, _ operation: String, _ arguments: JSONValue? = nil) async -> JSONValue {
        await invokeRequest(object, operation, arguments)["error"] ?? .null
    }

    @discardableResult
    func subscribe(_ object: String, _ event: String) async -> String {
        await value("subscribe", ["object": .string(object), "type": .string(event)]).asString ?? ""
    }

    /// All events so far, as `params.value`.
    var events: [JSONValue] {
        get async { Self.events(in: await inbox.frames) }
    }

    private static func events(in frames: [String]) -> [JSONValue] {
        frames.compactMap { (try? JSONParser.parse($0))?["params"]?["value"] }
    }

    /// Waits until that many events came.
    func events(_ count: Int) async -> [JSONValue] {
        while true {
            let frames = await inbox.frames
            let seen = Self.events(in: frames)
            if seen.count >= count { return seen }
            await inbox.wait(for: frames.count + 1)
        }
    }
}

extension JSONValue {
    var code: JSONValue { self["code"] ?? .null }
    var message: String { self["message"]?.asString ?? "" }
    var strings: [String] {
        if case .array(let elements) = self { elements.compactMap(\.asString) } else { [] }
    }
}

/// `u7` of `u1_kurento.MediaPipeline/u7_kurento.WebRtcEndpoint`.
func short(_ id: String) -> String {
    String(id.split(separator: "/").last?.split(separator: "_").first ?? "")
}

func endpointID(_ id: String) -> EndpointID { EndpointID(short(id)) }

enum Offer {
    static func text(ufrag: String = "abcd", candidates: [String] = [], video: String = "VP8") -> String {
        let fingerprint = Array(repeating: "0F", count: 32).joined(separator: ":")
        func section(_ media: String, _ mid: Int, _ lines: [String]) -> [String] {
            [
                "m=\(media)", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0", "a=ice-ufrag:\(ufrag)",
                "a=ice-pwd:0123456789abcdef01234567", "a=ice-options:trickle", "a=fingerprint:sha-256 \(fingerprint)",
                "a=setup:actpass", "a=mid:\(mid)", "a=sendrecv", "a=rtcp-mux",
            ] + lines
        }
        let lines =
            ["v=0", "o=- 42 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1", "a=msid-semantic: WMS"]
            + section(
                "audio 9 UDP/TLS/RTP/SAVPF 111", 0,
                ["a=rtpmap:111 opus/48000/2", "a=ssrc:1001 cname:c"] + candidates.map { "a=\($0)" })
            + section(
                "video 9 UDP/TLS/RTP/SAVPF 96 97", 1,
                [
                    "a=rtpmap:96 \(video)/90000", "a=fmtp:96 packetization-mode=1", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli",
                    "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=ssrc:1002 cname:c",
                ])
        return lines.joined(separator: "\r\n") + "\r\n"
    }

    /// An answer of a peer that takes what is offered.
    static func answer(to offer: String) -> String {
        let fingerprint = Array(repeating: "0F", count: 32).joined(separator: ":")
        let dropped = ["a=candidate:", "a=end-of-candidates", "a=ssrc", "a=msid"]
        return offer.split(separator: "\r\n").filter { line in !dropped.contains { line.hasPrefix($0) } }.map { line in
            if line.hasPrefix("a=setup:") { return "a=setup:active" }
            if line.hasPrefix("a=ice-ufrag:") { return "a=ice-ufrag:peer" }
            if line.hasPrefix("a=ice-pwd:") { return "a=ice-pwd:0123456789abcdef01234567" }
            if line.hasPrefix("a=fingerprint:") { return "a=fingerprint:sha-256 \(fingerprint)" }
            return String(line)
        }.joined(separator: "\r\n") + "\r\n"
    }
}
