import Wire

@testable import Congestion

/// A run of a ``LinkModel``.
struct LinkSimulation {
    struct Packet {
        var flow: Int
        var sequence: Int64
        var size: Double
        var queuedAt: Double
        var isCE = false
    }

    struct Sender {
        var controller: CongestionController
        var pacer: Pacer
        var sequence: Int64 = 0
        var queue: [(size: Double, at: Double)] = []
        var queueHead = 0
        var queuedBytes = 0
        var nextPacing = 0.0
        var nextTarget = 0.0
        var nextFrame: Double
        var nextAudio: Double
        var audio = 0
        var encoderRate: Double
        var targets: [(at: Double, rate: Double)] = []
        var isPaused = false
        var received: [PacketResult] = []
        var reported: Int64 = 0
        var nextFeedback: Double
        var lastArrival = 0.0
        /// Feedback on its way: when it comes and what it says.
        var feedback: [(at: Double, results: [PacketResult])] = []
        var sentSinceReport = 0
        var receivedSinceReport = 0
    }

    struct TCP {
        var window = 10.0
        var threshold = Double.infinity
        var inFlight = 0
        var acknowledgements: [(at: Double, lost: Bool)] = []
        var recoveryUntil = 0.0
        var next = 0
        /// Packets still to be sent; infinite for a long flow.
        var remaining = Double.infinity
        var startsAt = 0.0
        var endsAt = Double.infinity
    }

    let model: LinkModel
    var random: SeededRandom
    var senders: [Sender] = []
    var tcps: [TCP] = []
    var queue: [Packet] = []
    var queueHead = 0
    var queuedBytes = 0.0
    var credit = 0.0
    var sample: LinkModel.Sample
    let step = 0.001
    let packetBytes = 1_200.0
    let tcpBytes = 1_500.0

    init(_ model: LinkModel) {
        self.model = model
        random = SeededRandom(seed: model.seed)
        sample = LinkModel.Sample(time: 0, delivered: [], targets: [], tcp: 0, delays: [], lost: 0)
        for (index, flow) in model.flows.enumerated() {
            let configuration = CongestionConfiguration(
                algorithm: model.algorithm, startRate: model.startRate,
                minimumRate: UInt64(min(model.smallestRate, 150_000)), maximumRate: 30_000_000, weight: flow.weight,
                isECNCapable: model.marksECN)
            var controller = CongestionController(
                configuration, random: SeededRandom(seed: model.seed &* 31 &+ UInt64(index)), now: instant(flow.start))
            controller.setAllocation(
                maximum: UInt64(flow.largestRate * 1.07) + 40_000, minimum: 0, padding: 0, now: instant(flow.start))
            senders.append(
                Sender(
                    controller: controller,
                    pacer: Pacer(pacingRate: controller.pacingRate, now: instant(flow.start)),
                    nextFrame: flow.start + uniform() / 30, nextAudio: flow.start + uniform() / 50,
                    encoderRate: Double(model.startRate), nextFeedback: flow.start + 0.1))
        }
        if let tcp = model.tcp {
            tcps.append(TCP(startsAt: tcp.lowerBound, endsAt: tcp.upperBound))
        }
        for index in 0..<model.shortTCP {
            tcps.append(
                TCP(remaining: transferPackets(), startsAt: index < 2 ? 0 : exponential(10)))
        }
    }

    mutating func run() -> LinkModel.Result {
        var result = LinkModel.Result()
        let steps = Int(model.duration / step)
        startSample(0)
        for index in 0..<steps {
            let now = Double(index) * step
            for flow in senders.indices { advance(flow, now) }
            for index in tcps.indices { advanceTCP(index, now) }
            serve(now)
            if (index + 1) % 200 == 0 {
                sample.targets = senders.map { Double($0.controller.targetRate) }
                result.samples.append(sample)
                startSample(now + step)
            }
        }
        return result
    }

    private mutating func startSample(_ time: Double) {
        sample = LinkModel.Sample(
            time: time, delivered: Array(repeating: 0, count: senders.count), targets: [], tcp: 0, delays: [], lost: 0)
    }

    // MARK: The link

    private func capacity(_ now: Double) -> Double { model.capacity.last { $0.from <= now }?.rate ?? 1 }

    mutating func enqueue(_ packet: Packet, _ now: Double) {
        guard uniform() >= model.loss || packet.flow < 0 else { return drop(packet, now) }
        guard queuedBytes + packet.size <= max(capacity(now) * model.queue / 8, 3_000) else { return drop(packet, now) }
        var packet = packet
        // A step marker at 5 ms of queue, as L4S has it, for those that asked.
        if model.marksECN, packet.flow >= 0, queuedBytes * 8 / capacity(now) > 0.02 { packet.isCE = true }
        queue.append(packet)
        queuedBytes += packet.size
    }

    private mutating func drop(_ packet: Packet, _ now: Double) {
        sample.lost += 1
        if packet.flow < 0 {
            tcps[-1 - packet.flow].acknowledgements.append((now + 0.1 + queuedBytes * 8 / capacity(now), true))
        }
    }

    private mutating func serve(_ now: Double) {
        credit = min(credit + capacity(now) * step / 8, 3_000)
        while queueHead < queue.count, credit >= queue[queueHead].size {
            let packet = queue[queueHead]
            queueHead += 1
            credit -= packet.size
            queuedBytes -= packet.size
            deliver(packet, now)
        }
        if queueHead == queue.count { credit = min(credit, capacity(now) * step / 8) }
        if queueHead > 1_000 {
            queue.removeFirst(queueHead)
            queueHead = 0
        }
    }

    private mutating func deliver(_ packet: Packet, _ now: Double) {
        guard packet.flow >= 0 else {
            sample.tcp += packet.size * 8
            tcps[-1 - packet.flow].acknowledgements.append((now + 0.1, false))
            return
        }
        let flow = packet.flow
        sample.delivered[flow] += packet.size * 8
        sample.delays.append(now - packet.queuedAt)
        let jitter = 3 * model.jitter + min(max(gaussian(), -3), 3) * model.jitter
        let arrival = max(now + model.flows[flow].delay + jitter, senders[flow].lastArrival)
        senders[flow].lastArrival = arrival
        let ticks = (arrival / 0.00025).rounded(.down) * 250_000
        senders[flow].received.append(
            PacketResult(sequence: packet.sequence, arrival: Int64(ticks) + 77_000_000_000, isCE: packet.isCE))
    }

    // MARK: Random numbers

    mutating func uniform() -> Double { Double(random.next() >> 11) * 0x1p-53 }

    mutating func gaussian() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += uniform() }
        return sum
    }

    mutating func exponential(_ mean: Double) -> Double { -mean * RealMath.log(max(uniform(), 1e-9)) }

    mutating func transferPackets() -> Double { ((30_000 + 20_000 * uniform()) / tcpBytes).rounded(.up) }

    func instant(_ seconds: Double) -> Instant { Instant(nanoseconds: UInt64(max(seconds, 0) * 1e9) + 1_000_000_000) }
}
