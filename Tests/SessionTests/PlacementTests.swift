import Session
import Testing
import Wire

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

    // MARK: Power of two

    private func draw(_ first: UInt32, _ second: UInt32) -> PlacementRequest {
        var request = PlacementRequest()
        request.strategy = .powerOfTwo
        request.draw = PlacementDraw(first: first, second: second)
        return request
    }

    @Test func ofTwoDrawnWorkersTheOneWithLessLoadIsChosen() throws {
        var candidates = ["w1", "w2", "w3"].map { candidate($0, 5) }
        for index in 0..<3 { candidates[index].settledSessions = 5 }
        candidates[0].measuredLoad = 300
        candidates[1].measuredLoad = 200
        candidates[2].measuredLoad = 100
        // Numbers of the pair: 0 and 1, 0 and 2, 1 and 2, whatever the order of the list.
        for list in [candidates, candidates.reversed()] {
            #expect(try Placement.choose(list, for: draw(0, 0)) == WorkerID("w2"))
            #expect(try Placement.choose(list, for: draw(3, 1)) == WorkerID("w3"))
            #expect(try Placement.choose(list, for: draw(1, 1)) == WorkerID("w3"))
            #expect(try Placement.choose(list, for: draw(1, 0)) == WorkerID("w2"))
        }
        #expect(try Placement.choose([candidates[0]], for: draw(7, 9)) == WorkerID("w1"))
    }

    @Test func whatTheReportCannotShowYetIsReserved() throws {
        var (first, second) = (candidate("w1", 30, limit: 100), candidate("w2", 10, limit: 100))
        (first.settledSessions, second.settledSessions) = (30, 0)
        first.measuredLoad = 90
        #expect(first.load == 90 && second.load == 10 * Placement.reservedLoad)
        #expect(try Placement.choose([first, second], for: draw(0, 0)) == WorkerID("w1"))
        second.reactors = 4
        #expect(second.load == 25)
        #expect(try Placement.choose([first, second], for: draw(0, 0)) == WorkerID("w2"))
        // Sessions that left since the report give nothing back: their load was measured.
        second.settledSessions = 90
        #expect(second.load == 0)
    }

    /// Azar, Broder, Karlin and Upfal, "Balanced Allocations", 1999: the fullest of n bins has O(log log n) balls more
    /// than the mean, where one random choice gives O(sqrt(m log n / n)) more.
    @Test func aBurstByTwoChoicesStaysWithinAFewSessionsOfEven() throws {
        func spread(_ strategy: PlacementStrategy) throws -> [Int] {
            var candidates = (10...41).map { candidate("w\($0)", 0, limit: 10_000) }
            var random = SeededRandom(seed: 3)
            for _ in 0..<3200 {
                var request = PlacementRequest()
                request.strategy = strategy
                request.draw = PlacementDraw(random.next())
                let chosen = try Placement.choose(candidates, for: request)
                let index = try #require(candidates.firstIndex { $0.worker == chosen })
                candidates[index].assignedSessions += 1
            }
            return candidates.map(\.assignedSessions)
        }
        let counts = try spread(.powerOfTwo)
        #expect(try spread(.powerOfTwo) == counts)
        #expect((counts.max() ?? 0) <= 104 && (counts.min() ?? 0) >= 94, "\(counts)")
        #expect(Set(counts).count > 1)
        #expect(try Set(spread(.leastSessions)) == [100])
    }

    @Test func packingFillsTheFullestUntilItIsHot() throws {
        var request = PlacementRequest()
        request.strategy = .pack
        var candidates = [candidate("w1", 3), candidate("w2", 6), candidate("w3", 6), candidate("w4", 10)]
        for index in candidates.indices { candidates[index].settledSessions = 10 }
        #expect(try Placement.choose(candidates, for: request) == WorkerID("w2"))
        candidates[1].measuredLoad = Placement.packedLoad
        #expect(try Placement.choose(candidates, for: request) == WorkerID("w3"))
        for index in candidates.indices { candidates[index].measuredLoad = Placement.packedLoad + 10 - index }
        #expect(try Placement.choose(candidates, for: request) == WorkerID("w3"))
    }

    // MARK: Regions, labels, drains

    @Test(arguments: PlacementStrategy.allCases)
    func theOwnRegionComesFirstUntilItIsFull(_ strategy: PlacementStrategy) throws {
        var candidates = [candidate("w1", 0), candidate("w2", 8), candidate("w3", 9)]
        (candidates[1].region, candidates[2].region) = ("north", "north")
        var request = PlacementRequest()
        request.strategy = strategy
        request.region = "north"
        let near = try Placement.choose(candidates, for: request)
        #expect(near == (strategy == .pack ? WorkerID("w3") : WorkerID("w2")))
        (candidates[1].assignedSessions, candidates[2].assignedSessions) = (10, 10)
        #expect(try Placement.choose(candidates, for: request) == WorkerID("w1"))
        request.region = "south"
        #expect(try Placement.choose(candidates, for: request) == WorkerID("w1"))
    }

    @Test func everyLabelIsNeededWithItsValue() throws {
        var candidates = [candidate("w1", 0), candidate("w2", 5), candidate("w3", 9)]
        candidates[1].labels = ["tier": "gold"]
        candidates[2].labels = ["tier": "gold", "disk": "ssd"]
        var request = PlacementRequest()
        request.labels = ["tier": "gold"]
        #expect(try Placement.choose(candidates, for: request) == WorkerID("w2"))
        request.labels["disk"] = "ssd"
        #expect(try Placement.choose(candidates, for: request) == WorkerID("w3"))
        request.labels["disk"] = "tape"
        let refusal = #expect(throws: Refusal.self) { try Placement.choose(candidates, for: request) }
        #expect(refusal == Placement.emptyRefusal)
    }

    @Test func aDrainingWorkerIsPassedOverAndTheRefusalSaysSo() throws {
        var candidates = [candidate("w1", 0), candidate("w2", 9)]
        candidates[0].isDraining = true
        #expect(try Placement.choose(candidates) == WorkerID("w2"))
        candidates[1].assignedSessions = 10
        #expect(throws: Placement.fullRefusal) { try Placement.choose(candidates) }
        candidates[1].isDraining = true
        #expect(throws: Placement.drainRefusal) { try Placement.choose(candidates) }
        #expect(Placement.drainRefusal.reason == .overLimit && Placement.drainRefusal.retryAfter != nil)
    }

    @Test func aWorkersStateFollowsItsDrain() {
        let report = WorkerReport(id: WorkerID("w1"), incarnation: "a", processID: 1, host: "h")
        var status = WorkerStatus(report: report, isAlive: true, assignedSessions: [SessionID("s")])
        #expect(status.state == .alive)
        status.drain = WorkerDrain(secondsLeft: 3)
        #expect(status.state == .draining)
        status.assignedSessions = []
        #expect(status.state == .drained)
        status.isAlive = false
        #expect(status.state == .drained)
        status.drain = nil
        #expect(status.state == .dead)
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
