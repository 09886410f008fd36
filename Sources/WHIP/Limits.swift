/// Bounds on what a client may make the engine hold or do; one that reaches a bound gets a 4xx or a 503 that says so.
/// Values are our own unless a source is named.
enum Limits {
    /// Bytes of a room's name, and of the name that a publisher gives itself.
    static let nameBytes = 64
    /// Bytes of an offer or a trickle fragment: what `SDP` reads.
    static let bodyBytes = 65_536
    /// Bytes of a layer request, in JSON.
    static let layerRequestBytes = 4_096
    /// Publishers of one room.
    static let publishersPerRoom = 256
    /// Sections of one kind that one player may have, each for a publisher of its own. As many as a worker forwards
    /// to one endpoint, audio and video together.
    static let sectionsPerPlayer = 16
    /// Remote candidates of one ICE generation; a browser sends about ten.
    static let candidatesPerGeneration = 64
    /// ICE restarts of one resource. One a minute for a day are 1440.
    static let restartsPerResource = 2_000
    /// Milliseconds over which clients that lost their worker are spread at most.
    static let reconnectSpread = 1_000
    /// Server-sent events that wait for a slow listener: one for each section that a worker takes media from, and some.
    static let waitingNotices = 32
    /// Operations that wait for the worker at the same time when a publisher comes or goes.
    static let concurrentRoutings = 64
    /// Seconds that a client is asked to wait when there is no room for it.
    static let retryAfter = 5
}
