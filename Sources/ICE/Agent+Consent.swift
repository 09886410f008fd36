import STUN
import Wire

/// Keeping consent fresh, noticing its loss, and looking for another path meanwhile.
extension Agent {
    mutating func advanceConsent(_ now: Instant) {
        guard consent.isRunning, let tuple = selectedTuple, !isSelectionCarried else { return }
        if now >= consent.expiry {
            hasConsentExpired = true
            return fail()
        }
        leaveDeadPath(now)
        guard selectedTuple == tuple else { return }
        if let regular = consent.newestRegular, consent.unansweredRegular >= Limits.missedConsentChecks,
            now >= regular + Limits.suspectAfter
        {
            setState(.disconnected)
        }
        if now >= consent.nextRegular {
            sendConsentCheck(tuple, isRegular: true, now)
        } else if let due = probeDue, now >= due {
            checkOtherPaths()
            sendConsentCheck(tuple, isRegular: false, now)
        }
    }

    /// Ends a path of the generation before when its consent does; checks go on.
    mutating func leaveCarriedPath(_ now: Instant) {
        guard isSelectionCarried, now >= carriedUntil else { return }
        selectedTuple = nil
        isSelectionCarried = false
    }

    /// A path that owes an answer is asked again, and the others are asked too.
    private var probeDue: Instant? {
        guard consent.unanswered > 0, consent.unanswered - consent.unansweredRegular < Limits.probes else {
            return nil
        }
        return consent.newestUnanswered + Limits.suspectAfter
    }

    func consentDeadline(_ now: Instant) -> Instant {
        guard consent.isRunning, !isSelectionCarried, selectedTuple != nil else { return .distantFuture }
        var next = min(consent.expiry, consent.nextRegular)
        if let due = probeDue { next = min(next, due) }
        if let regular = consent.newestRegular, consent.unansweredRegular >= Limits.missedConsentChecks,
            state != .disconnected
        {
            next = min(next, regular + Limits.suspectAfter)
        }
        let leave = consent.newestUnanswered + Limits.suspectAfter / 2
        if consent.unanswered >= Limits.unansweredForFailover, leave > now { next = min(next, leave) }
        return next
    }

    /// Asks the selected path at once, because the peer was heard elsewhere; not more often than Ta, however often that
    /// was.
    mutating func probeSelected(_ now: Instant) {
        guard consent.isRunning, let tuple = selectedTuple, remote != nil, consent.unanswered == 0,
            now >= consent.lastSent + Limits.pacing
        else { return }
        sendConsentCheck(tuple, isRegular: false, now)
    }

    /// RFC 7675: a consent check is a Binding request with its own transaction, never retransmitted.
    private mutating func sendConsentCheck(_ tuple: Tuple, isRegular: Bool, _ now: Instant) {
        let id = TransactionID(random: &random)
        send(makeRequest(id, socket: tuple.socket, nominates: false), to: tuple)
        consent.sent(
            Consent.Outstanding(id: id, tuple: tuple, sent: now, isRegular: isRegular), random: &random)
    }

    /// Checks the other pairs again, at the usual pace: all of them once, then those that ever worked.
    private mutating func checkOtherPaths() {
        let isFirst = consent.unanswered == 1
        for index in pairs.indices where pairs[index].tuple != selectedTuple && pairs[index].check == nil {
            guard isFirst || pairs[index].lastRequest != nil || pairs[index].lastResponse != nil else { continue }
            if let suspectSince = consent.oldestUnanswered, pairs[index].answered(since: suspectSince) { continue }
            pairs[index].state = .waiting
            trigger(pairs[index].tuple)
        }
    }
}
