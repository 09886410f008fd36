import DTLS
@_spi(Simulation) import DTLS
import Logging
import Session
import SimulatedMedia
import Simulator
import Synchronization
import Wire

/// The hosts of one run.
final class ClusterWorld: @unchecked Sendable {
    let plan: ClusterPlan
    let planted: PlantedBug?
    let time = VirtualTime()
    let links: Links
    let datagrams: Datagrams
    let store: StoreNode
    let watch: ClusterWatch
    let certificate: Certificate
    private(set) var workers: [SimulatedWorker] = []
    private(set) var controllers: [SimulatedController] = []
    private(set) var clients: [SimulatedClient] = []
    /// Processes that were killed, and what they were doing.
    private var graves: [(node: Node, task: Task<Void, Never>?)] = []
    /// Everybody is leaving.
    var isClosing = false
    private let keepsLog: Bool
    private(set) var log: [String] = []
    private let root: RootSeed

    init(_ plan: ClusterPlan, planted: PlantedBug?, keepsLog: Bool) {
        self.plan = plan
        self.planted = planted
        self.keepsLog = keepsLog
        root = RootSeed(plan.seed)
        links = Links(root, delay: plan.delay)
        datagrams = Datagrams(time: time, links: links)
        store = StoreNode(time: time, links: links, planted: planted, failing: root.stream("store failures"))
        watch = ClusterWatch(time: time, store: store)
        certificate = Self.certificate
        links.healed = { [store] in store.wayHealed($0) }
        watch.world = self
        workers = (0..<plan.workers).map { SimulatedWorker($0, self) }
        controllers = (0..<plan.controllers).map { SimulatedController($0, self) }
        clients = plan.clients.enumerated().map {
            SimulatedClient($0, room: "r\($1.room + 1)", isPublisher: $1.isPublisher, self)
        }
    }

    /// Everybody's: handshakes are stubbed, and who is who is told by ICE.
    private static let certificate: Certificate = {
        do {
            let simulation = SimulatedAssociations(unixTime: 1_767_225_600, isStubbed: true)
            return try SeededOpenSSL(RootSeed(1).stream("certificate")).run { try Certificate(simulation: simulation) }
        } catch {
            preconditionFailure("OpenSSL makes no certificate: \(error)")
        }
    }()

    func worker(_ id: WorkerID) -> SimulatedWorker? { workers.first { $0.id == id } }
    func controller(_ id: ControllerID) -> SimulatedController? { controllers.first { $0.id == id } }

    func mourn(_ node: Node, _ task: Task<Void, Never>?) { graves.append((node, task)) }

    /// At the end of the run.
    func buryTheDead() {
        for (node, task) in graves {
            task?.cancel()
            node.bury()
        }
        graves = []
    }

    /// After the run: hosts know their world and it knows them, and none would be freed.
    func dismantle() {
        workers = []
        controllers = []
        clients = []
        links.healed = { _ in }
        time.forgetTimers()
    }

    // MARK: Randomness

    func stream(_ name: String) -> SeededRandom { root.stream(name) }

    func draw(_ name: String) -> UInt64 {
        var random = root.stream(name)
        return random.next()
    }

    func generator(_ name: String) -> SharedRandom { SharedRandom(root.stream(name)) }

    func identifiers(_ name: String) -> @Sendable () -> String {
        let random = generator(name)
        return {
            var random = random
            let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
            return String(decoding: (0..<22).map { _ in alphabet[Int(random.next() >> 58)] }, as: UTF8.self)
        }
    }

    // MARK: The log

    func note(_ text: @autoclosure () -> String) {
        guard keepsLog else { return }
        let milliseconds = time.now / 1_000_000
        let fraction = String(milliseconds % 1000 + 1000).dropFirst()
        log.append("\(milliseconds / 1000).\(fraction) \(text())")
    }

    func logger(_ node: Node) -> Logger {
        guard keepsLog else { return Logger(label: "apus") { _ in SwiftLogNoOpLogHandler() } }
        return Logger(label: node.name) { _ in WorldLog(world: self, node: node) }
    }
}

/// A generator that its copies share.
struct SharedRandom: RandomNumberGenerator, Sendable {
    private final class State: @unchecked Sendable {
        var random: SeededRandom
        init(_ random: SeededRandom) { self.random = random }
    }
    private let state: State

    init(_ random: SeededRandom) { state = State(random) }

    mutating func next() -> UInt64 { state.random.next() }
}

/// The product's log lines in the run's.
private struct WorldLog: LogHandler {
    let world: ClusterWorld
    let node: Node
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        world.note("\(node.name): \(event.message)\(fields)")
    }
}
