import Controller
import Session
import Simulator
import Store
import WHIP
import Wire

/// A controller's host: the product's director under the product's WHIP gateway.
final class SimulatedController: @unchecked Sendable {
    let id: ControllerID
    /// Where it hears workers directly.
    let address: SocketAddress
    private let world: ClusterWorld
    private(set) var node: Node
    private(set) var director: Director?
    private(set) var plane: WatchedPlane?
    private var gateway: Gateway?
    private var task: Task<Void, Never>?
    private var lives = 0
    private(set) var isUp = false
    /// Taken out of the cluster, and not coming back.
    private(set) var isRetired = false
    private var open: [UInt64: PendingRequest] = [:]
    private var requests: UInt64 = 0

    init(_ index: Int, _ world: ClusterWorld) {
        id = ControllerID("c\(index + 1)")
        address = SocketAddress(ip: IPAddress(ipv4: 0x0A00_0201 + UInt32(index)), port: 40_000)
        self.world = world
        node = Node(id.rawValue, host: id.rawValue, time: world.time)
    }

    func start() {
        guard !isUp, !isRetired, !world.isClosing else { return }
        isUp = true
        lives += 1
        node = Node(id.rawValue, host: id.rawValue, time: world.time)
        world.note("\(id) starts")
        var settings = DirectorSettings()
        settings.clock = node.clock
        settings.incarnation = "\(id)-\(lives)"
        settings.strategy = world.plan.strategy
        settings.placementSeed = world.draw("placement:\(id):\(lives)")
        settings.pipeSeed = world.draw("pipes:\(id):\(lives)")
        settings.planted = world.planted
        // Rarer than in production, for it is asked all the time and a drain is rare.
        settings.moveInterval = .milliseconds(500)
        // No signaling outlives a controller here, so that nobody would come back for its sessions.
        settings.orphanGrace = .seconds(4)
        if world.planted == .outagesKill {
            settings.liveness.longestGap = .seconds(36_000)
            settings.liveness.grace = .zero
        }
        let logger = world.logger(node)
        let director = Director(
            id: id, store: StoreEdge(node, world.store, world.watch), settings: settings, logger: logger)
        let plane = WatchedPlane(director, id, node, world.watch)
        var configuration = GatewayConfiguration()
        configuration.drawIdentifier = world.identifiers("identifiers:\(id):\(lives)")
        let random = world.generator("credentials:\(id):\(lives)")
        configuration.makeRandom = { random }
        self.director = director
        self.plane = plane
        gateway = Gateway(plane: plane, configuration: configuration, logger: logger)
        listen(director)
        task = Task { [address] in
            await director.listensForHeartbeats(at: [address])
            await director.run()
        }
    }

    private func listen(_ director: Director) {
        world.datagrams.bind(address, node) { [world, node] bytes, _ in
            guard let heartbeat = director.hear(bytes) else { return }
            world.watch.heard(heartbeat, by: node)
        }
    }

    /// Its clients go to others.
    func retire() {
        isRetired = true
        kill()
    }

    func kill() {
        guard isUp else { return }
        isUp = false
        world.note("\(id) is killed")
        node.kill()
        world.mourn(node, task)
        world.datagrams.unbind(address, node)
        director = nil
        plane = nil
        gateway = nil
        task = nil
        let lost = open.sorted { $0.key < $1.key }
        open = [:]
        for (_, request) in lost { world.time.after(.milliseconds(5)) { request.finish(nil) } }
    }

    func stop() {
        guard isUp else { return }
        world.note("\(id) is stopped")
        node.stop()
    }

    func resume() {
        guard node.state == .stopped else { return }
        world.note("\(id) goes on")
        node.resume()
    }

    func close() {
        node.resume()
        task?.cancel()
    }

    @safe private final class PendingRequest: @unchecked Sendable {
        private var continuation: UnsafeContinuation<GatewayResponse?, Never>?

