import Forwarding
import ICE
import STUN
import Session
import Synchronization
import Transport
import Wire

/// All that a reactor's thread owns. The packet path is in `+Receive` and `+Send`, one page each.
struct ReactorWorld: ~Copyable {
    let configuration: ReactorConfiguration
    let output: @Sendable (ReactorOutput) -> Void
    let sockets: [UDPSocket]
    /// Of ``sockets``, then of ``plain``. Empty in a world that somebody else hands its datagrams.
    var descriptors: [Int32]
    let localCandidates: [Candidate]

    var ingress = ReceiveBatch(capacity: Limits.receiveBatch)
    var egress = EgressBatch(capacity: Limits.egressBatch)
    /// What was received and is not forwarded yet; empty between two batches.
    var burst = Burst()
    var peers: SlotTable<Peer>
    var records: Slab<TransportRecord>
    var router: Router
    var tuples: TupleTable
    var pipes: PipeTable
    var streams: StreamTable
    var plain: PlainSockets
    /// The router's compound while it is cut into parts.
    var compound = [UInt8](repeating: 0, count: EgressBatch.slotSize)
    var timers: TimerWheel
    var random: SeededRandom

    /// Control-path indices; packets find their peer by tuple.
    var slotByUfrag: [UfragKey: Int32] = [:]
    var sessions: [SessionID: [EndpointID: Int32]] = [:]

    /// The newest number given to a session's speakers.
    var lastSpeakerGroup: UInt32 = 0

    /// Peers that were sent data and have not been drained since.
    var touched: [Int32] = []
    /// Peers whose data wait, rising, and when to look at them next.
    var backlogged: [Int32] = []
    var nextBacklogLook = Instant.distantFuture

    var load = ReactorLoad()
    /// Of pipes that are closed.
    var closedPipePackets = (received: UInt64(0), sent: UInt64(0))
    var drops = DropCounters()
    var isStopping = false
    /// Stopping without goodbyes: a successor goes on.
    var isLeaving = false
    /// Of a world without sockets: what the egress batch had no room for, in order.
    var departures: [OutgoingDatagram] = []
    private var nextPublication = Instant.origin
    /// When the loop was last seen to run; see `ReactorWorld+Fence.swift`.
    var awake = Instant.origin
    var isFenced = false
    /// The way back here for media elements; nil in a world without a thread.
    var mailbox: Mailbox<ReactorCommand>?
    /// The newest number given to a media element.
    var lastElement: UInt64 = 0
    let memory: ReactorMemory
    /// What was asked of this reactor, for the next process.
    var journal: Journal
    /// Where it is noted who holds a session.
    var holds: [SessionID: Journal.Note] = [:]

    init(
        _ configuration: ReactorConfiguration, sockets: [UDPSocket],
        output: @escaping @Sendable (ReactorOutput) -> Void
    ) {
        self.init(
            configuration, sockets: sockets, locals: sockets.map(\.local), now: HostClock.now, output: output)
    }

    /// - Parameters:
    ///   - sockets: none for a world that is handed its datagrams.
    ///   - locals: the addresses of its sockets, or those that it is handed datagrams for.
    init(
        _ configuration: ReactorConfiguration, sockets: [UDPSocket], locals: [SocketAddress], now: Instant,
        output: @escaping @Sendable (ReactorOutput) -> Void
    ) {
        let capacity = configuration.peerLimit
        // Before the first property: a branch between them makes Swift 6.3's optimizer destroy what is not there yet.
        let memory = Self.memory(configuration)
        self.configuration = configuration
        self.output = output
        self.sockets = sockets
        descriptors = sockets.map(\.descriptor)
        localCandidates = Self.candidates(configuration, locals)
        let passive = configuration.streams?.addresses.count ?? 0
        // A world that is handed its packets is handed those of its connections too.
        streams = StreamTable(
            firstSocket: sockets.isEmpty ? Int(ElementTransport.socket) : locals.count, passiveSockets: passive,
            capacity: sockets.isEmpty ? 0 : capacity + Limits.strangerStreams)
        random = SeededRandom(seed: configuration.seed)
        plain = PlainSockets(ports: configuration.plainPorts, first: sockets.count, seed: configuration.seed)
        peers = SlotTable(capacity: capacity)
        self.memory = memory
        records = unsafe Slab(memory: memory.records, capacity: capacity)
        router = unsafe Router(capacity: capacity, random: random.split(), rewritingMemory: memory.rewriters)
        journal = unsafe Journal(memory: memory.journal)
        pipes = PipeTable(capacity: capacity * Limits.ssrcsPerReactorPeer)
        tuples = TupleTable(capacity: capacity * Limits.tuplesPerPeer)
        timers = TimerWheel(capacity: capacity, now: now)
        router.pausesVideos = configuration.pausesVideos
    }

    private static func memory(_ configuration: ReactorConfiguration) -> ReactorMemory {
        let memory = configuration.memory ?? ReactorMemory(capacity: configuration.peerLimit)
        precondition(memory.capacity == configuration.peerLimit)
        return memory
    }

