import Congestion
import Simulator
import Wire

/// A call's sending end: encoder and audio, packetiser, pacer, controller, history for retransmissions.
struct MediaSender: Sendable {
    let description: FlowDescription
    private let index: Int
    private let route: Int16
    private(set) var controller: CongestionController
    private var scratch = FeedbackScratch()
    private var pacer: Pacer
    private(set) var encoder: VideoEncoder
    private var layers: LayerSelector?
    private var queues = SendQueues()
    /// The newest transport-wide number, extended.
    private(set) var sequence: Int64 = 0
    private var rtpSequence: UInt64 = 0
    private var audioSequence: UInt64 = 0
    private var frame: Int32 = 0
    private var history = [QueuedPacket](repeating: QueuedPacket(size: 0, queued: 0), count: Self.historyPackets)
    /// Wire rate of retransmissions, smoothed, in bit/s: the encoder leaves room for it, as libwebrtc's does.
    private var retransmissionRate = 0.0
    private var retransmittedBytes = 0
    private(set) var isActive = false
    private var pacerInHeap: UInt64 = .max
    private var controllerInHeap: UInt64 = .max
    private var lastKeyFrame: UInt64 = 0
    /// Frames that were not encoded because the ones before them still waited.
    private(set) var skippedFrames = 0
    private(set) var sentVideo = 0

    private static let historyPackets = 2048
    /// A frame is skipped while a packet has waited for so long.
    private static let longestWait: UInt64 = 250_000_000
    private static let keyFrameInterval: UInt64 = 500_000_000

    init(
        _ description: FlowDescription, index: Int, route: Int16, algorithm: CongestionAlgorithm, seed: RootSeed,
        isECNCapable: Bool
    ) {
        self.description = description
        self.index = index
        self.route = route
        let start = Instant(nanoseconds: UInt64(description.start * 1e9))
        let configuration = CongestionConfiguration(
            algorithm: algorithm, startRate: 150_000, minimumRate: 50_000, maximumRate: description.rateLimit,
            weight: description.weight, isECNCapable: isECNCapable)
        controller = CongestionController(
            configuration, random: seed.stream("flow \(index): controller"), now: start)
        pacer = Pacer(pacingRate: controller.pacingRate, now: start)
        encoder = VideoEncoder(description.encoder, random: seed.stream("flow \(index): encoder"))
        layers = description.layers.map { LayerSelector(steps: $0, now: start.nanoseconds) }
    }

    /// Which of them a NACK names is to be found by the receiver's numbers.
    private func stored(_ rtpSequence: UInt64) -> QueuedPacket? {
        let packet = history[Int(rtpSequence % UInt64(Self.historyPackets))]
        return packet.rtpSequence == rtpSequence && packet.size > 0 ? packet : nil
    }

    // MARK: Sources

    mutating func start(_ network: inout Network, phase: UInt64) {
        isActive = true
        allocate(network.now)
        network.events.schedule(.frame, index, at: network.now + phase)
        network.events.schedule(.audio, index, at: network.now + phase / 2)
        scheduleController(&network)
    }

    private mutating func allocate(_ now: UInt64) {
        let (maximum, minimum, padding) =
            layers?.allocation ?? (FlowDescription.maximumRate, description.encoder.minimumRate, 0)
        controller.setAllocation(
            maximum: maximum, minimum: minimum, padding: padding, now: Instant(nanoseconds: now))
    }

    /// Lines of the picture that is sent.
    var height: Int {
        guard let layers else { return encoder.height }
        return layers.current.map { layers.steps[$0].height } ?? 0
    }

    /// Nothing more leaves.
    mutating func stop(now: UInt64) {
        isActive = false
        queues.removeAll()
        controller.setAllocation(maximum: 0, minimum: 0, padding: 0, now: Instant(nanoseconds: now))
    }

