public import Session
public import Store
import Wire

/// How a ``Director`` behaves. The defaults are for production.
public struct DirectorSettings: Sendable {
    /// How long an operation may take, from the call to the reply.
    public var operationDeadline = Duration.seconds(5)
    /// How often to look which workers live.
    public var lookInterval = Duration.nanoseconds(WorkerLiveness.lookInterval.nanoseconds)
    /// Endpoints of one session on one reactor, as long as another reactor is free for more of them.
    public var endpointsPerShard = 500
    /// How long a session that found no reactor for a further shard does without.
    public var growthPause = Duration.seconds(1)
    public var liveness = WorkerLiveness.Settings()
    /// How often to look for sessions in the store that nobody serves: of dead controllers, and of a previous life of
    /// this one. In the first minute after a controller's start or death it is looked every second.
    public var orphanInterval = Duration.seconds(60)
    /// Sessions that nobody served for so long are closed: their clients had this time to come back.
    public var orphanGrace = Duration.seconds(60)
    /// Sessions that the store gives otherwise than their controller thinks for so long are given up by it.
    public var disownedGrace = Duration.seconds(5)
    /// How long a session is looked for whose assignment failed without an answer: the request may still arrive.
    public var doubtTime = Duration.seconds(3)
    /// How often a controller says that it lives, and how long that holds.
    public var beatInterval = Duration.milliseconds(250)
    public var beatLifetime = Duration.seconds(1)
    /// How long to wait for a record that a living controller has: it may be dying, or about to give it up.
    public var claimPatience = Duration.milliseconds(1500)
    /// How long a session that finds no worker waits for one that lives, or did so lately: one that stands still for a
    /// moment, or whose heartbeat the store has lost, is back with its next.
    public var placementPatience = Duration.milliseconds(1500)
    /// What this controller says of itself beside its name.
    public var host = ""
    public var processID: Int32 = 0
    /// Where clients come in.
    public var addresses: [String] = []
    /// Where other controllers reach this one's HTTP without TLS: IP addresses with ports.
    public var httpAddresses: [String] = []

    /// How workers are chosen.
    public var strategy = PlacementStrategy.leastSessions
    /// Workers of this region are taken before others; empty prefers none.
    public var region = ""
    /// Labels that a worker must have to be given a session.
    public var labels: [String: String] = [:]
    /// Of the random numbers that placement draws; nil for others at each start.
    public var placementSeed: UInt64?
    /// How often to look for workers whose drain is past its time.
    public var drainInterval = Duration.seconds(1)
    /// How often some of the clients on a worker that is being drained are told to move.
    public var moveInterval = Duration.milliseconds(100)
    /// Clients of one worker that are told to move in a second, at least; all of them are within half a minute. Each
    /// takes a handshake on the new worker and a key frame: more at a time get into each other's way, and their viewers
    /// see it.
    public var movesPerSecond = 8
    /// How long the replacement of a worker's media process may take, from the order to the reply: longer than all
    /// that its guardian waits for.
    public var upgradeDeadline = Duration.seconds(20)

    /// What it takes the time from.
    public var clock = ClusterClock.system
    /// Part of the names of its commands, other at each start; nil draws one.
    public var incarnation: String?
    /// Of the keys of its pipes and heartbeats; nil takes the system's entropy, as all but simulations must.
    package var pipeSeed: UInt64?
    package var planted: PlantedBug?

    public init() {}
}

/// What a ``Director`` has done since its start, for metrics.
public struct DirectorCounters: Hashable, Sendable {
    public var sessionsOpened: UInt64 = 0
    public var sessionsRefused: UInt64 = 0
    public var sessionsClosed: UInt64 = 0
    public var sessionsLost: UInt64 = 0
    /// Sessions, of any controller, that were closed because the time of a drain was up.
    public var sessionsDrained: UInt64 = 0
    /// Beyond the first of each session.
    public var shardsOpened: UInt64 = 0
    /// Shards whose worker died while others of the session served on.
    public var shardsLost: UInt64 = 0
    public var pipesOpened: UInt64 = 0
    /// Clients that were told to move because their worker is being drained.
    public var movesAdvised: UInt64 = 0
    /// Sessions, or shards, that have left a worker that is being drained.
    public var unitsMoved: UInt64 = 0
    public var operations: UInt64 = 0
    public var operationsRefused: UInt64 = 0
    public var operationsTimedOut: UInt64 = 0
    public var events: UInt64 = 0
    /// Events under an epoch that is not the session's, or of a session that is not ours.
    public var eventsFenced: UInt64 = 0
    /// Events that a receiver was too slow to take.
    public var eventsDropped: UInt64 = 0
    public var messagesUnreadable: UInt64 = 0
    public var workersDied: UInt64 = 0

    public init() {}
}

/// Bounds of the controller.
enum Limits {
    /// Events that wait for one session's receiver, in pieces. A session of ten endpoints makes some
    /// hundred over its life.
    static let waitingEvents = 1024
    /// Operations of all sessions that wait for a reply, in pieces; more are refused.
    static let openCalls = 16_384
    /// Events read for one status.
    static let eventsRead = 100
    /// Specifications written per round of chores, so that no round lasts long.
    static let writesPerRound = 64
    /// Closed sessions that the store could not be told about yet, in pieces. Beyond, the search for
    /// orphans finds them.
    static let unreleased = 65_536
    /// Shards that refuse an endpoint before its opening is refused, in pieces.
    static let fullShards = 4
    /// All clients of a worker that is being drained have been told to move after so many seconds.
    static let adviceSeconds = 15
    /// How often the name of a session is tried to be taken again after its first shard was lost.
    static let reclaimAttempts = 60
    /// Units that leave a worker at a time.
    static let departures = 16
    /// Draws of SSRCs for one pipe. With ten thousand in a reactor, one draw in 10^4 meets one of them.
    static let pipeAttempts = 3
    /// Units of one session that are looked for when it is taken over.
    static let adoptedUnits = 64
    /// Endpoints of a unit whose specification is written before the request that changed it is answered.
    static let endpointsWrittenAhead = 64
}
