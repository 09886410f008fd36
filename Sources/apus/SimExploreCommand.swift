import ArgumentParser
import Foundation
import SimulatedCluster
import Synchronization

/// `apus sim explore`: the cluster in the simulator.
struct SimExploreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explore", abstract: "Run the cluster under faults in virtual time, seed after seed.",
        discussion: """
            Examples:
              apus sim explore --seeds 1000 --from 1
              apus sim explore --seeds 1 --from 77 --log
              apus sim explore --plants
            Each seed is a cluster of the product's controllers, workers and store in virtual time: a minute and a half
            of faults, time to recover, and 81 calmer minutes. The exit code is 1 when an invariant broke; the seed is
            then made small, and the same seed gives the same run on every machine. Simulations/README.md lists faults
            and invariants.
            """)

    @Option(help: "How many seeds.") var seeds: UInt64 = 100
    @Option(help: "The first seed.") var from: UInt64 = 1
    @Flag(help: "Only the phase with many faults and the recovery from it: four virtual minutes.") var short = false
    @Flag(help: "Print what happened, line by line; with --seeds 1.") var log = false
    @Option(help: "Threads; as many as there are processors if not given.") var threads: Int?
    @Flag(help: "Go on after a failure.") var keepGoing = false
    @Option(
        help: ArgumentHelp("For tests of the simulator: plant this bug in the control plane.", visibility: .hidden))
    var plant: String?
    @Flag(help: "Plant each known bug in turn, and say after how many seeds it is found.") var plants = false

    /// As many as a search has: some bugs show only where three faults meet.
    private static let mostSeedsOfPlant: UInt64 = 1_000

    func validate() throws {
        guard seeds > 0, from <= .max - seeds else { throw ValidationError("--seeds is 1 or more") }
        guard !log || seeds == 1 else { throw ValidationError("--log shows one seed: add --seeds 1") }
        if let plant, PlantedBugName(plant) == nil {
            let names = PlantedBugName.all.map(\.name).joined(separator: ", ")
            throw ValidationError("there is no bug `\(plant)`; known: \(names)")
        }
    }

    private var scale: ClusterPlan.Scale { short ? .short : .long }
    private var bug: PlantedBugName? { plant.flatMap { PlantedBugName($0) } }

    func run() async throws {
        let status = ExitStatus()
        try await runUntilSignal {
            if plants {
                let areFound = await findPlants()
                return await status.set(Task.isCancelled ? 130 : areFound ? 0 : 1)
            }
            if log { return await status.set(showLog() ? 0 : 1) }
            let holds = await explore()
            await status.set(Task.isCancelled ? 130 : holds ? 0 : 1)
        }
        if let code = await status.code, code != 0 { throw ExitCode(code) }
    }

    private func showLog() -> Bool {
        let report = ClusterRun.run(ClusterPlan(seed: from, scale: scale), planted: bug, keepsLog: true)
        for line in report.log { print(line) }
        print("replay hash \(String(report.hash, radix: 16)), \(report.events) events")
        if let violation = report.violation { print("seed \(from) broke \(violation)") }
        return report.violation == nil
    }

    /// Ctrl-C ends a search after the seeds that are under way.
    private func run(_ search: ClusterSearch, _ progress: @escaping @Sendable (ClusterSearch.Totals) -> Void) async
        -> ClusterSearch.Totals
    {
        await withTaskCancellationHandler {
            search.run(progress)
        } onCancel: {
            search.stop()
        }
    }

    private func explore() async -> Bool {
        let search = ClusterSearch(
            seeds: from...(from + seeds - 1), scale: scale, planted: bug, stopsAtFailure: !keepGoing,
            threads: threads)
        let progress = ExploreProgress(seeds: Int(clamping: seeds))
        let totals = await run(search) { progress.show($0) }
        progress.clear()
        if let failure = totals.failures.first, !Task.isCancelled { tell(failure) }
        if !totals.unequal.isEmpty {
            print("not the same when run again: seeds \(totals.unequal.map(String.init).joined(separator: ", "))")
        }
        print(Self.summary(totals))
        return totals.failures.isEmpty && totals.unequal.isEmpty
    }

    private func tell(_ failure: ClusterReport) {
        var shrinker = ClusterShrinker(ClusterPlan(seed: failure.seed, scale: scale), failure, planted: bug)
        let (plan, report) = shrinker.shrink()
        print("seed \(failure.seed) still does with \(plan.steps.count) steps:")
        for step in plan.steps { print("  \(step)") }
        if let violation = report.violation { print("  then: \(violation)") }
        let more = (short ? " --short" : "") + (plant.map { " --plant \($0)" } ?? "")
        print("again: apus sim explore --seeds 1 --from \(failure.seed) --log\(more)")
    }

    private static func summary(_ totals: ClusterSearch.Totals) -> String {
        let days = Double(totals.duration / 1_000_000_000) / 86_400
        let faults = totals.faults.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        let count = totals.faults.values.reduce(0, +)
        return "\(totals.seeds) seeds, \(String(format: "%.2f", days)) virtual days, \(count) faults (\(faults)), "
            + "\(totals.checks) checks of \(ClusterInvariant.allCases.count) invariants, "
            + "\(totals.arrivals) arrivals of clients, longest gap \(totals.longestGap / 1_000_000_000) s, "
            + "\(totals.repeated) runs repeated, \(totals.failures.count + totals.unequal.count) failures"
    }

    private func findPlants() async -> Bool {
        var areFound = true
        for bug in PlantedBugName.all {
            if Task.isCancelled { return false }
            let search = ClusterSearch(
                seeds: from...(from + Self.mostSeedsOfPlant - 1), scale: .short, planted: bug, stopsAtFailure: true,
                threads: threads)
            let progress = ExploreProgress(seeds: Int(Self.mostSeedsOfPlant), planted: bug.name)
            let totals = await run(search) { progress.show($0) }
            progress.clear()
            if let found = totals.failures.first {
                let violation = found.violation.map(String.init(describing:)) ?? ""
                print("\(bug.name): found after \(totals.seeds) seeds, by seed \(found.seed): \(violation)")
            } else {
                areFound = false
                print("\(bug.name): not found in \(totals.seeds) seeds")
            }
        }
        print(areFound ? "all \(PlantedBugName.all.count) planted bugs were found" : "a planted bug was not found")
        return areFound
    }
}

/// One line on a terminal, from many threads.
private final class ExploreProgress: Sendable {
    private let seeds: Int
    /// A bug that is to be found: failures are no news.
    private let planted: String?
    private let state = Mutex((progress: SimProgress(), told: Set<UInt64>()))

    init(seeds: Int, planted: String? = nil) {
        self.seeds = seeds
        self.planted = planted
    }

    /// Failures at once: a search may take long, and be ended before its end.
    func show(_ totals: ClusterSearch.Totals) {
        state.withLock { state in
            for failure in totals.failures where planted == nil && state.told.insert(failure.seed).inserted {
                state.progress.clear()
                print("seed \(failure.seed) broke \(failure.violation.map(String.init(describing:)) ?? "")")
                fflush(nil)
            }
            state.progress.show {
                let days = Double(totals.duration / 1_000_000_000) / 86_400
                let name = planted.map { "\($0): " } ?? ""
                return name + "\(totals.seeds) of \(seeds) seeds, \(String(format: "%.2f", days)) virtual days, "
                    + "\(totals.failures.count) failures"
            }
        }
    }

    func clear() { state.withLock { $0.progress.clear() } }
}
