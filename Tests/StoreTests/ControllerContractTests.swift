import Session
import Store
import Testing

/// What several controllers may rely on, of both stores.
@Suite struct ControllerContractTests {
    private let c1 = ControllerID("c1")
    private let c2 = ControllerID("c2")

    private func live(_ id: String, incarnation: String = "a", in store: any ClusterStore, for time: Duration = .seconds(60))
        async throws -> ControllerRoster
    {
        try await store.heartbeat(
            ControllerReport(
                id: ControllerID(id), incarnation: incarnation, processID: 1, host: "host", startedAt: 1,
                addresses: ["127.0.0.1:8888"]), timeToLive: time)
    }

    /// A lease that has run out already.
    private func die(_ id: String, in store: any ClusterStore) async throws {
        _ = try await live(id, in: store, for: .milliseconds(1))
        try await Task.sleep(for: .milliseconds(20))
    }

    private func failure(_ body: () async throws(StoreError) -> Void) async -> StoreError? {
        do throws(StoreError) {
            try await body()
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: StoreKind.allCases) func controllersAreListedAndDie(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            _ = try await live("c1", in: world.store)
            let roster = try await live("c2", in: world.store)
            #expect(roster.controllers.map(\.id) == [c1, c2] && !roster.isNameTaken)
            #expect(roster.controllers.first?.report?.addresses == ["127.0.0.1:8888"])
            #expect(try await live("c1", incarnation: "b", in: world.store).isNameTaken)
            try await die("c1", in: world.store)
            let later = try await live("c1", incarnation: "b", in: world.store)
            #expect(!later.isNameTaken && later.controllers.first?.report?.incarnation == "b")
            try await die("c2", in: world.store)
            let last = try await live("c1", incarnation: "b", in: world.store).controllers
            #expect(last.map { $0.report == nil } == [false, true])
        }
    }

