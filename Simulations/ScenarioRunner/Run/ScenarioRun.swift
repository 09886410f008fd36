import STUN
public import Simulator
public import Wire

/// A scenario while it runs.
///
/// Call ``advance(events:)`` until it says that it is over, then ``report()``. Nothing but the scenario and the seed
/// decides what happens.
public final class ScenarioRun {
    public struct Options {
        /// Every event stays in the report: for pcap files, pages and text logs.
        public var keepsEntries = false
        /// The product's promises are checked all along.
        public var checksInvariants = true
        /// Further promises.
        public var watches: [any Watch] = []

        public init() {}
    }

    public let scenario: Scenario
    public let seed: UInt64
    public internal(set) var simulation: Simulation
    /// Two for each call.
    public let sides: [CallSide]
    /// Addresses of all servers.
    public let servers: Set<SocketAddress>
    /// Those of them that only tell addresses.
    let bindingServers: Set<SocketAddress>
    /// Hosts with TURN servers, and a fresh observer of each.
    let relayHosts: [World.RelayHost]
    public let end: Instant
    /// From here on nothing is done to the network any more.
    public let healed: Instant
    let layout: Layout
    let options: Options
    private let watches: [any Watch]
    /// What was seen how often, for coverage.
    private(set) var counts: [String: Int] = [:]
    private let sideBySocket: [SocketAddress: Int]
    var expectations: [ExpectationState]
    var entries: [EventLog.Entry] = []
    var traffic: [HostTraffic]
    var drops: [DropCount: Int] = [:]
    public internal(set) var violations: [Violation] = []
    public internal(set) var violationCount = 0
    /// Whether the last event did more than move a packet on or ask a process that had nothing to do.
    public private(set) var hasNews = false
    private var isOver = false

    /// Throws what is wrong with the scenario.
    public init(_ scenario: Scenario, seed: UInt64? = nil, options: Options = Options()) throws(ScenarioError) {
        try scenario.check()
        let seed = seed ?? scenario.seed
        let world = try World(scenario, seed: RootSeed(seed), keepsEntries: true)
        self.scenario = scenario
        self.seed = seed
        self.options = options
        layout = world.layout
        simulation = world.simulation
        sides = world.sides
        servers = world.servers
        bindingServers = world.bindingServers
        relayHosts = world.relayHosts
        end = Instant.origin + scenario.duration
        healed = world.healed
        watches = (options.checksInvariants ? Self.standardWatches() : []) + options.watches
        var sideBySocket: [SocketAddress: Int] = [:]
        // One socket address may exist twice, behind two NATs; the host tells them apart.
        for (index, side) in world.sides.enumerated() {
            for socket in side.sockets where sideBySocket[socket] == nil { sideBySocket[socket] = index }
        }
        self.sideBySocket = sideBySocket
        expectations = scenario.expectations.map {
            ExpectationState($0, in: scenario, addresses: world.layout.hostAddresses)
        }
        traffic = scenario.network.hosts.map { HostTraffic(name: $0.name) }
    }

    public var now: Instant { simulation.now }

    /// 0 to 1.
    public var progress: Double { min(simulation.now.seconds / max(scenario.duration.seconds, 1e-9), 1) }

    /// Goes on for so many events.
    /// - Returns: false when it is over.
    public func advance(events: Int = 1000) -> Bool {
        for _ in 0..<events {
            guard !isOver else { return false }
            // After the end nothing new is sent, and what is on its way arrives or is lost.
            guard simulation.nextTime != nil else {
                isOver = true
                for watch in watches { watch.atEnd(self) }
                return false
            }
            step()
        }
        return !isOver
    }

    /// All of it.
    public func run() -> RunReport {
        while advance() {}
        return report()
    }

    private func step() {
        simulation.step()
        let now = simulation.now
        let news = simulation.takeEntries()
        hasNews = !news.isEmpty
        for entry in news {
            let sight = look(at: entry)
            note(sight)
            for watch in watches { watch.see(sight, self) }
            if options.keepsEntries { entries.append(entry) }
        }
        // Whatever changes in an agent, it notes.
        if hasNews {
            let hosts = news.map(\.host)
            for side in sides where side.hosts.contains(where: hosts.contains) { side.poll(now) }
            for index in expectations.indices { expectations[index].poll(sides, now) }
        }
        for watch in watches { watch.afterEvent(self) }
        // A clock that stands still would never reach the end.
        if violations.contains(where: { $0.invariant == .time }) { isOver = true }
    }

    /// Something that ought not to be.
    public func violate(_ invariant: Invariant, _ detail: String) {
        violationCount += 1
        guard !violations.contains(where: { $0.invariant == invariant }) else { return }
        violations.append(Violation(invariant: invariant, time: simulation.now, detail: detail))
    }

    /// Something that is worth counting.
    func count(_ name: String, _ times: Int = 1) { counts[name, default: 0] += times }

    private func look(at entry: EventLog.Entry) -> Sight {
        guard let datagram = entry.datagram, entry.kind == .sent || entry.kind == .delivered else {
            return Sight(entry: entry)
        }
        var sight = Sight(entry: entry)
        let isSent = entry.kind == .sent
        let local = isSent ? datagram.source : datagram.destination
        let remote = isSent ? datagram.destination : datagram.source
        sight.packet = PacketSummary(datagram)
        sight.remote = remote
        if let found = sideBySocket[local] {
            let index =
                sides[found].hosts.contains(entry.host)
                ? found : sides.firstIndex { $0.hosts.contains(entry.host) && $0.sockets.contains(local) }
            if let index {
                sight.side = index
                sight.tuple = sides[index].tuple(local: local, remote: remote)
            }
        }
        return sight
    }

    private func note(_ sight: Sight) {
        let entry = sight.entry
        guard let datagram = entry.datagram else { return }
        switch entry.kind {
        case .sent: traffic[entry.host].sent.add(datagram)
        case .delivered: traffic[entry.host].received.add(datagram)
        case .dropped:
            let place = entry.spot.map { simulation.network.name(of: $0) } ?? "somewhere"
            drops[DropCount(place: place, reason: entry.text), default: 0] += 1
        case .copied, .signalled, .noted: break
        }
        guard let index = sight.side, let tuple = sight.tuple, case .stun(let part) = sight.packet else { return }
        if entry.kind == .sent {
            sides[index].sent(part, on: tuple, entry.time)
        } else {
            sides[index].received(part, datagram.payload, on: tuple, entry.time)
        }
    }
}

/// An entry of the event log, and what it means.
public struct Sight {
    public var entry: EventLog.Entry
    /// Of what was sent or delivered.
    public var packet: PacketSummary?
    /// The side of a call that sent or got it.
    public var side: Int?
    /// The path, as that side has it.
    public var tuple: Tuple?
    /// The other end, whichever process it was.
    public var remote: SocketAddress?
}

/// What a host sent or got.
public struct Traffic: Hashable, Sendable {
    public var packets = 0
    /// With IP and UDP headers.
    public var bytes = 0

    mutating func add(_ datagram: Datagram) {
        packets += 1
        bytes += datagram.wireBytes
    }
}

/// The traffic of one host.
public struct HostTraffic: Hashable, Sendable {
    public var name: String
    public var sent = Traffic()
    public var received = Traffic()
}

struct DropCount: Hashable {
    var place: String
    var reason: String
}

extension Instant {
    /// Since the beginning of the run, for progress and pages.
    public var seconds: Double { Double(nanoseconds) / 1e9 }
}
