public import Logging
package import Reactor
import Session
public import Store
import Wire

/// A worker's control plane: says that it lives, takes commands from its stream, hands them to its
/// reactors and sends back what they say. It never touches a packet; a store that is away costs none.
public actor WorkerAgent {
    let configuration: WorkerConfiguration
    let store: any ClusterStore
    let logger: Logger
    let clock: ClusterClock
    let reactors: [any ReactorHandle]
    /// Of all reactors, as the heartbeats tell them.
    private let addresses: [String]
    /// Nil unless names are to be resolved.
    let resolver: NameResolver?
    /// What reactors say, by their number.
    private let outputs: AsyncStream<(Int, ReactorOutput)>

    var held: HeldSessions
    var names = NameBudget()
    private var meter = LoadMeter()
    private var waiting: [UInt64: (command: CommandID, controller: ControllerID, batch: Int)] = [:]
    private var progress = CommandProgress()
    /// Reactors that have not said yet what they took over.
    private(set) var unsettled: Int
    /// Reactors that stood still and wait to hear what is still their own.
    private(set) var fenced: Set<Int> = []
    private var nextToken: UInt64 = 1
    private var outbox: [(message: WorkerMessage, controller: ControllerID, batch: Int?)] = []
    private var outboxSignal: CheckedContinuation<Void, Never>?
    private var isStoreAway = false
    /// Handing over to the next process: nothing is touched that is its own by now.
    private(set) var isLeaving = false
    /// Sessions that ended two processes in a row, under the epochs in which they did: nothing of them is done.
    var quarantined: [SessionID: Epoch] = [:]
    private var heartbeats = 0
    /// Where direct heartbeats go.
    var heartbeatTargets = HeartbeatTargets()
    var heartbeatSequence: UInt64

    /// Binds the reactors' sockets and starts their threads.
    public init(_ configuration: WorkerConfiguration, store: any ClusterStore, logger: Logger) throws {
        try self.init(configuration, store: store, logger: logger) { try Reactor($0, output: $1) }
    }

    /// - Parameter start: starts one reactor, which tells what it has to say by the closure.
    package init(
        _ configuration: WorkerConfiguration, store: any ClusterStore, logger: Logger,
        start: (ReactorConfiguration, @escaping @Sendable (ReactorOutput) -> Void) throws -> any ReactorHandle
    ) throws {
        precondition(!configuration.reactors.isEmpty)
        self.configuration = configuration
        clock = configuration.clock
        heartbeatSequence = configuration.memory?.heartbeatSequence ?? 0
        self.store = store
        self.logger = logger
        held = HeldSessions(
            reactors: configuration.reactors.count, limit: configuration.sessionLimit,
            ignoresEpochs: configuration.planted == .epochsIgnored)
        unsettled = configuration.reactors.count
        let (stream, continuation) = AsyncStream.makeStream(
            of: (Int, ReactorOutput).self, bufferingPolicy: .bufferingNewest(Limits.outbox))
        outputs = stream
        var started: [any ReactorHandle] = []
        for reactor in configuration.reactors {
            let index = started.count
            started.append(try start(reactor) { continuation.yield((index, $0)) })
        }
        reactors = started
        addresses = started.flatMap(\.addresses).map(\.description)
        resolver = try configuration.resolvesNames ? NameResolver(on: started[0].addresses.map(\.ip)) : nil
        logger.info(
            "worker listens for media",
            metadata: ["addresses": "\(addresses.joined(separator: ", "))"])
    }

    /// Works until the task is cancelled, then stops the reactors and waits until they have said goodbye to all peers.
    /// - Throws: ``NameTaken`` when another living process has this worker's name.
    public func run() async throws {
        do {
            try await work()
        } catch {
            await stop()
            throw error
        }
        await stop()
    }

    private func stop() async {
        for reactor in reactors { await reactor.stop() }
        await configuration.reactors[0].elements?.close()
    }

    /// Lets the next process go on: stops the reactors without goodbyes, then says so with `departed`, then tells
    /// controllers what they have not heard yet. The process is to end after that.
    public func handOver(departed: @Sendable () -> Void) async {
        isLeaving = true
        await withDiscardingTaskGroup { group in
            for reactor in reactors { group.addTask { await reactor.leave() } }
        }
        departed()
        await configuration.reactors[0].elements?.close()
        let end = clock.now().advanced(by: Limits.farewell)
        while !outbox.isEmpty, clock.now() < end { try? await clock.sleep(.milliseconds(5)) }
    }

    private func work() async throws {
        await takeOver()
        // The cursor comes before the first heartbeat: a command can only follow a registration.
        let cursor = if let known = configuration.memory?.cursor { known } else { await firstCursor() }
        configuration.memory?.cursor = cursor
        try await claimName()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.heartbeatLoop() }
            group.addTask { await self.directHeartbeatLoop() }
            group.addTask { await self.targetLoop() }
            group.addTask { await self.commandLoop(from: cursor) }
            group.addTask { await self.outputLoop() }
            group.addTask { await self.publicationLoop() }
            if let resolver { group.addTask { await resolver.run() } }
            await group.waitForAll()
        }
    }

    /// Waits until nobody else heartbeats under this name: a predecessor that died just now is forgotten
    /// within its time to live, a living one is not.
    private func claimName() async throws {
        let end = clock.now().advanced(by: Limits.nameWait)
        while !Task.isCancelled {
            do {
                let holder = try await store.pulses().first { $0.id == configuration.id }?.incarnation
                guard let holder, holder != configuration.incarnation else {
                    configuration.memory?.holdsName = true
                    return
                }
                if clock.now() >= end {
                    configuration.memory?.holdsName = false
                    throw NameTaken(worker: configuration.id)
                }
            } catch let error as StoreError {
                noteStoreAway(error)
            }
            try? await clock.sleep(Limits.namePause)
        }
    }

    // MARK: Succession

    /// Hears from every reactor what it took over, before anybody is told that the worker lives.
    private func takeOver() async {
        for await (reactor, output) in outputs {
            // What was left is too old to go on with unasked.
            if case .stoodStill = output { fenced.insert(reactor) }
            guard case .tookOver(let succession) = output else { continue }
            take(succession, from: reactor)
            unsettled -= 1
            if unsettled == 0 { return }
        }
    }

    /// For a successor: the session is held so.
    private func noteHold(_ session: SessionID) {
        guard configuration.memory != nil, let now = held[session] else { return }
        _ = reactors[now.reactor].send(
            .hold(session, SessionHold(epoch: now.epoch, controller: now.controller)))
    }

    private func finish(_ batch: Int) {
        progress.finish(batch)
        if !isLeaving, let finished = progress.finished { configuration.memory?.cursor = finished }
    }

    // MARK: Heartbeat

    private func heartbeatLoop() async {
        while !Task.isCancelled, !isLeaving {
            await heartbeat()
            try? await clock.sleep(Limits.heartbeatInterval)
        }
    }

    /// Asks the store what is still held, until it answers.
    private func liftFences() async {
        while !fenced.isEmpty, !Task.isCancelled {
            await heartbeat()
            if !fenced.isEmpty { try? await clock.sleep(Limits.retryPause) }
        }
    }

    private func heartbeat() async {
        let waiting = fenced
        let load = meter.measure(
            reactors.map(\.load), sessions: held.count, sessionLimit: configuration.sessionLimit,
            usage: configuration.usage())
        var report = WorkerReport(
            id: configuration.id, incarnation: configuration.incarnation, processID: configuration.processID,
            host: configuration.host, load: load, capabilities: configuration.capabilities,
            reactors: reactors.count, addresses: addresses)
        report.region = configuration.region
        report.labels = configuration.labels
        report.successions = configuration.memory?.counts
        do throws(StoreError) {
            let answer = try await store.heartbeat(report, timeToLive: Limits.timeToLive)
            if isStoreAway {
                isStoreAway = false
                logger.notice("the store is back", metadata: ["event": "store_back"])
            }
            heartbeats += 1
            let isDue =
                configuration.planted == .reconciledOnce
                ? heartbeats == 1
                : answer.isRegistration || !waiting.isEmpty || heartbeats % Limits.reconciliationPeriod == 0
            guard isDue else { return }
            let lost = try await store.reconcile(
                configuration.id, incarnation: configuration.incarnation,
                holding: held.assignments(worker: configuration.id, incarnation: configuration.incarnation))
            for session in lost where configuration.planted != .nothingLetGo { letGo(session) }
            for reactor in waiting.sorted() where fenced.remove(reactor) != nil {
                _ = reactors[reactor].send(.liftFence)
            }
            guard answer.isRegistration || !lost.isEmpty else { return }
            logger.info("registered", metadata: ["sessions": "\(held.count)", "let_go": "\(lost.count)"])
        } catch {
            noteStoreAway(error)
        }
    }

    /// One line when it goes, one when it comes back.
    private func noteStoreAway(_ error: StoreError) {
        guard !isStoreAway else { return }
        isStoreAway = true
        let effect = held.count > 0 ? "media goes on" : "no sessions until it is back"
        logger.warning(
            "the store is away; \(effect), trying again", metadata: ["event": "store_away", "error": "\(error)"])
    }

    /// What it holds, for who looks at it from outside.
    package func inspect() -> WorkerInspection {
        WorkerInspection(
            holding: held.assignments(worker: configuration.id, incarnation: configuration.incarnation),
            outbox: outbox.count, waiting: waiting.count, isFenced: !fenced.isEmpty)
    }

    // MARK: Commands

    /// The end of the command stream at start: what came before was for an earlier process of this name.
    private func firstCursor() async -> StreamCursor {
        while !Task.isCancelled {
            do throws(StoreError) {
                return try await store.receiveCommands(for: configuration.id, after: .latest, wait: .zero).cursor
            } catch {
                noteStoreAway(error)
                try? await clock.sleep(Limits.retryPause)
            }
        }
        return .latest
    }

    private func commandLoop(from start: StreamCursor) async {
        var cursor = start
        // Since when a command that is read now can have lain there at most.
        var read: ContinuousClock.Instant?
        while !Task.isCancelled {
            let begin = clock.now()
            do throws(StoreError) {
                let batch = try await store.receiveCommands(
                    for: configuration.id, after: cursor, wait: Limits.commandWait)
                // What came now is for the next process.
                if isLeaving { return }
                cursor = batch.cursor
                let number = progress.begin(cursor, commands: batch.elements.count)
                let isFresh = read.map { $0.duration(to: clock.now()) < Limits.freshness } ?? false
                for command in batch.elements { obey(command, batch: number, isFresh: isFresh) }
                if batch.isWhole { read = begin }
            } catch {
                try? await clock.sleep(Limits.retryPause)
            }
        }
    }

    /// - Parameter isFresh: it was sent a moment ago, whatever the hosts' wall clocks say.
    private func obey(_ command: CommandEnvelope, batch: Int, isFresh: Bool) {
        func answer(_ outcome: Outcome) {
            post(.reply(command.id, outcome), to: command.controller, batch: batch)
        }
        let (late, isAges) = clock.wallMilliseconds().subtractingReportingOverflow(command.deadline)
        if !isFresh, isAges || late > Limits.clockTolerance {
            return answer(.refused(Refusal(.timedOut, "\(configuration.id) read the command \(late) ms too late")))
        }
        let attends = command.operation == .attend
        if attends || command.operation == .closeSession, held[command.session] == nil { return answer(.done) }
        if let epoch = quarantined[command.session], command.epoch <= epoch {
            return answer(.refused(Refusal(.workerLost, "two media processes ended over this session")))
        }
        let former = held[command.session]
        let reactor: Int
        switch held.admit(
            command.session, epoch: command.epoch, controller: command.controller, attends: attends, now: clock.now())
        {
        case .refused(let refusal): return answer(.refused(refusal))
        case .renewed(let index):
            names.forget(command.session)
            _ = reactors[index].send(.perform(.closeSession, session: command.session, token: 0))
            reactor = index
        case .admitted(let index):
            reactor = index
        }
        if former?.epoch != command.epoch || former?.controller != command.controller { noteHold(command.session) }
        let token = nextToken
        nextToken += 1
        waiting[token] = (command.id, command.controller, batch)
        guard reactors[reactor].send(.perform(command.operation, session: command.session, token: token)) else {
            waiting[token] = nil
            let refusal = Refusal(.overLimit, "the reactor's mailbox is full; try again")
            return answer(.refused(refusal))
        }
        resolveNames(command)
        if case .closeSession = command.operation { _ = held.remove(command.session, now: clock.now()) }
    }

    // MARK: Replies and events

    private func outputLoop() async {
        for await (index, output) in outputs {
            switch output {
            case .tookOver: continue
            case .outcome(let outcome, let token):
                guard let (command, controller, batch) = waiting.removeValue(forKey: token) else { continue }
                post(.reply(command, outcome), to: controller, batch: batch)
            case .event(let event):
                guard let session = held[event.session] else { continue }
                post(.event(event, session.epoch), to: session.controller)
            case .stoodStill(let time):
                logger.warning(
                    "a reactor stood still; it sends nothing until it is known what is still its own",
                    metadata: ["event": "fenced", "reactor": "\(index)", "milliseconds": "\(time.milliseconds)"])
                fenced.insert(index)
                if configuration.planted == .fenceLiftedUnasked { _ = reactors[index].send(.liftFence) }
                Task { await self.liftFences() }
            case .stopped:
                if !Task.isCancelled, !isLeaving { logger.critical("a reactor has stopped") }
            }
        }
    }

    /// - Parameter batch: of the command that it answers.
    func post(_ message: WorkerMessage, to controller: ControllerID, batch: Int? = nil) {
        if outbox.count >= Limits.outbox {
            let lost = outbox.count - Limits.outbox + 1
            for entry in outbox.prefix(lost) { if let batch = entry.batch { finish(batch) } }
            outbox.removeFirst(lost)
        }
        outbox.append((message, controller, batch))
        outboxSignal?.resume()
        outboxSignal = nil
    }

    /// Sends the outbox in order, as much per call as one controller's run of messages allows.
    private func publicationLoop() async {
        while !Task.isCancelled {
            guard let controller = outbox.first?.controller else {
                await waitForOutbox()
                continue
            }
            let run = outbox.prefix(Limits.publicationBatch).prefix { $0.controller == controller }
            outbox.removeFirst(run.count)
            do throws(StoreError) {
                try await store.publish(run.map(\.message), to: controller)
                for entry in run { if let batch = entry.batch { finish(batch) } }
            } catch {
                if configuration.planted != .messagesForgotten { outbox.insert(contentsOf: run, at: 0) }
                try? await clock.sleep(Limits.retryPause)
            }
        }
    }

    private func waitForOutbox() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled || !outbox.isEmpty {
                    continuation.resume()
                } else {
                    outboxSignal = continuation
                }
            }
        } onCancel: {
            Task { await self.wakePublication() }
        }
    }

    private func wakePublication() {
        outboxSignal?.resume()
        outboxSignal = nil
    }
}
