import RTP
import SRTP
import Transport
import Wire

/// What happens by the clock: handshakes, reports, NACKs and other feedback.
extension MediaWorld {
    /// Has a slot attended to at `time` or before.
    mutating func wake(_ slot: Int32, at time: Instant) {
        deadlines[Int(slot)] = min(deadlines[Int(slot)], time.nanoseconds)
    }

    /// Does what is due for a client and finds out when there will be more.
    mutating func service(_ slot: Int32, now: Instant) {
        deadlines[Int(slot)] = .max
        guard clients.contains(slot) else { return }
        if !clients[slot].isMute, clients[slot].transport.peer.deadline <= now {
            clients[slot].transport.peer.advance(to: now)
            drain(slot, now: now)
        }
        if !clients[slot].isOver, !hasJoined(slot) {
            if now >= clients[slot].joinDeadline {
                clients[slot].isOver = true
                let silent = clients[slot].isPublisher ? "" : ", \(clients[slot].silentSections) sections silent"
                output(.failed(clients[slot].id, "no media in time (\(clients[slot].transport.progress)\(silent))"))
            } else {
                wake(slot, at: clients[slot].joinDeadline)
            }
        }
        if clients[slot].isConnected, !clients[slot].isMute { sendDueFeedback(slot, now: now) }
        if !clients[slot].isMute { wake(slot, at: clients[slot].transport.peer.deadline) }
        wake(slot, at: min(clients[slot].nextReport, clients[slot].nextTransportFeedback, clients[slot].nextMischief))
    }

    private func hasJoined(_ slot: Int32) -> Bool {
        clients[slot].isPublisher ? clients[slot].isConnected : clients[slot].hasMedia
    }

    private mutating func sendDueFeedback(_ slot: Int32, now: Instant) {
        if now >= clients[slot].nextReport {
            clients[slot].nextReport = now + Limits.reportInterval
            if clients[slot].isPublisher { sendSenderReports(slot, now: now) } else { sendReports(slot, now: now) }
        }
        if now >= clients[slot].nextTransportFeedback {
            clients[slot].nextTransportFeedback = now + Limits.transportFeedbackInterval
            sendTransportFeedback(slot)
        }
        if now >= clients[slot].nextMischief { doMischief(slot, now: now) }
        if settings.sendsNacks, !clients[slot].isPublisher { sendNacks(slot, now: now) }
    }

    /// Sends what STUN and DTLS have to say, and notices what has become of the client.
    mutating func drain(_ slot: Int32, now: Instant) {
        if clients[slot].transport.peer.deadline <= now { clients[slot].transport.peer.advance(to: now) }
        sendControl(of: slot)
        if !clients[slot].isConnected, clients[slot].transport.peer.isConnected {
            clients[slot].isConnected = true
            output(.connected(clients[slot].id, profile: clients[slot].transport.peer.srtpProfile?.name ?? "none"))
            if clients[slot].isPublisher {
                beginPublishing(slot, now: now)
            } else {
                // Reports of many clients are spread over their interval.
                let spread = Int64(clients[slot].random.next() % UInt64(Limits.reportInterval.nanoseconds))
                clients[slot].nextReport = now + .nanoseconds(spread)
            }
        }
        if clients[slot].transport.hasFailed, !clients[slot].isOver {
            clients[slot].isOver = true
            output(.failed(clients[slot].id, "the transport failed (\(clients[slot].transport.progress))"))
        }
        wake(slot, at: min(clients[slot].transport.peer.deadline, clients[slot].nextReport))
        if !hasJoined(slot) { wake(slot, at: clients[slot].joinDeadline) }
    }

    mutating func sendControl(of slot: Int32) {
        while let transmit = clients[slot].transport.nextTransmit() {
            guard !clients[slot].isMute else { continue }
            var packet = unsafe writer.next()
            unsafe packet.store(contentsOf: transmit.bytes.span.bytes, at: 0)
            writer.commit(
                length: transmit.bytes.count, from: clients[slot].socket.descriptor, to: transmit.tuple.remote)
            writer.flush(from: clients[slot].socket.descriptor, to: transmit.tuple.remote)
        }
    }

