import RTP
import Wire

extension Router {
    /// Writes the next packet of our own to send: feedback and reports as RTCP, retransmissions as RTP.
    /// Nil when there is nothing more. `output` needs ``Limits/cachedPacketBytes`` and 100 bytes more.
    public mutating func nextTransmit(into output: inout MutableRawSpan) -> Transmit? {
        while let endpoint = feedbackWork.first {
            let isWritten = writeFeedback(of: endpoint)
            if !hasFeedback(endpoint) { feedbackWork.removeFirst() }
            if isWritten, let transmit = emit(endpoint, &output) { return transmit }
        }
        while let slot = reportWork.first {
            reportWork.removeFirst()
            if writeSenderReport(of: slot), let transmit = emit(Int(subscribers[slot].endpoint), &output) {
                return transmit
            }
        }
        while let queued = retransmissions.pop() {
            if let transmit = retransmit(queued, &output) { return transmit }
        }
        return nil
    }

    private mutating func emit(_ endpoint: Int, _ output: inout MutableRawSpan) -> Transmit? {
        guard writer.count <= output.byteCount else { return nil }
        unsafe output.store(contentsOf: writer.bytes.span.bytes, at: 0)
        return Transmit(EndpointIndex(Int32(endpoint)), .rtcp, length: writer.count)
    }

    // MARK: Feedback about what an endpoint sends to us

    private func hasFeedback(_ endpoint: Int) -> Bool {
        guard endpoints[endpoint].isOpen, endpoints[endpoint].isConnected else { return false }
        if endpoints[endpoint].isReportDue || endpoints[endpoint].isTransportFeedbackDue { return true }
        for slot in endpoints[endpoint].publishers where feedbackDeadline(ofPublisher: Int(slot)) <= now { return true }
        return false
    }

    /// One compound: RR and SDES first (RFC 3550 section 6.1), then what is due, as far as one datagram
    /// holds it. Each call takes something off what is due.
    private mutating func writeFeedback(of endpoint: Int) -> Bool {
        guard hasFeedback(endpoint) else { return false }
        let ssrc = endpoints[endpoint].ssrc
        let isReport = endpoints[endpoint].isReportDue
        endpoints[endpoint].isReportDue = false
        writer.reset()
        writer.writeReceiverReport(ssrc: ssrc, blocks: isReport ? makeReportBlocks(of: endpoint) : [])
        writer.writeSourceDescription(ssrc: ssrc, cname: endpoints[endpoint].cname)
        let empty = writer.count
        if isReport, endpoints[endpoint].wantsREMB { writeREMB(of: endpoint) }
        for slot in endpoints[endpoint].publishers {
            // A NACK takes up to a kilobyte: what follows a large one goes into the next datagram.
            guard writer.count - empty < 128 else { break }
            writeRequests(to: Int(slot), senderSSRC: ssrc)
        }
        guard writer.count == empty, endpoints[endpoint].isTransportFeedbackDue else {
            return isReport || writer.count > empty
        }
        let media = firstSSRC(of: endpoint)
        let isWritten =
            endpoints[endpoint].recorder?.writeFeedback(senderSSRC: ssrc, mediaSSRC: media, to: &writer) ?? false
        endpoints[endpoint].isTransportFeedbackDue = endpoints[endpoint].recorder?.hasFeedback ?? false
        return isWritten || isReport
    }

    private mutating func makeReportBlocks(of endpoint: Int) -> [ReportBlock] {
        var blocks: [ReportBlock] = []
        for slot in endpoints[endpoint].publishers where publishers[Int(slot)].stream.isActive {
            let block = publishers[Int(slot)].stream.statistics.makeReportBlock(now: now)
            publishers[Int(slot)].stream.fractionLost = block.fractionLost
            if blocks.count < Limits.reportBlocks { blocks.append(block) }
        }
        return blocks
    }

    private mutating func writeREMB(of endpoint: Int) {
        var sources: [UInt32] = []
        for slot in endpoints[endpoint].publishers where publishers[Int(slot)].kind == .video {
            if publishers[Int(slot)].stream.isActive { sources.append(publishers[Int(slot)].stream.ssrc) }
        }
        guard !sources.isEmpty else { return }
        writer.writeMaximumBitrate(
            senderSSRC: endpoints[endpoint].ssrc, bitsPerSecond: Limits.generousREMB, sources: sources)
    }

