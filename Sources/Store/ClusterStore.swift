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
    /// Idempotent for the same controller: a session that is assigned keeps its owner and epoch.
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

    /// Ends connections and threads. Everything after it throws ``StoreError/unavailable(_:)``.
    func close() async
}

extension ClusterStore {
    /// Spares nobody but the living.
    public func markLost(_ worker: WorkerID) async throws(StoreError) -> LossReport {
        try await markLost(worker, sparing: nil)
    }
}
