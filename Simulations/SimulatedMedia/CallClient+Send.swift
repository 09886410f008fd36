import LoadGenerator
import RTP
import Simulator
import Transport
import Wire

/// What a party sends: frames by the clock, packets that it is asked for again, and reports.
extension CallClient {
    private static let reportInterval = Interval.seconds(1)
    private static let transportFeedbackInterval = Interval.milliseconds(100)
    static let nackInterval = Interval.milliseconds(20)

    /// Path and keys are there. Parties are spread over the time of a frame, as those of a real call are.
    mutating func beginMedia(_ now: Instant) {
        let (party, parties) = (Int64(configuration.party), Int64(room.parties))
        schedule.audio = now + interval(.audio) * party / parties
        if configuration.framesPerSecond > 0 { schedule.video = now + interval(.video) * party / parties }
        schedule.report = now + Self.reportInterval
        schedule.transportFeedback = now + Self.transportFeedbackInterval
    }

    private func interval(_ kind: MediaKind) -> Interval {
        kind == .audio ? .milliseconds(20) : .nanoseconds(1_000_000_000 / Int64(configuration.framesPerSecond))
    }

    mutating func sendFrame(_ kind: MediaKind, _ now: Instant, _ output: inout Output) {
        if kind == .audio { schedule.audio = now + interval(kind) } else { schedule.video = now + interval(kind) }
        for stream in published where stream.kind == kind { send(stream, now, &output) }
    }

    private mutating func send(_ stream: PublishedStream, _ now: Instant, _ output: inout Output) {
        let frame = stream.beginFrame(now: now)
        let window = MeasurementWindow(
            start: room.window.lowerBound.nanoseconds, end: room.window.upperBound.nanoseconds)
        for index in 0..<frame.plan.packets {
            var packet = unsafe buffer.unguarded()
            let number = transportSequence
            transportSequence &+= 1
            guard
                let length = try? stream.makePacket(
                    index, of: frame, transportSequence: number, now: now, window: window, into: &packet),
                let sealed = try? transport.protectRTP(&packet, length: length)
            else { continue }
            send(packet.bytes.extracting(0..<sealed.length), to: sealed.tuple.remote, now, &output)
        }
    }

    mutating func retransmit(_ numbers: [SequenceNumber], of ssrc: UInt32, _ now: Instant, _ output: inout Output) {
        guard let stream = published.first(where: { $0.ssrc == ssrc }) else { return }
        for number in numbers {
            var packet = unsafe buffer.unguarded()
            guard let again = stream.makeRetransmission(of: number, into: &packet),
                let sealed = try? again.isRepeat
                    ? transport.protectRepeatedRTP(&packet, length: again.length)
                    : transport.protectRTP(&packet, length: again.length)
            else { continue }
            send(packet.bytes.extracting(0..<sealed.length), to: sealed.tuple.remote, now, &output)
            statistics.retransmitted += 1
        }
    }

    // MARK: RTCP

    /// Sends the compound that lies in ``scratch``.
    private mutating func sendCompound(_ now: Instant, _ output: inout Output) {
        guard scratch.count > 0 else { return }
        var packet = unsafe buffer.unguarded()
        unsafe packet.store(contentsOf: scratch.bytes.span.bytes, at: 0)
        guard let sealed = try? transport.protectRTCP(&packet, length: scratch.count) else { return }
        send(packet.bytes.extracting(0..<sealed.length), to: sealed.tuple.remote, now, &output)
    }

    /// SR for what it sends and RR for what it gets (RFC 3550 section 6.4). The origin of simulated time is NTP's Unix
    /// epoch.
    mutating func sendReports(_ now: Instant, _ output: inout Output) {
        schedule.report = now + Self.reportInterval
        for stream in published where stream.packetCount > 0 {
            scratch.reset()
            scratch.writeSenderReport(stream.senderReport(now: now, wall: now.nanoseconds))
            scratch.writeSourceDescription(ssrc: stream.ssrc, cname: "party-\(configuration.party)")
            sendCompound(now, &output)
        }
        var blocks: [ReportBlock] = []
        for index in streams.indices where streams[index].repairs == nil {
            if let roundTripTime = transport.roundTripTime { streams[index].nacks.setRoundTripTime(roundTripTime) }
            guard streams[index].statistics.received > 0 else { continue }
            blocks.append(streams[index].statistics.makeReportBlock(now: now))
        }
        while !blocks.isEmpty {
            let part = Array(blocks.prefix(RTP.Limits.reportBlocksPerPacket))
            blocks.removeFirst(part.count)
            scratch.reset()
            scratch.writeReceiverReport(ssrc: ssrc, blocks: part)
            scratch.writeSourceDescription(ssrc: ssrc, cname: "party-\(configuration.party)")
            sendCompound(now, &output)
        }
    }

    mutating func sendTransportFeedback(_ now: Instant, _ output: inout Output) {
        schedule.transportFeedback = now + Self.transportFeedbackInterval
        while true {
            scratch.reset()
            guard arrivals.writeFeedback(senderSSRC: ssrc, mediaSSRC: streams.first?.ssrc ?? 0, to: &scratch) else {
                return
            }
            sendCompound(now, &output)
        }
    }

    mutating func sendNacks(_ now: Instant, _ output: inout Output) {
        schedule.nack = .distantFuture
        for index in streams.indices where streams[index].nacks.missingCount > 0 {
            guard sections[streams[index].section].takesNacks else { continue }
            wanted.removeAll(keepingCapacity: true)
            streams[index].nacks.due(now: now, into: &wanted)
            if streams[index].nacks.missingCount > 0 { schedule.nack = now + Self.nackInterval }
            guard !wanted.isEmpty else { continue }
            streams[index].hasAsked = true
            scratch.reset()
            scratch.writeNack(senderSSRC: ssrc, mediaSSRC: streams[index].ssrc, sequenceNumbers: wanted)
            sendCompound(now, &output)
            statistics.nacksSent += 1
        }
    }

    /// After a loss that asking again cannot mend.
    mutating func requestKeyFrame(stream index: Int, _ now: Instant, _ output: inout Output) {
        guard sections[streams[index].section].kind == .video else { return }
        scratch.reset()
        scratch.writePictureLossIndication(senderSSRC: ssrc, mediaSSRC: streams[index].ssrc)
        sendCompound(now, &output)
        statistics.keyFrameRequests += 1
    }
}
