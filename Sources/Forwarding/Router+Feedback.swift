import RTP
public import Wire

extension Router {
    /// Takes a decrypted RTCP packet, plain or compound (RFC 3550 section 6.1, RFC 5506).
    ///
    /// Throws `rtcpMalformed` when the compound, or a packet in it, contradicts itself; what stands
    /// before a malformed packet inside a sound chain has had its effect.
    public mutating func receiveRTCP(
        _ bytes: RawSpan, from endpoint: EndpointIndex, now: Instant
    ) throws(DropReason) {
        guard isOpen(endpoint) else { throw .rtpUnknownStream }
        noteMedia(of: endpoint.slot, now: now)
        var nackBudget = Limits.nackedPerPacket
        do {
            var compound = try CompoundPacket(bytes)
            while let packet = try compound.next() {
                receive(packet, in: bytes, from: endpoint.slot, nackBudget: &nackBudget, now: now)
            }
        } catch { throw .rtcpMalformed }
    }

    private mutating func receive(
        _ packet: RTCPPacket, in bytes: RawSpan, from endpoint: Int, nackBudget: inout Int, now: Instant
    ) {
        switch packet {
        case .senderReport(let report):
            receive(report, from: endpoint, now: now)
            for index in 0..<report.reportCount {
                receive(report.report(at: index, in: bytes), from: endpoint, now: now)
            }
        case .receiverReport(let report):
            for index in 0..<report.reportCount {
                receive(report.report(at: index, in: bytes), from: endpoint, now: now)
            }
        case .goodbye(let goodbye):
            for index in 0..<goodbye.sourceCount { endStream(goodbye.source(at: index, in: bytes), of: endpoint) }
        case .nack(let nack):
            receive(nack, in: bytes, from: endpoint, budget: &nackBudget, now: now)
        case .pictureLossIndication(let indication):
            guard let slot = subscriber(ssrc: indication.mediaSSRC, of: endpoint) else { return }
            subscribers[slot].pliCount &+= 1
            passKeyFrameRequest(from: slot, now: now)
        case .fullIntraRequest(let request):
            for index in 0..<request.entryCount {
                let entry = request.entry(at: index, in: bytes)
                receiveIntraRequest(entry.ssrc, sequence: entry.sequence, from: endpoint, now: now)
            }
        case .maximumBitrate(let estimate):
            endpoints[endpoint].remb = min(estimate.bitsPerSecond, Limits.rembCeiling)
        case .sourceDescription, .transportFeedback, .unknown:
            break
        }
    }

    private mutating func receive(_ report: SenderReport, from endpoint: Int, now: Instant) {
        guard let slot = publisher(ssrc: report.ssrc, of: endpoint) else { return }
        publishers[slot].stream.statistics.receive(report, now: now)
        let source = publishers[slot].stream.source
        for subscriber in publishers[slot].subscribers {
            guard let rewriter = unsafe rewriters.pointer(to: subscribers[Int(subscriber)].rewriter) else { continue }
            // Before the first packet the RTP time cannot be translated.
            guard unsafe rewriter.pointee.source == source else { continue }
            subscribers[Int(subscriber)].senderReport = Subscriber.PendingReport(
                ntp: report.ntp, rtpTimestamp: report.rtpTimestamp)
            reportWork.add(Int(subscriber))
        }
    }

    private mutating func receive(_ block: ReportBlock, from endpoint: Int, now: Instant) {
        guard let slot = subscriber(ssrc: block.ssrc, of: endpoint) else { return }
        subscribers[slot].receive(block, now: now)
        // The way to the peer and back is the same for what it sends to us.
        guard let roundTripTime = subscribers[slot].roundTripTime else { return }
        for publisher in endpoints[endpoint].publishers {
            publishers[Int(publisher)].stream.nacks?.setRoundTripTime(roundTripTime)
        }
    }

    private mutating func endStream(_ ssrc: UInt32, of endpoint: Int) {
        guard let slot = publisher(ssrc: ssrc, of: endpoint) else { return }
        publishers[slot].stream.end()
        if publishers[slot].isFlowing { stopFlow(ofPublisher: slot) }
    }

    private mutating func receive(
        _ nack: GenericNack, in bytes: RawSpan, from endpoint: Int, budget: inout Int, now: Instant
    ) {
        guard let slot = subscriber(ssrc: nack.mediaSSRC, of: endpoint) else { return }
        subscribers[slot].nackCount &+= 1
        var numbers = nack.sequenceNumbers
        while let number = numbers.next(in: bytes) {
            guard budget > 0 else {
                drops.count(.retransmissionThrottled)
                return
            }
            budget -= 1
            if let reason = queueRetransmission(of: number, to: slot, now: now) { drops.count(reason) }
        }
    }

    /// Why the packet will not be sent again; nil when it will.
    private mutating func queueRetransmission(
        of number: SequenceNumber, to slot: Int, now: Instant
    ) -> DropReason? {
        let publisher = Int(subscribers[slot].publisher)
        let handle = subscribers[slot].rewriter
        guard publisher >= 0, let rewriter = unsafe rewriters.pointer(to: handle),
            let sequence = unsafe rewriter.pointee.sourceSequence(ofOutput: number),
            let forward = publishers[publisher].stream.cached(sequence, source: unsafe rewriter.pointee.source)
        else { return .retransmissionUnavailable }
        guard !retransmissions.isFull else { return .retransmissionThrottled }
        // The header may grow on the way; what it can grow by counts as sent.
        let bytes = forward.payloadRange.count + Limits.rewrittenHeaderBytes
        let roundTripTime = subscribers[slot].roundTripTime
        guard subscribers[slot].throttle.admit(sequence, bytes: bytes, roundTripTime: roundTripTime, now: now) else {
            return .retransmissionThrottled
        }
        retransmissions.push(
            QueuedRetransmission(
                subscriber: Int32(slot), rewriter: handle, source: forward.source, sequence: sequence))
        return nil
    }

    private mutating func receiveIntraRequest(_ ssrc: UInt32, sequence: UInt8, from endpoint: Int, now: Instant) {
        guard let slot = subscriber(ssrc: ssrc, of: endpoint) else { return }
        // RFC 5104 section 4.3.1.2: the same number is the same command, repeated in case it was lost.
        guard subscribers[slot].lastFIRSequence != Int16(sequence) else { return }
        subscribers[slot].lastFIRSequence = Int16(sequence)
        subscribers[slot].firCount &+= 1
        passKeyFrameRequest(from: slot, now: now)
    }

    private mutating func passKeyFrameRequest(from slot: Int, now: Instant) {
        guard subscribers[slot].publisher >= 0 else { return }
        requestKeyFrame(fromPublisher: Int(subscribers[slot].publisher), now: now)
    }

    // MARK: Whom an SSRC means

    func publisher(ssrc: UInt32, of endpoint: Int) -> Int? {
        for slot in endpoints[endpoint].publishers {
            if publishers[Int(slot)].stream.isActive, publishers[Int(slot)].stream.ssrc == ssrc { return Int(slot) }
        }
        return nil
    }

    func subscriber(ssrc: UInt32, of endpoint: Int) -> Int? {
        for slot in endpoints[endpoint].subscribers {
            guard let rewriter = unsafe rewriters.pointer(to: subscribers[Int(slot)].rewriter) else { continue }
            if unsafe rewriter.pointee.ssrc == ssrc { return Int(slot) }
        }
        return nil
    }
}
