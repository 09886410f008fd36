import RTP
import Transport
import Wire

/// What publishers send: frames by plan, retransmissions and key frames on demand.
extension MediaWorld {
    /// Sends every frame that is due.
    mutating func publishDue(now: Instant) {
        for slot in publisherSlots where clients[slot].isConnected {
            if clients[slot].nextVideo <= now { sendFrame(.video, of: slot) }
            if clients[slot].nextAudio <= now { sendFrame(.audio, of: slot) }
        }
    }

    /// A publisher's path and keys are there: it begins. Publishers are spread over the time of a frame, as those of a
    /// real room are.
    mutating func beginPublishing(_ slot: Int32, now: Instant) {
        if let former = clients[slot].replaces.flatMap({ slots[$0] }) { clients[former].isSuperseded = true }
        let share = Int64(clients[slot].publisher % max(1, settings.publishers))
        for stream in clients[slot].published {
            let interval = interval(of: stream.kind)
            let first = now + interval * share / Int64(max(1, settings.publishers))
            if stream.kind == .video { clients[slot].nextVideo = first } else { clients[slot].nextAudio = first }
        }
        clients[slot].nextReport = now + Limits.reportInterval
        wake(slot, at: clients[slot].nextReport)
    }

    private func interval(of kind: MediaKind) -> Interval {
        kind == .video ? .nanoseconds(1_000_000_000 / Int64(settings.framesPerSecond)) : .milliseconds(20)
    }

    private mutating func sendFrame(_ kind: MediaKind, of slot: Int32) {
        guard !isHushed else {
            clients[slot].nextVideo = .distantFuture
            clients[slot].nextAudio = .distantFuture
            return
        }
        let now = LoadClock.now
        let due = kind == .video ? clients[slot].nextVideo : clients[slot].nextAudio
        if window.contains(now.nanoseconds) {
            result.lateness.record(nanoseconds: UInt64(clamping: (now - due).nanoseconds))
        }
        let step = interval(of: kind)
        // Who is late by more than a few frames leaves them out: a burst would measure itself.
        let next = now - due > step * 4 ? now + step : due + step
        if kind == .video { clients[slot].nextVideo = next } else { clients[slot].nextAudio = next }
        for index in clients[slot].published.indices where clients[slot].published[index].kind == kind {
            send(clients[slot].published[index], of: slot, now: now)
        }
        if slot == publisherSlots.first { calibration.send(now: now) }
    }

    private mutating func send(_ stream: PublishedStream, of slot: Int32, now: Instant) {
        let frame = stream.beginFrame(now: now)
        let window = clients[slot].isSuperseded ? MeasurementWindow() : window
        let descriptor = clients[slot].socket.descriptor
        var destination: SocketAddress?
        for index in 0..<frame.plan.packets {
            var packet = unsafe writer.next()
            let number = clients[slot].transportSequence
            clients[slot].transportSequence &+= 1
            guard
                let length = try? stream.makePacket(
                    index, of: frame, transportSequence: number, now: now, window: window, into: &packet),
                let sealed = try? clients[slot].transport.peer.protectRTP(&packet, length: length)
            else {
                writer.countFailure()
                continue
            }
            writer.commit(length: sealed.length, from: descriptor, to: sealed.tuple.remote)
            destination = sealed.tuple.remote
        }
        if let destination { writer.flush(from: descriptor, to: destination) }
    }

    mutating func wantKeyFrame(of slot: Int32, ssrc: UInt32) {
        for stream in clients[slot].published where stream.ssrc == ssrc {
            stream.wantKeyFrame()
            if window.contains(LoadClock.now.nanoseconds) { result.keyFrameRequests &+= 1 }
        }
    }

    mutating func retransmit(_ nack: GenericNack, _ bytes: RawSpan, of slot: Int32) {
        guard let stream = clients[slot].published.first(where: { $0.ssrc == nack.mediaSSRC }) else { return }
        var numbers = nack.sequenceNumbers
        let descriptor = clients[slot].socket.descriptor
        while let number = numbers.next(in: bytes) {
            var packet = unsafe writer.next()
            guard let again = stream.makeRetransmission(of: number, into: &packet),
                let sealed = try? again.isRepeat
                    ? clients[slot].transport.peer.protectRepeatedRTP(&packet, length: again.length)
                    : clients[slot].transport.peer.protectRTP(&packet, length: again.length)
            else { continue }
            writer.commit(length: sealed.length, from: descriptor, to: sealed.tuple.remote)
            writer.flush(from: descriptor, to: sealed.tuple.remote)
            result.retransmitted &+= 1
        }
    }
}
