import Reactor
import Session
import Store
import Wire

/// Sees everything and tells the first invariant that breaks. Told by the edges of the processes; see `+Census` for
/// what it looks at by itself.
final class ClusterWatch: @unchecked Sendable {
    let time: VirtualTime
    let store: StoreNode
    weak var world: ClusterWorld?
    private(set) var violation: ClusterViolation?
    private(set) var checks: UInt64 = 0
    private(set) var responses: [Int: UInt64] = [:]
    /// When a host's ways to the store were last cut, or whole again.
    var lastCut: [String: UInt64] = [:]
    /// When a worker's last publication failed: what it says may come twice.
    private var failedPublications: [String: UInt64] = [:]

    // Epochs.
    private(set) var assignedEpochs: [SessionID: (epoch: Epoch, at: UInt64)] = [:]
    private var highestEpoch: (epoch: Epoch, at: UInt64)?
    private struct Holder: Hashable {
        var worker: WorkerID
        var session: SessionID
    }
    private var holds: [Holder: (epoch: Epoch, at: UInt64, node: Node)] = [:]

    // Events.
    struct Produced {
        var event: SessionEvent
        var worker: WorkerID
        /// Under which its worker had the session; nil when that was not seen.
        var epoch: Epoch?
        var at: UInt64
        var isDelivered = false
    }
    var produced: [SessionID: [Produced]] = [:]
    /// How far a controller's life has been told about a session.
    private struct Reader: Hashable {
        var node: ObjectIdentifier
        var session: SessionID
    }
    /// Controllers say themselves that they have failed.
    private var lostEndpoints: Set<EndpointID> = []
    private var readers: [Reader: (index: Int, since: UInt64)] = [:]

    /// Since when a controller's life hears an incarnation of a worker without a pause, and when last.
    private var hearing: [String: (since: UInt64, last: UInt64)] = [:]

    /// Which life of its controller asked for an assignment, and when.
    private var askers: [Assignment: (life: String, at: UInt64)] = [:]

    /// Sessions that their controllers know no longer and the store still has, since when both could talk about it.
    var givenUp: [Assignment: UInt64] = [:]

    /// Workers that stood still and have not asked yet what is still theirs.
    private var suspects: [WorkerID: Node] = [:]

    init(time: VirtualTime, store: StoreNode) {
        self.time = time
        self.store = store
    }

    func fail(_ invariant: ClusterInvariant, _ detail: @autoclosure () -> String) {
        guard violation == nil, world?.isClosing != true else { return }
        violation = ClusterViolation(invariant: invariant, at: time.now, detail: detail())
        world?.note("BROKEN \(violation?.description ?? "")")
    }

    func check(_ isTrue: Bool, _ invariant: ClusterInvariant, _ detail: @autoclosure () -> String) {
        checks += 1
        if !isTrue { fail(invariant, detail()) }
    }

    /// No data of the store was lost since.
    func storeKept(since instant: UInt64) -> Bool { store.lostData.map { $0 < instant } ?? true }

    // MARK: At the store

    func heartbeat(_ report: WorkerReport) {}

    func assigned(_ assignment: Assignment, former: SessionRecord?, _ request: PlacementRequest) {
        world?.note(
            "\(assignment.session) goes to \(assignment.worker) under \(assignment.epoch) for \(assignment.controller)")
        let session = assignment.session
        let asker = former.flatMap { askers[$0.assignment] }
        if former?.assignment != assignment { askers[assignment] = (request.life, time.now) }
        if let former, former.state == .assigned {
            guard former.assignment != assignment else { return checks += 1 }
            // What another life had placed, or a worker put back, is placed anew.
            let isLeft = asker.map { $0.life != request.life || !storeKept(since: $0.at) } ?? true
            check(
                isLeft || request.movedFrom == former.assignment.epoch, .idempotence,
                "\(session) was assigned under \(former.assignment.epoch), and is again, under \(assignment.epoch)")
        }
        let census = store.store.census()
        check(
            !census.drained.contains(assignment.worker), .drain,
            "\(session) was given to \(assignment.worker), which is being drained")
        let count = census.assigned[assignment.worker]?.count ?? 0
        let limit = world?.plan.sessionLimit ?? 0
        check(count <= limit, .capacity, "\(assignment.worker) has \(count) sessions and may have \(limit)")
        if let last = assignedEpochs[session], storeKept(since: last.at) {
            check(
                assignment.epoch > last.epoch, .epochs,
                "\(session) was assigned under \(last.epoch) and now under \(assignment.epoch)")
        }
        if let last = highestEpoch, storeKept(since: last.at) {
            check(assignment.epoch > last.epoch, .epochs, "epoch \(assignment.epoch) after \(last.epoch)")
        }
        assignedEpochs[session] = (assignment.epoch, time.now)
        highestEpoch = (assignment.epoch, time.now)
    }

