import CLinux
import RTP
import Transport
import Wire

/// All that a media thread owns: its clients and what they have counted. `+Receive`, `+Publish`, `+Feedback` and
/// `+Mischief` are the ways in and out.
struct MediaWorld: ~Copyable {
    let settings: MediaSettings
    let output: @Sendable (MediaOutput) -> Void
    let epoll: Int32
    var clients: SlotTable<MediaClient>
    var slots: [Int: Int32] = [:]
    /// Of subscribers that have connected anew, and by the ids of clients that are gone.
    var witnesses: [Witness] = []
    var departed: [Int: Int] = [:]
    var publisherSlots: [Int32] = []
    /// When each slot has something to do, in nanoseconds: all that a tick looks at.
    var deadlines: [UInt64]
    let batch = TrainBatch()
    var writer = TrainWriter()
    var scratch = ByteWriter(capacity: 2_048)
    var wanted: [SequenceNumber] = []
    var calibration: Calibration

    var window = MeasurementWindow()
    var result = ThreadResult()
    /// What rogues find is nobody's concern.
    var rogueCounters = VerificationCounters()
    /// Wall clock minus monotonic clock.
    var wallOffset: UInt64
    var isHushed = false
    var isStopping = false
    var nextTick = Instant.origin
    var nextSnapshot = Instant.origin
    private var cpuAtOpening: (cpu: UInt64, time: Instant)?
    private var cpuAtClosing: (cpu: UInt64, time: Instant)?
    private var lastSnapshot: (cpu: UInt64, time: Instant)
    private var overflowAtOpening: UInt64 = 0

    static let mailboxToken = UInt64.max
    static let calibrationToken = UInt64.max - 1

    init(_ settings: MediaSettings, capacity: Int, output: @escaping @Sendable (MediaOutput) -> Void) throws(LoadError)
    {
        let calibration = try Calibration()
        let epoll = apus_epoll_create()
        guard epoll >= 0 else { throw LoadError("no epoll: the process is out of file descriptors") }
        self.settings = settings
        self.output = output
        self.epoll = epoll
        self.calibration = calibration
        clients = SlotTable(capacity: capacity)
        deadlines = Array(repeating: .max, count: capacity)
        _ = apus_epoll_add(epoll, self.calibration.receiver.descriptor, Self.calibrationToken)
        wallOffset = LoadClock.wall &- LoadClock.now.nanoseconds
        lastSnapshot = (LoadClock.threadCPU, LoadClock.now)
        wanted.reserveCapacity(1_024)
    }

    deinit { apus_close(epoll) }

    mutating func run(mailbox: MediaMailbox, board: MediaBoard) {
        _ = apus_epoll_add(epoll, mailbox.wakeUp, Self.mailboxToken)
        var tokens = [UInt64](repeating: 0, count: Limits.readyBatch)
        while !isStopping {
            let ready = unsafe apus_epoll_wait_ns(epoll, &tokens, UInt32(tokens.count), waitNanoseconds())
            for position in 0..<max(0, Int(ready)) { attend(to: tokens[position]) }
            for command in mailbox.drain() { obey(command) }
            turn(board)
        }
    }

    private mutating func attend(to token: UInt64) {
        switch token {
        case Self.mailboxToken: break
        case Self.calibrationToken: receiveCalibration()
        default: receive(Int32(truncatingIfNeeded: token))
        }
    }

    private mutating func turn(_ board: MediaBoard) {
        let now = LoadClock.now
        publishDue(now: now)
        guard now >= nextTick else { return }
        nextTick = now + Limits.tick
        wallOffset = LoadClock.wall &- LoadClock.now.nanoseconds
        watchWindow(now: now)
        let nanoseconds = now.nanoseconds
        for slot in deadlines.indices where deadlines[slot] <= nanoseconds { service(Int32(slot), now: now) }
        if now >= nextSnapshot { publishSnapshot(to: board, now: now) }
    }

    private func waitNanoseconds() -> UInt64 {
        var due = nextTick
        for slot in publisherSlots { due = min(due, clients[slot].nextVideo, clients[slot].nextAudio) }
        let wait = (due - LoadClock.now).nanoseconds
        return wait > 0 ? UInt64(wait) : 0
    }

    // MARK: Commands

    private mutating func obey(_ command: MediaCommand) {
        switch command {
        case .add(let setup): add(setup)
        case .remove(let id): remove(id)
        case .openWindow(let start): window = MeasurementWindow(start: start.nanoseconds)
        case .closeWindow(let end): window.end = end.nanoseconds
        case .hush: isHushed = true
        case .collect: output(.collected(collect()))
        case .stop: isStopping = true
        }
    }

