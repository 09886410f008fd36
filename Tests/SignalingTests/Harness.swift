import Foundation
import Logging
import Session
import Synchronization
import WHIP

@testable import Signaling

/// A server on ports that the system chose, stopped when `body` is done.
func withServer(
    _ change: (inout SignalingConfiguration) -> Void = { _ in }, status: FakeStatus = FakeStatus(),
    routes: [String: any WebSocketHandler] = ["/echo": Echo()], gateway: Gateway? = nil,
    control: (any ClusterControl)? = nil, neighbours: (@Sendable (ControllerID) async -> [String])? = nil,
    _ body: ([Int]) async throws -> Void
) async throws {
    var configuration = SignalingConfiguration(listeners: [.init(host: "127.0.0.1", port: 0)])
    change(&configuration)
    var logger = Logger(label: "test")
    logger.logLevel = .error
    let server = try SignalingServer(
        configuration: configuration, webSockets: routes, gateway: gateway, status: status, control: control,
        neighbours: neighbours, logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await server.run() }
        try await body(try await server.boundPorts())
        group.cancelAll()
        try await group.waitForAll()
    }
}

/// Sends back what it gets. `big` asks for a megabyte, `bye` for a close.
struct Echo: WebSocketHandler {
    func opened(_ connection: WebSocketConnection) async -> any WebSocketSession { EchoSession(connection: connection) }
}

struct EchoSession: WebSocketSession {
    let connection: WebSocketConnection

    func text(_ text: String) async {
        switch text {
        case "big": connection.send(String(repeating: "x", count: 1 << 20))
        case "bye":
            connection.send("good bye")
            connection.close()
        default: connection.send(text)
        }
    }

    func closed() async {}
}

/// Tells what was opened and closed.
final class Witness: WebSocketHandler, WebSocketSession {
    let events: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    init() { (events, continuation) = AsyncStream.makeStream(of: String.self) }

    func opened(_ connection: WebSocketConnection) async -> any WebSocketSession {
        continuation.yield("opened")
        return self
    }
    func text(_ text: String) async { continuation.yield(text) }
    func closed() async { continuation.yield("closed") }
}

struct FakeStatus: StatusSource {
    static let session = "0123456789abcdef"
    var reasons: [String] = []

    func snapshot() async -> ClusterStatus {
        var load = WorkerLoad()
        load.sessions = 3
        load.cpu = 0.25
        load.drops = ["srtpReplay": 7, "odd\"reason\\": 1]
        var report = WorkerReport(id: WorkerID("w1"), incarnation: "i1", processID: 42, host: "h", load: load)
        var counts = SuccessionCounts()
        (counts.failovers, counts.upgrades, counts.standstill, counts.lastStandstill) = (2, 1, 1500, 250)
        report.successions = counts
        var controller = ControllerStatus(id: ControllerID("c1"), processID: 41, host: "h", uptime: 12.5)
        controller.kurento.pipelines = 2
        controller.kurento.requests = [RequestCount(method: "create", result: "ok", count: 9)]
        controller.whip.requests = [WHIPRequestCount(endpoint: "whip", method: "POST", status: 201, count: 1)]
        var heartbeats = HeartbeatCounts()
        (heartbeats.heard, heartbeats.dropped) = (40, ["forged": 3])
        controller.heartbeats = heartbeats
        let lost = WorkerReport(id: WorkerID("w0"), incarnation: "i2", processID: 43, host: "h")
        return ClusterStatus(
            cluster: "test", version: "1.2.3", controllers: [controller],
            workers: [
                WorkerStatus(
                    report: report, isAlive: true, assignedSessions: [SessionID(Self.session)],
                    drain: WorkerDrain(secondsLeft: 12.5)),
                WorkerStatus(report: lost, isAlive: false, assignedSessions: []),
            ])
    }

    func reasonsNotReady() async -> [String] { reasons }

    func owner(of session: SessionID) async -> SessionOwner? {
        session.rawValue == Self.session ? SessionOwner(worker: WorkerID("w1"), workerPid: 42, controllerPid: 41) : nil
    }
}

/// A directory that is removed with the value.
final class TemporaryDirectory {
    let path = NSTemporaryDirectory() + "signaling-" + UUID().uuidString

    init(_ files: [String: String]) throws {
        for (name, text) in files {
            let url = URL(fileURLWithPath: path + "/" + name)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
