public import Logging
public import Session
public import Store
import Wire

/// The controller's hand on the cluster: places sessions on workers, has the owners do operations,
/// brings their events back in order, and notices within a second when a worker dies.
///
/// ``run()`` must be running for replies and events to arrive. Losing the store costs no session: what is
/// placed stays placed, new sessions are refused until it is back.
public actor Director: MediaPlane {
    public nonisolated let id: ControllerID
    let store: any ClusterStore
    let settings: DirectorSettings
    let logger: Logger

    var sessions: [SessionID: ManagedSession] = [:]
    /// What the sessions are placed as.
    var units: [SessionID: Unit] = [:]
    var mailboxes: [SessionID: Mailbox] = [:]
    var calls: [CommandID: Call] = [:]
    var liveness: WorkerLiveness
    let ear: HeartbeatEar
    var heartbeatAddresses: [String] = []
    /// Dead or restarted workers whose sessions the store has not marked yet, with the incarnation that was seen alive.
    var unmarked: [WorkerID: String?] = [:]
    /// Closed sessions that the store has not forgotten yet.
    var unreleased: [SessionID: Unreleased] = [:]
    /// Endpoints that are closed and whose workers have yet to hear of it, by unit.
    var unclosed: [SessionID: Set<EndpointID>] = [:]
    var isClosingEndpoints = false
    /// Sessions in the store that nobody serves, and since when they are known as such.
    var suspectedOrphans: [SessionID: ContinuousClock.Instant] = [:]
    /// Empty units that the store did not know at the last search.
    var forgottenUnits: Set<Assignment> = []
    /// Units whose records in the store say otherwise, and since when they are known as such.
    var disownedUnits: [Assignment: ContinuousClock.Instant] = [:]
    /// Up to here the stream of this controller has been read.
    var readPosition = StreamCursor.beginning
    /// Units that their workers do not know to be ours yet, with the place from which their events are to be looked
    /// for on the stream of whoever had them.
    var unattended: [SessionID: (controller: ControllerID, cursor: StreamCursor)] = [:]
    /// Records of signaling that we hold, with the term of the claim.
    var terms: [String: Epoch] = [:]
    /// The highest epoch of all assignments that this controller was given.
    private var highestEpoch = Epoch(0)
    /// Who is asked for records that another controller wants.
    var giver: (@Sendable (String) async -> Void)?
    /// Who is told that this controller counted as dead for a while.
    var lapseChecks: [@Sendable () async -> Void] = []
    /// Takes over sessions that nobody serves; false when it does not want one.
    var heir: (@Sendable (SessionID) async -> Bool)?
    /// As of the last heartbeat.
    public internal(set) var controllers: [RegisteredController] = []
    var isNameTaken = false
    /// When a controller was last started or seen to die.
    var lastUpheaval: ContinuousClock.Instant
    /// Workers that are to be emptied, as of the last look.
    var draining: Set<WorkerID> = []
    var lastStatuses: [WorkerID: WorkerStatus] = [:]
    /// Workers whose drain this controller was asked for and has not seen the end of.
    var drainsUnderWay: Set<WorkerID> = []
    /// The store has answered before.
    var hasSeenStore = false
    var lastEvents: [ClusterEvent] = []
    /// A worker has come: its report is to be read once, so that it can be shown after its death.
    var wantsReports = false
    public internal(set) var counters = DirectorCounters()

    let incarnation: String
    private var random: SeededRandom
    private var commandCount: UInt64 = 0
    private var generation: UInt64 = 0
    let clock: ClusterClock
    /// Draws the keys of pipes.
    var keys: KeySource
    private let origin: ContinuousClock.Instant

    public init(
        id: ControllerID, store: any ClusterStore, settings: DirectorSettings = DirectorSettings(), logger: Logger
    ) {
        self.id = id
        self.store = store
        self.settings = settings
        clock = settings.clock
        origin = settings.clock.now()
        lastUpheaval = origin
        keys = KeySource(seed: settings.pipeSeed)
        var heartbeatKeys = KeySource(seed: settings.pipeSeed.map { ~$0 })
        ear = HeartbeatEar(key: HeartbeatKey(using: &heartbeatKeys))
        var logger = logger
        logger[metadataKey: "controller"] = "\(id)"
        self.logger = logger
        liveness = WorkerLiveness(settings: settings.liveness)
        random = SeededRandom(seed: settings.placementSeed ?? UInt64.random(in: .min ... .max))
        incarnation = settings.incarnation ?? String(UInt64.random(in: .min ... .max), radix: 36)
    }

    /// Watches workers and reads replies and events until the task is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.watch() }
            group.addTask { await self.doChores() }
            group.addTask { await self.readMessages() }
            group.addTask { await self.beat() }
            group.addTask { await self.moveOffDrainedWorkers() }
        }
        for id in calls.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            finish(id, .failure(Refusal(.timedOut, "the controller is shutting down")))
        }
    }

    // MARK: For status and metrics

    /// Sessions that are open here, lost ones included until they are closed.
    public var sessionCount: Int { sessions.count }

    /// Whether the last look at the store was answered.
    public var isStoreReachable: Bool { liveness.isStoreReachable }

    public func workers() async -> [WorkerStatus] {
        do throws(StoreError) {
            let roster = try await store.workers()
            var statuses: [WorkerID: WorkerStatus] = [:]
            for worker in roster.workers {
                let report = worker.report ?? lastStatuses[worker.id]?.report ?? Self.unknownReport(worker.id)
                statuses[worker.id] = WorkerStatus(
                    report: report, isAlive: worker.report != nil || liveness.isAlive(worker.id),
                    assignedSessions: worker.assignedSessions, drain: worker.drain)
            }
            for id in roster.unreadable { statuses[id] = lastStatuses[id] }
            lastStatuses = statuses
        } catch {
            logger.debug("workers are shown as last seen", metadata: ["error": "\(error)"])
        }
        return lastStatuses.values.sorted { $0.report.id < $1.report.id }
    }

    /// Of a worker that was dead before this controller started.
    private static func unknownReport(_ id: WorkerID) -> WorkerReport {
        WorkerReport(id: id, incarnation: "", processID: 0, host: "", capabilities: [])
    }

    /// What the session is made of: what its workers have done of what was asked, shard by shard.
    public func specification(of session: SessionID) -> SessionSpecification? {
        guard let managed = sessions[session] else { return nil }
        let parts = managed.units.compactMap { units[$0]?.specification }
        return SessionSpecification(endpoints: parts.flatMap(\.endpoints), routes: parts.flatMap(\.routes))
    }

    /// What it holds, for who looks at it from outside.
    package func inspect() -> DirectorInspection {
        DirectorInspection(
            units: Set(units.keys),
            assignments: units.values.filter(\.isServing).compactMap(\.assignment).sorted {
                $0.session.rawValue < $1.session.rawValue
            },
            sessions: sessions.count, mailboxes: mailboxes.count, calls: calls.count, unreleased: unreleased.count,
            waitingEvents: mailboxes.values.map(\.events.count).max() ?? 0, aliveWorkers: liveness.alive,
            emptyUnits: Set(units.filter(\.value.endpoints.isEmpty).keys))
    }

    // MARK: Clocks and names

    /// This director's monotonic time line.
    nonisolated var now: Instant {
        let (seconds, attoseconds) = (clock.now() - origin).components
        // One second on, for an instant of zero means "never".
        return Instant.origin + .seconds(seconds + 1) + .nanoseconds(attoseconds / 1_000_000_000)
    }

    func nextCommand(
        _ operation: Operation, in assignment: Assignment, deadline: Duration
    ) -> CommandEnvelope {
        let milliseconds = clock.wallMilliseconds() + Int64(deadline / .milliseconds(1))
        return CommandEnvelope(
            id: nextCommandID(), session: assignment.session,
            epoch: assignment.epoch, controller: id, deadline: milliseconds, operation: operation)
    }

    func nextCommandID() -> CommandID {
        commandCount += 1
        return CommandID("\(id)-\(incarnation)-\(commandCount)")
    }

    /// What every session needs of its worker by the settings, with numbers drawn for this choice.
    ///
    /// A store that lost its data begins its epochs anew: none may fall below those that commands under way carry.
    func placementRequest(excluded: [WorkerID] = []) -> PlacementRequest {
        var request = PlacementRequest(excluded: excluded, epochFloor: highestEpoch)
        request.life = incarnation
        request.strategy = settings.strategy
        request.region = settings.region
        request.labels = settings.labels
        request.draw = PlacementDraw(random.next())
        return request
    }

    func noteEpoch(_ epoch: Epoch) { highestEpoch = max(highestEpoch, epoch) }

    /// Has the store place a unit.
    func assign(_ unit: SessionID, _ request: PlacementRequest) async throws(StoreError) -> Assignment {
        let assignment = try await store.assign(unit, controller: id, request: request)
        noteEpoch(assignment.epoch)
        return assignment
    }

    func nextGeneration() -> UInt64 {
        generation += 1
        return generation
    }
}

