/// What must be so in a cluster, whatever happens to it. The numbers are those of the list in `Simulations/README.md`.
public enum ClusterInvariant: String, Hashable, Sendable, CaseIterable {
    /// I1: no two workers hold a session under one epoch, and one that stood still sends nothing for what has moved.
    case oneOwner = "I1 one owner"
    /// I2: epochs only rise, and nothing under a lower one takes effect.
    case epochs = "I2 epochs rise"
    /// I3: after recovery, store, workers and controllers agree on every session.
    case noOrphans = "I3 no orphans"
    /// I4: what is asked for twice is done once.
    case idempotence = "I4 idempotence"
    /// I5: after recovery, everybody who wants to be there is.
    case recovery = "I5 recovery"
    /// I6: no worker is given more than it may hold.
    case capacity = "I6 capacity"
    /// I8: a worker that is drained is given nothing new.
    case drain = "I8 drain"
    /// I19: queues stay within their bounds, and nothing is left when everybody has gone.
    case bounds = "I19 bounds"
    /// I20: an operation ends by its deadline.
    case deadline = "I20 deadlines"
    /// Nobody who runs and is heard is declared dead.
    case living = "living workers live"
    /// A session's events reach its controller in order, once, and all while both live.
    case events = "events in order"
}

/// A broken invariant.
public struct ClusterViolation: Hashable, Sendable, CustomStringConvertible {
    public var invariant: ClusterInvariant
    /// Nanoseconds since the start.
    public var at: UInt64
    public var detail: String

    public var description: String {
        "\(invariant.rawValue), at \(Double(at / 1_000_000) / 1000) s: \(detail)"
    }
}
