import Controller
import Session
@testable import Store
import Testing

/// Controllers go on with what others began.
@Suite struct AdoptionTests {
    private let session = SessionID("s1")
    private let endpoint = EndpointID("e1")
    private let specification = EndpointSpecification(localUfrag: "u", localPassword: "p")

    /// Two lives of c1, or c1 and another one. The first is over when `body` is called.
    private func afterTheEnd(
        _ kind: StoreKind, of first: String = "c1", _ body: (ClusterWorld, FakeWorker, Assignment, EventLog) async throws -> Void
    ) async throws {
        try await withCluster(kind, id: "c9") { world in
            let worker = try await world.startWorker("w1")
            var settings = DirectorSettings()
            settings.beatLifetime = .milliseconds(300)
            let former = Director(id: ControllerID(first), store: world.store, settings: settings, logger: quietLogger)
            let run = Task { await former.run() }
            _ = try await former.open(session)
            let log = EventLog()
            await former.subscribe(to: session) { await log.append($0) }
            _ = try await former.perform(.openEndpoint(endpoint, specification), in: session)
            try await former.keep(RecordChanges(["a": "1"], isWhole: true), in: "r", about: session)
            let assignment = try #require(try await world.store.session(session)).assignment
            try await worker.emit(.iceStateChanged(endpoint, .checking), in: session, epoch: assignment.epoch, to: former.id)
            #expect(try await eventually { await log.events.count == 1 })
            run.cancel()
            await run.value
            try await body(world, worker, assignment, log)
            await worker.stop()
        }
    }

    @Test(arguments: StoreKind.allCases) func anotherControllerTakesOverADeadOnesSession(_ kind: StoreKind) async throws {
        try await afterTheEnd(kind) { world, worker, assignment, log in
            let position = try #require(await log.positions.last)
            try await worker.emit(.iceStateChanged(endpoint, .connected), in: session, epoch: assignment.epoch, to: ControllerID("c1"))
            #expect(try await eventually { (try? await world.director.claim("r", isPatient: true)) == ["a": "1"] })
            try await world.director.adopt(session, after: position)
            #expect(await worker.commands.last?.operation == .attend)
            let later = await world.log(of: session)
            #expect(try await eventually { await later.events == [.iceStateChanged(endpoint, .connected)] }, "once, and only what was missed")
            try await worker.emit(.iceStateChanged(endpoint, .completed), in: session, epoch: assignment.epoch, to: world.director.id)
            #expect(try await eventually { await later.events.count == 2 })
            #expect(await world.director.specification(of: session)?.endpoints.map(\.id) == [endpoint])
            _ = try await world.director.perform(.requestKeyFrame(endpoint), in: session)
            #expect(await worker.commands.last?.epoch == assignment.epoch, "the worker need not begin anew")
            await world.director.close(session)
            #expect(try await world.store.session(session) == nil)
        }
    }

    @Test(arguments: StoreKind.allCases) func aRestartedControllerTakesOverItsOwnAndTellsEventsOnce(_ kind: StoreKind) async throws {
        try await afterTheEnd(kind, of: "c9") { world, worker, assignment, log in
            let position = try #require(await log.positions.last)
            try await worker.emit(.iceStateChanged(endpoint, .connected), in: session, epoch: assignment.epoch, to: world.director.id)
            try await world.director.adopt(session, after: position)
            #expect(await worker.commands.last?.operation != .attend, "it is where it was")
            let later = await world.log(of: session)
            try await worker.emit(.iceStateChanged(endpoint, .completed), in: session, epoch: assignment.epoch, to: world.director.id)
            #expect(try await eventually { await later.events.count >= 2 })
            try await Task.sleep(for: .milliseconds(100))
            #expect(await later.events == [.iceStateChanged(endpoint, .connected), .iceStateChanged(endpoint, .completed)])
            await world.director.close(session)
        }
    }

