public import Wire

/// A network, the processes on its hosts, and the time that passes for all of them.
///
/// Single-threaded and without any clock but its own: the same seed and the same calls give the same events, to the
/// byte, on every machine.
public struct Simulation {
    private enum Event: BitwiseCopyable {
        case start(Int)
        /// Packets that reach a place one behind the other; the first one's slot.
        case train(Network.Place, Int32)
        case timer(Int)
        case message(Int)
        case change(Int)
        case departure(Network.Line)
    }

    private struct Message {
        var sender: Int
        var receiver: Int
        var bytes: [UInt8]
    }

    /// What was scheduled last, as long as it is packets that are on their way.
    private struct OpenTrain {
        var place: Network.Place
        var time: Instant
        var last: Int32
        /// Events that had been scheduled with it.
        var scheduled: UInt64
    }

    public private(set) var network: Network
    public private(set) var log: EventLog
    /// One way of signalling between two processes.
    public var signallingDelay = Interval.milliseconds(20)
    private var processes: [any Process] = []
    /// The host of each process.
    private var hosts: [Int] = []
    private var processesByHost: [[Int]] = []
    /// Further hosts of a process, see ``attach(_:to:)``; none of most.
    private var furtherHosts: [[Int]] = []
    /// When each process will be called; ``Instant/distantFuture`` for not at all.
    private var timers: [Instant] = []
    private var changes: [(inout Network) -> Void] = []
    private var queue = EventQueue<Event>()
    private var packets = PacketTable()
    private var messages: [Message] = []
    private var freeMessages: [Int] = []
    private var openTrain: OpenTrain?
    /// What is left of the train that has arrived, and where.
    private var arriving = (place: Network.Place.segment(Network.internet), first: PacketTable.none)
    /// Packets behind the first one of their train.
    private var followers = 0
    /// By host: its one process takes batches.
    private var takesBatches: [Bool] = []
    private var batch: [Datagram] = []
    private var nextDatagram: UInt64 = 1
    /// Used again, because there is one for every packet.
    private var spareOutput = Output()
    /// Packets, copies included, that are between two places.
    public private(set) var inFlight = 0

    public init(_ network: Network, keepsEntries: Bool = false) {
        self.network = network
        log = EventLog(keepsEntries: keepsEntries)
    }

    public var now: Instant { queue.now }
    /// When something happens next; nil when nothing ever will.
    public var nextTime: Instant? { arriving.first == PacketTable.none ? queue.nextTime : now }
    /// Events that wait for their time.
    public var pendingEvents: Int { queue.count + followers }

    /// Runs a process on a host from `start` on; returns its number.
    @discardableResult
    public mutating func add(_ process: any Process, on host: Int, start: Instant = .origin) -> Int {
        processes.append(process)
        hosts.append(host)
        timers.append(.distantFuture)
        furtherHosts.append([])
        settle(processes.count - 1, on: host)
        queue.schedule(.start(processes.count - 1), at: start)
        return processes.count - 1
    }

    /// Gives a process a second host: one machine with two links, of which each has a place and addresses of its own.
    /// What it sends leaves from the host that has the source address.
    public mutating func attach(_ process: Int, to host: Int) {
        furtherHosts[process].append(host)
        settle(process, on: host)
    }

    private mutating func settle(_ process: Int, on host: Int) {
        while processesByHost.count <= host {
            processesByHost.append([])
            takesBatches.append(false)
        }
        processesByHost[host].append(process)
        takesBatches[host] = processesByHost[host].count == 1 && processes[process].takesBatches
    }

    private func host(of process: Int, sendingFrom source: SocketAddress) -> Int {
        guard !furtherHosts[process].isEmpty else { return hosts[process] }
        return furtherHosts[process].first { network.addresses(ofHost: $0).contains(source.ip) } ?? hosts[process]
    }

