import CVirtualExecutor
import Foundation
import Session
import Wire

/// One run of a plan.
public struct ClusterReport: Sendable {
    public var seed: UInt64
    public var violation: ClusterViolation?
    /// Nanoseconds of virtual time.
    public var duration: UInt64
    /// By kind.
    public var faults: [String: Int]
    public var checks: UInt64
    /// Two runs of one plan have the same.
    public var hash: UInt64
    public var events: UInt64
    /// Times that a client found its way in.
    public var arrivals: Int
    /// The longest that one wanted to be in and was not, in nanoseconds.
    public var longestGap: UInt64
    /// When it was asked for.
    public var log: [String]
}

/// Runs plans.
public enum ClusterRun {
    /// On a thread of its own, which all of the run's tasks share.
    public static func run(
        _ plan: ClusterPlan, planted: PlantedBugName? = nil, keepsLog: Bool = false
    ) -> ClusterReport {
        final class Result: @unchecked Sendable { var report: ClusterReport? }
        let result = Result()
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            apus_virtual_executor_enter()
            result.report = Course(plan, planted: planted.flatMap { PlantedBug(rawValue: $0.name) }, keepsLog).run()
            apus_virtual_executor_leave()
            done.signal()
        }
        thread.stackSize = 8 << 20
        thread.start()
        done.wait()
        guard let report = result.report else { preconditionFailure("a run ends with a report") }
        return report
    }
}

/// Names a fault that is planted in the control plane for a run.
public struct PlantedBugName: Hashable, Sendable, CustomStringConvertible {
    public let name: String

    /// Nil for a name that is none.
    public init?(_ name: String) {
        guard PlantedBug(rawValue: name) != nil else { return nil }
        self.name = name
    }

    public static let all = PlantedBug.allCases.compactMap { PlantedBugName($0.rawValue) }

    public var description: String { name }
}

/// The course of a run: what is done when.
private final class Course {
    private let plan: ClusterPlan
    private let world: ClusterWorld
    private var drains: [WorkerID: [Drain]] = [:]
    private var time: VirtualTime { world.time }

    init(_ plan: ClusterPlan, planted: PlantedBug?, _ keepsLog: Bool) {
        self.plan = plan
        world = ClusterWorld(plan, planted: planted, keepsLog: keepsLog)
    }

    func run() -> ClusterReport {
        for worker in world.workers { worker.start() }
        for controller in world.controllers { controller.start() }
        for step in plan.steps {
            keepSnapshots(for: step)
            time.at(step.at) { self.take(step) }
        }
        lookAround()
        // After every pause that is long enough, and once more when a dead controller's sessions are gone.
        var healed = plan.healedAt
        var moments: [(at: UInt64, isComplete: Bool)] = []
        for step in plan.steps where step.at >= plan.healedAt && step.action.fault != nil {
            moments += [(healed + ClusterPlan.recovery, false), (healed + ClusterPlan.orphanRecovery, true)]
                .filter { $0.0 < step.at }
            healed = max(healed, step.at + step.lasts)
        }
        moments += [(healed + ClusterPlan.recovery, false), (healed + ClusterPlan.orphanRecovery, true)]
        for moment in moments where time.now <= moment.at {
            time.run(until: moment.at) { self.isBroken }
            if !isBroken { world.watch.judge(world, isComplete: moment.isComplete) }
        }
        time.run(until: max(plan.end, time.now)) { self.isBroken }
        if !isBroken { leave() }
        close()
        defer { world.dismantle() }
        return report()
    }

    /// What the store will be set back to, or shows when it lags behind.
    private func keepSnapshots(for step: ClusterPlan.Step) {
        let (back, end): (UInt64, UInt64)
        switch step.action {
        case .storeDown(let forgotten?): (back, end) = (.milliseconds(forgotten), step.at)
        case .staleReads(let lag): (back, end) = (.milliseconds(lag), step.at + step.lasts)
        default: return
        }
        let first = step.at - min(step.at, back + .milliseconds(200))
        for at in stride(from: first, through: end, by: Int(UInt64.milliseconds(50))) {
            time.at(at) { self.world.store.takeSnapshot() }
        }
    }

    private var isBroken: Bool { world.watch.violation != nil }

    private func leave() {
        for client in world.clients { client.leave() }
        time.run(until: time.now + .seconds(60)) { self.isBroken }
        if !isBroken { world.watch.judgeEmptiness(world) }
    }

    /// Ends what still runs, so that its memory comes back.
    private func close() {
        world.isClosing = true
        for client in world.clients { client.leave() }
        for controller in world.controllers { controller.close() }
        for worker in world.workers { worker.close() }
        world.buryTheDead()
        time.run(until: time.now + .seconds(20))
    }

    private func lookAround() {
        time.after(time.now < plan.healedAt ? .seconds(1) : .seconds(15)) { [self] in
            guard !world.isClosing else { return }
            world.watch.lookAround(world)
            lookAround()
        }
    }

    private func report() -> ClusterReport {
        var faults: [String: Int] = [:]
        for step in plan.steps where step.at <= time.now {
            if let fault = step.action.fault { faults[fault, default: 0] += 1 }
        }
        return ClusterReport(
            seed: plan.seed, violation: world.watch.violation, duration: time.now, faults: faults,
            checks: world.watch.checks, hash: time.hash, events: time.events,
            arrivals: world.clients.reduce(0) { $0 + $1.arrivals },
            longestGap: world.clients.map(\.longestGap).max() ?? 0, log: world.log)
    }

    // MARK: Steps