    func released(_ session: SessionID, by controller: ControllerID, epoch: Epoch?, former: SessionRecord?) {
        world?.note("\(session) is released by \(controller)")
        guard let former, let epoch, former.state == .assigned else { return }
        check(
            former.assignment.epoch <= epoch, .epochs,
            "\(session) is assigned under \(former.assignment.epoch) and was released under \(epoch)")
    }

    func adopted(_ unit: AdoptedUnit, by controller: ControllerID) {
        let session = unit.record.assignment.session
        world?.note("\(session) of \(unit.previous) is taken over by \(controller)")
        guard unit.previous != controller, let former = world?.controller(unit.previous) else { return }
        let start = time.now - min(time.now, .seconds(3))
        check(
            !isHeard(former.node, since: start) || !store.hasRun(since: start) || !storeKept(since: start), .living,
            "\(former.id) runs and is heard, and \(session) was taken from it")
    }

    func lost(_ assignment: Assignment, after record: SessionRecord?, by node: Node) {
        world?.note("\(assignment.session) under \(assignment.epoch) is lost with \(assignment.worker)")
        fenced(assignment, record)
        guard let worker = world?.worker(assignment.worker), worker.incarnation == assignment.incarnation,
            !worker.isRetired
        else { return }
        let start = time.now - min(time.now, .seconds(4))
        check(
            !isHeard(worker.node, since: start), .living,
            "\(assignment.worker) runs and is heard, and its sessions were marked as lost")
        check(
            isOutOfReach(worker.node) || !isHeard(assignment.incarnation, by: node, since: start), .living,
            "\(node.name) hears \(assignment.worker) directly, and marked its sessions as lost")
    }

    func drained(_ assignment: Assignment) {
        world?.note("\(assignment.session) is closed by the drain of \(assignment.worker)")
        fenced(assignment, store.store.peek(assignment.session))
    }

    private func fenced(_ assignment: Assignment, _ record: SessionRecord?) {
        guard let record else { return }
        check(
            record.assignment.epoch > assignment.epoch, .epochs,
            "\(assignment.session) is lost and its epoch \(record.assignment.epoch) does not fence its old owner")
    }

    /// It ran and could talk with a store that answers in time, but for outages of the store itself.
    func isHeard(_ node: Node, since instant: UInt64) -> Bool {
        node.hasRun(since: instant) && (lastCut[node.host] ?? 0) <= instant
            && !store.links.isCut(node.host, StoreNode.host) && !store.links.isCut(StoreNode.host, node.host)
            && store.slowUntil <= instant && (store.leasesEnded ?? 0) <= instant
    }

    /// Apart from the store for so long that being heard does not keep it
    /// (``WorkerLiveness/Settings/longestSeparation``).
    private func isOutOfReach(_ node: Node) -> Bool {
        let isCut = store.links.isCut(node.host, StoreNode.host) || store.links.isCut(StoreNode.host, node.host)
        return isCut && (lastCut[node.host] ?? 0) + .seconds(29) <= time.now
    }

    // MARK: Direct heartbeats

    /// Three heartbeats and the longest way.
    private static let longestPause = UInt64.milliseconds(350)

    private func ear(_ node: Node, _ incarnation: String) -> String { "\(node.name) \(node.born) \(incarnation)" }

    /// A controller took it for what it is.
    func heard(_ heartbeat: DirectHeartbeat, by node: Node) {
        let ear = ear(node, heartbeat.incarnation)
        let known = hearing[ear]
        let isSteady = known.map { $0.last + Self.longestPause >= time.now } ?? false
        hearing[ear] = (isSteady ? known?.since ?? time.now : time.now, time.now)
    }

    /// All the time until now. What was decided before that may take its time to arrive.
    private func isHeard(_ incarnation: String, by node: Node, since instant: UInt64) -> Bool {
        guard node.hasRun(since: instant), let known = hearing[ear(node, incarnation)] else { return false }
        return known.since <= instant && known.last + Self.longestPause >= time.now
    }

    func publicationFailed(by host: String) { failedPublications[host] = time.now }

    // MARK: At the reactors

    /// It stood still until now.
    func resumes(_ worker: WorkerID, _ node: Node) {
        guard let stopped = node.stoppedAt, time.now > stopped + .seconds(1) else { return }
        suspects[worker] = node
    }

