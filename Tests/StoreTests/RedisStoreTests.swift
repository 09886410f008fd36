import Foundation
import Session
@testable import Store
import TestSupport
import Testing

struct RedisStoreTests {
    private func store(_ server: RedisServer, _ address: String? = nil) throws -> RedisStore {
        RedisStore(try #require(RedisAddress(address ?? server.address)), logger: quietLogger)
    }

    @Test func withoutAServerEveryCommandIsRefusedWithinHalfASecond() async throws {
        try await withRedis { server in
            let store = try store(server)
            try await store.register(report("w1"))
            server.kill()
            for _ in 0..<5 {
                let start = ContinuousClock.now
                await #expect(throws: StoreError.self) { try await store.assign("s1") }
                #expect(ContinuousClock.now - start < .seconds(1))
            }
            await store.close()
        }
    }

    @Test func aServerThatDoesNotAnswerIsRefusedWithinHalfASecondAndUsedAgainLater() async throws {
        try await withRedis { server in
            let store = try store(server)
            try await store.register(report("w1"))
            server.signal(SIGSTOP)
            let start = ContinuousClock.now
            let error = await #expect(throws: StoreError.self) { try await store.pulses() }
            #expect(ContinuousClock.now - start < .seconds(2))
            if case .unavailable = error {} else { Issue.record("\(String(describing: error))") }
            server.signal(SIGCONT)
            #expect(try await eventually { (try? await store.pulses().count) == 1 })
            await store.close()
        }
    }

    @Test func connectionsComeBackByThemselvesAndReadersKeepTheirPlace() async throws {
        try await withRedis { server in
            let (store, reader) = (try store(server), try store(server))
            try await store.send(command("1"), to: WorkerID("w1"))
            let first = try await reader.receiveCommands(for: WorkerID("w1"), after: .beginning, wait: .seconds(1))
            async let second = reader.receiveCommands(for: WorkerID("w1"), after: first.cursor, wait: .seconds(5))
            server.kill()
            try await server.start()
            let back = ContinuousClock.now
            #expect(try await eventually { (try? await store.send(command("2"), to: WorkerID("w1"))) != nil })
            #expect(ContinuousClock.now - back < .seconds(5))
            let received = try await second
            #expect(received.elements.map(\.id.rawValue) == ["2"])
            await store.close()
            await reader.close()
        }
    }

    @Test func aServerThatRestartedWhileNobodyAskedIsNotNoticed() async throws {
        try await withRedis { server in
            let store = try store(server)
            try await store.register(report("w1"))
            server.kill()
            try await server.start()
            // New server, no data, no scripts: the first command succeeds all the same.
            #expect(try await store.pulses().isEmpty)
            try await store.register(report("w1"))
            #expect(try await store.assign("s1").worker == WorkerID("w1"))
            await store.close()
        }
    }

    @Test func scriptsThatTheServerForgotAreSentAgain() async throws {
        try await withRedis { server in
            let store = try store(server)
            try await store.register(report("w1"))
            _ = try await store.exchange([RedisCommand(["SCRIPT", "FLUSH"])])
            try await store.register(report("w1"))
            #expect(try await store.pulses().count == 1)
            await store.close()
        }
    }

    @Test func passwordDatabaseAndSocketPathAreHonoured() async throws {
        try await withRedis(password: "s3cret") { server in
            let right = try store(server, server.address + "/3")
            try await right.register(report("w1"))
            let same = try store(server, "unix://:s3cret@\(server.socketPath)")
            #expect(try await same.pulses().isEmpty)
            _ = try await same.exchange([RedisCommand(["SELECT", "3"])])
            #expect(try await same.pulses().count == 1)
            let wrong = try store(server, "redis://:wrong@127.0.0.1:\(server.port)")
            await #expect(throws: StoreError.self) { try await wrong.pulses() }
            for store in [right, same, wrong] { await store.close() }
        }
    }

    @Test func anythingAfterCloseIsUnavailable() async throws {
        try await withRedis { server in
            let store = try store(server)
            let read = Task {
                try await store.receiveCommands(for: WorkerID("w1"), after: .beginning, wait: .seconds(5))
            }
            try await Task.sleep(for: .milliseconds(50))
            await store.close()
            await #expect(throws: StoreError.self) { try await read.value }
            await #expect(throws: StoreError.self) { try await store.pulses() }
        }
    }

    // MARK: Hostile or damaged data

    @Test func aDamagedRecordCostsOnlyItself() async throws {
        try await withRedis { server in
            let store = try store(server)
            for name in ["w1", "w2", "w3", "w4"] { try await store.register(report(name)) }
            let kept = try await store.assign("kept")
            let key = { store.prefix + $0 }
            _ = try await store.exchange([
                RedisCommand(["HSET", key("worker:w2"), "report", "{\"id\":1}", "limit", "many"]),
                RedisCommand(["SET", key("worker:w3"), "not a hash"]),
                RedisCommand(["SET", key("assign:w4"), "not a set"]),
                RedisCommand(["SET", key("session:text"), "not a hash"]),
                RedisCommand(["HSET", key("session:bad"), "worker", "w1", "epoch", "-1", "state", "assigned"]),
                RedisCommand(["SADD", key("assign:w1"), "bad", "text", "absent", "a b"]),
                RedisCommand(["HSET", key("meta"), "epoch", "x"]),
            ])
            let roster = try await store.workers()
            #expect(roster.workers.map(\.id.rawValue) == ["w1", "w4"])
            #expect(roster.unreadable.map(\.rawValue) == ["w2", "w3"])
            #expect(try await store.pulses().count == 4)
            await #expect(throws: StoreError.self) { try await store.session(SessionID("bad")) }
            await #expect(throws: StoreError.self) { try await store.session(SessionID("text")) }
            #expect(try await store.session(kept.session)?.assignment == kept)
            #expect(try await store.assignments() == [kept])
            #expect(try await store.assign("new").worker == WorkerID("w1"))
            // A heartbeat repairs the worker's own record.
            try await store.register(report("w3"))
            #expect(try await store.workers().unreadable.map(\.rawValue) == ["w2"])
            #expect(try await store.markLost(WorkerID("w1")).lost.isEmpty)
            #expect(try await store.markLost(WorkerID("w4")).lost.isEmpty)
            await store.close()
        }
    }

    @Test func unreadableMessagesAreCountedAndPassedOver() async throws {
        try await withRedis { server in
            let store = try store(server)
            let stream = store.prefix + "cmd:w1"
            _ = try await store.exchange([RedisCommand(["XADD", stream, "*", "command", "{}"])])
            try await store.send(command("1"), to: WorkerID("w1"))
            _ = try await store.exchange([
                RedisCommand(["XADD", stream, "*", "command", String(repeating: "[", count: 100_000)]),
                RedisCommand(["XADD", stream, "*", "something", "else"]),
            ])
            try await store.send(command("2"), to: WorkerID("w1"))
            let batch = try await store.receiveCommands(for: WorkerID("w1"), after: .beginning, wait: .zero)
            #expect(batch.elements.map(\.id.rawValue) == ["1", "2"])
            #expect(batch.unreadable == 2)
            await store.close()
        }
    }

    @Test func aStreamRebuiltByASlowerClockIsReadFromItsBeginning() async throws {
        try await withRedis { server in
            let store = try store(server)
            try await store.send(command("old"), to: WorkerID("w1"))
            var cursor = try await store.receiveCommands(for: WorkerID("w1"), after: .beginning, wait: .zero).cursor
            let text = try RecordCoding.text(of: command("new"))
            _ = try await store.exchange([
                RedisCommand(["FLUSHALL"]), RedisCommand(["XADD", store.prefix + "cmd:w1", "1-1", "command", text]),
            ])
            var received: [String] = []
            for _ in 0..<2 {
                let batch = try await store.receiveCommands(for: WorkerID("w1"), after: cursor, wait: .milliseconds(20))
                cursor = batch.cursor
                received += batch.elements.map(\.id.rawValue)
            }
            #expect(received == ["new"])
            await store.close()
        }
    }

    @Test func aStreamThatLostItsEndIsNotHandedOverAgain() async throws {
        try await withRedis { server in
            let store = try store(server)
            let (worker, key) = (WorkerID("w1"), store.prefix + "cmd:w1")
            try await store.send(command("before"), to: worker)
            var cursor = try await store.receiveCommands(for: worker, after: .latest, wait: .zero).cursor
            var positions: [StreamCursor] = []
            for id in ["first", "second", "lost"] {
                try await store.send(command(id), to: worker)
                let batch = try await store.receiveCommands(for: worker, after: cursor, wait: .seconds(1))
                #expect(batch.elements.map(\.id.rawValue) == [id])
                cursor = batch.cursor
                positions += batch.positions
                try await Task.sleep(for: .milliseconds(2))
            }
            // What a store holds that was restored, and one more command by a clock that is behind.
            let between = "\(positions[1].rawValue.prefix { $0 != "-" })-99"
            let text = try RecordCoding.text(of: command("new"))
            for words in [
                ["XDEL", key, positions[2].rawValue], ["XSETID", key, positions[1].rawValue],
                ["XADD", key, between, "command", text],
            ] {
                let answer = try await store.exchange([RedisCommand(words)])[0]
                if case .error(let message) = answer { Issue.record("\(words): \(message)") }
            }
            #expect(StreamCursor(rawValue: between).isBefore(cursor))
            var received: [String] = []
            for _ in 0..<3 {
                let batch = try await store.receiveCommands(for: worker, after: cursor, wait: .milliseconds(20))
                cursor = batch.cursor
                received += batch.elements.map(\.id.rawValue)
            }
            #expect(received == ["new"])
            try await store.send(command("newer"), to: worker)
            let batch = try await store.receiveCommands(for: worker, after: cursor, wait: .seconds(1))
            #expect(batch.elements.map(\.id.rawValue) == ["newer"])
            await store.close()
        }
    }

    // MARK: Addresses

    @Test func addressesAreReadInAllTheirForms() {
        #expect(
            RedisAddress("redis://127.0.0.1:6380/2")
                == RedisAddress(endpoint: .tcp(host: "127.0.0.1", port: 6380), database: 2))
        #expect(
            RedisAddress("redis://:p%40ss@redis.example")
                == RedisAddress(endpoint: .tcp(host: "redis.example", port: 6379), password: "p@ss"))
        #expect(
            RedisAddress("redis://me:pw@[::1]:7000")
                == RedisAddress(endpoint: .tcp(host: "::1", port: 7000), user: "me", password: "pw"))
        #expect(RedisAddress("/run/redis.sock") == RedisAddress(endpoint: .unix(path: "/run/redis.sock")))
        #expect(RedisAddress("unix:///run/redis.sock") == RedisAddress(endpoint: .unix(path: "/run/redis.sock")))
        for text in ["", "http://host", "redis://", "redis://host:0", "redis://host/x", "redis://host/1/2"] {
            #expect(RedisAddress(text) == nil)
        }
    }

    @Test func passwordsAreNotInTheTextForLogs() throws {
        let address = try #require(RedisAddress("redis://me:secret@host:6379/1"))
        #expect("\(address)" == "redis://host:6379/1")
    }
}