    private func take(_ step: ClusterPlan.Step) {
        guard !world.isClosing else { return }
        if step.action.fault != nil { world.note("— \(step.action)") }
        let end = { [self] (body: @escaping () -> Void) in
            _ = time.after(step.lasts) {
                body()
                if step.action.fault != nil { self.world.note("— over: \(step.action)") }
            }
        }
        switch step.action {
        case .join(let client): world.clients[client].join()
        case .leave(let client): world.clients[client].leave()
        case .retireWorker(let index): world.workers[index].retire()
        case .retireController(let index): world.controllers[index].retire()
        case .killWorker(let index):
            let worker = world.workers[index]
            worker.kill()
            end { worker.start() }
        case .killProcess(let index):
            world.workers[index].killProcess(followedAfter: min(step.lasts, .milliseconds(400)))
        case .stopWorker(let index):
            let worker = world.workers[index]
            worker.stop()
            end { worker.resume() }
        case .killController(let index):
            let controller = world.controllers[index]
            controller.kill()
            end { controller.start() }
        case .upgradeWorker(let index): world.workers[index].handOver(followedAfter: step.lasts)
        case .stopController(let index):
            let controller = world.controllers[index]
            controller.stop()
            end { controller.resume() }
        case .cutFromStore(let host, let hears, let isHeard):
            var ways: [Links.Way] = []
            if !hears { ways.append(Links.Way(from: StoreNode.host, to: host)) }
            if !isHeard { ways.append(Links.Way(from: host, to: StoreNode.host)) }
            cut(ways, end) { self.world.watch.lastCut[host] = self.time.now }
        case .isolate(let host):
            let others = [StoreNode.host] + (world.workers.map(\.node) + world.controllers.map(\.node)).map(\.host)
            let ways = others.filter { $0 != host }.flatMap { other in
                [Links.Way(from: host, to: other), Links.Way(from: other, to: host)]
            }
            cut(ways, end) { self.world.watch.lastCut[host] = self.time.now }
        case .cutMedia(let client, let worker):
            let (one, other) = ("p\(client + 1)", "w\(worker + 1)")
            cut([Links.Way(from: one, to: other), Links.Way(from: other, to: one)], end) {}
        case .cutHeartbeats(let worker, let controller):
            cut([Links.Way(from: "w\(worker + 1)", to: "c\(controller + 1)")], end) {}
        case .moveClock(let host, let milliseconds):
            let nodes = world.workers.map(\.node) + world.controllers.map(\.node)
            guard let node = nodes.first(where: { $0.host == host }) else { return }
            node.wallOffset += milliseconds
            end { node.wallOffset -= milliseconds }
        case .loseDatagrams(let permille):
            world.links.loss = permille
            end { self.world.links.loss = 0 }
        case .doubleDatagrams(let permille):
            world.links.doubling = permille
            end { self.world.links.doubling = 0 }
        case .drain(let index, let deadline):
            drain(world.workers[index].id, within: deadline)
            end { self.undrain(self.world.workers[index].id) }
        case .storeDown, .endLeases, .flushStore, .slowStore, .staleReads, .failRequests: disturbStore(step, end)
        }
    }

    private func cut(_ ways: [Links.Way], _ end: (@escaping () -> Void) -> Void, _ mark: @escaping () -> Void) {
        for way in ways { world.links.cut(way) }
        mark()
        end {
            for way in ways { self.world.links.mend(way) }
            mark()
        }
    }

    private func disturbStore(_ step: ClusterPlan.Step, _ end: (@escaping () -> Void) -> Void) {
        let store = world.store
        switch step.action {
        case .storeDown(let forgotten):
            guard !store.isDown else { return }
            let now = time.now
            store.goDown()
            end { store.comeUp(losing: forgotten.map { .milliseconds($0) }, since: now) }
        case .endLeases: store.endLeases()
        case .flushStore: store.flush()
        case .slowStore(let milliseconds):
            store.slowness = .milliseconds(milliseconds)
            store.slows(for: step.lasts)
            end { store.slowness = 0 }
        case .staleReads(let milliseconds):
            store.lag = .milliseconds(milliseconds)
            end { store.lag = 0 }
        case .failRequests(let permille):
            store.failures = permille
            store.slows(for: step.lasts)
            end { store.failures = 0 }
        default: break
        }
    }

    /// Operators try until it is done, or wanted no more: a request that is on its way then may take effect later.
    private final class Drain: @unchecked Sendable {
        var isOver = false
        var open = 0
    }

    private func drain(_ worker: WorkerID, within deadline: UInt64) {
        let drain = Drain()
        drains[worker, default: []].append(drain)
        ask(until: time.now + .seconds(5)) { controller in
            guard !drain.isOver else { return true }
            drain.open += 1
            defer { drain.open -= 1 }
            return await controller.drain(worker, within: .nanoseconds(Int64(deadline)))
        }
    }

    /// Until no request to drain it is on its way any more.
    private func undrain(_ worker: WorkerID) {
        let former = drains[worker] ?? []
        for drain in former { drain.isOver = true }
        ask(until: time.now + .seconds(60)) { controller in
            let isLast = former.allSatisfy { $0.open == 0 }
            return await controller.undrain(worker) && isLast
        }
    }

    private final class Answer: @unchecked Sendable { var isDone = false }

    private func ask(until end: UInt64, _ question: @escaping @Sendable (SimulatedController) async -> Bool) {
        let (world, time) = (world, time)
        let patient = Node("operator", host: "operator", time: time)
        Task {
            var attempt = 0
            while time.now < end, !world.isClosing {
                let controller = world.controllers[attempt % world.controllers.count]
                let answer = Answer()
                Task { answer.isDone = await question(controller) }
                try? await patient.sleep(.seconds(1))
                if answer.isDone { return }
                attempt += 1
            }
        }
    }
}