    private mutating func writeRequests(to slot: Int, senderSSRC: UInt32) {
        guard let media = publishers[slot].feedbackSSRC else { return }
        if publishers[slot].stream.keyFrames.takeDue(now: now) {
            if publishers[slot].takesPLI {
                publishers[slot].stream.pliCount &+= 1
                writer.writePictureLossIndication(senderSSRC: senderSSRC, mediaSSRC: media)
            } else {
                publishers[slot].stream.firCount &+= 1
                publishers[slot].firSequence &+= 1
                writer.writeFullIntraRequest(
                    senderSSRC: senderSSRC, mediaSSRC: media, sequence: publishers[slot].firSequence)
            }
        }
        nackList.removeAll(keepingCapacity: true)
        publishers[slot].stream.nacks?.due(now: now, into: &nackList)
        if !nackList.isEmpty {
            publishers[slot].stream.nackCount &+= 1
            writer.writeNack(senderSSRC: senderSSRC, mediaSSRC: media, sequenceNumbers: nackList)
        }
        schedule(Int(publishers[slot].endpoint), at: feedbackDeadline(ofPublisher: slot))
    }

    private func firstSSRC(of endpoint: Int) -> UInt32 {
        for slot in endpoints[endpoint].publishers where publishers[Int(slot)].stream.isActive {
            return publishers[Int(slot)].stream.ssrc
        }
        return 0
    }

    // MARK: What goes to subscribers

    /// The publisher's report as the subscriber's own: its NTP time stays, so that audio and video of one
    /// publisher stay in step; SSRC, RTP time and counts are those of the rewritten stream.
    private mutating func writeSenderReport(of slot: Int) -> Bool {
        guard subscribers.contains(slot), let report = subscribers[slot].senderReport else { return false }
        subscribers[slot].senderReport = nil
        let endpoint = Int(subscribers[slot].endpoint)
        guard endpoints[endpoint].isConnected else { return false }
        guard let rewriter = unsafe rewriters.pointer(to: subscribers[slot].rewriter) else { return false }
        let state = unsafe rewriter.pointee
        guard state.source != 0 else { return false }
        writer.reset()
        writer.writeSenderReport(
            SenderReport(
                ssrc: state.ssrc, ntp: report.ntp, rtpTimestamp: report.rtpTimestamp &+ state.timestampOffset,
                packetCount: UInt32(truncatingIfNeeded: state.packets),
                octetCount: UInt32(truncatingIfNeeded: state.octets)))
        writer.writeSourceDescription(ssrc: state.ssrc, cname: endpoints[endpoint].cname)
        subscribers[slot].noteSentReport(report.ntp, now: now)
        return true
    }

    /// The packet again: as RTX where the peer takes it (RFC 4588), else as it was.
    private mutating func retransmit(
        _ queued: QueuedRetransmission, _ output: inout MutableRawSpan
    ) -> Transmit? {
        let slot = Int(queued.subscriber)
        guard subscribers.contains(slot), subscribers[slot].rewriter == queued.rewriter else { return nil }
        let publisher = Int(subscribers[slot].publisher)
        let endpoint = Int(subscribers[slot].endpoint)
        guard endpoints[endpoint].isConnected, publisher >= 0 else { return nil }
        guard let rewriter = unsafe rewriters.pointer(to: queued.rewriter) else { return nil }
        guard let forward = publishers[publisher].stream.cached(queued.sequence, source: queued.source),
            let position = unsafe rewriter.pointee.position(of: forward),
            let format = subscribers[slot].format(of: forward.payloadType)
        else { return nil }
        let number = SequenceNumber(UInt16(truncatingIfNeeded: position.sequence))
        var header = RTPHeader(
            payloadType: format.output, marker: forward.header.marker, sequenceNumber: number,
            timestamp: position.timestamp, ssrc: unsafe rewriter.pointee.ssrc)
        let isRTX = format.rtx != Publisher.Format.none
        if isRTX {
            unsafe rewriter.pointee.rtxSequence &+= 1
            header.payloadType = format.rtx
            header.ssrc = unsafe rewriter.pointee.rtxSSRC
            header.sequenceNumber = SequenceNumber(unsafe rewriter.pointee.rtxSequence)
        }
        let original = isRTX ? number : nil
        guard let length = writeCached(header, forward, publisher, slot, original, &output) else { return nil }
        subscribers[slot].packetsRetransmitted &+= 1
        return Transmit(EndpointIndex(Int32(endpoint)), isRTX ? .rtp : .repeatedRTP, length: length)
    }

    private func writeCached(
        _ header: RTPHeader, _ forward: Forward, _ publisher: Int, _ slot: Int, _ originalNumber: SequenceNumber?,
        _ output: inout MutableRawSpan
    ) -> Int? {
        switch publishers[publisher].stream.cache {
        case .some(let cache):
            try? write(
                header, forward, cache.packet(forward), for: slot, originalNumber: originalNumber, into: &output)
        case .none: nil
        }
    }
}
