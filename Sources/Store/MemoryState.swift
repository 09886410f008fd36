package import Session
import Synchronization

/// What ``InMemoryStore`` keeps. Each method is one step of the contract; the scripts of the Redis
/// store do the same ones.
struct MemoryState {
    var isReachable = true
    var planted: PlantedBug?
    var workers: [WorkerID: MemoryWorker] = [:]
    var sessions: [SessionID: MemorySession] = [:]
    var streams: [String: MemoryStream] = [:]
    /// Oldest first.
    var events: [ClusterEvent] = []
    /// When what is left on a worker that is being drained is closed.
    var drains: [WorkerID: ContinuousClock.Instant] = [:]
    var epoch: UInt64 = 0
    var controllers: [ControllerID: MemoryController] = [:]
    var records: [String: MemoryRecord] = [:]
    var recordTerm: UInt64 = 0
    /// Sessions whose controllers gave them up.
    var free: Set<SessionID> = []
    private var expiring: [(session: SessionID, expiry: ContinuousClock.Instant)] = []

    /// Those that have sent a heartbeat, by name. One that puts its sessions back into a store that lost its data is
    /// not on the list before its next one: it would seem to have died.
    var listedWorkers: [WorkerID] { workers.lazy.filter { $0.value.expiry != nil }.map(\.key).sorted() }

    func assignedSessions(_ worker: WorkerID) -> [SessionID] {
        (workers[worker]?.assigned ?? []).sorted { $0.rawValue < $1.rawValue }
    }

    /// Everything that ends by itself is told here when it is written; until the soonest of it nothing is looked for.
    private var soonestExpiry: ContinuousClock.Instant?

    mutating func expires(at expiry: ContinuousClock.Instant) {
        soonestExpiry = min(soonestExpiry ?? expiry, expiry)
    }

    mutating func expire(_ now: ContinuousClock.Instant) {
        guard let soonestExpiry, soonestExpiry <= now else { return }
        self.soonestExpiry = nil
        for (id, worker) in workers where worker.report != nil {
            if let expiry = worker.expiry, expiry > now { expires(at: expiry) } else { workers[id]?.report = nil }
        }
        for (id, controller) in controllers where controller.report != nil {
            if controller.expiry > now { expires(at: controller.expiry) } else { controllers[id]?.report = nil }
        }
        for (name, record) in records {
            if record.expiry > now { expires(at: record.expiry) } else { records[name] = nil }
        }
        let due = expiring.prefix { $0.expiry <= now }
        for entry in due where sessions[entry.session]?.expiry == entry.expiry { sessions[entry.session] = nil }
        if !due.isEmpty { expiring.removeFirst(due.count) }
        if let next = expiring.first { expires(at: next.expiry) }
    }

    /// All records that expire have the same time to live, so the list is in the order of expiry.
    private mutating func expire(_ session: SessionID, at expiry: ContinuousClock.Instant) {
        sessions[session]?.expiry = expiry
        expiring.append((session, expiry))
        expires(at: expiry)
    }

    mutating func assign(
        _ session: SessionID, controller: ControllerID, request: PlacementRequest
    ) throws(StoreError) -> Assignment {
        let entry = sessions[session]
        let isLeft = request.movedFrom == nil && !request.life.isEmpty && entry?.life != request.life
        if let entry, !entry.isReleased, entry.record.state == .assigned {
            guard entry.record.assignment.controller == controller else {
                throw .conflict(entry.record.assignment)
            }
            let isMoved = request.movedFrom == entry.record.assignment.epoch
            guard isMoved || isLeft || planted == .assignmentRepeated else { return entry.record.assignment }
        }
        let candidates = workers.compactMap { id, worker in
            worker.report.map {
                PlacementCandidate(
                    $0, assignedSessions: planted == .countsNotReserved ? $0.load.sessions : worker.assigned.count,
                    isDraining: drains[id] != nil && planted != .drainIgnored)
            }
        }
        let worker: WorkerID
        do throws(Refusal) {
            worker = try Placement.choose(candidates, for: request)
        } catch {
            throw .refused(error)
        }
        raiseEpoch(above: max(request.epochFloor.rawValue, entry?.record.assignment.epoch.rawValue ?? 0))
        let assignment = Assignment(
            session: session, worker: worker, incarnation: workers[worker]?.report?.incarnation ?? "",
            epoch: Epoch(epoch), controller: controller)
        let specification = entry.flatMap { $0.isReleased || isLeft ? nil : $0.record.specification }
        if let former = entry?.record.assignment.worker { workers[former]?.assigned.remove(session) }
        sessions[session] = MemorySession(
            record: SessionRecord(assignment: assignment, state: .assigned, specification: specification),
            life: request.life)
        workers[worker]?.assigned.insert(session)
        free.remove(session)
        return assignment
    }