    mutating func encodeFrame(_ network: inout Network) {
        guard isActive else { return }
        if layers != nil { return forwardFrame(&network) }
        let interval = UInt64(1e9 / encoder.frameRate)
        network.events.schedule(.frame, index, at: network.now + interval)
        updateRetransmissionRate(seconds: Double(interval) / 1e9)
        guard canEncode(at: network.now) else {
            skippedFrames += 1
            return
        }
        let taken = MediaSizes.audioWireRate + UInt64(retransmissionRate)
        let wireRate = controller.targetRate > taken ? controller.targetRate - taken : 0
        let (bytes, isKey) = encoder.encode(target: encoder.payloadRate(wireRate: wireRate))
        packetize(bytes, isKey: isKey, now: network.now)
        pump(&network)
    }

    /// A frame of the step that is forwarded, if there is one.
    private mutating func forwardFrame(_ network: inout Network) {
        guard let step = layers?.current.flatMap({ layers?.steps[$0] }) else {
            network.events.schedule(.frame, index, at: network.now + 33_333_333)
            return
        }
        network.events.schedule(.frame, index, at: network.now + UInt64(1e9 / step.framesPerSecond))
        guard canEncode(at: network.now) else {
            skippedFrames += 1
            layers?.requestKeyFrame(now: network.now)
            return
        }
        guard let isKey = layers?.frameIsKey(now: network.now) else { return }
        let bytes = encoder.forward(rate: step.rate, framesPerSecond: step.framesPerSecond, isKey: isKey)
        packetize(bytes, isKey: isKey, now: network.now)
        pump(&network)
    }

    private func canEncode(at now: UInt64) -> Bool {
        guard let oldest = queues.oldestVideo else { return true }
        return now - oldest < Self.longestWait
    }

    private mutating func updateRetransmissionRate(seconds: Double) {
        let rate = Double(retransmittedBytes) * 8 / seconds
        retransmittedBytes = 0
        retransmissionRate += (rate - retransmissionRate) / 30
        retransmissionRate = min(retransmissionRate, Double(controller.targetRate) / 2)
    }

    private mutating func packetize(_ bytes: Int, isKey: Bool, now: UInt64) {
        let count = (bytes + MediaSizes.payload - 1) / MediaSizes.payload
        for number in 0..<count {
            let payload = bytes / count + (number < bytes % count ? 1 : 0)
            let packet = QueuedPacket(
                size: Int32(payload + MediaSizes.overhead), frame: frame, frameCount: Int16(clamping: count),
                isKey: isKey, isLast: number == count - 1, rtpSequence: rtpSequence, queued: now)
            history[Int(rtpSequence % UInt64(Self.historyPackets))] = packet
            rtpSequence += 1
            queues.append(packet, kind: .video)
        }
        frame += 1
    }

    mutating func encodeAudio(_ network: inout Network) {
        guard isActive else { return }
        network.events.schedule(.audio, index, at: network.now + MediaSizes.audioInterval)
        let size = Int32(MediaSizes.audioPayload + MediaSizes.overhead)
        queues.append(
            QueuedPacket(
                size: size, frame: Int32(truncatingIfNeeded: audioSequence), rtpSequence: audioSequence,
                queued: network.now), kind: .audio)
        audioSequence += 1
        pump(&network)
    }

    // MARK: What leaves

    mutating func firePacer(_ network: inout Network) {
        guard pacerInHeap == network.now else { return }
        pacerInHeap = .max
        pump(&network)
    }

    /// Probes are filled with whole packets, as a sender does that repeats earlier ones (RFC 4588), padding with small
    /// ones.
    private mutating func pump(_ network: inout Network) {
        guard isActive else { return }
        let now = Instant(nanoseconds: network.now)
        while true {
            let backlog = Pacer.Backlog(
                audio: queues.audioBytes, retransmission: queues.retransmissionBytes, video: queues.videoBytes,
                oldest: queues.oldest.map { Instant(nanoseconds: $0) } ?? .distantFuture)
            controller.setBacklog(backlog.bytes)
            switch pacer.decide(backlog, windowRoom: controller.windowRoom, now: now) {
            case .send(let kind, let cluster):
                guard let packet = queues.next(kind) else { return }
                send(packet, kind: kind, cluster: cluster, &network)
            case .padding(let bytes, let cluster):
                let size = cluster > 0 ? MediaSizes.payload : min(max(bytes, 60), MediaSizes.padding)
                let packet = QueuedPacket(size: Int32(size + MediaSizes.overhead), queued: network.now)
                send(packet, kind: .padding, cluster: cluster, &network)
            case .wait:
                schedulePacer(&network)
                return
            }
        }
    }