        init(_ continuation: UnsafeContinuation<GatewayResponse?, Never>) { unsafe self.continuation = continuation }

        func finish(_ response: GatewayResponse?) {
            unsafe continuation?.resume(returning: response)
            unsafe continuation = nil
        }
    }

    /// A client's HTTP request and its response; nil when the connection could not be made or broke, or nothing came
    /// for fifteen seconds.
    func respond(to request: GatewayRequest, from host: String) async -> GatewayResponse? {
        await unsafe withUnsafeContinuation { continuation in
            let pending = unsafe PendingRequest(continuation)
            guard isUp, let gateway, !world.links.isCut(host, node.host) else {
                world.time.after(.milliseconds(20)) { pending.finish(nil) }
                return
            }
            requests += 1
            let number = requests
            open[number] = pending
            world.time.after(.seconds(15)) { [self] in
                open[number] = nil
                pending.finish(nil)
            }
            let node = node
            world.time.after(world.links.nextDelay(host, node.host)) { [self] in
                node.deliver {
                    Task {
                        let response = await gateway.respond(to: request)
                        self.world.time.after(self.world.links.nextDelay(node.host, host)) {
                            self.open[number] = nil
                            pending.finish(response)
                        }
                    }
                }
            }
        }
    }

    /// An operator's request; false when it was refused or lost.
    func drain(_ worker: WorkerID, within time: Duration) async -> Bool {
        guard let director, node.state == .running else { return false }
        return (try? await director.drain(worker, within: time)) != nil
    }

    func undrain(_ worker: WorkerID) async -> Bool {
        guard let director, node.state == .running else { return false }
        return (try? await director.undrain(worker)) != nil
    }
}

/// The media plane as its controller's gateway uses it: every operation's time and every event's order is watched.
final class WatchedPlane: MediaPlane, @unchecked Sendable {
    private let director: Director
    private let controller: ControllerID
    private let node: Node
    private let watch: ClusterWatch
    private var open: [UInt64: (what: String, since: UInt64)] = [:]
    private var count: UInt64 = 0

    /// An operation may take this long: its deadline, and the way to the store.
    static let patience = UInt64.seconds(7)

    init(_ director: Director, _ controller: ControllerID, _ node: Node, _ watch: ClusterWatch) {
        self.director = director
        self.controller = controller
        self.node = node
        self.watch = watch
    }

    private func begin(_ what: String) -> UInt64 {
        count += 1
        open[count] = (what, node.time.now)
        return count
    }

    private func end(_ number: UInt64) {
        guard let (what, since) = open.removeValue(forKey: number) else { return }
        watch.took(node.time.now - since, what, node, since: since, limit: Self.patience)
    }

    /// What has not come back though it should have.
    func checkOverdue() {
        for (_, call) in open.sorted(by: { $0.key < $1.key }) {
            watch.took(node.time.now - call.since, call.what, node, since: call.since, limit: Self.patience)
        }
    }

    func open(_ session: SessionID) async throws(Refusal) -> WorkerID {
        let number = begin("open \(session)")
        defer { end(number) }
        watch.opens(session, node)
        let worker = try await director.open(session)
        watch.hasOpened(session, node)
        return worker
    }

    func perform(_ operation: Operation, in session: SessionID) async throws(Refusal) -> Outcome {
        let number = begin("operation in \(session)")
        defer { end(number) }
        return try await director.perform(operation, in: session)
    }

    func close(_ session: SessionID) async {
        let number = begin("close \(session)")
        defer { end(number) }
        await director.close(session)
    }

    func owner(of session: SessionID) async -> WorkerID? { await director.owner(of: session) }

    func subscribe(to session: SessionID, _ receive: @escaping @Sendable (SessionEvent) async -> Void) async {
        await director.subscribe(to: session) { [watch, node] event in
            watch.delivered(event, node)
            await receive(event)
        }
    }

    func workers() async -> [WorkerStatus] { await director.workers() }
}