    func reconciled(_ worker: WorkerID, _ incarnation: String, lost: [SessionID]) {
        suspects[worker] = nil
        if !lost.isEmpty { world?.note("\(worker) lets go of \(lost.map(\.rawValue).joined(separator: " "))") }
    }

    func departs(to remote: SocketAddress, from worker: WorkerID) {
        guard !suspects.isEmpty, suspects[worker] != nil, let world,
            let client = world.clients.first(where: { $0.address == remote })
        else { return }
        let session = SessionID("room:\(client.room)")
        guard let record = store.store.peek(session) else { return }
        check(
            record.assignment.worker == worker && record.state == .assigned, .oneOwner,
            "\(worker) stood still and sends to \(client.name), whose \(session) has moved")
    }

    func obeyed(_ command: ReactorCommand, by worker: WorkerID, _ node: Node) {
        guard case .hold(let session, let hold) = command else { return }
        let holder = Holder(worker: worker, session: session)
        if let last = holds[holder], last.node === node, storeKept(since: last.at) {
            check(
                hold.epoch >= last.epoch, .epochs,
                "\(worker) took \(session) under \(hold.epoch) after \(last.epoch)")
        }
        holds[holder] = (hold.epoch, time.now, node)
    }

    func produced(_ event: SessionEvent, by worker: WorkerID) {
        let epoch = holds[Holder(worker: worker, session: event.session)]?.epoch
        let entry = Produced(event: event, worker: worker, epoch: epoch, at: time.now)
        produced[event.session, default: []].append(entry)
    }

    // MARK: At the controllers

    func opens(_ session: SessionID, _ node: Node) {
        readers[Reader(node: ObjectIdentifier(node), session: session)] = (
            produced[session]?.count ?? 0, time.now
        )
    }

    /// What came before it knew where the session is, nobody asked for.
    func hasOpened(_ session: SessionID, _ node: Node) {
        readers[Reader(node: ObjectIdentifier(node), session: session)]?.since = time.now
    }

    /// Since when a controller's life has been told of a session.
    func toldSince(_ session: SessionID, _ node: Node) -> UInt64 {
        readers[Reader(node: ObjectIdentifier(node), session: session)]?.since ?? .max
    }

    func delivered(_ told: SessionEvent, _ node: Node) {
        world?.note("\(node.name) hears of \(told.session): \(told.body)")
        // These are not a reactor's.
        switch told.body {
        case .sessionLost, .moveAdvised: return
        case .endpointLost(let endpoint, _):
            lostEndpoints.insert(endpoint)
            return
        case .iceStateChanged(let endpoint, .failed), .dtlsStateChanged(let endpoint, .failed),
            .mediaStateChanged(let endpoint, isConnected: false):
            if lostEndpoints.contains(endpoint) { return }
        default: break
        }
        // Its reactor knows the shard; events of several have no order among them.
        let units = produced.keys.filter { $0.base == told.session }.sorted { $0.rawValue < $1.rawValue }
        var isRepeated = false
        for unit in units {
            let known = produced[unit] ?? []
            let reader = Reader(node: ObjectIdentifier(node), session: unit)
            let start = readers[reader]?.index ?? 0
            if let index = known.indices.dropFirst(start).first(where: { known[$0].event.body == told.body }) {
                produced[unit]?[index].isDelivered = true
                readers[reader] = (index + 1, readers[reader]?.since ?? 0)
                checks += 1
                return
            }
            // A controller that opens again what its life before had is given the same epoch, and hears the end of what
            // that one left, once.
            if let index = known.indices.prefix(start).last(where: { known[$0].event.body == told.body }),
                !known[index].isDelivered
            {
                produced[unit]?[index].isDelivered = true
                return
            }
            // What a worker could not hand over for certain it hands over again.
            for entry in known where entry.event.body == told.body {
                guard let failure = failedPublications[entry.worker.rawValue] else { continue }
                isRepeated = isRepeated || failure + .seconds(120) > time.now
            }
        }
        check(isRepeated, .events, "\(node.name) was told \(told.body) of \(told.session) twice or out of order")
    }

    func refused(_ status: Int?) { responses[status ?? 0, default: 0] += 1 }

    /// - Parameter since: when it began.
    func took(_ duration: UInt64, _ what: String, _ node: Node, since: UInt64, limit: UInt64) {
        guard node.hasRun(since: since) else { return }
        check(duration <= limit, .deadline, "\(what) at \(node.name) took \(duration / 1_000_000) ms")
    }
}