    mutating func release(
        _ session: SessionID, controller: ControllerID, epoch: Epoch?, expiry: ContinuousClock.Instant
    ) throws(StoreError) {
        guard let entry = sessions[session], !entry.isReleased else { return }
        let assignment = entry.record.assignment
        if let epoch {
            let isOwnLoss = entry.record.state == .lost && assignment.controller == controller
            let isAllowed = assignment.epoch <= epoch || isOwnLoss || planted == .releaseUnfenced
            guard isAllowed else { throw .staleEpoch(assignment.epoch) }
            guard assignment.controller == controller || assignment.epoch < epoch || entry.record.state == .lost
            else { throw .conflict(assignment) }
        } else if assignment.controller != controller {
            throw .conflict(assignment)
        }
        workers[assignment.worker]?.assigned.remove(session)
        sessions[session]?.isReleased = true
        sessions[session]?.record.specification = nil
        expire(session, at: expiry)
    }

    mutating func markLost(
        _ worker: WorkerID, sparing spared: String?, expiry: ContinuousClock.Instant
    ) -> LossReport {
        let living = workers[worker]?.report?.incarnation
        var lost: [Assignment] = []
        for session in assignedSessions(worker) {
            guard let entry = sessions[session] else { continue }
            let incarnation = entry.record.assignment.incarnation
            if incarnation == living || incarnation == spared { continue }
            lost.append(lose(session, entry, expiry: expiry))
        }
        return LossReport(livingIncarnation: living, lost: lost)
    }

    mutating func endDrains(at now: ContinuousClock.Instant, expiry: ContinuousClock.Instant) -> [Assignment] {
        var lost: [Assignment] = []
        for worker in drains.lazy.filter({ $0.value <= now }).map(\.key).sorted() {
            for session in assignedSessions(worker).prefix(Limits.drainBatch) {
                if let entry = sessions[session] { lost.append(lose(session, entry, expiry: expiry)) }
            }
        }
        return lost
    }

    /// - Returns: the assignment that is void now.
    private mutating func lose(
        _ session: SessionID, _ entry: MemorySession, expiry: ContinuousClock.Instant
    ) -> Assignment {
        let assignment = entry.record.assignment
        if planted != .lossKeepsEpoch { raiseEpoch(above: assignment.epoch.rawValue) }
        sessions[session]?.record.state = .lost
        if planted != .lossKeepsEpoch { sessions[session]?.record.assignment.epoch = Epoch(epoch) }
        expire(session, at: expiry)
        workers[assignment.worker]?.assigned.remove(session)
        return assignment
    }

    /// Puts an event about each assignment on its controller's stream.
    mutating func tell(
        _ lost: [Assignment], _ event: (Assignment) -> SessionEvent
    ) throws(StoreError) -> [MemoryWaiter] {
        var wakes: [MemoryWaiter] = []
        for assignment in lost {
            let text = try RecordCoding.text(of: WorkerMessage.event(event(assignment), assignment.epoch))
            wakes += append([text], to: "evt:\(assignment.controller)")
        }
        return wakes
    }

    /// Whether the worker may keep the session.
    mutating func reconcile(_ held: Assignment, worker: WorkerID, incarnation: String) -> Bool {
        guard held.worker == worker, held.incarnation == incarnation else { return false }
        if let entry = sessions[held.session] {
            let current = entry.record.assignment
            guard current.epoch >= held.epoch else {
                workers[current.worker]?.assigned.remove(held.session)
                record(held, specification: entry.record.specification)
                return true
            }
            // Its controller may have changed without the worker having heard of it.
            return current.worker == held.worker && current.incarnation == held.incarnation
                && current.epoch == held.epoch && entry.record.state == .assigned && !entry.isReleased
        }
        record(held, specification: nil)
        return true
    }

