import Session
import Simulator
import Store
import Wire

/// The store's host: the product's `InMemoryStore`, which is held to the same contract as the one on Redis, behind a
/// network and with the faults of a server (F15).
final class StoreNode: @unchecked Sendable {
    static let host = "store"

    let time: VirtualTime
    let links: Links
    let store: InMemoryStore
    /// A replica that lags behind.
    private let replica: InMemoryStore
    private let node: Node
    private var snapshots: [(at: UInt64, snapshot: MemorySnapshot)] = []

    private(set) var isDown = false
    private var upSince: UInt64 = 0
    /// Another for each start: connections do not outlive one.
    private(set) var generation = 0
    /// Added to every answer, in nanoseconds.
    var slowness: UInt64 = 0
    /// Reads are answered as things were so long ago; zero for now.
    var lag: UInt64 = 0
    /// Requests out of a thousand that fail.
    var failures: UInt64 = 0
    private var failing: SeededRandom
    /// When data was lost last, by a flush or a failover.
    private(set) var lostData: UInt64?
    /// When it last showed nobody to live, though it was never away.
    private(set) var leasesEnded: UInt64?
    /// Until when it was so slow, or failed so often, that heartbeats may have come too late.
    private(set) var slowUntil: UInt64 = 0
    private var lanes: [String: UInt64] = [:]
    private var parked: [(way: Links.Way, since: UInt64, go: () -> Void)] = []

    /// How long a caller waits, as `RedisStore` does it.
    static let patience = UInt64.milliseconds(450)
    /// What a connection holds for a way that is cut; then it is given up.
    private static let retransmission = UInt64.seconds(2)

    init(time: VirtualTime, links: Links, planted: PlantedBug?, failing: SeededRandom) {
        self.failing = failing
        self.time = time
        self.links = links
        node = Node("store", host: Self.host, time: time)
        store = InMemoryStore(clock: node.clock)
        replica = InMemoryStore(clock: node.clock)
        store.plant(planted)
    }

    // MARK: Faults

    func takeSnapshot() {
        snapshots.append((time.now, store.snapshot()))
        snapshots.removeAll { $0.at + .seconds(5) < time.now }
    }

    func goDown() {
        isDown = true
        generation += 1
    }

    /// - Parameter lost: nanoseconds before going down that are forgotten; nil for none.
    func comeUp(losing lost: UInt64?, since wentDown: UInt64) {
        isDown = false
        upSince = time.now
        guard let lost, let snapshot = snapshots.last(where: { $0.at + lost <= wentDown }) ?? snapshots.first else {
            return
        }
        store.restore(snapshot.snapshot)
        lostData = time.now
    }

    /// As after a failover so fast that nobody missed the server, onto data of a second ago.
    func endLeases() {
        store.endLeases()
        leasesEnded = time.now
    }

    func flush() {
        store.flush()
        lostData = time.now
    }

    func hasRun(since instant: UInt64) -> Bool { !isDown && upSince <= instant }

    func slows(for duration: UInt64) { slowUntil = max(slowUntil, time.now + duration + .seconds(1)) }

    /// Which the network tells.
    func wayHealed(_ way: Links.Way) {
        let waiting = parked.filter { $0.way == way }
        parked.removeAll { $0.way == way }
        for request in waiting where request.since + Self.retransmission > time.now { request.go() }
    }

    // MARK: Requests

    /// Has the store do something for a process at another host. The answer may be lost, and so may the question.
    func exchange<Value: Sendable>(
        from node: Node, lane: String, wait: UInt64, isRead: Bool,
        _ body: @escaping @Sendable (InMemoryStore) async -> Result<Value, StoreError>,
        _ done: @escaping @Sendable (Result<Value, StoreError>) -> Void
    ) {
        let exchange = Exchange(done)
        exchange.deadline = time.after(Self.patience + wait) {
            node.deliver { exchange.finish(.failure(.unavailable("the store did not answer in time"))) }
        }
        guard !isDown else { return refuse(exchange, node, wait) }
        let way = Links.Way(from: node.host, to: Self.host)
        let lane = "\(node.name)#\(lane)"
        let go = { [self] in
            // One connection keeps its order.
            let arrival = max(time.now + links.nextDelay(node.host, Self.host), (lanes[lane] ?? 0) + 1)
            lanes[lane] = arrival
            time.at(arrival + slowness) { [self] in
                guard !isDown else { return refuse(exchange, node, wait) }
                let fate = failures > 0 ? failing.next() % 2000 : .max
                guard fate >= failures else { return refuse(exchange, node, 0) }
                perform(exchange, node, isRead, isHeard: fate >= 2 * failures, body)
            }
        }
        guard !links.isCut(way.from, way.to) else { return parked.append((way, time.now, go)) }
        go()
    }

    private final class Exchange<Value: Sendable>: @unchecked Sendable {
        var deadline: VirtualTime.Timer?
        private var done: ((Result<Value, StoreError>) -> Void)?

        init(_ done: @escaping (Result<Value, StoreError>) -> Void) { self.done = done }

        /// Once.
        func finish(_ result: Result<Value, StoreError>) {
            deadline?.cancel()
            let done = done
            self.done = nil
            done?(result)
        }
    }

    /// A reader waits for the server's return as long as it has time; others are refused at once.
    private func refuse<Value>(_ exchange: Exchange<Value>, _ node: Node, _ wait: UInt64) {
        guard wait == 0 else { return }
        time.after(links.nextDelay(Self.host, node.host)) {
            node.deliver { exchange.finish(.failure(.unavailable("connection refused"))) }
        }
    }

    private func perform<Value: Sendable>(
        _ exchange: Exchange<Value>, _ node: Node, _ isRead: Bool, isHeard: Bool,
        _ body: @escaping @Sendable (InMemoryStore) async -> Result<Value, StoreError>
    ) {
        let generation = generation
        var target = store
        if isRead, lag > 0, let old = snapshots.last(where: { $0.at + lag <= time.now }) {
            replica.restore(old.snapshot)
            target = replica
        }
        Task { [target] in
            let result = await body(target)
            guard isHeard else { return self.refuse(exchange, node, 0) }
            // What was being done when the server died nobody hears of.
            guard self.generation == generation, !self.links.isCut(Self.host, node.host) else { return }
            self.time.after(self.links.nextDelay(Self.host, node.host)) {
                guard self.generation == generation else { return }
                node.deliver { exchange.finish(result) }
            }
        }
    }
}
