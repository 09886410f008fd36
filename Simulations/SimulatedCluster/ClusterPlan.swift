public import Session
import Simulator
import Wire

/// All that happens to a simulated cluster: drawn from a seed before it begins, so that parts of it can be left out to
/// see whether it still fails.
public struct ClusterPlan: Sendable {
    /// Something that is done to the cluster at a moment.
    public struct Step: Hashable, Sendable, CustomStringConvertible {
        /// Nanoseconds since the start.
        public var at: UInt64
        /// For what ends again: after so many nanoseconds.
        public var lasts: UInt64 = 0
        public var action: Action

        public var description: String {
            let time = lasts > 0 ? " for \(Double(lasts / 1_000_000) / 1000) s" : ""
            return "\(Double(at / 1_000_000) / 1000) s: \(action)\(time)"
        }
    }

    public enum Action: Hashable, Sendable {
        case join(client: Int)
        case leave(client: Int)
        /// The cluster is made smaller.
        case retireWorker(Int)
        case retireController(Int)
        case killWorker(Int)
        case killProcess(Int)
        case stopWorker(Int)
        case killController(Int)
        case stopController(Int)
        /// The media process hands over to the next one, in order.
        case upgradeWorker(Int)
        /// Nobody of the cluster hears the host, and it hears nobody: only media passes.
        case isolate(String)
        /// Of a thousand requests to the store so many fail: half of them after they took effect.
        case failRequests(permille: UInt64)
        /// A host and the store do not hear each other, or only one of them hears.
        case cutFromStore(String, hears: Bool, isHeard: Bool)
        /// Datagrams between a client and a worker.
        case cutMedia(client: Int, worker: Int)
        /// Direct heartbeats of a worker to a controller.
        case cutHeartbeats(worker: Int, controller: Int)
        /// Not to be reached; with a number, what comes back has forgotten so many of its last milliseconds.
        case storeDown(forgetting: UInt64?)
        /// All heartbeats in it have run out at once.
        case endLeases
        case flushStore
        case slowStore(milliseconds: UInt64)
        case staleReads(milliseconds: UInt64)
        case drain(Int, within: UInt64)
        case moveClock(String, milliseconds: Int64)
        case loseDatagrams(permille: UInt64)
        case doubleDatagrams(permille: UInt64)

        /// The kind of a fault, for counting; nil for what clients do.
        public var fault: String? {
            switch self {
            case .join, .leave, .retireWorker, .retireController: nil
            case .killWorker: "worker killed"
            case .killProcess: "media process killed"
            case .stopWorker: "worker stopped"
            case .killController: "controller killed"
            case .stopController: "controller stopped"
            case .upgradeWorker: "upgrade"
            case .isolate: "host isolated"
            case .failRequests: "store requests failed"
            case .cutFromStore(_, let hears, let isHeard):
                !hears && !isHeard ? "cut from the store" : "cut one way"
            case .cutMedia: "media cut"
            case .cutHeartbeats: "heartbeats cut"
            case .storeDown(nil): "store down"
            case .storeDown: "store failover"
            case .endLeases: "leases ended"
            case .flushStore: "store flushed"
            case .slowStore: "store slow"
            case .staleReads: "stale reads"
            case .drain: "drain"
            case .moveClock: "clock moved"
            case .loseDatagrams: "datagrams lost"
            case .doubleDatagrams: "datagrams doubled"
            }
        }
    }

    public var seed: UInt64
    public var controllers: Int
    public var workers: Int
    /// By client: the number of its room, and whether it publishes.
    public var clients: [(room: Int, isPublisher: Bool)]
    public var sessionLimit: Int
    public var strategy: PlacementStrategy
    /// Nanoseconds on every way: at least, and the most that is added.
    public var delay: (least: UInt64, spread: UInt64)
    public var steps: [Step]
    /// Faults come thick until here; then they are all over, and after ``recovery`` everything must be well.
    public var healedAt: UInt64
    /// From then on they come far apart, each with time to recover.
    public var end: UInt64

    /// After the end of all faults: what is lost is noticed (ICE takes 30 s to give up a path), and orphans of a dead
    /// controller, which are looked for once a minute and closed when they were found twice.
    public static let recovery = UInt64.seconds(75)
    public static let orphanRecovery = UInt64.seconds(150)

    /// How long and how hard.
    public struct Scale: Hashable, Sendable {
        /// Seconds of the phase with many faults, and of the calm one after it.
        public var busy: UInt64
        public var calm: UInt64

        public init(busy: UInt64, calm: UInt64) {
            self.busy = busy
            self.calm = calm
        }

        /// 86 minutes and a half: a thousand seeds are 60 days.
        public static let long = Scale(busy: 90, calm: 4870)
        /// For every change: what is found is found in the busy phase.
        public static let short = Scale(busy: 60, calm: 0)
    }

