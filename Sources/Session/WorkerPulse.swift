/// Whether a worker lives, at one look at the store.
public struct WorkerPulse: Hashable, Sendable {
    public var id: WorkerID
    /// The start of its process that heartbeats now; nil when the last heartbeat is too long ago.
    public var incarnation: String?

    public init(id: WorkerID, incarnation: String?) {
        self.id = id
        self.incarnation = incarnation
    }
}
