import Congestion
import RTP
import Wire

extension Router {
    /// Writes the next packet of our own to send: feedback and reports as RTCP; retransmissions, and audio that came as
    /// redundancy, as RTP.
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
        if let transmit = nextRecovered(&output) { return transmit }
        while let queued = retransmissions.pop() {
            if let transmit = retransmit(queued, &output) { return transmit }
        }
        return nextPaced(&output)
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
            for index in 0..<publishers[Int(slot)].streamCount {
                // A NACK takes up to a kilobyte: what follows a large one goes into the next datagram.
                guard writer.count - empty < 128 else { break }
                writeRequests(toStream: Int(publishers[Int(slot)].streams[index]), senderSSRC: ssrc)
            }
        }
        guard writer.count == empty, endpoints[endpoint].isTransportFeedbackDue else {
            return isReport || writer.count > empty
        }
        let isWritten = writePacketFeedback(of: endpoint, senderSSRC: ssrc)
        return isWritten || isReport
    }

    /// One packet that says when packets came: transport-wide, or by SSRC and sequence number (RFC 8888).
    private mutating func writePacketFeedback(of endpoint: Int, senderSSRC: UInt32) -> Bool {
        let media = firstSSRC(of: endpoint)
        var isWritten =
            endpoints[endpoint].recorder?.writeFeedback(senderSSRC: senderSSRC, mediaSSRC: media, to: &writer) ?? false
        if !isWritten {
            // Deviation: RFC 8888 section 3.1 wants the clock of our sender reports, but those tell the publishers'
            // times. Only differences of this field mean anything to a sender.
            let timestamp = NTPTimestamp(now, unixOffset: .zero)
            isWritten =
                endpoints[endpoint].streamRecorder?.writeFeedback(
                    senderSSRC: senderSSRC, timestamp: timestamp, now: now, to: &writer) ?? false
        }
        let hasMore = endpoints[endpoint].recorder?.hasFeedback ?? false
        endpoints[endpoint].isTransportFeedbackDue = hasMore || endpoints[endpoint].streamRecorder?.hasFeedback ?? false
        return isWritten
    }

    /// Calls for each stream that the endpoint sends, in the order of sections and encodings.
    private func activeStreams(of endpoint: Int, _ kind: MediaKind? = nil) -> [Int] {
        var active: [Int] = []
        for slot in endpoints[endpoint].publishers where kind == nil || publishers[Int(slot)].kind == kind {
            for index in 0..<publishers[Int(slot)].streamCount {
                let stream = Int(publishers[Int(slot)].streams[index])
                if streams[stream].isActive { active.append(stream) }
            }
        }
        return active
    }

    private mutating func makeReportBlocks(of endpoint: Int) -> [ReportBlock] {
        var blocks: [ReportBlock] = []
        for stream in activeStreams(of: endpoint) {
            let block = streams[stream].statistics.makeReportBlock(now: now)
            streams[stream].fractionLost = block.fractionLost
            if blocks.count < Limits.reportBlocks { blocks.append(block) }
        }
        return blocks
    }

    private mutating func writeREMB(of endpoint: Int) {
        let sources = activeStreams(of: endpoint, .video).map { streams[$0].ssrc }
        guard !sources.isEmpty else { return }
        writer.writeMaximumBitrate(
            senderSSRC: endpoints[endpoint].ssrc, bitsPerSecond: Limits.generousREMB, sources: sources)
    }

    private mutating func writeRequests(toStream stream: Int, senderSSRC: UInt32) {
        guard let media = streams[stream].feedbackSSRC else { return }
        let slot = Int(streams[stream].publisher)
        nackList.removeAll(keepingCapacity: true)
        let isKeyFrameNeeded = streams[stream].nacks?.due(now: now, into: &nackList) ?? false
        if isKeyFrameNeeded { requestKeyFrame(ofStream: stream, now: now) }
        if streams[stream].keyFrames.takeDue(now: now) {
            if publishers[slot].takesPLI {
                streams[stream].pliCount &+= 1
                writer.writePictureLossIndication(senderSSRC: senderSSRC, mediaSSRC: media)
            } else {
                streams[stream].firCount &+= 1
                streams[stream].firSequence &+= 1
                writer.writeFullIntraRequest(
                    senderSSRC: senderSSRC, mediaSSRC: media, sequence: streams[stream].firSequence)
            }
        }
        if !nackList.isEmpty {
            streams[stream].nackCount &+= 1
            writer.writeNack(senderSSRC: senderSSRC, mediaSSRC: media, sequenceNumbers: nackList)
        }
        schedule(Int(publishers[slot].endpoint), at: feedbackDeadline(ofStream: stream))
    }

    private func firstSSRC(of endpoint: Int) -> UInt32 {
        guard let stream = activeStreams(of: endpoint).first else { return 0 }
        return streams[stream].ssrc
    }

    // MARK: What goes to subscribers

    /// The report of the stream that the subscriber gets, as its own: its NTP time stays, so that audio and
    /// video of one publisher stay in step; SSRC, RTP time and counts are those of the rewritten stream.
    private mutating func writeSenderReport(of slot: Int) -> Bool {
        guard subscribers.contains(slot), subscribers[slot].current >= 0 else { return false }
        let stream = Int(subscribers[slot].current)
        guard let report = streams[stream].senderReport else { return false }
        let endpoint = Int(subscribers[slot].endpoint)
        guard endpoints[endpoint].isConnected else { return false }
        guard let rewriter = unsafe rewriters.pointer(to: subscribers[slot].rewriter) else { return false }
        let state = unsafe rewriter.pointee
        // Before the first packet the RTP time cannot be translated.
        guard state.source != 0, state.source == streams[stream].source else { return false }
        writer.reset()
        writer.writeSenderReport(
            SenderReport(
                ssrc: state.ssrc, ntp: report.ntp, rtpTimestamp: report.rtpTimestamp &+ state.span.timestamp,
                packetCount: UInt32(truncatingIfNeeded: state.packets),
                octetCount: UInt32(truncatingIfNeeded: state.octets)))
        writer.writeSourceDescription(ssrc: state.ssrc, cname: endpoints[endpoint].cname)
        subscribers[slot].noteSentReport(report.ntp, now: now)
        return true
    }

    /// What a peer asked for again: as RTX where it takes that (RFC 4588), else as it was.
    private mutating func retransmit(
        _ queued: QueuedRetransmission, _ output: inout MutableRawSpan
    ) -> Transmit? {
        let slot = Int(queued.subscriber)
        guard subscribers.contains(slot), subscribers[slot].rewriter == queued.rewriter else { return nil }
        let transmit =
            switch queued.what {
            case .cached(let source, let sequence):
                repeatCached(slot, source: source, sequence: sequence, kind: .retransmission, cluster: 0, &output)
            case .nothing(let number): sendNothing(slot, under: number, &output)
            }
        if transmit != nil { subscribers[slot].packetsRetransmitted &+= 1 }
        return transmit
    }

    /// A packet from the stream's cache: for the first time when it is `video`, else once more.
    mutating func repeatCached(
        _ slot: Int, source: UInt64, sequence: Int64, kind: SentPacket.Kind, cluster: Int32,
        _ output: inout MutableRawSpan
    ) -> Transmit? {
        let stream = Int(subscribers[slot].current)
        let endpoint = Int(subscribers[slot].endpoint)
        guard endpoints[endpoint].isConnected, stream >= 0 else { return nil }
        guard let rewriter = unsafe rewriters.pointer(to: subscribers[slot].rewriter) else { return nil }
        guard let forward = streams[stream].cached(sequence, source: source),
            let position = unsafe rewriter.pointee.position(of: forward, subscribers[slot].history),
            let format = subscribers[slot].format(of: forward.payloadType)
        else { return nil }
        let isRTX = kind != .video && format.rtx != Publisher.Format.none
        // What only fills must not look like the packet itself.
        guard kind != .padding || isRTX else { return nil }
        var copy = Copy(slot: slot, position: position, ssrc: unsafe rewriter.pointee.ssrc, format: format)
        if isRTX { unsafe copy.becomeRTX(of: rewriter, payloadType: format.rtx) }
        let isFirst = kind == .video || isRTX
        let isReported = isReported(slot, format)
        if isReported { copy.transportNumber = sendSides[endpoint].number }
        guard let length = writeCached(copy, forward, stream, &output) else { return nil }
        if isReported, isFirst {
            sendSides[endpoint].noteSent(copy, length, kind, cluster: cluster, now: now)
        } else if isReported {
            sendSides[endpoint].noteRepeated(copy)
        }
        if kind == .video {
            unsafe rewriter.pointee.count(1, octets: forward.payloadRange.count)
            noteSent(slot, bytes: length, now: now)
        }
        return Transmit(EndpointIndex(Int32(endpoint)), isFirst ? .rtp : .repeatedRTP, length: length)
    }

    /// A predecessor's number, as RTX with nothing behind it; of the time before the stream went on.
    private mutating func sendNothing(
        _ slot: Int, under number: SequenceNumber, _ output: inout MutableRawSpan
    ) -> Transmit? {
        let endpoint = Int(subscribers[slot].endpoint)
        guard endpoints[endpoint].isConnected, let format = retransmissionFormat(of: slot) else { return nil }
        guard let rewriter = unsafe rewriters.pointer(to: subscribers[slot].rewriter) else { return nil }
        let position = HeaderRewriter.Position(
            sequence: Int64(number.rawValue), timestamp: unsafe rewriter.pointee.inheritedTimestamp, isFiller: true,
            span: unsafe rewriter.pointee.span)
        var copy = Copy(slot: slot, position: position, ssrc: unsafe rewriter.pointee.ssrc, format: format)
        unsafe copy.becomeRTX(of: rewriter, payloadType: format.rtx)
        let isReported = isReported(slot, format)
        if isReported { copy.transportNumber = sendSides[endpoint].number }
        guard let length = try? writeEmpty(copy, into: &output) else { return nil }
        if isReported { sendSides[endpoint].noteSent(copy, length, .retransmission, cluster: 0, now: now) }
        return Transmit(EndpointIndex(Int32(endpoint)), .rtp, length: length)
    }

    /// The format of what feeds the stream now, if it has RTX.
    mutating func retransmissionFormat(of slot: Int) -> Subscriber.FormatMapping? {
        guard let rewriter = unsafe rewriters.pointer(to: subscribers[slot].rewriter) else { return nil }
        let format = subscribers[slot].format(of: unsafe rewriter.pointee.payloadType)
        return format?.rtx == Publisher.Format.none ? nil : format
    }

    private func writeCached(
        _ copy: Copy, _ forward: Forward, _ stream: Int, _ output: inout MutableRawSpan
    ) -> Int? {
        switch streams[stream].cache {
        case .some(let cache): try? write(copy, forward, cache.packet(forward), into: &output)
        case .none: nil
        }
    }
}
