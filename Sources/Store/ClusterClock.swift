/// Where the cluster's control plane gets its time from: the host, or a simulator that owns it.
///
/// Controllers, workers and ``InMemoryStore`` ask no other clock and sleep by no other means (`TidyTests` looks), so
/// that the same code runs under virtual time.
public struct ClusterClock: Sendable {
    /// Monotonic; only differences mean something.
    public var now: @Sendable () -> ContinuousClock.Instant
    /// Milliseconds since 1970 by the wall clock, which may be wrong and may jump.
    public var wallMilliseconds: @Sendable () -> Int64
    /// Returns after the time, or throws `CancellationError` as soon as the task is cancelled.
    public var sleep: @Sendable (Duration) async throws -> Void

    public init(
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        wallMilliseconds: @escaping @Sendable () -> Int64,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.wallMilliseconds = wallMilliseconds
        self.sleep = sleep
    }

    /// The host's clocks.
    public static let system = ClusterClock(
        now: { .now }, wallMilliseconds: HostWall.milliseconds, sleep: { try await Task.sleep(for: $0) })
}
