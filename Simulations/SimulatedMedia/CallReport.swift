import LoadGenerator
import RTP
public import Simulator
public import Wire

/// What came of a simulated call.
public struct CallReport: Sendable {
    /// One party's view of one stream of another's.
    public struct Stream: Hashable, Sendable {
        public var subscriber: Int
        public var publisher: Int
        /// `audio` or `video`.
        public var kind: String
        /// Packets that the publisher sent in the window.
        public var sent: UInt64
        /// Of them those that came, whole and for the first time.
        public var received: UInt64
        /// Of those the ones that came because they were asked for.
        public var repaired: UInt64
        /// Those that never came.
        public var lost: UInt64 { sent - min(sent, received) }
        /// Whose contents are not what the publisher sent.
        public var corrupt: UInt64
        /// That came twice past SRTP without being asked for.
        public var duplicated: UInt64
        /// Where sequence numbers, timestamps and contents contradict each other.
        public var disordered: UInt64
        /// From the subscriber's start to the first packet.
        public var firstMedia: Interval?
    }

    /// One party.
    public struct Party: Hashable, Sendable {
        /// From its start to a path, and on to the keys.
        public var connect: Interval?
        public var handshake: Interval?
        /// Of its path, and how it reaches the relay where it has one.
        public var kinds: PairKinds?
        public var relay: RelayCarrier?
        public var statistics: ClientProcess.Statistics
    }

    /// Of all parties from all others, in order.
    public var streams: [Stream]
    public var parties: [Party]
    /// What the server dropped, by the label of the reason.
    public var serverDrops: [(reason: String, count: UInt64)]
    /// What the TURN server did; nil without one.
    public var relayed: RelayObserver.Counters?
    /// Breaches of I9 and I12, see ``MediaMonitor``, and of I11, see ``Simulator/RelayObserver``.
    public var violations: [String]
    public var violationCount: Int
    /// SRTP and SRTCP packets that the monitor looked at.
    public var packets: UInt64
    public var replayHash: UInt64
    /// Events of the log.
    public var events: Int
    /// Of simulated time.
    public var duration: Interval
    /// `CLIENT_RANDOM …`, one for each association; none without cryptography.
    public var keyLog: [String]
    /// Filled when asked for.
    public var log: EventLog
    /// As it was at the end.
    public var network: Network

    init(
        _ room: CallRoom, _ clients: [ClientProcess], _ server: ServerProcess, _ relay: ObservedRelayProcess?,
        _ simulation: Simulation, _ options: CallSimulation.Options
    ) {
        var streams: [Stream] = []
        for (subscriber, client) in clients.enumerated() {
            for (index, section) in client.client.sections.enumerated() {
                let counters = client.client.counters[index]
                let source = clients[section.publisher].client.published.first { $0.kind == section.kind }
                streams.append(
                    Stream(
                        subscriber: subscriber, publisher: section.publisher, kind: section.kind.rawValue,
                        sent: source?.sentInWindow ?? 0, received: counters.delivered, repaired: counters.repaired,
                        corrupt: counters.corrupt + counters.misdelivered, duplicated: counters.duplicated,
                        disordered: counters.sequenceErrors + counters.timestampErrors,
                        firstMedia: client.client.firstMedia[index].map { $0 - options.parties[subscriber].start }))
            }
        }
        self.streams = streams
        parties = zip(clients, options.parties).map { client, party in
            let statistics = client.statistics
            let handshake = statistics.connected.flatMap { connected in statistics.secured.map { $0 - connected } }
            return Party(
                connect: statistics.connected.map { $0 - party.start }, handshake: handshake,
                kinds: statistics.kinds, relay: party.relay, statistics: statistics)
        }
        serverDrops = server.drops.map { ($0.reason.label, $0.count) }
        relayed = relay?.counters
        violations = room.monitor.violations
        violationCount = room.monitor.violationCount
        packets = room.monitor.packets
        replayHash = simulation.log.replayHash
        events = simulation.log.count
        duration = simulation.now - .origin
        keyLog = room.keyLogLines
        log = simulation.log
        network = simulation.network
    }
}
