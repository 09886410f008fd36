import Session
import Store
import Testing

struct WorkerContractTests {
    @Test(arguments: StoreKind.allCases)
    func aHeartbeatRegistersAndHoldsForItsTimeToLive(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            #expect(try await store.heartbeat(report("w1"), timeToLive: .seconds(60)).isRegistration)
            #expect(try await !store.heartbeat(report("w1"), timeToLive: .seconds(60)).isRegistration)
            #expect(try await store.pulses() == [WorkerPulse(id: WorkerID("w1"), incarnation: "a")])
            _ = try await store.heartbeat(report("w1"), timeToLive: .milliseconds(50))
            #expect(
                try await eventually {
                    try await store.pulses() == [WorkerPulse(id: WorkerID("w1"), incarnation: nil)]
                })
            #expect(try await store.workers().workers.map(\.report) == [nil])
            #expect(try await store.heartbeat(report("w1"), timeToLive: .seconds(60)).isRegistration)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aNewIncarnationAndALostStoreBothAskForRegistration(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            try await world.store.register(report("w1"))
            let restarted = report("w1", incarnation: "b")
            #expect(try await world.store.heartbeat(restarted, timeToLive: .seconds(60)).isRegistration)
            try await world.flush()
            #expect(try await world.store.pulses().isEmpty)
            #expect(try await world.store.heartbeat(restarted, timeToLive: .seconds(60)).isRegistration)
            #expect(try await world.store.workers().workers.map(\.report) == [restarted])
        }
    }

    /// Its heartbeat may have got lost just before: on the list without one it would seem to have died.
    @Test(arguments: StoreKind.allCases)
    func aWorkerThatPutsItsSessionsBackIsNotListedBeforeItsHeartbeat(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            try await world.store.register(report("w1"))
            let assignment = try await world.store.assign("s1")
            try await world.flush()
            let lost = try await world.store.reconcile(WorkerID("w1"), incarnation: "a", holding: [assignment])
            #expect(lost.isEmpty)
            #expect(try await world.store.pulses().isEmpty)
            #expect(try await world.store.workers().workers.isEmpty)
            #expect(try await world.store.session(SessionID("s1"))?.assignment == assignment)
            _ = try await world.store.heartbeat(report("w1"), timeToLive: .seconds(60))
            #expect(try await world.store.workers().workers.map(\.assignedSessions) == [[SessionID("s1")]])
        }
    }

    @Test(arguments: StoreKind.allCases)
    func workersAreListedByNameWithTheirSessions(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            for name in ["w3", "w1", "w2"] { try await world.store.register(report(name)) }
            for session in ["s4", "s3", "s2", "s1"] { _ = try await world.store.assign(session) }
            let roster = try await world.store.workers()
            #expect(roster.workers.map(\.id.rawValue) == ["w1", "w2", "w3"])
            #expect(roster.workers.map { $0.assignedSessions.map(\.rawValue) } == [["s1", "s4"], ["s3"], ["s2"]])
            #expect(roster.unreadable.isEmpty)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func namesThatCannotBePartsOfKeysAreRefused(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            for name in ["", "a b", "a\nb", String(repeating: "x", count: 129), "ä"] {
                await #expect(throws: StoreError.self) {
                    try await world.store.heartbeat(report(name), timeToLive: .seconds(1))
                }
                await #expect(throws: StoreError.self) { try await world.store.assign(name) }
            }
            let pulses = try await world.store.pulses()
            #expect(pulses.isEmpty)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func onlyADeadWorkerWithoutSessionsIsForgotten(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            try await store.register(report("w1"))
            let held = try await store.assign("s1")
            try await store.forget(WorkerID("w1"))
            #expect(try await store.pulses().count == 1)
            try await store.register(report("w1"), for: .milliseconds(1))
            #expect(try await eventually { try await store.pulses().first?.incarnation == nil })
            try await store.forget(WorkerID("w1"))
            #expect(try await store.pulses().count == 1)
            try await store.release(held.session, controller: held.controller, epoch: held.epoch)
            try await store.forget(WorkerID("w1"))
            #expect(try await store.pulses().isEmpty)
        }
    }

    // MARK: Reconciliation

    @Test(arguments: StoreKind.allCases)
    func workersPutBackWhatALostStoreForgot(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            try await store.register(report("w1"))
            var held: [Assignment] = []
            for index in 0..<300 { held.append(try await store.assign("s\(index)")) }
            try await world.flush()
            try await store.register(report("w1"))
            #expect(try await store.reconcile(WorkerID("w1"), incarnation: "a", holding: held) == [])
            #expect(Set(try await store.assignments()) == Set(held))
            #expect(try await store.assign("s5") == held[5])
            // Epochs go on above all that were put back.
            #expect(try await store.assign("new").epoch.rawValue > 300)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aWorkerIsToldToLetGoWhatIsNotItsOwnAnyMore(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            try await store.register(report("w1"))
            let kept = try await store.assign("kept")
            let released = try await store.assign("released")
            let moved = try await store.assign("moved")
            try await store.release(released.session, controller: released.controller, epoch: released.epoch)
            var forged = kept
            forged.incarnation = "other"
            forged.session = SessionID("forged")
            var newer = kept
            newer.session = SessionID("newer")
            newer.epoch = Epoch(40)
            try await store.release(moved.session, controller: moved.controller, epoch: nil)
            _ = try await store.assign("moved")
            let fenced = try await store.reconcile(
                WorkerID("w1"), incarnation: "a", holding: [kept, released, moved, forged, newer])
            #expect(Set(fenced.map(\.rawValue)) == ["released", "moved", "forged"])
            #expect(try await store.session(SessionID("newer"))?.assignment == newer)
            #expect(try await store.assign("after").epoch > Epoch(40))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func ofTwoWorkersThatClaimASessionTheHigherEpochHasIt(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            let old = Assignment(
                session: SessionID("s1"), worker: WorkerID("w1"), incarnation: "a", epoch: Epoch(3),
                controller: ControllerID("c1"))
            var new = old
            new.worker = WorkerID("w2")
            new.epoch = Epoch(4)
            try await store.register(report("w1"))
            try await store.register(report("w2"))
            #expect(try await store.reconcile(old.worker, incarnation: "a", holding: [old]) == [])
            #expect(try await store.reconcile(new.worker, incarnation: "a", holding: [new]) == [])
            #expect(try await store.reconcile(old.worker, incarnation: "a", holding: [old]) == [old.session])
            #expect(try await store.assignments() == [new])
        }
    }
}
