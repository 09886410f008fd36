public import Session

/// What an operator can have the cluster do over HTTP.
public protocol ClusterControl: Sendable {
    /// The worker gets no new sessions; what is left after `time` is closed.
    /// - Throws: `.notFound` for a worker that is not known, `.storeUnavailable`.
    func drain(_ worker: WorkerID, within time: Duration) async throws(Refusal)
    /// The worker takes new sessions again.
    func undrain(_ worker: WorkerID) async throws(Refusal)
    /// Whether the bearer of the token may do these.
    func isOperator(_ token: String) async -> Bool
}
