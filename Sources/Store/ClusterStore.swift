public import Session

/// What the cluster agrees on: who is alive, who owns which session, and the messages between
/// controllers and workers.
///
/// Shaped for the cluster contract, not for a database. Each method is atomic towards all the others.
/// Every method returns within half a second or throws ``StoreError/unavailable(_:)``; only the two
/// `receive…` methods wait longer, as long as their caller says. Nothing here may be used as proof of
/// a worker's health while the store itself cannot be reached.
///
/// A worker's life against it:
/// 1. `receiveCommands(for: id, after: .latest, wait: .zero)` for the cursor;
/// 2. `heartbeat` every 250 ms; when it answers ``HeartbeatAnswer/isRegistration``, and every few seconds,
///    `reconcile` what it holds;
/// 3. a loop of `receiveCommands`, answering each with `publish`.
public protocol ClusterStore: Sendable {
    // MARK: Workers

    /// Registers the worker or keeps it registered: it counts as alive for `timeToLive` from now.
    /// Names are 1–128 characters of `A-Z a-z 0-9 . - _ : /`; others throw ``StoreError/invalid(_:)``.
    func heartbeat(_ report: WorkerReport, timeToLive: Duration) async throws(StoreError) -> HeartbeatAnswer

    /// Which workers live, and in which incarnation, by name. Small: for looking several times a second.
    func pulses() async throws(StoreError) -> [WorkerPulse]

    /// All registered workers in the order of their names, dead ones included until they are forgotten.
    func workers() async throws(StoreError) -> WorkerRoster

    /// The worker says what it holds, after it (re-)registered. What the store has forgotten (restart,
    /// FLUSHALL, a failover that lost writes) is recorded again.
    /// - Returns: the sessions that it must let go at once: they have another owner or a higher epoch.
    func reconcile(
        _ worker: WorkerID, incarnation: String, holding: [Assignment]
    ) async throws(StoreError) -> [SessionID]

    /// Takes a dead worker without sessions off the list. No effect on one that lives or holds sessions.
    func forget(_ worker: WorkerID) async throws(StoreError)

    // MARK: Drains

    /// From now on the worker gets no new session. What it still has after `time`, by the store's clock,
    /// ``endDrains()`` closes. Ordered again, the new time counts. Kept until it is taken back, or until
    /// the worker is forgotten. Throws ``StoreError/notFound`` for a worker that is not registered.
    func drain(_ worker: WorkerID, within time: Duration) async throws(StoreError)

    /// The worker takes new sessions again. Throws ``StoreError/notFound`` as ``drain(_:within:)`` does;
    /// one that is not drained is fine.
    func undrain(_ worker: WorkerID) async throws(StoreError)

    /// Marks as lost, as ``markLost(_:sparing:)`` does but with `workerDrained` for a reason, the sessions of every
    /// worker whose drain is past its time; not all at once, so that not all clients come back at once.
    /// - Returns: the sessions that this call marked, with the epoch that they were lost under.
    func endDrains() async throws(StoreError) -> [Assignment]

    // MARK: Sessions

    /// Gives the session to the worker that `Placement.choose` names, under a new, higher epoch. Choice
    /// and assignment are one step: counts include every assignment made before, by any controller.
    ///
    /// Idempotent for the same life of a controller: a session that is assigned keeps its owner and epoch, unless the
    /// request says to move it from just that one (``PlacementRequest/movedFrom``). What another life of the controller
    /// had is taken from its worker, with all that was there (``PlacementRequest/life``).
    /// Throws ``StoreError/refused(_:)`` (`.noWorker`, `.overLimit`), or ``StoreError/conflict(_:)`` when
    /// another controller has it.
    func assign(
        _ session: SessionID, controller: ControllerID, request: PlacementRequest
    ) async throws(StoreError) -> Assignment

    /// Forgets the session. With an epoch: throws ``StoreError/staleEpoch(_:)`` when the record's is higher
    /// (unless it is the same controller's lost session). Without: whatever the epoch, but only when
    /// `controller` opened it, else ``StoreError/conflict(_:)``. A session that is not there is fine.
    func release(_ session: SessionID, controller: ControllerID, epoch: Epoch?) async throws(StoreError)

    /// The session's record, nil when there is none.
    func session(_ session: SessionID) async throws(StoreError) -> SessionRecord?

    /// Stores what the session is made of. Throws ``StoreError/staleEpoch(_:)`` unless `epoch` is that of
    /// the session's present assignment, or ``StoreError/notFound``.
    func write(
        _ specification: SessionSpecification, of session: SessionID, epoch: Epoch
    ) async throws(StoreError)

    /// All current assignments, by worker and session name.
    func assignments() async throws(StoreError) -> [Assignment]

    /// Marks as lost every session of `worker` that no living incarnation of it holds, raises their
    /// epochs so that the old owner is fenced, and puts a `sessionLost` event on the stream of the
    /// controller of each. Does nothing to what a living incarnation holds, however the caller came to
    /// think it dead. Of several callers, one gets each session.
    ///
    /// - Parameter spared: an incarnation that was seen alive: what it holds is not touched either, though its time to
    ///   live may have passed since. The store itself may have been away.
    func markLost(_ worker: WorkerID, sparing spared: String?) async throws(StoreError) -> LossReport

