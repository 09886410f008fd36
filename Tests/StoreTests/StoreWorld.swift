import Foundation
import Logging
import Session
@testable import Store
import TestSupport
import Testing

enum StoreKind: CaseIterable, Sendable {
    case memory, redis
}

/// Stores that show the same data, as several processes would hold them.
struct StoreWorld {
    var stores: [any ClusterStore]
    var flush: @Sendable () async throws -> Void

    var store: any ClusterStore { stores[0] }
}

func withStores(_ kind: StoreKind, count: Int = 1, _ body: (StoreWorld) async throws -> Void) async throws {
    switch kind {
    case .memory:
        let store = InMemoryStore()
        try await body(StoreWorld(stores: Array(repeating: store, count: count)) { store.flush() })
        await store.close()
    case .redis:
        try await withRedis { server in
            let stores = try (0..<count).map { _ in
                RedisStore(try #require(RedisAddress(server.address)), logger: quietLogger)
            }
            let first = stores[0]
            try await body(
                StoreWorld(stores: stores) { _ = try await first.exchange([RedisCommand(["FLUSHALL"])]) })
            for store in stores { await store.close() }
        }
    }
}

func withRedis(password: String? = nil, _ body: (RedisServer) async throws -> Void) async throws {
    let server = try await RedisServer(password: password)
    defer { server.stop() }
    try await body(server)
}

let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

func report(_ worker: String, incarnation: String = "a", limit: Int = 1000, capabilities: [String] = ["sfu"])
    -> WorkerReport
{
    var load = WorkerLoad()
    load.sessionLimit = limit
    return WorkerReport(
        id: WorkerID(worker), incarnation: incarnation, processID: 1, host: "host", load: load,
        capabilities: capabilities)
}

func command(_ id: String, session: String = "s1") -> CommandEnvelope {
    CommandEnvelope(
        id: CommandID(id), session: SessionID(session), epoch: Epoch(1), controller: ControllerID("c1"), deadline: 0,
        operation: .closeSession)
}

/// Waits until the condition holds, for at most ten seconds.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}

extension ClusterStore {
    func assign(_ session: String, by controller: String = "c1", _ request: PlacementRequest = PlacementRequest())
        async throws(StoreError) -> Assignment
    {
        try await assign(SessionID(session), controller: ControllerID(controller), request: request)
    }

    /// Again while a busy machine does not answer in time: assigning twice is assigning once.
    func assignPatiently(
        _ session: String, by controller: String, _ request: PlacementRequest = PlacementRequest()
    ) async throws(StoreError) -> Assignment {
        while true {
            do throws(StoreError) {
                return try await assign(session, by: controller, request)
            } catch {
                guard case .unavailable = error, !Task.isCancelled else { throw error }
            }
        }
    }

    func register(_ report: WorkerReport, for timeToLive: Duration = .seconds(60)) async throws {
        _ = try await heartbeat(report, timeToLive: timeToLive)
    }
}