    /// Sends the compound that lies in ``scratch``.
    mutating func sendCompound(of slot: Int32) {
        guard scratch.count > 0 else { return }
        var packet = unsafe writer.next()
        unsafe packet.store(contentsOf: scratch.bytes.span.bytes, at: 0)
        guard let sealed = try? clients[slot].transport.peer.protectRTCP(&packet, length: scratch.count) else { return }
        writer.commit(length: sealed.length, from: clients[slot].socket.descriptor, to: sealed.tuple.remote)
        writer.flush(from: clients[slot].socket.descriptor, to: sealed.tuple.remote)
    }

    private mutating func sendSenderReports(_ slot: Int32, now: Instant) {
        let wall = LoadClock.wall
        for stream in clients[slot].published where stream.packetCount > 0 {
            scratch.reset()
            scratch.writeSenderReport(stream.senderReport(now: now, wall: wall))
            scratch.writeSourceDescription(ssrc: stream.ssrc, cname: "load-\(clients[slot].publisher)")
            sendCompound(of: slot)
        }
    }

    /// RR for all media streams (RFC 3550 section 6.4.2), and REMB where that is how the server is told.
    private mutating func sendReports(_ slot: Int32, now: Instant) {
        if let roundTripTime = clients[slot].transport.peer.roundTripTime {
            for index in clients[slot].streams.indices {
                clients[slot].streams[index].nacks.setRoundTripTime(roundTripTime)
            }
        }
        var blocks: [ReportBlock] = []
        var sources: [UInt32] = []
        for index in clients[slot].streams.indices where clients[slot].streams[index].repairs == nil {
            guard clients[slot].streams[index].statistics.received > 0 else { continue }
            blocks.append(clients[slot].streams[index].statistics.makeReportBlock(now: now))
            if clients[slot].sections[clients[slot].streams[index].section].hasMaximumBitrate {
                sources.append(clients[slot].streams[index].ssrc)
            }
        }
        repeat {
            let part = Array(blocks.prefix(RTP.Limits.reportBlocksPerPacket))
            blocks.removeFirst(part.count)
            scratch.reset()
            scratch.writeReceiverReport(ssrc: clients[slot].ssrc, blocks: part)
            scratch.writeSourceDescription(ssrc: clients[slot].ssrc, cname: "load")
            if blocks.isEmpty, clients[slot].arrivals == nil, !sources.isEmpty, !isRembRogue(slot) {
                scratch.writeMaximumBitrate(
                    senderSSRC: clients[slot].ssrc, bitsPerSecond: 100_000_000, sources: sources)
            }
            sendCompound(of: slot)
        } while !blocks.isEmpty
    }

    private func isRembRogue(_ slot: Int32) -> Bool {
        clients[slot].rogue == .rembZero || clients[slot].rogue == .rembHuge
    }

    private mutating func sendTransportFeedback(_ slot: Int32) {
        let media = clients[slot].streams.first?.ssrc ?? 0
        let sender = clients[slot].ssrc
        while true {
            scratch.reset()
            let hasMore = clients[slot].arrivals?.writeFeedback(senderSSRC: sender, mediaSSRC: media, to: &scratch)
            guard hasMore == true else { return }
            sendCompound(of: slot)
        }
    }

    private mutating func sendNacks(_ slot: Int32, now: Instant) {
        var isAsking = false
        for index in clients[slot].streams.indices where clients[slot].streams[index].repairs == nil {
            guard clients[slot].streams[index].nacks.missingCount > 0,
                clients[slot].sections[clients[slot].streams[index].section].takesNacks
            else { continue }
            wanted.removeAll(keepingCapacity: true)
            clients[slot].streams[index].nacks.due(now: now, into: &wanted)
            isAsking = isAsking || clients[slot].streams[index].nacks.missingCount > 0
            guard !wanted.isEmpty else { continue }
            clients[slot].streams[index].hasAsked = true
            scratch.reset()
            scratch.writeNack(
                senderSSRC: clients[slot].ssrc, mediaSSRC: clients[slot].streams[index].ssrc, sequenceNumbers: wanted)
            sendCompound(of: slot)
            result.nacksSent &+= 1
        }
        if isAsking { wake(slot, at: now + Limits.nackInterval) }
    }

    /// After a loss that asking again cannot mend.
    mutating func requestKeyFrame(stream index: Int, of slot: Int32) {
        guard clients[slot].isConnected, !clients[slot].isMute,
            clients[slot].sections[clients[slot].streams[index].section].kind == .video
        else { return }
        scratch.reset()
        scratch.writePictureLossIndication(
            senderSSRC: clients[slot].ssrc, mediaSSRC: clients[slot].streams[index].ssrc)
        sendCompound(of: slot)
    }
}
