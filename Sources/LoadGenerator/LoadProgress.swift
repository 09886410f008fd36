/// Where a run stands.
public struct LoadProgress: Sendable, Hashable {
    public enum Phase: String, Sendable, Hashable {
        case joining, warmingUp = "warming up", measuring, flushing
    }

    public var phase: Phase
    public var publishers = 0
    public var subscribers = 0
    public var failedJoins = 0
    /// Since the last progress.
    public var deliveredPerSecond = 0.0
    public var deliveredBitsPerSecond = 0.0
    /// Since the start.
    public var delivered: UInt64 = 0
    public var corrupt: UInt64 = 0
    public var misdelivered: UInt64 = 0
    public var duplicated: UInt64 = 0
    /// Share of a core of the busiest media thread.
    public var threadLoad = 0.0
    /// Of the window so far, milliseconds.
    public var p99 = 0.0
}
