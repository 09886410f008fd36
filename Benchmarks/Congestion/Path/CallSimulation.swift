public import Congestion
import Simulator
import Wire

/// One run of a scenario with one algorithm and one seed.
///
/// Everything happens in the order of an event heap on virtual time, and every random stream comes from the seed, the
/// scenario's name and its own: the same three inputs give the same run to the last bit.
public struct CallSimulation: Sendable {
    struct Flow: Sendable {
        var sender: MediaSender
        var feedback = FeedbackCollector()
        var video: VideoReceiver
        let backward: Int16
        var isRepairing = false
    }

    public let scenario: Scenario
    public let algorithm: CongestionAlgorithm
    public let seed: UInt64
    private var network: Network
    private var flows: [Flow] = []
    private var connections: [TCPConnection] = []
    private var datagramRoutes: [Int16] = []
    private var meter: RunMeter
    private var log: PacketLog?
    private var random: SeededRandom
    /// Reused for each report.
    private var results: [PacketResult] = []

    /// - Parameter logsPackets: keeps a line of RFC 8868 for each packet that arrives: see ``log``.
    public init(_ scenario: Scenario, algorithm: CongestionAlgorithm, seed: UInt64, logsPackets: Bool = false) {
        self.scenario = scenario
        self.algorithm = algorithm
        self.seed = seed
        // Not the algorithm: two of them meet the same losses and jitter as far as they send the same.
        let root = RootSeed(RootSeed(seed).hash(scenario.id))
        network = Network(links: scenario.links, seed: root)
        meter = RunMeter(scenario)
        random = root.stream("phases")
        if logsPackets { log = PacketLog() }
        addFlows(root)
        addConnections(root)
        addDatagrams(root)
    }

    private mutating func addFlows(_ root: RootSeed) {
        for (index, description) in scenario.flows.enumerated() {
            func line(_ name: String) -> DelayLine {
                DelayLine(
                    milliseconds: description.delay, jitter: scenario.jitter,
                    random: root.stream("flow \(index): \(name)"))
            }
            let forward = network.addRoute(links: description.forward, line: line("forward"))
            let backward = network.addRoute(links: description.backward, line: line("backward"))
            flows.append(
                Flow(
                    sender: MediaSender(
                        description, index: index, route: forward, algorithm: algorithm, seed: root,
                        isECNCapable: scenario.isECNCapable),
                    video: VideoReceiver(repairs: scenario.repairs), backward: backward))
            schedule(.flowStart, index, seconds: description.start)
            schedule(.flowStop, index, seconds: description.end)
            if let pause = description.pause {
                schedule(.flowPause, index, seconds: pause.lowerBound)
                schedule(.flowResume, index, seconds: pause.upperBound)
            }
        }
    }

    private mutating func addConnections(_ root: RootSeed) {
        for (index, description) in scenario.tcp.enumerated() {
            func line(_ name: String) -> DelayLine {
                DelayLine(
                    milliseconds: description.delay, jitter: 0, random: root.stream("tcp \(index): \(name)"))
            }
            let forward = network.addRoute(links: description.links, line: line("forward"))
            let backward = network.addRoute(links: [], line: line("backward"))
            connections.append(
                TCPConnection(
                    description, index: index, forward: forward, backward: backward,
                    random: root.stream("tcp \(index)")))
            schedule(.tcpStart, index, seconds: description.start)
            schedule(.tcpStop, index, seconds: description.end)
        }
    }

    private mutating func addDatagrams(_ root: RootSeed) {
        for (index, description) in scenario.datagrams.enumerated() {
            let line = DelayLine(milliseconds: 1, jitter: 0, random: root.stream("datagrams \(index)"))
            datagramRoutes.append(network.addRoute(links: description.links, line: line))
            schedule(.datagram, index, seconds: 0)
        }
    }

    private mutating func schedule(_ kind: EventHeap.Kind, _ index: Int, seconds: Double) {
        network.events.schedule(kind, index, at: UInt64(seconds * 1e9))
    }

    // MARK: The run

    /// Runs to the end.
    /// - Parameter keepsSeries: keeps what the plots show.
    public mutating func run(keepsSeries: Bool = false) -> RunResult {
        let end = UInt64(scenario.duration * 1e9)
        loop: while network.now < end {
            switch network.next() {
            case .packet(let packet): deliver(packet)
            case .event(let event): handle(event)
            case .nothing: break
            case .end: break loop
            }
        }
        for index in flows.indices { flows[index].video.endQuality(now: min(end, stopTime(index))) }
        return meter.result(
            algorithm: algorithm, seed: seed, flows: flows, links: network.links, keepsSeries: keepsSeries)
    }

    private func stopTime(_ index: Int) -> UInt64 { UInt64(scenario.flows[index].end * 1e9) }

    /// The lines of RFC 8868 of what has arrived, if they were asked for.
    public var packetLog: String { log?.text ?? "" }

