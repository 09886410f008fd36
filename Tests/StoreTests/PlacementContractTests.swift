import Session
import Store
import Testing
import Wire

/// The stores choose as `Placement` does, however many controllers ask at once.
struct PlacementContractTests {
    private static let names = ["w10", "w2", "w1", "wa", "W1", "w-", "w.3"]

    private func randomReport(_ name: String, _ random: inout SeededRandom) -> WorkerReport {
        var result = report(
            name, limit: Int.random(in: 1...12, using: &random),
            capabilities: Bool.random(using: &random) ? ["sfu", "media"] : ["sfu"])
        result.load.hottestReactor = Double.random(in: 0...0.9, using: &random)
        result.load.settledSessions = Int.random(in: 0...8, using: &random)
        result.reactors = Int.random(in: 1...3, using: &random)
        result.region = ["", "north", "south"].randomElement(using: &random) ?? ""
        if Bool.random(using: &random) { result.labels["tier"] = Bool.random(using: &random) ? "gold" : "" }
        if Bool.random(using: &random) { result.labels["disk"] = "ssd" }
        return result
    }

    private func randomRequest(_ random: inout SeededRandom) -> PlacementRequest {
        var request = PlacementRequest(
            capabilities: Int.random(in: 0..<3, using: &random) == 0 ? ["media"] : ["sfu"],
            excluded: Bool.random(using: &random) ? [WorkerID(Self.names[Int.random(in: 0..<7, using: &random)])] : [])
        request.strategy = PlacementStrategy.allCases.randomElement(using: &random) ?? .leastSessions
        request.region = ["", "north", "elsewhere"].randomElement(using: &random) ?? ""
        switch Int.random(in: 0..<5, using: &random) {
        case 0: request.labels = ["tier": "gold"]
        case 1: request.labels = ["tier": "", "disk": "ssd"]
        default: break
        }
        request.draw = PlacementDraw(random.next())
        return request
    }

    private func answer(
        _ store: any ClusterStore, _ session: String, _ request: PlacementRequest
    ) async throws -> Result<WorkerID, Refusal> {
        do throws(StoreError) {
            return .success(try await store.assign(session, request).worker)
        } catch {
            guard case .refused(let refusal) = error else { throw error }
            return .failure(refusal)
        }
    }

    @Test(arguments: StoreKind.allCases, [7, 8, 9, 10])
    func theStoreChoosesAsPlacementDoes(_ kind: StoreKind, _ seed: UInt64) async throws {
        try await withStores(kind) { world in
            var random = SeededRandom(seed: seed)
            var reports: [WorkerReport] = []
            var draining: Set<WorkerID> = []
            var assigned: [WorkerID: Int] = [:]
            for name in Self.names {
                reports.append(randomReport(name, &random))
                try await world.store.register(reports[reports.count - 1])
            }
            var answers: Set<String> = []
            for index in 0..<120 {
                if index % 10 == 9, let worker = reports.randomElement(using: &random)?.id {
                    if draining.remove(worker) != nil {
                        try await world.store.undrain(worker)
                    } else {
                        draining.insert(worker)
                        try await world.store.drain(worker, within: .seconds(600))
                    }
                }
                let request = randomRequest(&random)
                let candidates = reports.map {
                    PlacementCandidate(
                        $0, assignedSessions: assigned[$0.id, default: 0], isDraining: draining.contains($0.id))
                }
                let expected = Result { () throws(Refusal) in try Placement.choose(candidates, for: request) }
                let actual = try await answer(world.store, "s\(index)", request)
                #expect(actual == expected, "\(request)")
                switch expected {
                case .success(let worker): assigned[worker, default: 0] += 1
                case .failure(let refusal): answers.insert(refusal.message)
                }
            }
            #expect(assigned.values.reduce(0, +) > 20 && answers.count >= 2)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func tenThousandSessionsPlacedAtOnceByThreeControllersAreEvenAndOwnedOnce(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 3) { world in
            for index in 1...8 { try await world.store.register(report("w\(index)", limit: index == 8 ? 500 : 10_000)) }
            let assignments = try await withThrowingTaskGroup(of: [Assignment].self) { group in
                for task in 0..<60 {
                    let store = world.stores[task % 3]
                    group.addTask {
                        var random = SeededRandom(seed: UInt64(task))
                        var made: [Assignment] = []
                        for index in stride(from: task, to: 10_000, by: 60) {
                            var request = PlacementRequest()
                            request.strategy = .powerOfTwo
                            request.draw = PlacementDraw(random.next())
                            made.append(
                                try await store.assignPatiently("s\(index)", by: "c\(task % 3)", request))
                        }
                        return made
                    }
                }
                return try await group.reduce(into: [Assignment]()) { $0 += $1 }
            }
            #expect(Set(assignments.map(\.session)).count == 10_000)
            #expect(Set(assignments.map(\.epoch)).count == 10_000)
            let roster = try await world.store.workers()
            let counts = roster.workers.map(\.assignedSessions.count)
            #expect(counts.reduce(0, +) == 10_000)
            #expect(Set(roster.workers.flatMap(\.assignedSessions)).count == 10_000)
            #expect(Set(try await world.store.assignments()) == Set(assignments))
            // The limit holds to the one; the other seven share the rest as two choices do.
            #expect(counts[7] == 500)
            let rest = counts.dropLast()
            #expect((rest.max() ?? 0) - (rest.min() ?? 0) <= 12, "\(counts)")
        }
    }

    @Test(arguments: StoreKind.allCases)
    func limitsAreKeptWhenMoreIsAskedThanThereIs(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 3) { world in
            for index in 1...3 { try await world.store.register(report("w\(index)", limit: 20)) }
            let refused = try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<100 {
                    let store = world.stores[index % 3]
                    group.addTask {
                        var request = PlacementRequest()
                        request.strategy = .powerOfTwo
                        request.draw = PlacementDraw(first: UInt32(index), second: UInt32(index / 3))
                        do throws(StoreError) {
                            _ = try await store.assignPatiently("s\(index)", by: "c\(index % 3)", request)
                            return false
                        } catch {
                            guard case .refused(Placement.fullRefusal) = error else { throw error }
                            return true
                        }
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(refused == 40)
            #expect(try await world.store.workers().workers.map(\.assignedSessions.count) == [20, 20, 20])
        }
    }

    @Test(arguments: StoreKind.allCases)
    func regionsAndLabelsThatCannotBeComparedAreRefused(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            var bad = [report("w1"), report("w1"), report("w1")]
            bad[0].region = "a b"
            bad[1].labels = ["a,b": "c"]
            bad[2].labels = Dictionary(uniqueKeysWithValues: (0..<33).map { ("k\($0)", "v") })
            for report in bad {
                await #expect(throws: StoreError.self) { try await world.store.register(report) }
            }
            let pulses = try await world.store.pulses()
            #expect(pulses.isEmpty)
        }
    }
}
