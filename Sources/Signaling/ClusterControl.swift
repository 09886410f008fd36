public import Session

/// What an operator can have the cluster do over HTTP.
public protocol ClusterControl: Sendable {
    /// The worker gets no new sessions; what is left after `time` is closed.
    /// - Throws: `.notFound` for a worker that is not known, `.storeUnavailable`.
    func drain(_ worker: WorkerID, within time: Duration) async throws(Refusal)
    /// The worker takes new sessions again.
    func undrain(_ worker: WorkerID) async throws(Refusal)
    /// The worker's media process is replaced by one of the executable that is on its disk now; its sessions go on.
    /// - Throws: `.notFound` for a worker that is not known, `.invalid` when the new process does not come up and the
    ///   old one goes on, `.noWorker`, `.overLimit`, `.timedOut`, `.storeUnavailable`.
    func upgrade(_ worker: WorkerID) async throws(Refusal) -> HandOver
    /// Whether the bearer of the token may do these.
    func isOperator(_ token: String) async -> Bool
}
