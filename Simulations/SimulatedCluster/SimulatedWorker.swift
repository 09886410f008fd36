import DTLS
import Glibc
import Logging
import Reactor
import Session
import Simulator
import Store
import Wire
import Worker

/// A worker's host: the product's agent and reactors, in a process that may be killed, stopped, and followed by another
/// on what it left.
final class SimulatedWorker: @unchecked Sendable {
    let id: WorkerID
    let address: SocketAddress
    private let world: ClusterWorld
    private(set) var node: Node
    private(set) var agent: WorkerAgent?
    private(set) var reactors: [SimulatedReactor] = []
    private(set) var incarnation = ""
    private var task: Task<Void, Never>?
    private var lives = 0
    private var memories: (worker: WorkerMemory, reactors: [ReactorMemory])?
    /// Ended by itself, and is to be started again.
    private(set) var hasExited = false
    /// Is to run.
    private(set) var isUp = false
    /// Taken out of the cluster, and not coming back.
    private(set) var isRetired = false

    init(_ index: Int, _ world: ClusterWorld) {
        id = WorkerID("w\(index + 1)")
        address = SocketAddress(ip: IPAddress(ipv4: 0x0A00_0101 + UInt32(index)), port: 40_000)
        self.world = world
        node = Node(id.rawValue, host: id.rawValue, time: world.time)
    }

    static let endpointLimit = 48

    /// A new worker of that name, which knows nothing of the one before.
    func start() {
        guard !isUp, !isRetired, !world.isClosing else { return }
        lives += 1
        incarnation = "\(id)-\(lives)"
        memories = (WorkerMemory(), [ReactorMemory(capacity: Self.endpointLimit)])
        world.note("\(id) starts as \(incarnation)")
        launch()
    }

    /// The host is gone.
    func kill() {
        guard isUp else { return }
        isUp = false
        world.note("\(id) is killed")
        end()
        memories = nil
    }

    /// The media process ends by `kill -9`, and the next one goes on with its memory.
    func killProcess(followedAfter delay: UInt64) {
        guard isUp, agent != nil, let left = memories else { return }
        world.note("\(id) loses its process")
        end()
        left.worker.process = 0
        let life = lives
        world.time.after(delay) { [self] in succeed(left, life) }
    }

    /// The media process is asked to let the next one go on, as an upgrade does it; it tells controllers what it knows
    /// and ends, while the next one works already.
    func handOver(followedAfter delay: UInt64) {
        guard isUp, let former = agent, let left = memories, node.state == .running else { return }
        world.note("\(id) hands over")
        let (life, formerNode) = (lives, node)
        Task {
            await former.handOver { [self] in
                guard agent === former else { return }
                world.mourn(node, task)
                (agent, task, reactors) = (nil, nil, [])
                left.worker.chosen = Int32(life)
                world.time.after(delay) { [self] in succeed(left, life) }
            }
            formerNode.kill()
        }
    }

    private func succeed(_ left: (worker: WorkerMemory, reactors: [ReactorMemory]), _ life: Int) {
        guard isUp, lives == life, agent == nil, !world.isClosing else { return }
        guard let worker = WorkerMemory(adopting: dup(left.worker.descriptor)) else { return }
        var reactors: [ReactorMemory] = []
        for memory in left.reactors {
            memory.noteEnd(byFault: false)
            guard let next = ReactorMemory(adopting: dup(memory.descriptor), capacity: Self.endpointLimit) else {
                preconditionFailure("a memory file is not what it was")
            }
            reactors.append(next)
        }
        memories = (worker, reactors)
        world.note("\(id) has a successor")
        launch()
    }

    private func end() {
        node.kill()
        world.mourn(node, task)
        for reactor in reactors { reactor.close() }
        reactors = []
        agent = nil
        task = nil
    }

    private func launch() {
        isUp = true
        hasExited = false
        node = Node(id.rawValue, host: id.rawValue, time: world.time)
        let node = node
        var reactor = ReactorConfiguration(
            addresses: [address.ip], peerLimit: Self.endpointLimit, certificate: world.certificate,
            seed: world.draw("reactor:\(incarnation)"))
        reactor.memory = memories?.reactors.first
        reactor.codec = .json
        reactor.isFenced = true
        var configuration = WorkerConfiguration(
            id: id, incarnation: incarnation, host: node.host, processID: Int32(lives), reactors: [reactor],
            sessionLimit: world.plan.sessionLimit)
        configuration.memory = memories?.worker
        configuration.clock = node.clock
        let source = SocketAddress(ip: address.ip, port: 41_000)
        configuration.sendHeartbeat = { [datagrams = world.datagrams] in datagrams.send($0, from: source, to: $1) }
        configuration.planted = world.planted
        configuration.usage = { ProcessUsage(time: node.time.now, cpu: 0, memory: 0) }
        do {
            let agent = try WorkerAgent(
                configuration, store: StoreEdge(node, world.store, world.watch), logger: world.logger(node)
            ) { configuration, output in
                let reactor = SimulatedReactor(
                    configuration, worker: id, address: address, node: node, datagrams: world.datagrams,
                    watch: world.watch, output: output)
                reactors.append(reactor)
                return reactor
            }
            self.agent = agent
            task = Task {
                try? await agent.run()
                self.exited(agent)
            }
        } catch {
            preconditionFailure("a simulated worker starts: \(error)")
        }
    }

    private func exited(_ former: WorkerAgent) {
        guard agent === former else { return }
        agent = nil
        reactors = []
        hasExited = true
        node.kill()
        world.note("\(id) ends")
        guard isUp, !world.isClosing else { return }
        isUp = false
        // Whoever supervises it starts it again.
        world.time.after(.seconds(1)) { [self] in
            if !isUp, !world.isClosing, hasExited { start() }
        }
    }

    /// Ends in order, for good.
    func retire() {
        guard !isRetired else { return }
        isRetired = true
        isUp = false
        world.note("\(id) is taken out")
        close()
    }

    /// Asks it to end in order, and returns when it was told.
    func close() {
        node.resume()
        task?.cancel()
    }

    func stop() {
        guard agent != nil else { return }
        world.note("\(id) is stopped")
        node.stop()
    }

    func resume() {
        guard node.state == .stopped else { return }
        world.note("\(id) goes on")
        world.watch.resumes(id, node)
        node.resume()
    }
}
