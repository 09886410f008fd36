import ICE
import Wire

/// ICE restarts (RFC 8445 section 9): new credentials on both sides, candidates gathered anew, and a relayed address
/// where the old one is lost. The path in use stays until another works.
extension PeerProcess {
    /// When the next restart is due.
    var restartDeadline: Instant {
        let scheduled = scheduledRestarts.first ?? .distantFuture
        guard let lostSince, let patience = configuration.restartAfterLoss, !awaitsAnswer else { return scheduled }
        return min(scheduled, lostSince + patience)
    }

    func signalCredentials(isRestart: Bool = false, _ output: inout Output) {
        let what = isRestart ? "restart" : "new"
        let kind = configuration.isLite ? "lite" : "full"
        signal("\(what) \(kind) \(credentials.ufrag) \(credentials.password)", &output)
    }

    func beginRestart(_ now: Instant, _ output: inout Output) {
        while let next = scheduledRestarts.first, next <= now { scheduledRestarts.removeFirst() }
        if lostSince != nil { lostSince = now }
        // One at a time: an offer that crosses its predecessor's answer would be answered for ever.
        guard !awaitsAnswer else { return }
        awaitsAnswer = true
        restart(now, &output)
    }

    /// The peer restarts. Where both began at once, each takes the other's credentials for the answer.
    func answerRestart(_ now: Instant, _ output: inout Output) {
        if awaitsAnswer {
            awaitsAnswer = false
        } else {
            restart(now, &output)
        }
    }

    private func restart(_ now: Instant, _ output: inout Output) {
        credentials = Credentials(random: &random)
        agent.restart(local: credentials, now: now)
        awaitsPath = true
        output.note("ice restart")
        signalCredentials(isRestart: true, &output)
        if configuration.signalsHosts {
            for candidate in agent.localCandidates where candidate.kind == .host { signal(candidate.sdp, &output) }
        }
        for line in reflexiveLines { signal(line, &output) }
        relays.removeAll { $0.isDead }
        for relay in relays { if let candidate = relay.candidate { signal(candidate.sdp, &output) } }
        gather(random.split(), now)
        carriers = configuration.relayCarriers[...]
        connectRelays(now)
    }

    /// The agent says how it is.
    func noteState(_ state: AgentState, _ now: Instant) {
        switch state {
        case .connected, .completed:
            lostSince = nil
            guard awaitsPath else { return }
            awaitsPath = false
            restarts += 1
        case .disconnected, .failed:
            if connected != nil, lostSince == nil { lostSince = now }
        case .new, .checking, .closed: break
        }
    }
}