/// An operation whose reply is awaited.
struct Call {
    enum State {
        case sending
        /// The reply came before the caller waited for it.
        case finished(Result<Outcome, Refusal>)
        case waiting(CheckedContinuation<Result<Outcome, Refusal>, Never>)
    }
    var unit: SessionID
    var state = State.sending
}

/// Events on their way to a session's receiver, who takes them one by one.
struct Mailbox {
    var generation: UInt64
    var receiver: (@Sendable (SessionEvent) async -> Void)?
    var events: [SessionEvent] = []
    var isDelivering = false
    /// Events before these are still being looked for: nothing is handed over until they are there.
    var isHeld = false
}

/// Where the keys of pipes and heartbeats come from: the system's entropy, or in simulations a seed.
struct KeySource: RandomNumberGenerator {
    private var seeded: SeededRandom?
    private var system = SystemRandomNumberGenerator()

    init(seed: UInt64?) { seeded = seed.map { SeededRandom(seed: $0) } }

    mutating func next() -> UInt64 { seeded?.next() ?? system.next() }
}

/// What a ``Director`` holds.
package struct DirectorInspection: Sendable {
    /// All of them, those being opened and lost ones too.
    package var units: Set<SessionID>
    /// Of units that serve, by name.
    package var assignments: [Assignment]
    package var sessions: Int
    package var mailboxes: Int
    /// Operations that wait for a reply.
    package var calls: Int
    /// Closed sessions that the store has yet to hear of.
    package var unreleased: Int
    /// Events that wait in the fullest mailbox.
    package var waitingEvents: Int
    package var aliveWorkers: [WorkerID]
    /// Units without endpoints: their workers need not have heard of them.
    package var emptyUnits: Set<SessionID>
}