    /// - Parameter isComplete: with the kinds of faults that came later; what older seeds found is without them. Nil:
    ///   in every other seed, for more of one kind leaves less to the others.
    public init(seed: UInt64, scale: Scale = .long, isComplete: Bool? = nil) {
        let root = RootSeed(seed)
        var swarm = root.stream("swarm")
        func draw(_ range: ClosedRange<UInt64>) -> UInt64 {
            range.lowerBound + swarm.next() % (range.upperBound - range.lowerBound + 1)
        }
        self.seed = seed
        controllers = Int(draw(1...3))
        workers = Int(draw(2...4))
        let rooms = Int(draw(2...5))
        clients = []
        for room in 0..<rooms {
            clients.append((room, true))
            for _ in 0..<draw(0...2) { clients.append((room, false)) }
        }
        // One worker must be able to take everything when the others are gone.
        sessionLimit = rooms + Int(draw(0...3))
        strategy = PlacementStrategy.allCases[Int(draw(0...2))]
        delay = (.milliseconds(draw(0...10)) + 100_000, .milliseconds(draw(1...20)))
        steps = []
        healedAt = .seconds(10 + scale.busy)
        let calmAt = healedAt + Self.orphanRecovery + .seconds(10)
        end = calmAt + .seconds(scale.calm)
        addClients(root.stream("clients"))
        addHeartbeatFaults(root.stream("heartbeats"))
        addFaults(root.stream("faults"), kinds: Self.kinds(root.stream("kinds")))
        if isComplete ?? (seed % 2 == 1) {
            addLaterKinds(root.stream("later kinds"))
            limitSessions(root.stream("limits"), rooms: rooms)
        }
        if scale.calm > 0 { addCalm(root.stream("calm"), from: calmAt, kinds: Self.kinds(root.stream("calm kinds"))) }
        steps.sort { $0.at < $1.at }
    }

    private mutating func addClients(_ stream: SeededRandom) {
        var random = stream
        // A burst, or one after the other.
        let spread: UInt64 = random.next() % 2 == 0 ? .milliseconds(50) : .seconds(8)
        for client in clients.indices {
            steps.append(Step(at: .seconds(2) + random.next() % spread, action: .join(client: client)))
            var at = UInt64.seconds(10) + random.next() % .seconds(30)
            while random.next() % 3 > 0, at + .seconds(30) < healedAt {
                let away = UInt64.milliseconds(100) + random.next() % .seconds(10)
                steps.append(Step(at: at, action: .leave(client: client)))
                steps.append(Step(at: at + away, action: .join(client: client)))
                at += away + .seconds(5) + random.next() % .seconds(30)
            }
        }
    }

    private static let kindCount: UInt64 = 15

    /// Every kind of fault is on or off for a whole run (swarm testing).
    private static func kinds(_ stream: SeededRandom) -> [UInt64] {
        var random = stream
        let kinds = (0..<kindCount).filter { _ in random.next() % 2 == 0 }
        return kinds.isEmpty ? [random.next() % kindCount] : kinds
    }

    private mutating func addFaults(_ stream: SeededRandom, kinds: [UInt64]) {
        var random = stream
        // From one in 20 s to one in 2 s.
        let pause = UInt64.seconds(2) << (random.next() % 4)
        var at = UInt64.seconds(8)
        while true {
            at += random.next() % (2 * pause)
            guard at + .milliseconds(500) < healedAt else { return }
            addFault(
                kinds[Int(random.next() % UInt64(kinds.count))], at: at, until: healedAt, among: (controllers, workers),
                &random)
        }
    }

    /// What becomes of direct heartbeats, and what only they help against. Drawn by itself, apart from all else.
    private mutating func addHeartbeatFaults(_ stream: SeededRandom) {
        var random = stream
        func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
        // In a third of all clusters no UDP passes between controllers and workers.
        guard below(3) > 0 else {
            for worker in 0..<workers {
                for controller in 0..<controllers {
                    steps.append(
                        Step(at: 0, lasts: end, action: .cutHeartbeats(worker: worker, controller: controller)))
                }
            }
            return
        }
        for _ in 0..<below(5) {
            let at = UInt64.seconds(8) + random.next() % (healedAt - .seconds(20))
            let lasts = UInt64.milliseconds(200) + random.next() % .seconds(10)
            let action = Action.cutHeartbeats(worker: below(workers), controller: below(controllers))
            steps.append(Step(at: at, lasts: lasts, action: action))
        }
        for _ in 0..<below(4) {
            let at = UInt64.seconds(8) + random.next() % (healedAt - .seconds(10))
            steps.append(Step(at: at, action: .endLeases))
        }
    }

    /// In half of these runs all workers together have room for all rooms, but one alone has not: what counts too
    /// little is soon over the limit. Without drains, which leave too little room for as long as they last.
    private mutating func limitSessions(_ stream: SeededRandom, rooms: Int) {
        var random = stream
        guard random.next() % 2 == 0 else { return }
        sessionLimit = (rooms + workers - 1) / workers + Int(random.next() % 2)
        steps.removeAll { if case .drain = $0.action { true } else { false } }
    }

