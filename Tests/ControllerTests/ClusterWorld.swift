import Controller
import Logging
import Session
@testable import Store
import TestSupport
import Testing
import Wire

enum StoreKind: CaseIterable, Sendable {
    case memory, redis
}

/// A store, one director on it that runs, and ways to break the store.
struct ClusterWorld {
    var store: any ClusterStore
    var director: Director
    var server: RedisServer?

    func startWorker(
        _ id: String, incarnation: String = "a", limit: Int = 1000, reactors: Int = 1,
        timeToLive: Duration = .seconds(600)
    ) async throws -> FakeWorker {
        let worker = FakeWorker(
            id, incarnation: incarnation, limit: limit, reactors: reactors, timeToLive: timeToLive, store: store)
        try await worker.start()
        return worker
    }

    func flush() async throws {
        if let redis = store as? RedisStore {
            _ = try await redis.exchange([RedisCommand(["FLUSHALL"])])
        } else if let memory = store as? InMemoryStore {
            memory.flush()
        }
    }

    func log(of session: SessionID) async -> EventLog {
        let log = EventLog()
        await director.subscribe(to: session) { await log.append($0) }
        return log
    }
}

let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// With a short grace: workers whose heartbeats hold for minutes need none.
func impatientSettings() -> DirectorSettings {
    var settings = DirectorSettings()
    settings.liveness.grace = .milliseconds(100)
    return settings
}

func withCluster(
    _ kind: StoreKind, id: String = "c1", settings: DirectorSettings = DirectorSettings(), _ body: (ClusterWorld) async throws -> Void
) async throws {
    var server: RedisServer?
    let store: any ClusterStore
    switch kind {
    case .memory: store = InMemoryStore()
    case .redis:
        let started = try await RedisServer()
        server = started
        store = RedisStore(try #require(RedisAddress(started.address)), logger: quietLogger)
    }
    let director = Director(id: ControllerID(id), store: store, settings: settings, logger: quietLogger)
    let run = Task { await director.run() }
    let world = ClusterWorld(store: store, director: director, server: server)
    var failure: (any Error)?
    do { try await body(world) } catch { failure = error }
    run.cancel()
    await run.value
    await store.close()
    server?.stop()
    if let failure { throw failure }
}

/// Waits until the condition holds, for at most twenty seconds.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}

extension Director {
    /// Why opening was refused, nil when it was not.
    func refusalToOpen(_ session: SessionID) async -> Refusal.Reason? {
        do throws(Refusal) {
            _ = try await open(session)
            return nil
        } catch {
            return error.reason
        }
    }

    /// Why the operation was refused, nil when it was not.
    func refusal(of operation: Operation, in session: SessionID) async -> Refusal.Reason? {
        do throws(Refusal) {
            _ = try await perform(operation, in: session)
            return nil
        } catch {
            return error.reason
        }
    }
}
