public import Session
import Synchronization

/// The cluster's store within one process: for `apus up --embedded`, for tests and for the simulator.
/// Same contract as the Redis one; shared by handing out the same object.
public final class InMemoryStore: ClusterStore {
    let state = Mutex(MemoryState())
    let clock: ClusterClock

    /// - Parameter clock: what times to live and waits are measured with.
    public init(clock: ClusterClock = .system) { self.clock = clock }

    /// - Parameter now: the clock that times to live are measured with.
    public convenience init(now: @escaping @Sendable () -> ContinuousClock.Instant) {
        var clock = ClusterClock.system
        clock.now = now
        self.init(clock: clock)
    }

    func now() -> ContinuousClock.Instant { clock.now() }

    /// Runs `body` on the state with what has expired taken out, or throws when the store plays dead.
    func access<Result>(
        _ body: (inout MemoryState) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let instant = now()
        let outcome: Swift.Result<Result, StoreError> = state.withLock { state in
            guard state.isReachable else { return .failure(.unavailable("the store was made unreachable")) }
            state.expire(instant)
            do throws(StoreError) {
                return .success(try body(&state))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    // MARK: Faults, for tests and the simulator

    /// An unreachable store keeps its data, and times to live go on.
    package func setReachable(_ isReachable: Bool) {
        state.withLock { $0.isReachable = isReachable }
    }

    /// All that it holds now.
    package func snapshot() -> MemorySnapshot { state.withLock { MemorySnapshot(state: $0) } }

    /// Goes back to what it held then, as a replica does that takes over without the last writes. Streams stay
    /// readable: their numbers go on rising, as those of a real server do, which are times.
    package func restore(_ snapshot: MemorySnapshot) {
        state.withLock { state in
            var former = snapshot.state
            former.isReachable = state.isReachable
            former.planted = state.planted
            for name in Set(state.streams.keys).union(former.streams.keys).sorted() {
                former.streams[name, default: MemoryStream()].next = max(
                    former.streams[name]?.next ?? 0, state.streams[name]?.next ?? 0)
                former.streams[name]?.waiters = state.streams[name]?.waiters ?? []
            }
            state = former
        }
    }

    /// The record as it lies there, with no regard to expiry; nil also for one that was released.
    package func peek(_ session: SessionID) -> SessionRecord? {
        state.withLock { state in state.sessions[session].flatMap { $0.isReleased ? nil : $0.record } }
    }

    /// Everything at once, for who looks at it from outside.
    package func census() -> StoreCensus {
        state.withLock { state in
            StoreCensus(
                sessions: state.sessions.values.filter { !$0.isReleased }.map(\.record).sorted {
                    $0.assignment.session.rawValue < $1.assignment.session.rawValue
                },
                assigned: state.workers.mapValues(\.assigned), drained: Set(state.drains.keys),
                longestStream: state.streams.values.map(\.entries.count).max() ?? 0)
        }
    }

    package func plant(_ bug: PlantedBug?) { state.withLock { $0.planted = bug } }

    /// Loses all data, as FLUSHALL does.
    package func flush() {
        state.withLock { state in
            state.workers = [:]
            state.sessions = [:]
            state.drains = [:]
            state.controllers = [:]
            state.records = [:]
            state.free = []
            state.epoch = 0
            for name in state.streams.keys { state.streams[name]?.entries = [] }
        }
    }

    /// Every worker's and controller's heartbeat has run out, as in what a replica holds that is a second behind.
    package func endLeases() {
        state.withLock { state in
            for id in state.workers.keys { state.workers[id]?.report = nil }
            for id in state.controllers.keys { state.controllers[id]?.report = nil }
        }
    }

    // MARK: Workers

    public func heartbeat(
        _ report: WorkerReport, timeToLive: Duration
    ) async throws(StoreError) -> HeartbeatAnswer {
        try RecordCheck.report(report)
        let expiry = now().advanced(by: timeToLive)
        return try access { state throws(StoreError) in
            let previous = state.workers[report.id]?.report?.incarnation
            state.workers[report.id, default: MemoryWorker()].report = report
            state.workers[report.id]?.expiry = expiry
            state.expires(at: expiry)
            return HeartbeatAnswer(isRegistration: previous != report.incarnation)
        }
    }

    public func pulses() async throws(StoreError) -> [WorkerPulse] {
        try access { state throws(StoreError) in
            state.listedWorkers.map {
                WorkerPulse(
                    id: $0, incarnation: state.workers[$0]?.report?.incarnation, isDraining: state.drains[$0] != nil)
            }
        }
    }

    public func workers() async throws(StoreError) -> WorkerRoster {
        let instant = now()
        return try access { state throws(StoreError) in
            WorkerRoster(
                workers: state.listedWorkers.map { id in
                    RegisteredWorker(
                        id: id, report: state.workers[id]?.report, assignedSessions: state.assignedSessions(id),
                        drain: state.drains[id].map {
                            WorkerDrain(secondsLeft: max(0, ($0 - instant) / .seconds(1)))
                        })
                })
        }
    }

    public func reconcile(
        _ worker: WorkerID, incarnation: String, holding: [Assignment]
    ) async throws(StoreError) -> [SessionID] {
        try access { state throws(StoreError) in
            holding.filter { !state.reconcile($0, worker: worker, incarnation: incarnation) }.map(\.session)
        }
    }

    public func forget(_ worker: WorkerID) async throws(StoreError) {
        try access { state throws(StoreError) in
            guard let entry = state.workers[worker], entry.report == nil, entry.assigned.isEmpty else { return }
            state.workers[worker] = nil
            state.drains[worker] = nil
            state.streams["cmd:\(worker)"]?.entries = []
        }
    }

    // MARK: Drains

    public func drain(_ worker: WorkerID, within time: Duration) async throws(StoreError) {
        let deadline = now().advanced(by: max(.zero, min(time, .milliseconds(Limits.drainTime))))
        try access { state throws(StoreError) in
            guard state.workers[worker] != nil else { throw .notFound }
            state.drains[worker] = deadline
        }
    }

    public func undrain(_ worker: WorkerID) async throws(StoreError) {
        try access { state throws(StoreError) in
            guard state.workers[worker] != nil else { throw .notFound }
            state.drains[worker] = nil
        }
    }

    public func endDrains() async throws(StoreError) -> [Assignment] {
        let instant = now()
        let expiry = instant.advanced(by: .milliseconds(Limits.tombstoneLifetime))
        let (lost, wakes) = try access { state throws(StoreError) in
            let lost = state.endDrains(at: instant, expiry: expiry)
            return (lost, try state.tell(lost) { SessionEvent.drained($0) })
        }
        for waiter in wakes { waiter.wake() }
        return lost
    }

    // MARK: Sessions

    public func assign(
        _ session: SessionID, controller: ControllerID, request: PlacementRequest
    ) async throws(StoreError) -> Assignment {
        try RecordCheck.name(session.rawValue, "a session's id")
        try RecordCheck.name(controller.rawValue, "a controller's name")
        return try access { state throws(StoreError) in
            try state.assign(session, controller: controller, request: request)
        }
    }

    public func release(
        _ session: SessionID, controller: ControllerID, epoch: Epoch?
    ) async throws(StoreError) {
        let expiry = now().advanced(by: .milliseconds(Limits.tombstoneLifetime))
        try access { state throws(StoreError) in
            try state.release(session, controller: controller, epoch: epoch, expiry: expiry)
        }
    }

    public func session(_ session: SessionID) async throws(StoreError) -> SessionRecord? {
        try access { state throws(StoreError) in
            state.sessions[session].flatMap { $0.isReleased ? nil : $0.record }
        }
    }

    public func write(
        _ specification: SessionSpecification, of session: SessionID, epoch: Epoch
    ) async throws(StoreError) {
        try access { state throws(StoreError) in
            guard let entry = state.sessions[session], !entry.isReleased else { throw .notFound }
            guard entry.record.state == .assigned, entry.record.assignment.epoch == epoch else {
                throw .staleEpoch(entry.record.assignment.epoch)
            }
            state.sessions[session]?.record.specification = specification
        }
    }

    public func assignments() async throws(StoreError) -> [Assignment] {
        try access { state throws(StoreError) in
            state.workers.keys.sorted().flatMap { worker in
                state.assignedSessions(worker).compactMap { state.sessions[$0]?.record.assignment }
            }
        }
    }

    public func markLost(_ worker: WorkerID, sparing spared: String?) async throws(StoreError) -> LossReport {
        let expiry = now().advanced(by: .milliseconds(Limits.tombstoneLifetime))
        let (report, wakes) = try access { state throws(StoreError) in
            let report = state.markLost(worker, sparing: spared, expiry: expiry)
            return (report, try state.tell(report.lost) { SessionEvent.lost($0) })
        }
        for waiter in wakes { waiter.wake() }
        return report
    }

    // MARK: Messages

    public func send(_ command: CommandEnvelope, to worker: WorkerID) async throws(StoreError) {
        try append([RecordCoding.text(of: command)], to: "cmd:\(worker)")
    }

    public func publish(_ messages: [WorkerMessage], to controller: ControllerID) async throws(StoreError) {
        var texts: [String] = []
        for message in messages { texts.append(try RecordCoding.text(of: message)) }
        try append(texts, to: "evt:\(controller)")
    }

    public func receiveCommands(
        for worker: WorkerID, after cursor: StreamCursor, wait: Duration
    ) async throws(StoreError) -> StreamBatch<CommandEnvelope> {
        try await receive("cmd:\(worker)", after: cursor, wait: wait) { text throws(StoreError) in
            try RecordCoding.command(text)
        }
    }

    public func receiveMessages(
        for controller: ControllerID, after cursor: StreamCursor, wait: Duration
    ) async throws(StoreError) -> StreamBatch<WorkerMessage> {
        try await receive("evt:\(controller)", after: cursor, wait: wait) { text throws(StoreError) in
            try RecordCoding.message(text)
        }
    }

    public func send(_ order: WorkerOrder, to worker: WorkerID) async throws(StoreError) {
        try append([RecordCoding.text(of: order)], to: "order:\(worker)")
    }

    public func receiveOrders(
        for worker: WorkerID, after cursor: StreamCursor, wait: Duration
    ) async throws(StoreError) -> StreamBatch<WorkerOrder> {
        try await receive("order:\(worker)", after: cursor, wait: wait) { text throws(StoreError) in
            try RecordCoding.order(text)
        }
    }

    public func note(_ event: ClusterEvent) async throws(StoreError) {
        try access { state throws(StoreError) in
            state.events.append(event)
            if state.events.count > Limits.events { state.events.removeFirst() }
        }
    }

    public func events(limit: Int) async throws(StoreError) -> [ClusterEvent] {
        try access { state throws(StoreError) in Array(state.events.suffix(max(0, limit)).reversed()) }
    }

    public func close() async {
        let waiters = state.withLock { state in
            state.isReachable = false
            return state.streams.keys.sorted().flatMap { state.takeWaiters($0) }
        }
        for waiter in waiters { waiter.wake() }
    }

    private func append(_ texts: [String], to stream: String) throws(StoreError) {
        let waiters = try access { state throws(StoreError) in state.append(texts, to: stream) }
        for waiter in waiters { waiter.wake() }
    }

    func receive<Element>(
        _ stream: String, after cursor: StreamCursor, wait: Duration,
        decode: (String) throws(StoreError) -> Element
    ) async throws(StoreError) -> StreamBatch<Element> {
        if cursor == .latest {
            return StreamBatch(
                cursor: try access { state throws(StoreError) in
                    Self.cursor(state.streams[stream]?.next ?? 0)
                })
        }
        let after = UInt64(cursor.rawValue.prefix { $0 != "-" }) ?? 0
        let isEmpty = state.withLock { $0.isReachable ? $0.read(stream, after: after).isEmpty : true }
        if isEmpty, wait > .zero { await waitForMessage(on: stream, after: after, wait: wait) }
        guard !Task.isCancelled else { return StreamBatch(cursor: cursor) }
        let entries = try access { state throws(StoreError) in state.read(stream, after: after) }
        var batch = StreamBatch<Element>(cursor: cursor)
        for entry in entries {
            batch.cursor = Self.cursor(entry.sequence)
            do throws(StoreError) {
                batch.elements.append(try decode(entry.text))
                batch.positions.append(batch.cursor)
            } catch {
                batch.unreadable += 1
            }
        }
        return batch
    }

    /// In the form of Redis, which a worker may note down for its successor.
    private static func cursor(_ sequence: UInt64) -> StreamCursor { StreamCursor(rawValue: "\(sequence)-0") }

    /// Returns when a message may be there, when the wait is over, or when the task is cancelled.
    private func waitForMessage(on stream: String, after: UInt64, wait: Duration) async {
        let waiter = MemoryWaiter()
        let timer = Task { [clock] in
            try? await clock.sleep(wait)
            waiter.wake()
        }
        let isWaiting = state.withLock { state in
            guard !state.isReachable || state.read(stream, after: after).isEmpty else { return false }
            state.streams[stream, default: MemoryStream()].waiters.append(waiter)
            return true
        }
        if isWaiting {
            await withTaskCancellationHandler {
                await waiter.wait()
            } onCancel: {
                waiter.wake()
            }
        }
        timer.cancel()
        state.withLock { $0.streams[stream]?.waiters.removeAll { $0 === waiter } }
    }
}