    private mutating func send(
        _ packet: QueuedPacket, kind: SentPacket.Kind, cluster: Int32, _ network: inout Network
    ) {
        let now = Instant(nanoseconds: network.now)
        sequence += 1
        pacer.sent(Int(packet.size), kind: kind, probeCluster: cluster, now: now)
        controller.sent(
            SentPacket(sequence: sequence, sentAt: now, size: packet.size, kind: kind, probeCluster: cluster))
        if kind == .retransmission { retransmittedBytes += Int(packet.size) }
        if kind == .video { sentVideo += 1 }
        network.send(
            Packet(
                kind: Packet.Kind(kind), isMarkable: controller.configuration.isECNCapable, isKey: packet.isKey,
                isLast: packet.isLast, route: route, owner: Int16(index), size: packet.size, frame: packet.frame,
                frameCount: packet.frameCount, sequence: sequence, detail: packet.rtpSequence, sent: network.now))
    }

    private mutating func schedulePacer(_ network: inout Network) {
        let deadline = max(pacer.deadline.nanoseconds, network.now + 1)
        guard deadline < pacerInHeap, deadline != .max else { return }
        pacerInHeap = deadline
        network.events.schedule(.pacer, index, at: deadline)
    }

    // MARK: What is heard

    mutating func fireController(_ network: inout Network) {
        guard controllerInHeap == network.now else { return }
        controllerInHeap = .max
        guard isActive else { return }
        controller.advance(to: Instant(nanoseconds: network.now))
        follow(&network)
    }

    mutating func receive(_ results: borrowing [PacketResult], _ network: inout Network) {
        controller.receive(results.span, scratch: &scratch, now: Instant(nanoseconds: network.now))
        guard isActive else { return }
        follow(&network)
    }

    /// Takes over what the controller says now.
    private mutating func follow(_ network: inout Network) {
        let now = Instant(nanoseconds: network.now)
        if layers?.follow(target: controller.targetRate, now: network.now) == true { allocate(network.now) }
        pacer.setRates(
            pacing: controller.pacingRate, padding: controller.paddingRate, burst: controller.pacingBurst, now: now)
        while let probe = controller.nextProbe(now: now) { pacer.startProbe(probe, now: now) }
        pump(&network)
        scheduleController(&network)
    }

    private mutating func scheduleController(_ network: inout Network) {
        let deadline = max(controller.deadline.nanoseconds, network.now + 1)
        guard deadline < controllerInHeap, controller.deadline != .distantFuture else { return }
        controllerInHeap = deadline
        network.events.schedule(.controller, index, at: deadline)
    }

    /// A NACK: the first packet that is missed, and a bit for each of the 64 from it on.
    mutating func receiveNACK(first: UInt64, mask: UInt64, _ network: inout Network) {
        guard isActive else { return }
        for bit in 0..<UInt64(64) where mask & 1 << bit != 0 {
            guard var packet = stored(first + bit) else { continue }
            packet.size += Int32(MediaSizes.retransmissionExtra)
            packet.queued = network.now
            queues.append(packet, kind: .retransmission)
        }
        pump(&network)
    }

    mutating func receiveKeyFrameRequest(_ now: UInt64) {
        guard now - lastKeyFrame >= Self.keyFrameInterval else { return }
        lastKeyFrame = now
        if layers == nil { encoder.requestKeyFrame() } else { layers?.requestKeyFrame(now: now) }
    }

    mutating func resume(_ network: inout Network) {
        encoder.restart()
        start(&network, phase: 0)
    }
}

extension Packet.Kind {
    init(_ kind: SentPacket.Kind) {
        self =
            switch kind {
            case .audio: .audio
            case .video: .video
            case .retransmission: .retransmission
            case .padding: .padding
            }
    }
}
