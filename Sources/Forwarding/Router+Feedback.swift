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
        var statusBudget = Limits.reportedPackets
        do {
            var compound = try CompoundPacket(bytes)
            noteControl(of: endpoint.slot, now: now)
            while let packet = try compound.next() {
                receive(
                    packet, in: bytes, from: endpoint.slot, nackBudget: &nackBudget, statusBudget: &statusBudget,
                    now: now)
            }
        } catch { throw .rtcpMalformed }
    }

    private mutating func receive(
        _ packet: RTCPPacket, in bytes: RawSpan, from endpoint: Int, nackBudget: inout Int,
        statusBudget: inout Int, now: Instant
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
            receiveMaximum(endpoints[endpoint].remb, from: endpoint, now: now)
        case .transportFeedback(let feedback):
            receive(feedback, in: bytes, from: endpoint, budget: &statusBudget, now: now)
        case .congestionControlFeedback(let feedback):
            receive(feedback, in: bytes, from: endpoint, budget: &statusBudget, now: now)
        case .sourceDescription, .unknown:
            break
        }
    }

    private mutating func receive(_ report: SenderReport, from endpoint: Int, now: Instant) {
        guard let stream = stream(ssrc: report.ssrc, of: endpoint) else { return }
        streams[stream].statistics.receive(report, now: now)
        streams[stream].senderReport = IncomingStream.ReportedTime(
            ntp: report.ntp, rtpTimestamp: report.rtpTimestamp)
        let slot = Int(streams[stream].publisher)
        for index in publishers[slot].subscribers.indices {
            let subscriber = Int(publishers[slot].subscribers[index])
            if subscribers[subscriber].current == Int32(stream) { reportWork.add(subscriber) }
        }
    }

    private mutating func receive(_ block: ReportBlock, from endpoint: Int, now: Instant) {
        guard let slot = subscriber(ssrc: block.ssrc, of: endpoint) else { return }
        subscribers[slot].receive(block, now: now)
        judge(block, of: slot, now: now)
        // The way to the peer and back is the same for what it sends to us.
        if let roundTripTime = subscribers[slot].roundTripTime { setRoundTripTime(roundTripTime, of: endpoint) }
    }

    /// Tells how long the way to the endpoint's peer and back takes, which its transport measures also for a peer that
    /// is sent nothing and so reports nothing: lost packets are asked for once a round trip.
    public mutating func setRoundTripTime(_ roundTripTime: Interval, of endpoint: EndpointIndex) {
        guard isOpen(endpoint) else { return }
        setRoundTripTime(roundTripTime, of: endpoint.slot)
    }

    private mutating func setRoundTripTime(_ roundTripTime: Interval, of endpoint: Int) {
        for publisher in endpoints[endpoint].publishers {
            for index in 0..<publishers[Int(publisher)].streamCount {
                streams[Int(publishers[Int(publisher)].streams[index])].setRoundTripTime(roundTripTime)
            }
        }
    }

    private mutating func endStream(_ ssrc: UInt32, of endpoint: Int) {
        guard let stream = stream(ssrc: ssrc, of: endpoint) else { return }
        streams[stream].end()
        let slot = Int(streams[stream].publisher)
        var isActive = false
        for index in 0..<publishers[slot].streamCount {
            isActive = isActive || streams[Int(publishers[slot].streams[index])].isActive
        }
        if publishers[slot].isFlowing, !isActive { stopFlow(ofPublisher: slot) }
        if publishers[slot].streamCount > 1 { retargetAll(of: slot, now: now) }
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
        let stream = Int(subscribers[slot].current)
        let handle = subscribers[slot].rewriter
        guard stream >= 0, let rewriter = unsafe rewriters.pointer(to: handle) else {
            return .retransmissionUnavailable
        }
        if unsafe rewriter.pointee.isInherited(number) { return queueNothing(under: number, to: slot, now: now) }
        guard
            let sequence = unsafe rewriter.pointee.sourceSequence(ofOutput: number, subscribers[slot].history),
            let forward = streams[stream].cached(sequence, source: unsafe rewriter.pointee.source)
        else { return .retransmissionUnavailable }
        let endpoint = Int(subscribers[slot].endpoint)
        let queueing = sendSides.contains(endpoint) ? sendSides[endpoint].queueing(now: now) : .zero
        guard !subscribers[slot].isTooLate(forward, queueing: queueing, now: now) else {
            // Whoever still waits for it is helped by a key frame only.
            if !subscribers[slot].isSuperseded(forward) { passKeyFrameRequest(from: slot, now: now) }
            return .retransmissionTooLate
        }
        guard !retransmissions.isFull else { return .retransmissionThrottled }
        // The header may grow on the way; what it can grow by counts as sent.
        let bytes = forward.payloadRange.count + Limits.rewrittenHeaderBytes
        let roundTripTime = subscribers[slot].roundTripTime
        guard subscribers[slot].throttle.admit(sequence, bytes: bytes, roundTripTime: roundTripTime, now: now) else {
            return .retransmissionThrottled
        }
        retransmissions.push(
            QueuedRetransmission(
                subscriber: Int32(slot), rewriter: handle, what: .cached(source: forward.source, sequence: sequence)))
        return nil
    }

    /// A packet of a predecessor's was lost. Some receivers wait for it with all that came after; those that take RTX
    /// can be told that it is empty. Others cannot: the packet's own SRTP index may not be used for other bytes.
    private mutating func queueNothing(under number: SequenceNumber, to slot: Int, now: Instant) -> DropReason? {
        guard retransmissionFormat(of: slot) != nil else { return .retransmissionUnavailable }
        guard !retransmissions.isFull else { return .retransmissionThrottled }
        let bytes = Limits.rewrittenHeaderBytes + RTX.overhead
        let roundTripTime = subscribers[slot].roundTripTime
        // No source's extended number is negative.
        let place = ~Int64(number.rawValue)
        guard subscribers[slot].throttle.admit(place, bytes: bytes, roundTripTime: roundTripTime, now: now) else {
            return .retransmissionThrottled
        }
        retransmissions.push(
            QueuedRetransmission(
                subscriber: Int32(slot), rewriter: subscribers[slot].rewriter, what: .nothing(number)))
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
        guard !endpoints[Int(subscribers[slot].endpoint)].circuit.stops(.video) else { return }
        let current = subscribers[slot].current
        requestKeyFrame(for: slot, ofStream: current >= 0 ? current : subscribers[slot].target, now: now)
    }

    // MARK: Whom an SSRC means

    func stream(ssrc: UInt32, of endpoint: Int) -> Int? {
        for slot in endpoints[endpoint].publishers {
            for index in 0..<publishers[Int(slot)].streamCount {
                let stream = Int(publishers[Int(slot)].streams[index])
                if streams[stream].isActive, streams[stream].ssrc == ssrc { return stream }
            }
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
