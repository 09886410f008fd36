import Session
import Store
import Testing

struct DrainContractTests {
    @Test(arguments: StoreKind.allCases)
    func aDrainIsSeenByAllAndCanBeTakenBack(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 2) { world in
            let (store, other) = (world.stores[0], world.stores[1])
            await #expect(throws: StoreError.notFound) { try await store.drain(WorkerID("w1"), within: .seconds(9)) }
            await #expect(throws: StoreError.notFound) { try await store.undrain(WorkerID("w1")) }
            try await store.register(report("w1"))
            let kept = try await store.assign("s1")
            try await store.drain(WorkerID("w1"), within: .seconds(60))
            let drain = try #require(try await other.workers().workers.first?.drain)
            #expect((30...60).contains(drain.secondsLeft))
            await #expect(throws: StoreError.refused(Placement.drainRefusal)) { try await other.assign("s2") }
            // What it has it keeps, and asking again for that is no new session.
            #expect(try await store.assign("s1") == kept)
            #expect(try await store.endDrains().isEmpty)
            // A new process under the name is drained as well.
            try await store.register(report("w1", incarnation: "b"))
            await #expect(throws: StoreError.refused(Placement.drainRefusal)) { try await other.assign("s2") }
            try await other.undrain(WorkerID("w1"))
            #expect(try await store.workers().workers.first?.drain == nil)
            #expect(try await store.assign("s2").worker == WorkerID("w1"))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aDrainGoesWithTheWorkerThatIsForgotten(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            try await store.register(report("w1"), for: .milliseconds(1))
            try await store.drain(WorkerID("w1"), within: .seconds(60))
            #expect(try await eventually { try await store.pulses().first?.incarnation == nil })
            #expect(try await store.workers().workers.first?.drain != nil)
            try await store.forget(WorkerID("w1"))
            try await store.register(report("w1"))
            #expect(try await store.workers().workers.first?.drain == nil)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aSessionIsMovedOnlyFromWhereItsControllerKnowsItToBe(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 2) { world in
            let (store, other) = (world.stores[0], world.stores[1])
            try await store.register(report("w1"))
            let first = try await store.assign("s1")
            try await store.register(report("w2"))
            try await store.drain(WorkerID("w1"), within: .seconds(60))
            #expect(try await store.pulses().map(\.isDraining) == [true, false])
            var request = PlacementRequest(excluded: [WorkerID("w1")])
            request.movedFrom = Epoch(first.epoch.rawValue + 7)
            #expect(try await store.assign(first.session, controller: first.controller, request: request) == first)
            request.movedFrom = first.epoch
            await #expect(throws: StoreError.conflict(first)) {
                try await other.assign(first.session, controller: ControllerID("c9"), request: request)
            }
            let moved = try await store.assign(first.session, controller: first.controller, request: request)
            #expect(moved.worker == WorkerID("w2") && moved.epoch > first.epoch)
            #expect(try await other.workers().workers.map(\.assignedSessions.count) == [0, 1])
            // Said again by who did not hear the answer: the same.
            #expect(try await store.assign(first.session, controller: first.controller, request: request) == moved)
            #expect(try await store.reconcile(WorkerID("w1"), incarnation: "a", holding: [first]) == [first.session])
        }
    }

    @Test(arguments: StoreKind.allCases)
    func whatIsLeftAtTheDeadlineIsClosedInBatchesByOneEachAndTold(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 3) { world in
            let store = world.store
            try await store.register(report("w1"))
            var assigned: Set<Assignment> = []
            for index in 0..<150 { assigned.insert(try await store.assign("s\(index)", by: "c\(index % 2)")) }
            try await store.register(report("w2"))
            let elsewhere = try await store.assign("elsewhere")
            #expect(elsewhere.worker == WorkerID("w2"))
            try await store.drain(WorkerID("w1"), within: .zero)
            #expect(try await store.workers().workers.first?.drain?.secondsLeft == 0)
            let first = try await store.endDrains()
            #expect(first.count == 100)
            let rest = try await withThrowingTaskGroup(of: [Assignment].self) { group in
                for other in world.stores { group.addTask { try await other.endDrains() } }
                return try await group.reduce(into: [Assignment]()) { $0 += $1 }
            }
            #expect(rest.count == 50 && Set(first + rest) == assigned)
            #expect(try await store.assignments() == [elsewhere])
            let record = try #require(try await store.session(SessionID("s0")))
            #expect(record.state == .lost && !assigned.contains { $0.epoch >= record.assignment.epoch })
            for controller in ["c0", "c1"] {
                let batch = try await store.receiveMessages(
                    for: ControllerID(controller), after: .beginning, wait: .zero)
                #expect(batch.elements.count == 75)
                guard case .event(let event, let epoch) = batch.elements[0], case .sessionLost(let why) = event.body
                else {
                    Issue.record("no loss was told")
                    continue
                }
                #expect(why.reason == .workerDrained && why.message.contains("open a new session"))
                #expect(assigned.contains { $0.session == event.session && $0.epoch == epoch })
            }
            // The session may go elsewhere, and the old owner is told to let it go.
            let old = try #require(assigned.first { $0.session == SessionID("s0") })
            #expect(try await store.assign("s0", by: "c0").worker == WorkerID("w2"))
            #expect(try await store.reconcile(old.worker, incarnation: "a", holding: [old]) == [old.session])
        }
    }
}
