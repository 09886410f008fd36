import Logging
import RTP
import Session
import Store
import Wire

// Sessions leave a worker that is being drained. Media cannot move: its keys are where they are. So whoever has an
// endpoint there is told to open another, which gets a place elsewhere, and to close the old one once media flows on
// the new. What is empty then is given to another worker, or given up.
extension Director {
    func moveOffDrainedWorkers() async {
        var pace = MovePace()
        var former: Set<WorkerID> = []
        while !Task.isCancelled {
            for worker in former.subtracting(draining) { forgetAdvice(on: worker) }
            former = draining
            if !draining.isEmpty, liveness.isStoreReachable {
                for worker in draining.sorted() where liveness.isAlive(worker) {
                    adviseMoves(off: worker, &pace)
                    await removeEmptyUnits(from: worker)
                }
            }
            try? await clock.sleep(settings.moveInterval)
        }
    }

    /// Tells the next few, room by room: so each room is split over two workers for a short time only. Publishers
    /// come last in theirs: when all who play are on the new worker, what they play changes over in one place, without
    /// a pipe that would have to be filled first.
    private func adviseMoves(off worker: WorkerID, _ pace: inout MovePace) {
        // With nowhere to go, to move is to lose what one has.
        guard liveness.alive.contains(where: { !draining.contains($0) }) else { return }
        let held = unitNames(on: worker)
        let waiting = held.reduce(0) { $0 + (units[$1]?.unadvised.count ?? 0) }
        guard waiting > 0 else { return }
        let perSecond = max(settings.movesPerSecond, waiting / Limits.adviceSeconds)
        var left = pace.take(worker, perSecond, now: now)
        for name in held {
            guard left > 0 else { return }
            guard let unit = units[name] else { continue }
            let order = unit.unadvised.sorted {
                ($0.publishes ? 1 : 0, $0.id.rawValue) < ($1.publishes ? 1 : 0, $1.id.rawValue)
            }.map(\.id)
            for endpoint in order.prefix(left) {
                units[name]?.advised.insert(endpoint)
                counters.movesAdvised += 1
                enqueue(SessionEvent(session: unit.session, body: .moveAdvised(endpoint)))
            }
            left -= min(left, order.count)
        }
    }

    /// The drain was taken back; the next one is another.
    private func forgetAdvice(on worker: WorkerID) {
        for name in unitNames(on: worker) { units[name]?.advised = [] }
    }

    private func unitNames(on worker: WorkerID) -> [SessionID] {
        units.filter { $0.value.isServing && $0.value.assignment?.worker == worker }.map(\.key)
            .sorted { $0.rawValue < $1.rawValue }
    }

    private func removeEmptyUnits(from worker: WorkerID) async {
        let empty = unitNames(on: worker).filter {
            units[$0]?.endpoints.isEmpty == true && units[$0]?.isLeaving == false
        }
        for name in empty.prefix(Limits.departures) {
            guard let unit = units[name], unit.endpoints.isEmpty, let assignment = unit.assignment else { continue }
            units[name]?.isLeaving = true
            // This record is what other controllers see of the session: it must not go while others live.
            if name == unit.session {
                await rehome(assignment)
            } else {
                units[name]?.isLost = true
                counters.unitsMoved += 1
                await dismiss(name, assignment)
            }
            units[name]?.isLeaving = false
        }
    }

    /// Gives an empty unit to another worker.
    func rehome(_ former: Assignment, excluding excluded: Set<WorkerID> = []) async {
        var request = placementRequest(excluded: excluded.union([former.worker]).sorted())
        request.movedFrom = former.epoch
        let assignment: Assignment
        do throws(StoreError) {
            assignment = try await assign(former.session, request)
        } catch {
            // Tried again; what happened all the same is found then.
            return logger.debug(
                "a session cannot leave its worker yet",
                metadata: ["session": "\(former.session)", "error": "\(error)"])
        }
        guard assignment != former else { return }
        guard units[former.session]?.assignment == former else { return await dismiss(former.session, assignment) }
        units[former.session]?.assignment = assignment
        units[former.session]?.isLost = false
        units[former.session]?.advised = []
        units[former.session]?.isDirty = true
        counters.unitsMoved += 1
        let command = nextCommand(.closeSession, in: former, deadline: settings.operationDeadline)
        // A worker that does not hear it learns from the store that it is fenced.
        try? await store.send(command, to: former.worker)
    }
}

extension Director {
    /// The record that holds the session's name is lost, and other shards serve on: the name is taken again, before
    /// another controller does. The lost unit keeps its index under a name that the store does not know.
    func reclaimName(_ lost: Assignment) async {
        for _ in 0..<Limits.reclaimAttempts {
            guard let unit = units[lost.session], unit.assignment == lost, unit.isLost,
                sessions[unit.session]?.isLost == false
            else { return }
            let assignment = try? await assign(lost.session, placementRequest())
            guard let assignment, assignment != lost else {
                // Nobody has room, or the store does not know of the loss yet.
                try? await clock.sleep(settings.growthPause)
                continue
            }
            guard let unit = units[lost.session], unit.assignment == lost,
                let count = sessions[unit.session]?.units.count
            else { return await dismiss(lost.session, assignment) }
            let former = SessionID("\(lost.session)/lost-\(lost.epoch)")
            units[former] = unit
            sessions[unit.session]?.units[unit.index] = former
            sessions[unit.session]?.units.append(lost.session)
            units[lost.session] = Unit(session: unit.session, index: count, isDirty: true)
            return admit(assignment)
        }
    }
}

/// How many may be told now, worker by worker.
struct MovePace {
    private var told: [WorkerID: (since: Instant, count: Double)] = [:]

    /// - Returns: whole clients that are due by now at `perSecond`, at most those of one second.
    mutating func take(_ worker: WorkerID, _ perSecond: Int, now: Instant) -> Int {
        guard let last = told[worker] else {
            told[worker] = (now, 0)
            return 1
        }
        let due = min(Double(perSecond), last.count + Double((now - last.since).nanoseconds) / 1e9 * Double(perSecond))
        told[worker] = (now, due - due.rounded(.down))
        return Int(due)
    }
}

extension Unit {
    /// Endpoints in use whose holders were not told to move yet.
    fileprivate var unadvised: [SpecifiedEndpoint] {
        specification.endpoints.filter {
            $0.negotiated != nil && endpoints.contains($0.id) && !advised.contains($0.id)
        }
    }
}

extension SpecifiedEndpoint {
    /// Its peer sends.
    fileprivate var publishes: Bool { negotiated?.media.contains { $0.direction.receives } ?? false }
}