    @Test(arguments: StoreKind.allCases) func whoeverAsksIsToldOfTheLivingControllers(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 2) { world in
            #expect(try await world.store.controllers() == [])
            var system = SystemRandomNumberGenerator()
            let target = HeartbeatTarget(addresses: ["192.0.2.1:4"], key: HeartbeatKey(using: &system))
            let report = ControllerReport(
                id: c2, incarnation: "a", processID: 1, host: "host", startedAt: 1, heartbeats: target)
            _ = try await world.store.heartbeat(report, timeToLive: .seconds(60))
            _ = try await live("c1", in: world.store)
            #expect(try await world.stores[1].controllers().map(\.id) == [c1, c2])
            #expect(try await world.stores[1].controllers().last == report, "with where it hears, and the key")
            try await die("c2", in: world.store)
            #expect(try await world.stores[1].controllers().map(\.id) == [c1])
        }
    }

    @Test(arguments: StoreKind.allCases) func aRecordIsWrittenBitByBitAndClaimedWhole(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            _ = try await live("c1", in: store)
            let term = try await store.save(
                RecordChanges(["a": "1", "b": "2"], isWhole: true), in: "r", by: c1, term: nil)
            #expect(try await store.save(RecordChanges(["b": nil, "c": "é\n\0"]), in: "r", by: c1, term: term) == term)
            let claimed = try await store.claim("r", by: c1)
            #expect(claimed.texts == ["a": "1", "c": "é\n\0"] && claimed.previous == c1 && claimed.term > term)
            let late = await failure { () throws(StoreError) in
                _ = try await store.save(RecordChanges(["a": "x"]), in: "r", by: c1, term: term)
            }
            #expect(late == .staleEpoch(claimed.term), "who was before the claim writes nothing any more")
            let whole = try await store.save(
                RecordChanges(["d": "4"], isWhole: true), in: "r", by: c1, term: claimed.term)
            #expect(try await store.claim("r", by: c1).texts == ["d": "4"] && whole == claimed.term)
        }
    }

    @Test(arguments: StoreKind.allCases) func onlyADeadControllersRecordsAreTaken(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 2) { world in
            let store = world.store
            _ = try await live("c1", in: store)
            _ = try await store.save(RecordChanges(["a": "1"]), in: "r", by: c1, term: nil)
            let refused = await failure { () throws(StoreError) in _ = try await world.stores[1].claim("r", by: c2) }
            #expect(refused == .held(c1))
            let wanted = try await store.messages(to: c1, after: .beginning)
            #expect(wanted.elements == [.recordWanted("r", by: c2)] && wanted.positions.count == 1)
            let taken = await failure { () throws(StoreError) in
                _ = try await store.save(RecordChanges(["a": "2"]), in: "r", by: c2, term: nil)
            }
            #expect(taken == .held(c1))
            try await die("c1", in: store)
            let claimed = try await store.claim("r", by: c2)
            #expect(claimed.texts == ["a": "1"] && claimed.previous == c1)
            try await store.forget("r", by: c1, term: claimed.term)
            #expect(try await store.save(RecordChanges(), in: "r", by: c2, term: claimed.term) == claimed.term)
            try await store.forget("r", by: c2, term: claimed.term)
            let gone = await failure { () throws(StoreError) in _ = try await store.claim("r", by: c2) }
            #expect(gone == .notFound)
            let lost = await failure { () throws(StoreError) in
                _ = try await store.save(RecordChanges(["a": "3"]), in: "r", by: c2, term: claimed.term)
            }
            #expect(lost == .notFound)
        }
    }

    @Test(arguments: StoreKind.allCases) func recordsHaveABound(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            let large = String(repeating: "x", count: 9 << 20)
            let term = try await store.save(RecordChanges(["a": large]), in: "r", by: c1, term: nil)
            let tooLarge = await failure { () throws(StoreError) in
                _ = try await store.save(RecordChanges(["b": large]), in: "r", by: c1, term: term)
            }
            #expect(tooLarge == .tooLarge)
            _ = try await store.save(RecordChanges(["a": nil, "b": large]), in: "r", by: c1, term: term)
            #expect(try await store.claim("r", by: c1).texts.keys.sorted() == ["b"])
        }
    }

    @Test(arguments: StoreKind.allCases) func sessionsFollowWhoeverMayHaveThem(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            try await store.register(report("w1"))
            _ = try await live("c1", in: store)
            _ = try await live("c2", in: store)
            let one = try await store.assign("s1")
            let two = try await store.assign("s1/2")
            try await store.write(SessionSpecification(), of: one.session, epoch: one.epoch)
            let names = [SessionID("s1"), SessionID("s1/2"), SessionID("s1/3")]
            let refused = await failure { () throws(StoreError) in _ = try await store.adopt(names, by: c2) }
            #expect(refused == .conflict(one))
            #expect(try await store.session(two.session)?.assignment.controller == c1)
            #expect(try await store.adopt(names, by: c1).map(\.previous) == [c1, c1], "its own of an earlier life")
            try await die("c1", in: store)
            let adopted = try await store.adopt(names, by: c2)
            #expect(adopted.map(\.record.assignment.session) == [one.session, two.session])
            #expect(adopted.allSatisfy { $0.previous == c1 && $0.record.assignment.controller == c2 })
            #expect(adopted[0].record.assignment.epoch == one.epoch && adopted[0].record.specification != nil)
            let notIts = await failure { () throws(StoreError) in
                try await store.release(one.session, controller: c1, epoch: one.epoch)
            }
            guard case .conflict? = notIts else { return #expect(Bool(false), "released by who had it before") }
            // What the worker says of the controller does not take it back.
            #expect(try await store.reconcile(one.worker, incarnation: "a", holding: [one]) == [])
            #expect(try await store.session(one.session)?.assignment.controller == c2)
        }
    }

    @Test(arguments: StoreKind.allCases) func whatIsGivenUpIsAnybodys(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            try await store.register(report("w1"))
            _ = try await live("c1", in: store)
            _ = try await live("c2", in: store)
            let session = try await store.assign("s1").session
            let term = try await store.save(RecordChanges(["a": "1"]), in: "r", by: c1, term: nil)
            try await store.giveUp(["r": Epoch(term.rawValue + 1)], with: [], by: c1)
            let held = await failure { () throws(StoreError) in _ = try await store.claim("r", by: c2) }
            #expect(held == .held(c1), "under another term it is not its to give")
            try await store.giveUp(["r": term], with: [session], by: c1)
            #expect(try await store.claim("r", by: c2).texts == ["a": "1"])
            #expect(try await store.adopt([session], by: c2).map(\.previous) == [c1])
            let refused = await failure { () throws(StoreError) in _ = try await store.adopt([session], by: c1) }
            guard case .conflict? = refused else { return #expect(Bool(false), "given up once is given up once") }
        }
    }

    @Test(arguments: StoreKind.allCases) func oneOfTwoTakesADeadControllersSession(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 2) { world in
            try await world.store.register(report("w1"))
            let sessions = try await withThrowingTaskGroup(of: SessionID.self) { group in
                for index in 0..<20 { group.addTask { try await world.store.assignPatiently("s\(index)", by: "c0").session } }
                return try await group.reduce(into: [SessionID]()) { $0.append($1) }
            }
            _ = try await live("c1", in: world.store)
            _ = try await live("c2", in: world.store)
            let taken = await withTaskGroup(of: Bool.self) { group in
                for (store, controller) in zip(world.stores, [c1, c2]) {
                    for session in sessions {
                        group.addTask { (try? await store.adopt([session], by: controller))?.count == 1 }
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(taken == sessions.count)
        }
    }
}
