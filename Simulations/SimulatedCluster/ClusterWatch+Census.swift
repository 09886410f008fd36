import Controller
@_spi(Simulation) import Reactor
import Session
import Store
import Worker

/// What the watch looks at by itself, now and then and after recoveries.
extension ClusterWatch {
    /// At any time.
    func lookAround(_ world: ClusterWorld) {
        var holders: [SessionID: [(epoch: Epoch, worker: WorkerID)]] = [:]
        for worker in world.workers where worker.agent != nil {
            let inspection = inspect(worker)
            for held in inspection.holding { holders[held.session, default: []].append((held.epoch, worker.id)) }
            check(inspection.outbox <= 10_000, .bounds, "\(worker.id) has \(inspection.outbox) messages to publish")
            check(
                inspection.holding.count <= world.plan.sessionLimit, .capacity,
                "\(worker.id) holds \(inspection.holding.count) sessions")
        }
        for (session, held) in holders.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let epochs = held.map(\.epoch)
            // After lost writes an epoch may be given anew, until the old holder has asked.
            check(
                Set(epochs).count == epochs.count || !storeKept(since: time.now - min(time.now, .seconds(20))),
                .oneOwner,
                "\(held.map { "\($0.worker)" }.joined(separator: " and ")) hold \(session) under one epoch")
        }
        for controller in world.controllers { controller.plane?.checkOverdue() }
        judgeReleases(world)
        let census = store.store.census()
        check(census.longestStream <= 11_250, .bounds, "a stream has \(census.longestStream) messages")
    }

    private func inspect(_ worker: SimulatedWorker) -> WorkerInspection {
        guard let agent = worker.agent else { preconditionFailure("asked of a worker that does not run") }
        return time.ask { await agent.inspect() }
    }

    private func inspect(_ director: Director) -> DirectorInspection { time.ask { await director.inspect() } }

    /// Some time after all faults are over: everybody is where they want to be, and all agree on who has what.
    ///
    /// - Parameter isComplete: also a dead controller's sessions are gone.
    func judge(_ world: ClusterWorld, isComplete: Bool) {
        let records = Dictionary(
            uniqueKeysWithValues: store.store.census().sessions.filter { $0.state == .assigned }.map {
                ($0.assignment.session, $0.assignment)
            })
        judgeClients(world)
        var holding: [Assignment: WorkerID] = [:]
        for worker in world.workers where !worker.isRetired {
            guard worker.agent != nil else {
                fail(.recovery, "\(worker.id) does not run")
                continue
            }
            for held in inspect(worker).holding {
                holding[held] = worker.id
                check(
                    records[held.session] == held, .noOrphans,
                    "\(worker.id) holds \(held.session) under \(held.epoch), and the store "
                        + (records[held.session].map { "gives it to \($0.worker) under \($0.epoch)" }
                            ?? "does not know it"))
            }
            judgeEndpoints(of: worker, world)
        }
        var known: Set<Assignment> = []
        var empty: Set<SessionID> = []
        for controller in world.controllers where !controller.isRetired {
            guard let director = controller.director else {
                fail(.recovery, "\(controller.id) does not run")
                continue
            }
            let inspection = inspect(director)
            known.formUnion(inspection.assignments)
            empty.formUnion(inspection.emptyUnits)
            for assignment in inspection.assignments {
                check(
                    records[assignment.session] == assignment, .noOrphans,
                    "\(controller.id) has \(assignment.session) under \(assignment.epoch), and the store "
                        + (records[assignment.session].map { "gives it to \($0.controller) under \($0.epoch)" }
                            ?? "does not know it"))
            }
            check(inspection.unreleased == 0, .noOrphans, "\(controller.id) has closed sessions to release")
            check(
                inspection.aliveWorkers == world.workers.filter { !$0.isRetired }.map(\.id), .recovery,
                "\(controller.id) takes for alive: \(inspection.aliveWorkers.map(\.rawValue).joined(separator: " "))")
        }
        for (session, assignment) in records.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let controller = world.controller(assignment.controller)
            // A controller that came back closes what it does not know when it has found it twice.
            let isRecent = (controller?.node.born ?? 0) + ClusterPlan.orphanRecovery > time.now && !isComplete
            check(
                known.contains(assignment) || isRecent, .noOrphans,
                "the store has \(session) under \(assignment.epoch) for \(assignment.controller), who does not know it"
            )
            // What no command was ever sent for no worker holds.
            check(
                holding[assignment] != nil || isRecent || empty.contains(session), .noOrphans,
                "the store gives \(session) under \(assignment.epoch) to \(assignment.worker), which does not hold it")
        }
        judgeEvents(world)
        judgeCounts(Array(records.values))
    }

    /// What a controller gave up while the store was away it gives back when that is there again, and does not leave to
    /// who looks for orphans.
    private func judgeReleases(_ world: ClusterWorld) {
        let former = givenUp
        givenUp = [:]
        for record in store.store.census().sessions where record.state == .assigned {
            let assignment = record.assignment
            guard let controller = world.controller(assignment.controller), let director = controller.director,
                let assigned = assignedEpochs[assignment.session], assigned.epoch == assignment.epoch,
                controller.node.born < assigned.at, storeKept(since: assigned.at)
            else { continue }
            let since = former[assignment] ?? time.now
            guard controller.node.state == .running, isHeard(controller.node, since: since),
                store.hasRun(since: since), !inspect(director).units.contains(assignment.session)
            else { continue }
            givenUp[assignment] = since
            check(
                time.now - since < .milliseconds(2500), .noOrphans,
                "\(controller.id) gave \(assignment.session) up, and the store still has it under \(assignment.epoch)")
        }
    }

    private func judgeClients(_ world: ClusterWorld) {
        for client in world.clients {
            check(
                client.isWanted == (client.connectedSince != nil), .recovery,
                client.isWanted
                    ? "\(client.name) is not in \(client.room), since \(client.missingSince / 1_000_000_000) s"
                    : "\(client.name) is still in \(client.room)")
        }
    }

    /// A reactor holds endpoints of its worker's sessions only.
    private func judgeEndpoints(of worker: SimulatedWorker, _ world: ClusterWorld) {
        let held = Set(inspect(worker).holding.map(\.session))
        for reactor in worker.reactors {
            for holding in reactor.driven?.holdings ?? [] {
                check(
                    held.contains(holding.session), .noOrphans,
                    "a reactor of \(worker.id) has endpoints of \(holding.session), which its worker does not hold")
                let present = world.clients.count { "room:\($0.room)" == holding.session.base.rawValue && $0.isWanted }
                check(
                    holding.endpoints.count <= present, .noOrphans,
                    "\(holding.session) has \(holding.endpoints.count) endpoints for \(present) clients")
            }
        }
    }

    /// All that happened some time ago, to a session that is still held so, was told.
    private func judgeEvents(_ world: ClusterWorld) {
        for controller in world.controllers {
            guard let director = controller.director else { continue }
            for assignment in inspect(director).assignments {
                guard let worker = world.worker(assignment.worker),
                    let opened = assignedEpochs[assignment.session], opened.epoch == assignment.epoch
                else { continue }
                let told = toldSince(assignment.session, controller.node)
                let start = max(opened.at, told, worker.node.born)
                guard storeKept(since: start) else { continue }
                let all = produced[assignment.session] ?? []
                // What a process said just before it died may be lost with it, and its successor says the same again:
                // which of the two was told cannot be known.
                let doubtful = all.filter { $0.isDelivered && $0.worker == worker.id && $0.at <= worker.node.born }
                for entry in all
                where entry.at > start && start < .max && entry.worker == worker.id
                    && entry.epoch ?? assignment.epoch == assignment.epoch && entry.at + .seconds(20) < time.now
                {
                    check(
                        entry.isDelivered || doubtful.contains { $0.event.body == entry.event.body }, .events,
                        "\(controller.id) was never told \(entry.event.body) of \(assignment.session)")
                }
            }
        }
    }

    /// What the store counts is what it has recorded.
    private func judgeCounts(_ records: [Assignment]) {
        let census = store.store.census()
        for (worker, sessions) in census.assigned.sorted(by: { $0.key < $1.key }) {
            let recorded = Set(records.filter { $0.worker == worker }.map(\.session))
            check(
                sessions == recorded, .noOrphans,
                "\(worker) is counted to have \(sessions.count) sessions and has \(recorded.count)")
        }
    }

    /// When everybody has gone: nothing is left of them.
    func judgeEmptiness(_ world: ClusterWorld) {
        let left = store.store.census().sessions.filter { $0.state == .assigned }
        let names = left.map(\.assignment.session.rawValue).joined(separator: " ")
        check(left.isEmpty, .bounds, "the store still has \(names)")
        for worker in world.workers where worker.agent != nil {
            let inspection = inspect(worker)
            check(
                inspection.holding.isEmpty && inspection.outbox == 0 && inspection.waiting == 0, .bounds,
                "\(worker.id) still has \(inspection.holding.count) sessions, \(inspection.outbox) messages, "
                    + "\(inspection.waiting) commands")
            let endpoints = worker.reactors.reduce(0) { $0 + $1.load.endpoints }
            check(endpoints == 0, .bounds, "\(worker.id) still has \(endpoints) endpoints")
        }
        for controller in world.controllers {
            guard let director = controller.director else { continue }
            let inspection = inspect(director)
            check(
                inspection.sessions + inspection.assignments.count + inspection.mailboxes + inspection.calls
                    + inspection.unreleased == 0, .bounds,
                "\(controller.id) still has \(inspection.sessions) sessions, \(inspection.mailboxes) mailboxes, "
                    + "\(inspection.calls) calls, \(inspection.unreleased) to release")
        }
    }
}
