public import Wire

/// What an operator may set about the Kurento protocol engine.
public struct KurentoConfiguration: Sendable {
    /// Told to clients by `connect`; stable for the life of the server. Empty: one is drawn at start.
    public var serverID: String
    /// Endpoints answer connectivity checks only (RFC 8445 section 2.5).
    public var isLite: Bool
    /// Workers look up the mDNS names in candidates; otherwise these are dropped at once.
    public var resolvesNames = false
    /// A session whose client is gone loses its objects after one to two of these.
    public var garbageCollectorPeriod: Interval
    /// How long a response answers repetitions of its request; zero turns the cache off.
    public var requestCacheLifetime: Interval
    /// Free JSON text that `ServerManager.getMetadata` returns.
    public var metadata: String
    /// Objects that all sessions together may hold.
    public var objectLimit: Int
    /// Sessions that may hold objects at one time.
    public var sessionLimit: Int
    /// Monotonic time: replaced in tests.
    public var now: @Sendable () -> Instant
    /// Milliseconds since 1970 for event timestamps: replaced in tests.
    public var wallClock: @Sendable () -> Int64
    /// Draws a lower-case UUID for ids of objects, sessions and subscriptions: replaced in tests.
    public var drawIdentifier: @Sendable () -> String

    public init(
        serverID: String = "", isLite: Bool = false, garbageCollectorPeriod: Interval = .seconds(240),
        requestCacheLifetime: Interval = .seconds(20), metadata: String = "", objectLimit: Int = 100_000,
        sessionLimit: Int = 10_000
    ) {
        self.serverID = serverID
        self.isLite = isLite
        self.garbageCollectorPeriod = garbageCollectorPeriod
        self.requestCacheLifetime = requestCacheLifetime
        self.metadata = metadata
        self.objectLimit = objectLimit
        self.sessionLimit = sessionLimit
        now = HostClock.monotonic
        wallClock = HostClock.wallMilliseconds
        drawIdentifier = HostClock.drawUUID
    }
}

/// Names one client connection for as long as it is open.
public struct ConnectionID: Hashable, Sendable {
    let rawValue: UInt64
}

/// Gauges for metrics and the status page.
public struct ServerStatistics: Hashable, Sendable {
    public var connections = 0
    public var sessions = 0
    public var pipelines = 0
    public var endpoints = 0
    public var objects = 0
    /// Encoders between peers whose codecs differ.
    public var transcoders = 0
    /// Requests handled since start, and those of them that were answered with an error.
    public var requests: UInt64 = 0
    public var errors: UInt64 = 0
    /// Events handed to connections, and those dropped because a client did not read.
    public var events: UInt64 = 0
    public var droppedEvents: UInt64 = 0

    public init() {}
}
