import Session
import Store

/// A process's connection to the store over the simulated network, and where what the cluster agrees on is watched.
final class StoreEdge: ClusterStore, @unchecked Sendable {
    private let node: Node
    private let server: StoreNode
    private let watch: ClusterWatch

    init(_ node: Node, _ server: StoreNode, _ watch: ClusterWatch) {
        self.node = node
        self.server = server
        self.watch = watch
    }

    private func exchange<Value: Sendable>(
        lane: String = "", wait: Duration = .zero, isRead: Bool = false,
        _ body: @escaping @Sendable (InMemoryStore) async throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await unsafe withUnsafeContinuation { continuation in
            server.exchange(
                from: node, lane: lane, wait: wait.inNanoseconds, isRead: isRead,
                { store in
                    do throws(StoreError) {
                        return .success(try await body(store))
                    } catch {
                        return .failure(error)
                    }
                }, { unsafe continuation.resume(returning: $0) })
        }
        return try result.get()
    }

    func heartbeat(_ report: WorkerReport, timeToLive: Duration) async throws(StoreError) -> HeartbeatAnswer {
        try await exchange { [watch] store throws(StoreError) in
            let answer = try await store.heartbeat(report, timeToLive: timeToLive)
            watch.heartbeat(report)
            return answer
        }
    }

    func pulses() async throws(StoreError) -> [WorkerPulse] {
        try await exchange(isRead: true) { store throws(StoreError) in try await store.pulses() }
    }

    func workers() async throws(StoreError) -> WorkerRoster {
        try await exchange(isRead: true) { store throws(StoreError) in try await store.workers() }
    }

    func reconcile(
        _ worker: WorkerID, incarnation: String, holding: [Assignment]
    ) async throws(StoreError) -> [SessionID] {
        let lost = try await exchange { store throws(StoreError) in
            try await store.reconcile(worker, incarnation: incarnation, holding: holding)
        }
        watch.reconciled(worker, incarnation, lost: lost)
        return lost
    }

    func forget(_ worker: WorkerID) async throws(StoreError) {
        try await exchange { store throws(StoreError) in try await store.forget(worker) }
    }

    func drain(_ worker: WorkerID, within time: Duration) async throws(StoreError) {
        try await exchange { store throws(StoreError) in try await store.drain(worker, within: time) }
    }

    func undrain(_ worker: WorkerID) async throws(StoreError) {
        try await exchange { store throws(StoreError) in try await store.undrain(worker) }
    }

    func endDrains() async throws(StoreError) -> [Assignment] {
        try await exchange { [watch] store throws(StoreError) in
            let closed = try await store.endDrains()
            for assignment in closed { watch.drained(assignment) }
            return closed
        }
    }

    func assign(
        _ session: SessionID, controller: ControllerID, request: PlacementRequest
    ) async throws(StoreError) -> Assignment {
        try await exchange { [watch] store throws(StoreError) in
            let former = store.peek(session)
            let assignment = try await store.assign(session, controller: controller, request: request)
            watch.assigned(assignment, former: former, request)
            return assignment
        }
    }

    func release(_ session: SessionID, controller: ControllerID, epoch: Epoch?) async throws(StoreError) {
        try await exchange { [watch] store throws(StoreError) in
            let former = store.peek(session)
            try await store.release(session, controller: controller, epoch: epoch)
            watch.released(session, by: controller, epoch: epoch, former: former)
        }
    }

    func session(_ session: SessionID) async throws(StoreError) -> SessionRecord? {
        try await exchange(isRead: true) { store throws(StoreError) in try await store.session(session) }
    }

    func write(
        _ specification: SessionSpecification, of session: SessionID, epoch: Epoch
    ) async throws(StoreError) {
        try await exchange { store throws(StoreError) in
            try await store.write(specification, of: session, epoch: epoch)
        }
    }

    func assignments() async throws(StoreError) -> [Assignment] {
        try await exchange(isRead: true) { store throws(StoreError) in try await store.assignments() }
    }

    func markLost(_ worker: WorkerID, sparing spared: String?) async throws(StoreError) -> LossReport {
        try await exchange { [watch, node] store throws(StoreError) in
            let report = try await store.markLost(worker, sparing: spared)
            for assignment in report.lost { watch.lost(assignment, after: store.peek(assignment.session), by: node) }
            return report
        }
    }

    func heartbeat(_ report: ControllerReport, timeToLive: Duration) async throws(StoreError) -> ControllerRoster {
        try await exchange { store throws(StoreError) in try await store.heartbeat(report, timeToLive: timeToLive) }
    }

    func controllers() async throws(StoreError) -> [ControllerReport] {
        try await exchange(isRead: true) { store throws(StoreError) in try await store.controllers() }
    }

    func adopt(_ sessions: [SessionID], by controller: ControllerID) async throws(StoreError) -> [AdoptedUnit] {
        try await exchange { [watch] store throws(StoreError) in
            let units = try await store.adopt(sessions, by: controller)
            for unit in units { watch.adopted(unit, by: controller) }
            return units
        }
    }

    func save(
        _ changes: RecordChanges, in record: String, by controller: ControllerID, term: Epoch?
    ) async throws(StoreError) -> Epoch {
        try await exchange { store throws(StoreError) in
            try await store.save(changes, in: record, by: controller, term: term)
        }
    }

    func claim(_ record: String, by controller: ControllerID) async throws(StoreError) -> ClaimedRecord {
        try await exchange { store throws(StoreError) in try await store.claim(record, by: controller) }
    }

    func forget(_ record: String, by controller: ControllerID, term: Epoch) async throws(StoreError) {
        try await exchange { store throws(StoreError) in
            try await store.forget(record, by: controller, term: term)
        }
    }

    func giveUp(
        _ records: [String: Epoch], with sessions: [SessionID], by controller: ControllerID
    ) async throws(StoreError) {
        try await exchange { store throws(StoreError) in
            try await store.giveUp(records, with: sessions, by: controller)
        }
    }

    func messages(
        to controller: ControllerID, after cursor: StreamCursor
    ) async throws(StoreError) -> StreamBatch<WorkerMessage> {
        try await exchange { store throws(StoreError) in try await store.messages(to: controller, after: cursor) }
    }

    func send(_ command: CommandEnvelope, to worker: WorkerID) async throws(StoreError) {
        try await exchange { store throws(StoreError) in try await store.send(command, to: worker) }
    }

    func publish(_ messages: [WorkerMessage], to controller: ControllerID) async throws(StoreError) {
        do throws(StoreError) {
            try await exchange { store throws(StoreError) in try await store.publish(messages, to: controller) }
        } catch {
            watch.publicationFailed(by: node.host)
            throw error
        }
    }

    func receiveCommands(
        for worker: WorkerID, after cursor: StreamCursor, wait: Duration
    ) async throws(StoreError) -> StreamBatch<CommandEnvelope> {
        try await exchange(lane: "commands", wait: wait) { store throws(StoreError) in
            try await store.receiveCommands(for: worker, after: cursor, wait: wait)
        }
    }

    func receiveMessages(
        for controller: ControllerID, after cursor: StreamCursor, wait: Duration
    ) async throws(StoreError) -> StreamBatch<WorkerMessage> {
        try await exchange(lane: "messages", wait: wait) { store throws(StoreError) in
            try await store.receiveMessages(for: controller, after: cursor, wait: wait)
        }
    }

    func close() async {}
}