    private mutating func handle(_ event: EventHeap.Event) {
        let index = Int(event.index)
        switch event.kind {
        case .flowStart:
            flows[index].sender.start(&network, phase: random.next() % 33_000_000)
            network.events.schedule(.feedback, index, at: network.now + FeedbackCollector.firstInterval)
        case .flowStop:
            flows[index].sender.stop(now: network.now)
        case .flowPause:
            flows[index].sender.stop(now: network.now)
            flows[index].video.pause(now: network.now)
        case .flowResume:
            flows[index].video.pause(now: network.now)
            flows[index].sender.resume(&network)
        case .frame: flows[index].sender.encodeFrame(&network)
        case .audio: flows[index].sender.encodeAudio(&network)
        case .pacer: flows[index].sender.firePacer(&network)
        case .controller: flows[index].sender.fireController(&network)
        case .feedback: sendFeedback(index)
        case .repair: repair(index)
        case .tcpStart:
            connections[index].start(&network, isFirst: network.now == UInt64(scenario.tcp[index].start * 1e9))
        case .tcpStop: connections[index].stop()
        case .tcpTimer: connections[index].fireTimer(&network)
        case .datagram: sendDatagram(index)
        case .departure, .capacity, .arrival: break
        }
    }

    private mutating func deliver(_ packet: Packet) {
        let owner = Int(packet.owner)
        switch packet.kind {
        case .audio, .video, .retransmission, .padding: deliverMedia(packet, to: owner)
        case .feedback:
            flows[owner].feedback.results(
                first: UInt16(truncatingIfNeeded: packet.sequence), count: UInt16(truncatingIfNeeded: packet.detail),
                sent: flows[owner].sender.sequence, reported: packet.sent, into: &results)
            flows[owner].sender.receive(results, &network)
            meter.noteTarget(owner, flows[owner].sender.controller.targetRate, now: network.now)
        case .nack:
            flows[owner].sender.receiveNACK(
                first: UInt64(bitPattern: packet.sequence), mask: packet.detail, &network)
        case .keyFrameRequest: flows[owner].sender.receiveKeyFrameRequest(network.now)
        case .tcpData:
            meter.deliverCross(packet, connection: owner, now: network.now)
            connections[owner].receiveData(packet, &network)
        case .tcpAcknowledgement: connections[owner].receiveAcknowledgement(packet, &network)
        case .datagram: break
        }
    }

    private mutating func deliverMedia(_ packet: Packet, to owner: Int) {
        let now = network.now
        let missing = flows[owner].feedback.receive(
            UInt16(truncatingIfNeeded: packet.sequence), isMarked: packet.isMarked, now: now)
        meter.deliver(packet, flow: owner, missing: missing, now: now)
        log?.add(packet, now: now)
        guard packet.kind == .video || packet.kind == .retransmission else { return }
        flows[owner].video.receive(packet, height: flows[owner].sender.height, now: now)
        if flows[owner].video.needsRepair, !flows[owner].isRepairing {
            flows[owner].isRepairing = true
            repair(owner)
        }
    }

    private mutating func sendFeedback(_ index: Int) {
        let stop = stopTime(index) + 1_000_000_000
        guard network.now < stop else { return }
        if let report = flows[index].feedback.report() {
            network.send(
                Packet(
                    kind: .feedback, route: flows[index].backward, owner: Int16(index), size: report.bytes,
                    sequence: Int64(report.first), detail: UInt64(report.count), sent: network.now))
        }
        let interval = FeedbackCollector.interval(rate: flows[index].sender.controller.targetRate)
        network.events.schedule(.feedback, index, at: network.now + interval)
    }

    private mutating func repair(_ index: Int) {
        let measured = UInt64(clamping: flows[index].sender.controller.roundTrip?.nanoseconds ?? 200_000_000)
        let (nack, wantsKey) = flows[index].video.repair(
            roundTrip: max(measured + 10_000_000, 50_000_000), now: network.now)
        let route = flows[index].backward
        if let nack {
            network.send(
                Packet(
                    kind: .nack, route: route, owner: Int16(index), size: MediaSizes.request,
                    sequence: Int64(bitPattern: nack.first), detail: nack.mask))
        }
        if wantsKey {
            network.send(Packet(kind: .keyFrameRequest, route: route, owner: Int16(index), size: MediaSizes.request))
        }
        flows[index].isRepairing = flows[index].video.needsRepair && network.now < stopTime(index)
        guard flows[index].isRepairing else { return }
        network.events.schedule(.repair, index, at: network.now + VideoReceiver.repairInterval)
    }

    private mutating func sendDatagram(_ index: Int) {
        let description = scenario.datagrams[index]
        let rate = description.rate(at: network.now)
        guard rate > 0 else {
            if let change = description.nextChange(after: network.now) {
                network.events.schedule(.datagram, index, at: change)
            }
            return
        }
        network.send(
            Packet(
                kind: .datagram, route: datagramRoutes[index], owner: Int16(index),
                size: DatagramDescription.packetBytes))
        let interval = UInt64(DatagramDescription.packetBytes) * 8_000_000_000 / rate
        network.events.schedule(.datagram, index, at: network.now + interval)
    }
}