    @Test func aLivingControllersSessionIsNotTaken() async throws {
        try await withCluster(.memory) { world in
            let worker = try await world.startWorker("w1")
            _ = try await world.director.open(session)
            #expect(try await eventually { await !world.director.controllers.isEmpty })
            let other = Director(id: ControllerID("c2"), store: world.store, logger: quietLogger)
            await #expect(throws: Refusal.self) { try await other.adopt(session, after: nil) }
            await #expect(throws: Refusal.self) { try await other.adopt(SessionID("unknown"), after: nil) }
            #expect(try await world.store.session(session)?.assignment.controller == world.director.id)
            await worker.kill()
        }
    }

    @Test func aSessionWhoseWorkerDiedMeanwhileIsLost() async throws {
        try await afterTheEnd(.memory) { world, worker, _, _ in
            await worker.kill()
            #expect(try await eventually { try await world.store.session(session)?.state == .lost })
            try await Task.sleep(for: .milliseconds(400))
            try await world.director.adopt(session, after: nil)
            let later = await world.log(of: session)
            #expect(try await eventually { await later.losses.map(\.reason) == [.workerLost] })
        }
    }

    @Test func sessionsOfADeadControllerAreClosedOnceInTheEnd() async throws {
        var settings = DirectorSettings()
        settings.orphanInterval = .milliseconds(100)
        settings.orphanGrace = .milliseconds(200)
        try await withCluster(.memory, settings: settings) { world in
            let worker = try await world.startWorker("w1")
            let orphan = try await world.store.assign(session, controller: ControllerID("c0"), request: PlacementRequest())
            let second = Director(id: ControllerID("c2"), store: world.store, settings: settings, logger: quietLogger)
            let run = Task { await second.run() }
            #expect(try await eventually { try await world.store.session(orphan.session) == nil })
            try await Task.sleep(for: .milliseconds(300))
            #expect(await worker.operations(in: session).filter { $0 == .closeSession }.count == 1)
            run.cancel()
            await run.value
            await worker.kill()
        }
    }

    @Test func pipesOfATakenOverSessionAreMadeAnewAndTheOldOnesClosed() async throws {
        try await withCluster(.memory, id: "c9", settings: ShardStage.settings()) { world in
            let worker = try await world.startWorker("w1")
            let further = try await world.startWorker("w2")
            var settings = ShardStage.settings()
            settings.beatLifetime = .milliseconds(300)
            let former = Director(id: ControllerID("c1"), store: world.store, settings: settings, logger: quietLogger)
            let run = Task { await former.run() }
            _ = try await former.open(session)
            for name in ["p", "v0", "v1"] {
                _ = try await former.perform(.openEndpoint(EndpointID(name), specification), in: session)
            }
            let route = Route(source: EndpointID("p"), sink: EndpointID("v1"), kind: .video)
            _ = try await former.perform(.connect(route), in: session)
            let units = await [worker, further].operations(of: [session, session.shard(1)])
            let old = try #require(units.opened.first?.id)
            #expect(try await eventually { try await world.store.session(session.shard(1))?.specification?.routes == [route] })
            run.cancel()
            await run.value
            try await Task.sleep(for: .milliseconds(400))
            try await world.director.adopt(session, after: nil)
            let all = await [worker, further].operations(of: [session, session.shard(1)])
            let new = try #require(all.opened.map(\.id).last)
            #expect(new != old && all.opened.map(\.id).filter { $0 == new }.count == 2, "both ends")
            #expect(all.closed.filter { $0 == old }.count == 2 && !all.closed.contains(new))
            await world.director.close(session)
            await worker.kill()
            await further.kill()
        }
    }
}

extension [FakeWorker] {
    /// What all of them were asked in these units.
    func operations(of units: [SessionID]) async -> [Session.Operation] {
        var all: [Session.Operation] = []
        for worker in self {
            for unit in units { all += await worker.operations(in: unit) }
        }
        return all
    }
}