    private mutating func add(_ setup: ClientSetup) {
        let now = LoadClock.now
        guard clients.nextIndex != nil else { return output(.failed(setup.id, "more clients than planned")) }
        do {
            let slot = clients.insert(try MediaClient.make(setup, settings: settings, now: now))
            slots[setup.id] = slot
            inherit(slot, now: now)
            if setup.isPublisher { publisherSlots.append(slot) }
            _ = apus_epoll_add(epoll, setup.socket.descriptor, UInt64(slot))
            drain(slot, now: now)
        } catch {
            output(.failed(setup.id, "\(error)"))
        }
    }

    private mutating func remove(_ id: Int) {
        guard let slot = slots.removeValue(forKey: id) else { return }
        settleAccounts(slot, now: LoadClock.now)
        if !clients[slot].isMute {
            clients[slot].transport.peer.close(now: LoadClock.now)
            sendControl(of: slot)
        }
        publisherSlots.removeAll { $0 == slot }
        _ = apus_epoll_remove(epoll, clients[slot].socket.descriptor)
        deadlines[Int(slot)] = .max
        clients.remove(slot)
    }

    // MARK: Measurement

    private mutating func watchWindow(now: Instant) {
        if cpuAtOpening == nil, now.nanoseconds >= window.start {
            cpuAtOpening = (LoadClock.threadCPU, now)
            overflowAtOpening = overflow()
        }
        if cpuAtClosing == nil, now.nanoseconds >= window.end { cpuAtClosing = (LoadClock.threadCPU, now) }
    }

    private func overflow() -> UInt64 {
        slots.values.reduce(0) { $0 &+ (clients[$1].rogue == nil ? clients[$1].socket.overflow : 0) }
    }

    private mutating func collect() -> ThreadResult {
        noteOpenGaps()
        var collected = result
        for slot in publisherSlots {
            for stream in clients[slot].published {
                let key = StreamKey(publisher: clients[slot].publisher, isVideo: stream.kind == .video)
                collected.sent[key, default: 0] &+= stream.sentInWindow
            }
        }
        countPictures(into: &collected)
        for witness in witnesses {
            for section in witness.sections {
                collected.sections[
                    StreamKey(publisher: section.publisher, isVideo: section.kind == .video), default: 0] += 1
            }
        }
        for slot in slots.values
        where clients[slot].isWitness && clients[slot].hasMedia && clients[slot].witness < 0 && settings.clip == nil {
            for section in clients[slot].sections {
                collected.sections[
                    StreamKey(publisher: section.publisher, isVideo: section.kind == .video), default: 0] += 1
            }
        }
        collected.receiveOverflow = overflow() &- overflowAtOpening
        collected.sendFailures = writer.failures
        if let opening = cpuAtOpening, let closing = cpuAtClosing, closing.time > opening.time {
            collected.load =
                Double(closing.cpu &- opening.cpu) / Double((closing.time - opening.time).nanoseconds)
        }
        return collected
    }

    private func countPictures(into collected: inout ThreadResult) {
        guard settings.clip != nil else { return }
        for slot in slots.values where clients[slot].isWitness {
            for stream in clients[slot].streams
            where stream.repairs == nil && clients[slot].sections[stream.section].kind == .video {
                collected.pictures.append(
                    LoadReport.Pictures(
                        subscriber: clients[slot].person, arrivals: stream.pictures.arrivals,
                        broken: stream.pictures.broken, window: window))
            }
        }
    }

    private mutating func noteOpenGaps() {
        for slot in slots.values.sorted() where clients[slot].isWitness && clients[slot].hasMedia {
            if let ledger = clients[slot].ledger {
                result.indices &+= ledger.count
                result.reusedIndices &+= ledger.reused
            }
            guard clients[slot].witness < 0 else { continue }
            for stream in clients[slot].streams.indices where clients[slot].streams[stream].repairs == nil {
                let watch = clients[slot].streams[stream].gaps
                guard let since = watch.isSilent(at: window.end, threshold: settings.gapThreshold) else { continue }
                list(gap(stream, of: slot, since: since, until: window.end, isOpen: true))
            }
        }
        for witness in witnesses {
            for section in witness.sections {
                guard let since = section.gaps.isSilent(at: window.end, threshold: settings.gapThreshold) else {
                    continue
                }
                list(gap(section.kind, of: witness.person, since: since, until: window.end, isOpen: true))
            }
        }
    }

    private mutating func publishSnapshot(to board: MediaBoard, now: Instant) {
        nextSnapshot = now + .milliseconds(200)
        var snapshot = ThreadSnapshot()
        snapshot.counters = result.counters
        for slot in publisherSlots {
            for stream in clients[slot].published { snapshot.sent &+= stream.number }
        }
        let cpu = LoadClock.threadCPU
        let elapsed = (now - lastSnapshot.time).nanoseconds
        if elapsed > 0 { snapshot.load = Double(cpu &- lastSnapshot.cpu) / Double(elapsed) }
        lastSnapshot = (cpu, now)
        snapshot.p99 = result.latency.quantile(0.99)
        board.store(snapshot)
    }
}