    /// Datagram sockets, then TCP ones that accept, then TCP ones that open: a tuple's socket is an index into them.
    private static func candidates(_ configuration: ReactorConfiguration, _ locals: [SocketAddress]) -> [Candidate] {
        var candidates: [Candidate] = []
        func add(_ locals: [SocketAddress], _ transport: CandidateTransport) {
            let announced = locals.map { local in
                SocketAddress(ip: configuration.announced[local.ip] ?? local.ip, port: local.port)
            }
            candidates += Candidate.hosts(announced, firstSocket: candidates.count, transport: transport)
        }
        add(locals, .udp)
        add(configuration.streams?.addresses ?? [], .tcpPassive)
        if configuration.opensStreams { add(locals, .tcpActive) }
        return candidates
    }

    /// Lets `poller` tell of TCP connections.
    mutating func watchStreams(_ poller: borrowing Poller) {
        streams.epoll = poller.epoll
        guard configuration.index == 0, let listener = configuration.streams else { return }
        for (index, descriptor) in listener.descriptors.enumerated() { poller.add(listener: descriptor, index: index) }
    }

    /// The loop. Ends when told to stop.
    mutating func run(mailbox: Mailbox<ReactorCommand>, board: LoadBoard) {
        self.mailbox = mailbox
        var poller = Poller(descriptors: descriptors, wakeUp: mailbox.wakeUp)
        watchStreams(poller)
        configuration.streams?.join(configuration.index, mailbox)
        takeOver(now: HostClock.now)
        while !isStopping {
            turn(&poller, mailbox: mailbox, board: board, waitingAtMost: Self.publicationInterval)
        }
        if isLeaving {
            // The next process binds the same ports.
            plain.closeAll()
            mailbox.close()
        } else {
            finish(mailbox: mailbox)
        }
    }

    /// Once round: wait, receive, obey, tick, send.
    mutating func turn(
        _ poller: inout Poller, mailbox: Mailbox<ReactorCommand>, board: LoadBoard, waitingAtMost limit: Interval
    ) {
        let ready = poller.wait(milliseconds: waitMilliseconds(HostClock.now, atMost: limit))
        noteAwake(HostClock.now)
        var hasMail = false
        for position in 0..<ready {
            switch poller.readiness(position) {
            case .mailbox: hasMail = true
            case .socket(let socket): receive(socket: socket)
            case .listener(let index): accept(listener: index, now: HostClock.now)
            case .stream(let slot): serve(stream: slot, now: HostClock.now)
            }
        }
        if hasMail {
            for command in mailbox.drain() { obey(command, now: HostClock.now) }
        }
        let now = HostClock.now
        unsafe memory.header.pointee.lastTurn = now.nanoseconds
        tick(now: now)
        flush()
        noteAwake(HostClock.now)
        endStreams(now: now)
        if now >= nextPublication {
            closeStrangers(now: now)
            publish(to: board, now: now)
            nextPublication = now + Self.publicationInterval
        }
    }

    /// Says goodbye to all peers, and refuses what was still waiting to be done.
    private mutating func finish(mailbox: Mailbox<ReactorCommand>) {
        mailbox.close()
        for command in mailbox.drain() {
            guard case .perform(_, _, let token) = command else { continue }
            output(.outcome(.refused(Refusal(.workerLost, "this reactor has stopped")), token: token))
        }
        for session in Array(sessions.keys) { closeSession(session, now: HostClock.now) }
        flush()
    }

    static let publicationInterval = Interval.milliseconds(200)

    private func waitMilliseconds(_ now: Instant, atMost limit: Interval) -> Int32 {
        var wait = limit.milliseconds
        if let timer = timers.millisecondsToNext(now: now) { wait = min(wait, Int64(timer)) }
        let routerWait = (router.deadline - now).nanoseconds
        if routerWait < wait * 1_000_000 { wait = max(0, (routerWait + 999_999) / 1_000_000) }
        return Int32(truncatingIfNeeded: wait)
    }

    /// Expired timers of peers and the router's, with all that they want sent.
    mutating func tick(now: Instant) {
        while let slot = timers.popExpired(now: now) {
            peers[Int32(slot)].transport.advance(to: now)
            drain(Int32(slot), now: now)
        }
        if nextBacklogLook <= now { lookAtBacklogs(now: now) }
        if router.deadline <= now { router.advance(to: now) }
        drainRouter(now: now)
        noteLearned()
    }

    private mutating func publish(to board: LoadBoard, now: Instant) {
        load.sessions = sessions.count
        measurePipes()
        load.endpoints = peers.count - load.pipes
        load.lastTurn = now.nanoseconds
        load.drops = [:]
        for reason in DropReason.allCases {
            let count = drops[reason] &+ router.drops[reason]
            if count > 0 { load.drops[reason.label] = count }
        }
        let snapshot = load
        board.load.withLock { $0 = snapshot }
    }
}