    /// Changes the network at a time: a link that goes down, a NAT that reboots.
    public mutating func at(_ time: Instant, _ change: @escaping (inout Network) -> Void) {
        changes.append(change)
        // Before what else happens at that time.
        queue.schedule(.change(changes.count - 1), at: time, priority: -1)
    }

    /// Runs until `end`, or until `isDone`, which is asked after each event.
    /// - Returns: whether it was done.
    @discardableResult
    public mutating func run(until end: Instant, while isRunning: () -> Bool = { true }) -> Bool {
        while let time = nextTime, time <= end {
            step()
            if !isRunning() { return true }
        }
        return !isRunning()
    }

    /// The next event, however far away; nothing when there is none.
    public mutating func step() {
        if arriving.first != PacketTable.none {
            arrive()
        } else if let event = queue.next() {
            perform(event)
        } else {
            return
        }
        guard !network.calls.isEmpty else { return }
        for call in network.takeCalls() { queue.schedule(.departure(call.line), at: call.time) }
    }

    /// See ``EventLog/takeEntries()``.
    public mutating func takeEntries() -> [EventLog.Entry] { log.takeEntries() }

    private mutating func perform(_ event: Event) {
        switch event {
        case .start(let process): call(process) { $0.start(now: $1, &$2) }
        case .timer(let process):
            guard timers[process] <= now else { return }
            timers[process] = .distantFuture
            // A process whose time was put off meanwhile is asked again then.
            guard processes[process].deadline <= now else { return arm(process) }
            call(process) { $0.advance(to: $1, &$2) }
        case .train(let place, let first):
            arriving = (place, first)
            arrive()
        case .message(let index):
            let message = messages[index]
            messages[index].bytes = []
            freeMessages.append(index)
            log.add(.signalled, at: now, host: hosts[message.receiver])
            call(message.receiver) { $0.receive(message.bytes, from: message.sender, now: $1, &$2) }
        case .change(let index): changes[index](&network)
        case .departure(let line):
            for departure in network.depart(line, now: now) {
                inFlight -= 1
                let packet = packets.insert(departure.datagram)
                follow(packet, network.goOn(departure.step, &packets.slots[Int(packet)].datagram, now: now))
            }
        }
    }

    /// The next packet of the train that has arrived; all that are for one who takes them together.
    private mutating func arrive() {
        guard case .host(let host) = arriving.place, host < takesBatches.count, takesBatches[host],
            packets.slots[Int(arriving.first)].datagram.transport == .udp
        else {
            let place = arriving.place
            let packet = nextArriving()
            return follow(packet, network.arrive(&packets.slots[Int(packet)].datagram, at: place, now: now))
        }
        var batch: [Datagram] = []
        swap(&batch, &self.batch)
        while arriving.first != PacketTable.none, packets.slots[Int(arriving.first)].datagram.transport == .udp {
            let packet = nextArriving()
            note(.delivered, host: host, packet)
            batch.append(packets.take(packet))
        }
        call(processesByHost[host][0]) { $0.receive(batch: &batch, now: $1, &$2) }
        for index in batch.indices {
            var payload: [UInt8] = []
            swap(&payload, &batch[index].payload)
            spareOutput.recycle(payload)
        }
        batch.removeAll(keepingCapacity: true)
        swap(&batch, &self.batch)
    }

    private mutating func nextArriving() -> Int32 {
        let packet = arriving.first
        arriving.first = packets.slots[Int(packet)].next
        packets.slots[Int(packet)].next = PacketTable.none
        if arriving.first != PacketTable.none { followers -= 1 }
        inFlight -= 1
        return packet
    }

