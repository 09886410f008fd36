import Congestion
import RTP
import Wire

// The last resort behind congestion control (RFC 8083): who is not to be sent to at all, for now.

extension Router {
    /// RTCP of any kind came: the way back works, and the receiver is there.
    mutating func noteControl(of endpoint: Int, now: Instant) {
        endpoints[endpoint].circuit.hear(now: now)
        for slot in endpoints[endpoint].subscribers { subscribers[Int(slot)].breaker.heard() }
    }

    /// Judges a stream by what its receiver reports.
    mutating func judge(_ block: ReportBlock, of slot: Int, now: Instant) {
        let endpoint = Int(subscribers[slot].endpoint)
        endpoints[endpoint].circuit.noteReport()
        guard let loss = subscribers[slot].loss(by: block, now: now) else { return }
        let isLost = subscribers[slot].progressAt != now && subscribers[slot].breaker.hasSentSinceReport
        endpoints[endpoint].circuit.note(loss: isLost ? 1 : loss, now: now)
        // Where a controller holds what is sent to what the path carries, what is lost all the same is the path's own
        // way: section 4.3 is about who sends more than that.
        let hasPath = sendSides.contains(endpoint)
        let isFollowed = hasPath && sendSides[endpoint].isFollowed(now: now)
        let roundTrip = subscribers[slot].roundTripTime ?? (hasPath ? sendSides[endpoint].controller.roundTrip : nil)
        subscribers[slot].breaker.receiveReport(
            highestSequence: block.highestSequence, lossFraction: isFollowed ? 0 : loss, roundTrip: roundTrip, now: now)
        guard let cause = subscribers[slot].breaker.cause else { return }
        if cause == .mediaTimeout, hasProgress(beside: slot, now: now) {
            // Deviation from section 4.2: what comes by the same way comes through, so the receiver wants this one
            // stream no more. No reason to stop the others.
            subscribers[slot].breaker.reset(now: now)
        } else {
            openCircuit(of: endpoint, now: now)
        }
    }

    /// Whether others of the peer's streams arrive.
    private func hasProgress(beside slot: Int, now: Instant) -> Bool {
        for other in endpoints[Int(subscribers[slot].endpoint)].subscribers where Int(other) != slot {
            if now - subscribers[Int(other)].progressAt < Limits.circuitProgress { return true }
        }
        return false
    }

    /// A packet of the stream has left for the first time.
    mutating func noteFlow(of slot: Int, bytes: Int, now: Instant) {
        guard subscribers[slot].breaker.sent(bytes: SendSide.wireBytes(bytes), now: now) else { return }
        let endpoint = Int(subscribers[slot].endpoint)
        // Deviation from section 4.1: a peer that never reported cannot fall silent. ICE looks after it (RFC 7675).
        guard endpoints[endpoint].circuit.hasReports else { return }
        schedule(endpoint, at: subscribers[slot].breaker.deadline)
    }

    /// Stops the endpoint's video, and its audio where there is no video to stop or that did not help.
    private mutating func openCircuit(of endpoint: Int, now: Instant) {
        var hasVideo = false
        for slot in endpoints[endpoint].subscribers where subscribers[Int(slot)].kind == .video {
            hasVideo = hasVideo || subscribers[Int(slot)].isFlowing
        }
        endpoints[endpoint].circuit.open(holdsAudio: endpoints[endpoint].circuit.isOpen || !hasVideo, now: now)
        for slot in endpoints[endpoint].subscribers {
            subscribers[Int(slot)].breaker.reset(now: now)
            // What was kept back is not sent late, and what comes after the pause begins at a key frame.
            guard endpoints[endpoint].circuit.stops(subscribers[Int(slot)].kind) else { continue }
            forgetSource(ofSubscriber: Int(slot))
        }
        setLevel(.circuitBroken, true, of: endpoint)
        schedule(endpoint, at: endpoints[endpoint].circuit.due ?? .distantFuture)
    }

    private mutating func closeCircuit(of endpoint: Int, now: Instant) {
        endpoints[endpoint].circuit.close(now: now)
        setLevel(.circuitBroken, false, of: endpoint)
        for slot in endpoints[endpoint].subscribers {
            subscribers[Int(slot)].breaker.reset(now: now)
            let target = Int(subscribers[Int(slot)].target)
            if target >= 0 { requestKeyFrame(ofStream: target, now: now) }
        }
    }

    /// Whatever was stopped, a new connection begins afresh.
    mutating func resetCircuit(of endpoint: Int, now: Instant) {
        endpoints[endpoint].circuit = Circuit()
        setLevel(.circuitBroken, false, of: endpoint)
        for slot in endpoints[endpoint].subscribers { subscribers[Int(slot)].breaker.reset(now: now) }
    }

    /// Looks whether reports stay away, or what was stopped may be tried again; returns when to look next.
    mutating func serveCircuit(_ endpoint: Int, now: Instant) -> Instant {
        if endpoints[endpoint].circuit.mayClose(now: now) { closeCircuit(of: endpoint, now: now) }
        guard endpoints[endpoint].circuit.hasReports else { return .distantFuture }
        var isSilent = false
        for slot in endpoints[endpoint].subscribers {
            // A timer that is as late as that: we stood still ourselves, and what the peer said lies in the socket.
            let isLate = now - subscribers[Int(slot)].breaker.deadline > Limits.circuitStep
            if isLate { subscribers[Int(slot)].breaker.heard() }
            subscribers[Int(slot)].breaker.advance(to: now)
            isSilent = isSilent || subscribers[Int(slot)].breaker.cause != nil
        }
        if isSilent { openCircuit(of: endpoint, now: now) }
        var next = endpoints[endpoint].circuit.due.map { max($0, now + Limits.circuitStep) } ?? .distantFuture
        for slot in endpoints[endpoint].subscribers { next = min(next, subscribers[Int(slot)].breaker.deadline) }
        return next
    }
}
