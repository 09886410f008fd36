/// Whether a worker lives, at one look at the store.
public struct WorkerPulse: Hashable, Sendable {
    public var id: WorkerID
    /// The start of its process that heartbeats now; nil when the last heartbeat is too long ago.
    public var incarnation: String?

    /// It is to be emptied.
    public var isDraining: Bool

    public init(id: WorkerID, incarnation: String?, isDraining: Bool = false) {
        self.id = id
        self.incarnation = incarnation
        self.isDraining = isDraining
    }
}
