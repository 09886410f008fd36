/// Bounds of the store.
enum Limits {
    /// Messages kept in one stream, and those that its reader knows again. At the 1000 commands a second that one
    /// worker can be given, ten seconds: twice the deadline of an operation.
    static let streamLength = 10_000
    /// Messages taken from a stream at once, so that one answer stays below a few MiB.
    static let streamBatch = 256
    /// Events kept for people to see, bytes of one, and how many details it has.
    static let events = 256
    static let eventSize = 4096
    static let eventDetails = 32
    /// Milliseconds after which an unused stream goes: an hour, longer than any outage that a reader
    /// resumes from.
    static let streamLifetime = 3_600_000
    /// Milliseconds for which a lost or released session's record stays: time to assign it again, and
    /// to tell a worker that comes back late that it is not its own any more.
    static let tombstoneLifetime = 60_000
    /// Bytes of one stored value. The largest, a session of some hundred endpoints, is a tenth of it.
    static let valueSize = 4 << 20
    /// Characters of a worker's, controller's or session's name; they are parts of keys and labels.
    static let nameLength = 128
    /// Labels of one worker.
    static let labels = 32
    /// Commands that wait for the connection, in pieces. More are refused, not queued.
    static let commandQueue = 8192
    /// Commands written before their answers are read.
    static let pipelineDepth = 128
    /// Sessions that one call closes on a worker whose drain is past its time.
    static let drainBatch = 100
    /// Longest time of a drain in milliseconds: a week.
    static let drainTime = 7 * 24 * 3_600_000
    /// Sessions per reconcile script, so that no script holds up the server.
    static let reconcileBatch = 256
    /// Bytes of one signaling record; a pipeline of a thousand endpoints is about this large.
    static let recordSize = 16 << 20
    /// Characters of a signaling record's name.
    static let recordNameLength = 400
    /// Milliseconds for which a signaling record stays without a write or a claim.
    static let recordLifetime = 900_000
    /// Milliseconds for which a dead controller is listed.
    static let controllerLifetime = 3_600_000
    /// Units of one session that are taken over at once.
    static let adoptedUnits = 64
}
