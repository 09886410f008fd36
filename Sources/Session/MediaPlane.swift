/// The cluster as a protocol front door sees it: sessions are opened somewhere, operations reach
/// whichever worker owns them, events come back. `Controller.Director` is the one in production.
public protocol MediaPlane: Sendable {
    /// Places a new session on a worker. Refuses with `.noWorker`, `.overLimit` or `.storeUnavailable`.
    func open(_ session: SessionID) async throws(Refusal) -> WorkerID

    /// Has the owner of `session` do `operation`; returns within the plane's deadline.
    func perform(_ operation: Operation, in session: SessionID) async throws(Refusal) -> Outcome

    /// Closes the session wherever it is and forgets it. Never fails: an unreachable owner is fenced.
    func close(_ session: SessionID) async

    /// The worker that owns the session now.
    func owner(of session: SessionID) async -> WorkerID?

    /// Registers the one receiver of a session's events; they arrive in the order in which they happened.
    func subscribe(to session: SessionID, _ receive: @escaping @Sendable (SessionEvent) async -> Void) async

    /// Takes over a session that an earlier life of this controller opened, or a controller that is dead or gave it
    /// up. To be followed by ``subscribe(to:_:)``; events that came after `position` and were taken by nobody arrive
    /// first. Refuses with `.notFound` for what is gone, with `.elsewhere` for what another controller has.
    /// - Parameter position: of the last event that was taken, as ``SessionEvent/position`` told it.
    func adopt(_ session: SessionID, after position: String?) async throws(Refusal)

    /// Forgets a session that another controller has now, without touching it.
    func disown(_ session: SessionID) async

    /// Workers and their load, for status and metrics.
    func workers() async -> [WorkerStatus]
}

extension MediaPlane {
    /// For planes that remember nothing.
    public func adopt(_ session: SessionID, after position: String?) async throws(Refusal) {
        throw Refusal(.notFound, "session \(session) is not known")
    }

    public func disown(_ session: SessionID) async {}
}
