import RTP
public import Wire

extension Router {
    /// Does what is due by `now`. Call at ``deadline`` or later, then drain.
    public mutating func advance(to now: Instant) {
        self.now = now
        guard now >= deadline else { return }
        deadline = .distantFuture
        for endpoint in 0..<endpointBound where deadlines[endpoint] != .distantFuture {
            if deadlines[endpoint] <= now { deadlines[endpoint] = serve(endpoint, now: now) }
            deadline = min(deadline, deadlines[endpoint])
        }
    }

    /// Serves one endpoint's timers and returns when they need it next.
    private mutating func serve(_ endpoint: Int, now: Instant) -> Instant {
        guard endpoints[endpoint].isOpen else { return .distantFuture }
        var next = min(serveMediaState(endpoint, now: now), serveSpeakers(endpoint, now: now))
        next = min(next, servePath(endpoint, now: now))
        next = min(next, serveCircuit(endpoint, now: now))
        for slot in endpoints[endpoint].publishers {
            next = min(next, serveFlow(ofPublisher: Int(slot), now: now))
            next = min(next, serveLayers(ofPublisher: Int(slot), now: now))
        }
        for slot in endpoints[endpoint].subscribers {
            next = min(next, serveFlow(ofSubscriber: Int(slot), now: now))
        }
        // After all that may change what is wanted.
        for slot in endpoints[endpoint].publishers {
            next = min(next, serveEncodings(ofPublisher: Int(slot), now: now))
        }
        // Without a transport there is nobody to send feedback to; coming up sets the timer anew.
        guard endpoints[endpoint].isConnected else { return next }
        next = min(next, serveReports(endpoint, now: now))
        for slot in endpoints[endpoint].publishers {
            let due = feedbackDeadline(ofPublisher: Int(slot))
            if due <= now { feedbackWork.add(endpoint) } else { next = min(next, due) }
        }
        return next
    }

    private mutating func serveMediaState(_ endpoint: Int, now: Instant) -> Instant {
        guard endpoints[endpoint].levels.contains(.media) else { return .distantFuture }
        let due = endpoints[endpoint].lastMedia + Limits.mediaSilence
        guard now >= due else { return due }
        setLevel(.media, false, of: endpoint)
        return .distantFuture
    }

    private mutating func serveFlow(ofPublisher slot: Int, now: Instant) -> Instant {
        guard publishers[slot].isFlowing else { return .distantFuture }
        let due = lastPacket(ofPublisher: slot) + Limits.flowSilence
        guard now >= due else { return due }
        stopFlow(ofPublisher: slot)
        return .distantFuture
    }

    private mutating func serveFlow(ofSubscriber slot: Int, now: Instant) -> Instant {
        guard subscribers[slot].isFlowing else { return .distantFuture }
        let due = subscribers[slot].lastSent + Limits.flowSilence
        guard now >= due else { return due }
        subscribers[slot].isFlowing = false
        let endpoint = Int(subscribers[slot].endpoint)
        let kind = subscribers[slot].kind
        var flows = false
        for other in endpoints[endpoint].subscribers where subscribers[Int(other)].kind == kind {
            flows = flows || subscribers[Int(other)].isFlowing
        }
        if !flows { setLevel(.flowingOut(kind), false, of: endpoint) }
        return .distantFuture
    }

    mutating func stopFlow(ofPublisher slot: Int) {
        publishers[slot].isFlowing = false
        let endpoint = Int(publishers[slot].endpoint)
        let kind = publishers[slot].kind
        var flows = false
        for other in endpoints[endpoint].publishers where publishers[Int(other)].kind == kind {
            flows = flows || publishers[Int(other)].isFlowing
        }
        if !flows { setLevel(.flowingIn(kind), false, of: endpoint) }
    }

    /// Reports are about what the peer sends: who only receives needs none, and its timer wakes nobody.
    mutating func armReports(_ endpoint: Int, now: Instant) {
        guard endpoints[endpoint].isConnected, !endpoints[endpoint].publishers.isEmpty else {
            endpoints[endpoint].nextReport = .distantFuture
            return
        }
        guard endpoints[endpoint].nextReport == .distantFuture else { return }
        endpoints[endpoint].nextReport = now + reportDelay()
        schedule(endpoint, at: endpoints[endpoint].nextReport)
    }

    private mutating func serveReports(_ endpoint: Int, now: Instant) -> Instant {
        if endpoints[endpoint].nextTransportFeedback <= now {
            // The next packet sets the timer again.
            endpoints[endpoint].nextTransportFeedback = .distantFuture
            endpoints[endpoint].isTransportFeedbackDue = true
            feedbackWork.add(endpoint)
        }
        if endpoints[endpoint].nextReport <= now {
            endpoints[endpoint].nextReport = now + reportDelay()
            endpoints[endpoint].isReportDue = true
            feedbackWork.add(endpoint)
        }
        return min(endpoints[endpoint].nextTransportFeedback, endpoints[endpoint].nextReport)
    }

    private func lastPacket(ofPublisher slot: Int) -> Instant {
        var newest = Instant.origin
        for index in 0..<publishers[slot].streamCount {
            newest = max(newest, streams[Int(publishers[slot].streams[index])].lastPacket)
        }
        return newest
    }

    /// When the publisher's sender is to be asked for packets or a key frame of one of its streams.
    func feedbackDeadline(ofPublisher slot: Int) -> Instant {
        var earliest = Instant.distantFuture
        for index in 0..<publishers[slot].streamCount {
            earliest = min(earliest, feedbackDeadline(ofStream: Int(publishers[slot].streams[index])))
        }
        return earliest
    }

    func feedbackDeadline(ofStream stream: Int) -> Instant {
        guard streams[stream].feedbackSSRC != nil else { return .distantFuture }
        let lost = streams[stream].nacks?.deadline ?? .distantFuture
        return min(lost, streams[stream].keyFrames.deadline)
    }

    /// RFC 3550 section 6.2: half to one and a half of the mean, so that reports do not fall into step.
    mutating func reportDelay() -> Interval {
        let mean = Limits.reportInterval.nanoseconds
        return .nanoseconds(mean / 2 + Int64(random.next() % UInt64(mean)))
    }
}