    /// Drawn by themselves, so that a seed's other faults stay what they were; each in a third of all runs.
    private mutating func addLaterKinds(_ stream: SeededRandom) {
        var random = stream
        func moment() -> UInt64 { .seconds(8) + random.next() % (healedAt - .seconds(40)) }
        if random.next() % 3 == 0 { addSwizzle(from: moment(), &random) }
        if random.next() % 3 == 0 { addRollingUpgrade(from: moment(), &random) }
        guard random.next() % 3 == 0 else { return }
        for _ in 0...random.next() % 3 {
            let action = Action.failRequests(permille: 5 + random.next() % 200)
            steps.append(Step(at: moment(), lasts: .seconds(1) + random.next() % .seconds(15), action: action))
        }
    }

    /// Some hosts are cut off one after another, and come back in another order (FoundationDB's swizzle-clogging).
    private mutating func addSwizzle(from start: UInt64, _ random: inout SeededRandom) {
        let all = (1...workers).map { "w\($0)" } + (1...controllers).map { "c\($0)" }
        let hosts = all.filter { _ in random.next() % 2 == 0 }
        let pause = UInt64.milliseconds(50) + random.next() % .seconds(2)
        let lastCut = start + pause * UInt64(hosts.count)
        var ends = hosts.indices.map { lastCut + pause * UInt64($0 + 1) }
        ends.shuffle(using: &random)
        for (index, host) in hosts.enumerated() {
            let at = start + pause * UInt64(index)
            steps.append(Step(at: at, lasts: min(ends[index], healedAt) - at, action: .isolate(host)))
        }
    }

    /// All workers one by one, then all controllers.
    private mutating func addRollingUpgrade(from start: UInt64, _ random: inout SeededRandom) {
        let pause = UInt64.milliseconds(300) + random.next() % .seconds(3)
        for worker in 0..<workers {
            let (at, delay) = (start + pause * UInt64(worker), random.next() % .milliseconds(200))
            steps.append(Step(at: at, lasts: delay, action: .upgradeWorker(worker)))
        }
        for controller in 0..<controllers {
            let at = start + pause * UInt64(workers + controller)
            steps.append(Step(at: at, lasts: .milliseconds(500), action: .killController(controller)))
        }
    }

    private mutating func addCalm(_ stream: SeededRandom, from start: UInt64, kinds: [UInt64]) {
        var random = stream
        // Few stay, on a small cluster: what nothing happens to shows little.
        let kept = (controllers: min(controllers, 1 + Int(random.next() % 3) / 2), workers: 2)
        for index in kept.controllers..<controllers { steps.append(Step(at: start, action: .retireController(index))) }
        for index in kept.workers..<workers { steps.append(Step(at: start, action: .retireWorker(index))) }
        for client in clients.indices.dropFirst(2) { steps.append(Step(at: start, action: .leave(client: client))) }
        var at = start
        while true {
            at += .seconds(300) + random.next() % .seconds(600)
            let healed = at + .seconds(60)
            guard healed + Self.orphanRecovery < end else { return }
            addFault(
                kinds[Int(random.next() % UInt64(kinds.count))], at: at, until: healed, among: kept, &random)
        }
    }

    private mutating func addFault(
        _ kind: UInt64, at: UInt64, until: UInt64, among there: (controllers: Int, workers: Int),
        _ random: inout SeededRandom
    ) {
        func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
        // Most are short, some long.
        let longest = min(until - at, .seconds(1) << (random.next() % 6))
        let lasts = UInt64.milliseconds(200) + random.next() % max(1, longest - min(longest - 1, .milliseconds(200)))
        let worker = below(there.workers)
        let controller = below(there.controllers)
        let host = below(3) == 0 ? "c\(controller + 1)" : "w\(worker + 1)"
        let action: Action
        switch kind {
        case 0: action = .killWorker(worker)
        case 1: action = .killProcess(worker)
        case 2: action = .stopWorker(worker)
        case 3: action = .killController(controller)
        case 4: action = .stopController(controller)
        case 5: action = .cutFromStore(host, hears: false, isHeard: false)
        case 6:
            let hears = below(2) == 0
            action = .cutFromStore(host, hears: hears, isHeard: !hears)
        case 7: action = .storeDown(forgetting: nil)
        case 8: action = .storeDown(forgetting: 50 + random.next() % 950)
        case 9: action = .flushStore
        case 10: action = .slowStore(milliseconds: 20 + random.next() % 480)
        case 11: action = .staleReads(milliseconds: 100 + random.next() % 900)
        case 12: action = .drain(worker, within: .seconds(1) + random.next() % .seconds(20))
        case 13: action = .moveClock(host, milliseconds: Int64(random.next() % 7200) * 1000 - 3_600_000)
        default:
            switch below(3) {
            case 0: action = .cutMedia(client: below(clients.count), worker: worker)
            case 1: action = .loseDatagrams(permille: 10 + random.next() % 290)
            default: action = .doubleDatagrams(permille: 10 + random.next() % 490)
            }
        }
        steps.append(Step(at: at, lasts: min(lasts, until - at), action: action))
    }
}
