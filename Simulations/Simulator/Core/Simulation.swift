public import Wire

/// A network, the processes on its hosts, and the time that passes for all of them.
///
/// Single-threaded and without any clock but its own: the same seed and the same calls give the same events, to the
/// byte, on every machine.
public struct Simulation {
    private enum Event {
        case start(Int)
        case hop(Network.Place, Datagram)
        case timer(Int)
        case message(from: Int, to: Int, [UInt8])
        case change(Int)
        case departure(Network.Line)
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
    private var nextDatagram: UInt64 = 1
    /// Used again, because there is one for every packet.
    private var spareOutputs: [Output] = []
    /// Packets, copies included, that are between two places.
    public private(set) var inFlight = 0

    public init(_ network: Network, keepsEntries: Bool = false) {
        self.network = network
        log = EventLog(keepsEntries: keepsEntries)
    }

    public var now: Instant { queue.now }
    /// When something happens next; nil when nothing ever will.
    public var nextTime: Instant? { queue.nextTime }
    /// Events that wait for their time.
    public var pendingEvents: Int { queue.count }

    /// Runs a process on a host from `start` on; returns its number.
    @discardableResult
    public mutating func add(_ process: any Process, on host: Int, start: Instant = .origin) -> Int {
        processes.append(process)
        hosts.append(host)
        timers.append(.distantFuture)
        furtherHosts.append([])
        while processesByHost.count <= host { processesByHost.append([]) }
        processesByHost[host].append(processes.count - 1)
        queue.schedule(.start(processes.count - 1), at: start)
        return processes.count - 1
    }

    /// Gives a process a second host: one machine with two links, of which each has a place and addresses of its own. What
    /// it sends leaves from the host that has the source address.
    public mutating func attach(_ process: Int, to host: Int) {
        furtherHosts[process].append(host)
        while processesByHost.count <= host { processesByHost.append([]) }
        processesByHost[host].append(process)
    }

    private func host(of process: Int, sending datagram: Datagram) -> Int {
        let others = furtherHosts[process]
        guard !others.isEmpty else { return hosts[process] }
        return others.first { network.addresses(ofHost: $0).contains(datagram.source.ip) } ?? hosts[process]
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
        while let time = queue.nextTime, time <= end {
            step()
            if !isRunning() { return true }
        }
        return !isRunning()
    }

    /// The next event, however far away; nothing when there is none.
    public mutating func step() {
        guard let event = queue.next() else { return }
        perform(event)
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
        case .hop(let place, let datagram):
            inFlight -= 1
            follow(network.arrive(datagram, at: place, now: now))
        case .message(let sender, let receiver, let bytes):
            log.add(.signalled, at: now, host: hosts[receiver])
            call(receiver) { $0.receive(bytes, from: sender, now: $1, &$2) }
        case .change(let index): changes[index](&network)
        case .departure(let line):
            for step in network.depart(line, now: now) {
                inFlight -= 1
                follow(step)
            }
        }
    }

    /// Steps that take no time happen at once, in order.
    private mutating func follow(_ step: consuming Network.Step) {
        while case .hop(let hop) = step, hop.time <= now {
            step = network.arrive(hop.datagram, at: hop.place, now: now)
        }
        switch consume step {
        case .hop(let hop):
            inFlight += 1
            queue.schedule(.hop(hop.place, hop.datagram), at: hop.time)
        case .hops(let hops):
            inFlight += hops.count
            for hop in hops { queue.schedule(.hop(hop.place, hop.datagram), at: hop.time) }
            for copy in hops.dropFirst() { log.add(.copied, at: now, host: -1, datagram: copy.datagram) }
        case .delivered(let host, let datagram):
            log.add(.delivered, at: now, host: host, datagram: datagram)
            guard host < processesByHost.count else { return }
            for process in processesByHost[host] where datagram.transport == .udp || processes[process].takesTCP {
                call(process) { $0.receive(datagram, now: $1, &$2) }
            }
        case .dropped(let drop, let datagram, let spot):
            log.add(.dropped, at: now, host: -1, datagram: datagram, text: drop.text, spot: spot)
        case .queued(let overflow, let line):
            inFlight += 1 - overflow.count
            let text = Network.Drop.link(.queueFull).text
            for datagram in overflow {
                log.add(.dropped, at: now, host: -1, datagram: datagram, text: text, spot: .line(line))
            }
        }
    }

    private mutating func call(_ process: Int, _ body: (any Process, Instant, inout Output) -> Void) {
        var output = spareOutputs.popLast() ?? Output()
        body(processes[process], now, &output)
        let host = hosts[process]
        for note in output.notes { log.add(.noted, at: now, host: host, text: note) }
        for index in output.datagrams.indices {
            var datagram = output.datagrams[index]
            datagram.number = nextDatagram
            nextDatagram += 1
            let sender = self.host(of: process, sending: datagram)
            log.add(.sent, at: now, host: sender, datagram: datagram)
            follow(network.send(datagram, from: sender, now: now))
        }
        for message in output.messages {
            queue.schedule(
                .message(from: process, to: message.receiver, message.bytes), at: now + signallingDelay)
        }
        output.reset()
        spareOutputs.append(output)
        arm(process)
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