    private mutating func record(_ held: Assignment, specification: SessionSpecification?) {
        epoch = max(epoch, held.epoch.rawValue)
        sessions[held.session] = MemorySession(
            record: SessionRecord(assignment: held, state: .assigned, specification: specification))
        workers[held.worker, default: MemoryWorker()].assigned.insert(held.session)
    }

    private mutating func raiseEpoch(above floor: UInt64) {
        epoch = max(epoch, floor) &+ 1
    }

    // MARK: Streams

    /// - Returns: who is to be woken, once the lock is given back.
    mutating func append(_ texts: [String], to stream: String) -> [MemoryWaiter] {
        streams[stream, default: MemoryStream()].append(texts)
        return takeWaiters(stream)
    }

    mutating func takeWaiters(_ stream: String) -> [MemoryWaiter] {
        let waiters = streams[stream]?.waiters ?? []
        streams[stream]?.waiters = []
        return waiters
    }

    func read(_ stream: String, after: UInt64) -> ArraySlice<MemoryStream.Entry> {
        guard let entries = streams[stream]?.entries else { return [] }
        // By halves: what was lost in a failover leaves a gap in the numbers.
        var (low, high) = (entries.startIndex, entries.endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if entries[middle].sequence > after { high = middle } else { low = middle + 1 }
        }
        return entries[low...].prefix(Limits.streamBatch)
    }
}

/// What an ``InMemoryStore`` held at some moment.
package struct MemorySnapshot: Sendable {
    let state: MemoryState
}

/// What is in an ``InMemoryStore``.
package struct StoreCensus: Sendable {
    /// By name; those that were released are left out.
    package var sessions: [SessionRecord]
    /// What each worker is counted to have.
    package var assigned: [WorkerID: Set<SessionID>]
    package var drained: Set<WorkerID>
    /// Messages in the longest stream.
    package var longestStream: Int
}

struct MemoryWorker {
    /// Nil when dead.
    var report: WorkerReport?
    /// Nil before its first heartbeat.
    var expiry: ContinuousClock.Instant?
    var assigned: Set<SessionID> = []
}

struct MemorySession {
    var record: SessionRecord
    /// Of the controller that had it placed; nil for what a worker put back.
    var life: String?
    /// Stays for a while, so that a worker which still holds the session is told to let it go.
    var isReleased = false
    var expiry: ContinuousClock.Instant?
}

struct MemoryStream {
    struct Entry {
        var sequence: UInt64
        var text: String
    }

    var entries: [Entry] = []
    /// The sequence of the newest message; the first one has 1.
    var next: UInt64 = 0
    var waiters: [MemoryWaiter] = []

    mutating func append(_ texts: [String]) {
        for text in texts {
            next += 1
            entries.append(Entry(sequence: next, text: text))
        }
        // In chunks, for an array shifts all that stays.
        if entries.count > Limits.streamLength + Limits.streamLength / 8 {
            entries.removeFirst(entries.count - Limits.streamLength)
        }
    }
}

/// One task that waits, woken once by whoever comes first.
final class MemoryWaiter: Sendable {
    private enum Phase {
        case idle, woken
        case waiting(CheckedContinuation<Void, Never>)
    }
    private let phase = Mutex(Phase.idle)

    func wait() async {
        await withCheckedContinuation { continuation in
            let isWoken = phase.withLock { phase in
                if case .woken = phase { return true }
                phase = .waiting(continuation)
                return false
            }
            if isWoken { continuation.resume() }
        }
    }

    func wake() {
        let continuation: CheckedContinuation<Void, Never>? = phase.withLock { phase in
            defer { phase = .woken }
            if case .waiting(let continuation) = phase { return continuation }
            return nil
        }
        continuation?.resume()
    }
}

extension SessionEvent {
    /// The event that tells a controller that the assignment is void because its worker is gone.
    static func lost(_ assignment: Assignment) -> SessionEvent {
        SessionEvent(
            session: assignment.session,
            body: .sessionLost(Refusal(.workerLost, "worker \(assignment.worker) stopped; open a new session")))
    }

    /// The event that tells a controller that the assignment is void because its worker's drain is over.
    static func drained(_ assignment: Assignment) -> SessionEvent {
        let text = "worker \(assignment.worker) is being drained and its time is up; open a new session"
        return SessionEvent(
            session: assignment.session, body: .sessionLost(Refusal(.workerDrained, text, retryAfter: 0)))
    }
}
