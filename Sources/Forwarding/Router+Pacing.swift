import Congestion
import RTP
import Wire

// What leaves for a peer later than it came, or besides: packets that waited for the path, and probes.

extension Router {
    /// What the path says about a packet that came for a subscriber.
    enum Admission {
        case now(cluster: Int32)
        case later
    }

    /// The peer tells what becomes of the subscriber's packets of a format.
    @inline(__always)
    func isReported(_ slot: Int, _ format: Subscriber.FormatMapping) -> Bool {
        let endpoint = Int(subscribers[slot].endpoint)
        guard sendSides.contains(endpoint) else { return false }
        return switch sendSides[endpoint].feedback {
        case .transportWide: subscribers[slot].isNumbered(format)
        case .congestionControl: subscribers[slot].hasPacketReports
        }
    }

    /// Asks the peer's path for a packet; what is not reported is none of its affair, and audio does not wait.
    mutating func admit(_ slot: Int, bytes: Int, isReported: Bool, now: Instant) -> Admission {
        guard isReported, subscribers[slot].kind == .video else { return .now(cluster: 0) }
        let endpoint = Int(subscribers[slot].endpoint)
        let cluster = sendSides[endpoint].admit(bytes: SendSide.wireBytes(bytes), now: now)
        return cluster.map { Admission.now(cluster: $0) } ?? .later
    }

    /// Keeps a packet's place until the path has room; its bytes are in the stream's cache.
    mutating func postpone(_ forward: Forward, _ slot: Int, bytes: Int, now: Instant) throws(DropReason) {
        let endpoint = Int(subscribers[slot].endpoint)
        let packet = SendSide.Deferred(
            subscriber: Int32(slot), rewriter: subscribers[slot].rewriter, source: forward.source,
            sequence: forward.sequence, bytes: Int32(clamping: SendSide.wireBytes(bytes)), since: now)
        guard let rewriter = unsafe rewriters.pointer(to: packet.rewriter) else { throw .noSubscriber }
        unsafe rewriter.pointee.count(-1, octets: forward.payloadRange.count)
        guard sendSides[endpoint].hold(packet) else { throw .pacerQueueFull }
        paceWork.add(endpoint)
    }

    /// The next packet that the pacer lets out to one of those who have something; nil when nobody may now.
    mutating func nextPaced(_ output: inout MutableRawSpan) -> Transmit? {
        while let endpoint = paceWork.first {
            if let transmit = nextPaced(endpoint, &output) { return transmit }
            paceWork.removeFirst()
        }
        return nil
    }

    private mutating func nextPaced(_ endpoint: Int, _ output: inout MutableRawSpan) -> Transmit? {
        guard sendSides.contains(endpoint), endpoints[endpoint].isConnected else { return nil }
        while true {
            switch sendSides[endpoint].decide(now: now) {
            case .send(_, let cluster):
                guard let packet = sendSides[endpoint].release() else { return nil }
                if let transmit = write(packet, cluster: cluster, &output) { return transmit }
            case .padding(let bytes, let cluster):
                return fill(endpoint, bytes: bytes, cluster: cluster, &output)
            case .wait:
                schedule(endpoint, at: sendSides[endpoint].deadline)
                return nil
            }
        }
    }

    private mutating func write(
        _ packet: SendSide.Deferred, cluster: Int32, _ output: inout MutableRawSpan
    ) -> Transmit? {
        let slot = Int(packet.subscriber)
        guard subscribers.contains(slot), subscribers[slot].rewriter == packet.rewriter else { return nil }
        return repeatCached(
            slot, source: packet.source, sequence: packet.sequence, kind: .video, cluster: cluster, &output)
    }

    /// A packet for a probe: one of the newest that the peer has, once more, which helps if it was lost
    /// (RFC 4588). Only where RTX was negotiated.
    private mutating func fill(
        _ endpoint: Int, bytes: Int, cluster: Int32, _ output: inout MutableRawSpan
    ) -> Transmit? {
        for place in endpoints[endpoint].subscribers {
            let slot = Int(place)
            guard let (source, sequence) = filler(slot, bytes: bytes) else { continue }
            let transmit = repeatCached(
                slot, source: source, sequence: sequence, kind: .padding, cluster: cluster, &output)
            if transmit != nil { return transmit }
        }
        return nil
    }

    /// The packet among the newest whose size is nearest, beginning elsewhere each time.
    private mutating func filler(_ slot: Int, bytes: Int) -> (source: UInt64, sequence: Int64)? {
        let stream = Int(subscribers[slot].current)
        guard subscribers[slot].kind == .video, stream >= 0,
            let rewriter = unsafe rewriters.pointer(to: subscribers[slot].rewriter)
        else { return nil }
        let source = unsafe rewriter.pointee.source
        let newest = unsafe rewriter.pointee.newestInput
        var best: (sequence: Int64, distance: Int)?
        for back in 0..<Limits.probeFillers {
            let sequence = newest - (fillerCount &+ back) % Limits.probeFillers
            guard let forward = streams[stream].cached(sequence, source: source), !forward.isPadding else { continue }
            let distance = abs(SendSide.wireBytes(forward.payloadRange.upperBound) - bytes)
            if distance < best?.distance ?? .max { best = (sequence, distance) }
        }
        fillerCount = (fillerCount &+ 1) % Limits.probeFillers
        return best.map { (source, $0.sequence) }
    }

    // MARK: Feedback

    mutating func receive(
        _ feedback: TransportFeedback, in bytes: RawSpan, from endpoint: Int, budget: inout Int, now: Instant
    ) {
        guard sendSides.contains(endpoint) else { return }
        endpoints[endpoint].circuit.noteReport()
        sendSides[endpoint].receive(feedback, in: bytes, budget: &budget, &feedbackRoom, now: now)
        followPath(endpoint, now: now)
    }

    mutating func receive(
        _ feedback: CongestionControlFeedback, in bytes: RawSpan, from endpoint: Int, budget: inout Int, now: Instant
    ) {
        guard sendSides.contains(endpoint) else { return }
        endpoints[endpoint].circuit.noteReport()
        sendSides[endpoint].receive(feedback, in: bytes, budget: &budget, &feedbackRoom, now: now)
        followPath(endpoint, now: now)
    }

    mutating func receiveMaximum(_ rate: UInt64, from endpoint: Int, now: Instant) {
        guard sendSides.contains(endpoint) else { return }
        sendSides[endpoint].receiveMaximum(rate, now: now)
        followPath(endpoint, now: now)
    }

    /// Serves the timers of the path; returns when it needs that next.
    mutating func servePath(_ endpoint: Int, now: Instant) -> Instant {
        guard sendSides.contains(endpoint), sendSides[endpoint].hasFeedback else { return .distantFuture }
        sendSides[endpoint].advance(to: now)
        followPath(endpoint, now: now)
        let due = sendSides[endpoint].deadline
        return due > now ? due : now + Limits.pacingStep
    }

    private mutating func followPath(_ endpoint: Int, now: Instant) {
        allocateLayers(of: endpoint, now: now)
        paceWork.add(endpoint)
        schedule(endpoint, at: sendSides[endpoint].deadline)
    }
}