    /// What becomes of a packet, behind the steps that take no time.
    private mutating func follow(_ packet: Int32, _ step: Network.Step) {
        if network.mayHaveChanged {
            packets.slots[Int(packet)].contents = 0
            network.mayHaveChanged = false
        }
        switch step {
        case .hop(let place, let time): schedule(packet, place, time)
        case .hops(let place, let time, let copyTime):
            let copy = packets.copy(packet)
            schedule(packet, place, time)
            schedule(copy, place, copyTime)
            note(.copied, host: -1, copy)
        case .delivered(let host): deliver(packet, to: host)
        case .dropped(let drop, let spot):
            note(.dropped, host: -1, packet, text: drop.text, spot: spot)
            packets.remove(packet)
        case .queued(let line):
            packets.remove(packet)
            inFlight += 1 - network.overflow.count
            let text = Network.Drop.link(.queueFull).text
            for datagram in network.overflow {
                log.add(
                    .dropped, at: now, host: -1, datagram, contents: PayloadHash.of(datagram.payload), text: text,
                    spot: .line(line))
            }
            network.overflow = []
        }
    }

    /// Sends a packet on its way. What reaches a place right behind the packet before it joins that one's event:
    /// nothing could happen between the two.
    private mutating func schedule(_ packet: Int32, _ place: Network.Place, _ time: Instant) {
        inFlight += 1
        if let train = openTrain, time > now, train.time == time, train.place == place,
            train.scheduled == queue.scheduled
        {
            packets.slots[Int(train.last)].next = packet
            openTrain?.last = packet
            followers += 1
            return
        }
        queue.schedule(.train(place, packet), at: time)
        openTrain = OpenTrain(place: place, time: time, last: packet, scheduled: queue.scheduled)
    }

    private mutating func note(
        _ kind: EventLog.Kind, host: Int, _ packet: Int32, text: String = "", spot: Network.Spot? = nil
    ) {
        let contents = packets.contents(packet)
        log.add(
            kind, at: now, host: host, packets.slots[Int(packet)].datagram, contents: contents, text: text, spot: spot)
    }

    private mutating func deliver(_ packet: Int32, to host: Int) {
        note(.delivered, host: host, packet)
        let datagram = packets.take(packet)
        guard host < processesByHost.count else { return }
        for process in processesByHost[host] where datagram.transport == .udp || processes[process].takesTCP {
            call(process) { $0.receive(datagram, now: $1, &$2) }
        }
    }

    private mutating func call(_ process: Int, _ body: (any Process, Instant, inout Output) -> Void) {
        // A packet that arrives at once is a call within a call, which gets an empty one.
        var output = Output()
        swap(&output, &spareOutput)
        body(processes[process], now, &output)
        let host = hosts[process]
        for note in output.notes { log.add(.noted, at: now, host: host, text: note) }
        for index in output.datagrams.indices {
            let packet = output.takeDatagram(index, into: &packets, number: nextDatagram)
            nextDatagram += 1
            let sender = self.host(of: process, sendingFrom: packets.slots[Int(packet)].datagram.source)
            note(.sent, host: sender, packet)
            follow(packet, network.send(&packets.slots[Int(packet)].datagram, from: sender, now: now))
        }
        for message in output.messages { post(message, from: process) }
        output.reset()
        swap(&output, &spareOutput)
        arm(process)
    }

    private mutating func post(_ message: Output.Message, from sender: Int) {
        let message = Message(sender: sender, receiver: message.receiver, bytes: message.bytes)
        let index: Int
        if let free = freeMessages.popLast() {
            index = free
            messages[index] = message
        } else {
            index = messages.count
            messages.append(message)
        }
        queue.schedule(.message(index), at: now + signallingDelay)
    }

    /// One timer event waits for each process, at the earliest time that it has asked for.
    private mutating func arm(_ process: Int) {
        let deadline = processes[process].deadline
        guard deadline < timers[process] else { return }
        timers[process] = deadline
        queue.schedule(.timer(process), at: max(deadline, now))
    }
}

extension Network.Drop {
    /// For logs and people.
    public var text: String {
        switch self {
        case .link(let loss): loss.rawValue
        case .nat(let refusal): "NAT: \(refusal.rawValue)"
        case .firewall: "firewall"
        case .noRoute: "no route"
        case .isolated: "hosts kept apart"
        case .malformed: "malformed"
        }
    }
}
