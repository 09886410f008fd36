import RTP
import Session
import Store

/// A session as its controller holds it: one or several units, each on a reactor, and the pipes between.
struct ManagedSession {
    /// Tells one opening from the next, across suspensions.
    let generation: UInt64
    /// By the index of the shard; lost ones stay, so that an index means one unit for good.
    var units: [SessionID]
    /// All its units are lost.
    var isLost = false
    /// Which shard holds an endpoint.
    var shards: [EndpointID: Int] = [:]
    var pipes: [PipeBetweenShards: Pipe] = [:]
    /// Sinks that a pipe feeds.
    var feeds: [Sink: PipeBetweenShards] = [:]
    /// A further shard is being opened; whether it could be.
    var growth: Task<Bool, Never>?
    /// No room for a further shard was found; not looked for before this.
    var growthPause: ContinuousClock.Instant?
}

/// What is placed on one reactor of a worker: a session, or a shard of one.
struct Unit {
    let session: SessionID
    /// The index of the shard.
    let index: Int
    /// Nil while it is being opened.
    var assignment: Assignment?
    var isLost = false
    /// A loss that was told while the unit was being opened: it may be of the assignment to come.
    var earlyLoss: (Epoch, Refusal)?
    /// Events on our stream up to here were taken by whoever had the unit before.
    var takenThrough: StreamCursor?
    /// Endpoints that are here or about to be.
    var endpoints: Set<EndpointID> = []
    var specification = SessionSpecification()
    /// Endpoints whose holders were told to move.
    var advised: Set<EndpointID> = []
    /// It is being given to another worker or up, and takes nothing more.
    var isLeaving = false
    /// The store has an older specification.
    var isDirty = false

    var isServing: Bool { assignment != nil && !isLost }
}

/// Names a pipe: whose media, to which shard.
struct PipeBetweenShards: Hashable {
    var source: EndpointID
    var shard: Int
}

/// What a route feeds.
struct Sink: Hashable {
    var endpoint: EndpointID
    var kind: MediaKind
    var section: Int?

    init(_ route: Route) {
        endpoint = route.sink
        kind = route.kind
        section = route.section
    }
}

/// A pipe from its source's shard to another: what it is to be, and what the workers have done of it.
struct Pipe {
    /// The name of both ends, each in its unit: a subscriber to the source here, its stand-in there.
    let id: EndpointID
    /// The units that have the ends.
    let source: SessionID
    let target: SessionID
    /// Who is fed, or about to be. Without any it closes.
    var users: Set<Sink> = []
    /// As the source's end was opened last; nil before.
    var specification: PipeSpecification?
    /// Kinds that flow into it.
    var routed: Set<MediaKind> = []
    /// A step is being done; the others wait for what comes of it.
    var isSettling = false
    var waiters: [CheckedContinuation<Refusal?, Never>] = []

    var wantedKinds: Set<MediaKind> { Set(users.map(\.kind)) }
}

/// A closed session that the store has not forgotten, or may not have.
enum Unreleased {
    /// It was ours.
    case assigned(Assignment)
    /// Nobody knows whether it was assigned: when to ask the store next, and, once it was asked, for how long.
    case doubtful(lookAt: ContinuousClock.Instant, until: ContinuousClock.Instant?)
}
