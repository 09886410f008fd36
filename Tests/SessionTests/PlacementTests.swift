import Session
import Testing

struct PlacementTests {
    private func candidate(_ name: String, _ count: Int, limit: Int = 10, capabilities: [String] = ["sfu"])
        -> PlacementCandidate
    {
        PlacementCandidate(
            worker: WorkerID(name), assignedSessions: count, sessionLimit: limit, capabilities: capabilities)
    }

    @Test func theLeastAssignedWorkerIsChosen() throws {
        #expect(try Placement.choose([candidate("w1", 3), candidate("w2", 1), candidate("w3", 2)]) == WorkerID("w2"))
    }

    @Test func equalWorkersAreChosenByNameInAnyOrderOfTheList() throws {
        let candidates = [candidate("w2", 1), candidate("w1", 1), candidate("w3", 1)]
        #expect(try Placement.choose(candidates) == WorkerID("w1"))
        #expect(try Placement.choose(candidates.reversed()) == WorkerID("w1"))
    }

    @Test func aFullWorkerIsPassedOverThoughItHasTheFewest() throws {
        #expect(try Placement.choose([candidate("w1", 2, limit: 2), candidate("w2", 9)]) == WorkerID("w2"))
    }

    @Test func allFullIsOverLimitAndNobodyFittingIsNoWorker() {
        let full = #expect(throws: Refusal.self) { try Placement.choose([candidate("w1", 2, limit: 2)]) }
        #expect(full?.reason == .overLimit)
        let none = #expect(throws: Refusal.self) { try Placement.choose([]) }
        #expect(none?.reason == .noWorker)
        let unfit = #expect(throws: Refusal.self) {
            try Placement.choose([candidate("w1", 0)], for: PlacementRequest(capabilities: ["vision"]))
        }
        #expect(unfit?.reason == .noWorker)
    }

    @Test func capabilitiesAndExclusionsNarrowTheChoice() throws {
        let candidates = [candidate("w1", 0), candidate("w2", 5, capabilities: ["sfu", "media"]), candidate("w3", 1)]
        #expect(
            try Placement.choose(candidates, for: PlacementRequest(capabilities: ["sfu", "media"])) == WorkerID("w2"))
        #expect(
            try Placement.choose(candidates, for: PlacementRequest(excluded: [WorkerID("w1")])) == WorkerID("w3"))
    }

    @Test func aBurstThatCountsItsOwnPlacementsSpreadsEvenly() throws {
        var candidates = (1...4).map { candidate("w\($0)", 0, limit: 100) }
        for _ in 0..<100 {
            let chosen = try Placement.choose(candidates)
            let index = try #require(candidates.firstIndex { $0.worker == chosen })
            candidates[index].assignedSessions += 1
        }
        #expect(candidates.allSatisfy { $0.assignedSessions == 25 })
    }
}