    // MARK: Controllers

    /// Registers the controller or keeps it registered: it counts as alive for `timeToLive` from now. While another
    /// process holds the name, nothing is registered.
    func heartbeat(_ report: ControllerReport, timeToLive: Duration) async throws(StoreError) -> ControllerRoster

    /// What the living controllers say of themselves, by name. Reports that cannot be read are left out.
    func controllers() async throws(StoreError) -> [ControllerReport]

    /// Makes sessions this controller's that it had in an earlier life, or that a controller has which is dead or
    /// gave them up. Those that are not there are left out.
    /// Throws ``StoreError/conflict(_:)`` when a living controller has one; then none is changed.
    func adopt(_ sessions: [SessionID], by controller: ControllerID) async throws(StoreError) -> [AdoptedUnit]

    /// Writes a signaling record. With the term of its claim or of its first write: throws
    /// ``StoreError/staleEpoch(_:)`` when somebody has claimed it since, ``StoreError/notFound`` when it is gone.
    /// Without: makes the record, or replaces one that ``claim(_:by:)`` would give to this controller; throws
    /// ``StoreError/held(_:)`` otherwise. Throws ``StoreError/tooLarge`` and changes nothing.
    /// - Returns: the term for the next write.
    func save(
        _ changes: RecordChanges, in record: String, by controller: ControllerID, term: Epoch?
    ) async throws(StoreError) -> Epoch

    /// Makes the record this controller's if nobody, a dead controller or an earlier life of this one has it. Throws
    /// ``StoreError/held(_:)`` when a living controller has it, after putting a `recordWanted` on its stream, or
    /// ``StoreError/notFound``.
    func claim(_ record: String, by controller: ControllerID) async throws(StoreError) -> ClaimedRecord

    /// Takes the record away if the term is that of its last claim.
    func forget(_ record: String, by controller: ControllerID, term: Epoch) async throws(StoreError)

    /// Records under their terms, and sessions of this controller, are anybody's from now on.
    func giveUp(
        _ records: [String: Epoch], with sessions: [SessionID], by controller: ControllerID
    ) async throws(StoreError)

    /// Messages on a controller's stream after `cursor`, without waiting and from whoever asks.
    func messages(
        to controller: ControllerID, after cursor: StreamCursor
    ) async throws(StoreError) -> StreamBatch<WorkerMessage>

    // MARK: Messages

    /// Puts a command on the worker's stream. The oldest commands go when it is full.
    func send(_ command: CommandEnvelope, to worker: WorkerID) async throws(StoreError)

    /// Commands after `cursor`; waits up to `wait` for the first one. With ``StreamCursor/latest`` it
    /// returns at once with no elements and the cursor to go on from.
    /// One reader per worker and process. Throws only after `wait` has passed, so that a loop around it
    /// needs no back-off; a cancelled task gets an empty batch at once.
    func receiveCommands(
        for worker: WorkerID, after cursor: StreamCursor, wait: Duration
    ) async throws(StoreError) -> StreamBatch<CommandEnvelope>

    /// Puts messages on the controller's stream, in their order. The oldest go when it is full.
    func publish(_ messages: [WorkerMessage], to controller: ControllerID) async throws(StoreError)

    /// Messages after `cursor`, as ``receiveCommands(for:after:wait:)`` does it.
    func receiveMessages(
        for controller: ControllerID, after cursor: StreamCursor, wait: Duration
    ) async throws(StoreError) -> StreamBatch<WorkerMessage>

    // MARK: Orders and events

    /// Tells the worker's guardian to do something, at most once.
    func send(_ order: WorkerOrder, to worker: WorkerID) async throws(StoreError)

    /// Orders after `cursor`, as ``receiveCommands(for:after:wait:)`` does it.
    func receiveOrders(
        for worker: WorkerID, after cursor: StreamCursor, wait: Duration
    ) async throws(StoreError) -> StreamBatch<WorkerOrder>

    /// Keeps the event for people to see. The oldest go when there are many.
    func note(_ event: ClusterEvent) async throws(StoreError)

    /// The newest events that are kept, newest first, at most `limit`.
    func events(limit: Int) async throws(StoreError) -> [ClusterEvent]

    /// Ends connections and threads. Everything after it throws ``StoreError/unavailable(_:)``.
    func close() async
}

// A store that knows no guardians and keeps no events.
extension ClusterStore {
    public func send(_ order: WorkerOrder, to worker: WorkerID) async throws(StoreError) {
        throw .invalid("this store takes no orders")
    }

    public func receiveOrders(
        for worker: WorkerID, after cursor: StreamCursor, wait: Duration
    ) async throws(StoreError) -> StreamBatch<WorkerOrder> {
        StreamBatch(cursor: .beginning)
    }

    public func note(_ event: ClusterEvent) async throws(StoreError) {}

    public func events(limit: Int) async throws(StoreError) -> [ClusterEvent] { [] }
}

extension ClusterStore {
    /// Spares nobody but the living.
    public func markLost(_ worker: WorkerID) async throws(StoreError) -> LossReport {
        try await markLost(worker, sparing: nil)
    }
}
