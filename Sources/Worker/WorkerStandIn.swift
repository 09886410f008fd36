public import Session
public import Store

/// Keeps a worker registered while its media process is replaced: it lives, and nobody is to give its sessions away.
public struct WorkerStandIn: Sendable {
    private let report: WorkerReport
    private let store: any ClusterStore

    /// - Parameter incarnation: that of the media processes.
    public init(
        _ id: WorkerID, incarnation: String, host: String, processID: Int32, reactors: Int, addresses: [String],
        store: any ClusterStore
    ) {
        report = WorkerReport(
            id: id, incarnation: incarnation, processID: processID, host: host, reactors: reactors,
            addresses: addresses)
        self.store = store
    }

    /// One heartbeat; a store that is away hears none, and declares nobody dead.
    public func heartbeat() async {
        _ = try? await store.heartbeat(report, timeToLive: Limits.timeToLive)
    }
}
