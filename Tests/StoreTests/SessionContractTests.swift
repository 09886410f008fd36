import Session
import Store
import Testing
import Wire

struct SessionContractTests {
    @Test(arguments: StoreKind.allCases)
    func sessionsGoToTheLeastAssignedWorkerUntilAllAreFull(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            await #expect(throws: StoreError.refused(Placement.emptyRefusal)) { try await store.assign("s0") }
            try await store.register(report("w1", limit: 1))
            try await store.register(report("w2", limit: 2))
            #expect(try await store.assign("s1").worker == WorkerID("w1"))
            #expect(try await store.assign("s2").worker == WorkerID("w2"))
            #expect(try await store.assign("s3").worker == WorkerID("w2"))
            await #expect(throws: StoreError.refused(Placement.fullRefusal)) { try await store.assign("s4") }
            await #expect(throws: StoreError.refused(Placement.emptyRefusal)) {
                try await store.assign("s4", PlacementRequest(capabilities: ["vision"]))
            }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func assigningTwiceIsTheSameForOneControllerAndAConflictForAnother(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            try await world.store.register(report("w1"))
            try await world.store.register(report("w2"))
            let first = try await world.store.assign("s1")
            #expect(try await world.store.assign("s1") == first)
            await #expect(throws: StoreError.conflict(first)) { try await world.store.assign("s1", by: "c2") }
            #expect(try await world.store.assignments() == [first])
        }
    }

    @Test(arguments: StoreKind.allCases)
    func whatAControllersLifeBeforeLeftIsPlacedAnew(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            try await world.store.register(report("w1"))
            var request = PlacementRequest()
            request.life = "one"
            let first = try await world.store.assign("s1", request)
            try await world.store.write(SessionSpecification(), of: first.session, epoch: first.epoch)
            #expect(try await world.store.assign("s1", request) == first)
            // A move names what it knows, whoever had it placed.
            request.life = "two"
            request.movedFrom = Epoch(first.epoch.rawValue + 1)
            #expect(try await world.store.assign("s1", request) == first)
            request.movedFrom = nil
            let second = try await world.store.assign("s1", request)
            #expect(second.epoch > first.epoch && second.worker == first.worker)
            #expect(try await world.store.assign("s1", request) == second)
            #expect(try await world.store.assignments() == [second])
            let adopted = try await world.store.adopt([SessionID("s1")], by: ControllerID("c1"))
            #expect(adopted.map(\.record.specification) == [nil])
            #expect(try await world.store.reconcile(WorkerID("w1"), incarnation: "a", holding: [first]) == [first.session])
            // Of what a worker put back nobody knows whose it was.
            let last = Assignment(
                session: second.session, worker: second.worker, incarnation: "a", epoch: Epoch(second.epoch.rawValue + 9),
                controller: second.controller)
            #expect(try await world.store.reconcile(WorkerID("w1"), incarnation: "a", holding: [last]) == [])
            let third = try await world.store.assign("s1", request)
            #expect(third.epoch > last.epoch)
            #expect(try await world.store.assign("s1", request) == third)
            // Of another controller it is a conflict as before.
            request.life = "three"
            await #expect(throws: StoreError.conflict(third)) {
                try await world.store.assign("s1", by: "c2", request)
            }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aThousandAssignmentsAtOnceByThreeControllersOwnNothingTwiceAndSpreadEvenly(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 3) { world in
            for index in 1...4 { try await world.store.register(report("w\(index)")) }
            let assignments = try await withThrowingTaskGroup(of: Assignment.self) { group in
                for index in 0..<1000 {
                    let store = world.stores[index % 3]
                    group.addTask { try await store.assignPatiently("s\(index)", by: "c\(index % 3)") }
                }
                return try await group.reduce(into: [Assignment]()) { $0.append($1) }
            }
            #expect(Set(assignments.map(\.session)).count == 1000)
            #expect(Set(assignments.map(\.epoch)).count == 1000)
            let roster = try await world.store.workers()
            #expect(roster.workers.map(\.assignedSessions.count) == [250, 250, 250, 250])
            #expect(Set(roster.workers.flatMap(\.assignedSessions)).count == 1000)
            #expect(Set(try await world.store.assignments()) == Set(assignments))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func manyControllersThatWantOneSessionGetOneOwner(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 3) { world in
            for index in 1...4 { try await world.store.register(report("w\(index)")) }
            let winners = try await withThrowingTaskGroup(of: Assignment?.self) { group in
                for index in 0..<30 {
                    let store = world.stores[index % 3]
                    group.addTask { try? await store.assignPatiently("s1", by: "c\(index)") }
                }
                return try await group.reduce(into: [Assignment]()) { if let winner = $1 { $0.append(winner) } }
            }
            #expect(winners.count == 1)
            #expect(try await world.store.assignments() == winners)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func releaseIsFencedAndEveryNewAssignmentRaisesTheEpoch(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            try await store.register(report("w1"))
            let first = try await store.assign("s1")
            try await store.release(first.session, controller: first.controller, epoch: first.epoch)
            #expect(try await store.session(first.session) == nil)
            try await store.release(first.session, controller: first.controller, epoch: first.epoch)
            let second = try await store.assign("s1", by: "c2")
            #expect(second.epoch > first.epoch)
            await #expect(throws: StoreError.staleEpoch(second.epoch)) {
                try await store.release(first.session, controller: first.controller, epoch: first.epoch)
            }
            await #expect(throws: StoreError.conflict(second)) {
                try await store.release(first.session, controller: first.controller, epoch: nil)
            }
            #expect(try await store.assignments() == [second])
            let third = try await store.assign("s2", PlacementRequest(epochFloor: Epoch(1000)))
            #expect(third.epoch == Epoch(1001))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aSpecificationIsWrittenOnlyUnderThePresentEpoch(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            var specification = SessionSpecification()
            specification.apply(
                .openEndpoint(EndpointID("e"), EndpointSpecification(localUfrag: "u/\"ü", localPassword: "p")))
            await #expect(throws: StoreError.notFound) {
                try await store.write(specification, of: SessionID("s1"), epoch: Epoch(1))
            }
            try await store.register(report("w1"))
            let assignment = try await store.assign("s1")
            try await store.write(specification, of: assignment.session, epoch: assignment.epoch)
            #expect(
                try await store.session(assignment.session)
                    == SessionRecord(assignment: assignment, state: .assigned, specification: specification))
            await #expect(throws: StoreError.staleEpoch(assignment.epoch)) {
                try await store.write(SessionSpecification(), of: assignment.session, epoch: Epoch(0))
            }
            #expect(try await store.session(assignment.session)?.specification == specification)
        }
    }

    // MARK: Loss

    @Test(arguments: StoreKind.allCases)
    func theSessionsOfADeadWorkerAreMarkedOnceFencedAndTold(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 3) { world in
            let store = world.store
            try await store.register(report("w1"))
            let first = try await store.assign("s1", by: "c1")
            let second = try await store.assign("s2", by: "c2")
            try await store.write(SessionSpecification(), of: first.session, epoch: first.epoch)
            // Alive: nothing happens, whatever the caller thinks.
            #expect(try await store.markLost(WorkerID("w1")) == LossReport(livingIncarnation: "a", lost: []))
            try await store.register(report("w1"), for: .milliseconds(1))
            #expect(try await eventually { try await store.pulses().first?.incarnation == nil })
            let reports = try await withThrowingTaskGroup(of: LossReport.self) { group in
                for index in 0..<9 {
                    let store = world.stores[index % 3]
                    group.addTask { try await store.markLost(WorkerID("w1")) }
                }
                return try await group.reduce(into: [LossReport]()) { $0.append($1) }
            }
            #expect(reports.filter { !$0.lost.isEmpty } == [LossReport(livingIncarnation: nil, lost: [first, second])])
            let record = try #require(try await store.session(first.session))
            #expect(record.state == .lost)
            #expect(record.assignment.epoch > second.epoch)
            for lost in [first, second] {
                let batch = try await store.receiveMessages(for: lost.controller, after: .beginning, wait: .zero)
                guard case .event(let event, let epoch) = batch.elements.first, case .sessionLost(let why) = event.body
                else {
                    Issue.record("no loss was told")
                    continue
                }
                #expect(event.session == lost.session && epoch == lost.epoch && why.reason == .workerLost)
                #expect(batch.elements.count == 1)
            }
            await #expect(throws: StoreError.self) {
                try await store.write(SessionSpecification(), of: first.session, epoch: first.epoch)
            }
            try await store.register(report("w2"))
            let again = try await store.assign("s1")
            #expect(again.worker == WorkerID("w2") && again.epoch > record.assignment.epoch)
            #expect(try await store.session(first.session)?.specification == SessionSpecification())
            #expect(try await store.reconcile(first.worker, incarnation: "a", holding: [first]) == [first.session])
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aRestartedWorkerLosesWhatItsPredecessorHeldAndNothingElse(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            try await store.register(report("w1", incarnation: "a"))
            let old = try await store.assign("old")
            try await store.register(report("w1", incarnation: "b"))
            let new = try await store.assign("new")
            #expect(try await store.markLost(old.worker) == LossReport(livingIncarnation: "b", lost: [old]))
            #expect(try await store.assignments() == [new])
            // Its controller may clean up though the epoch has been raised.
            try await store.release(old.session, controller: old.controller, epoch: old.epoch)
            #expect(try await store.session(old.session) == nil)
        }
    }

    /// A failover may have forgotten an incarnation that its controller has just seen.
    @Test(arguments: StoreKind.allCases)
    func anIncarnationThatWasSeenAliveIsSpared(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            try await store.register(report("w1", incarnation: "a"))
            let first = try await store.assign("s1")
            try await store.register(report("w1", incarnation: "b"))
            let second = try await store.assign("s2")
            try await store.register(report("w1", incarnation: "c"))
            let third = try await store.assign("s3")
            let report = try await store.markLost(first.worker, sparing: "b")
            #expect(report == LossReport(livingIncarnation: "c", lost: [first]))
            #expect(Set(try await store.assignments()) == [second, third])
            #expect(try await store.markLost(first.worker, sparing: nil).lost == [second])
        }
    }
}
