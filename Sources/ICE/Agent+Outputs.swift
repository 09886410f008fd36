import Wire

/// What leaves the agent, and what follows every mutation.
extension Agent {
    mutating func send(_ bytes: [UInt8], to tuple: Tuple) {
        if !transmits.push(Transmit(tuple: tuple, bytes: bytes)) { droppedTransmits &+= 1 }
    }

    mutating func setState(_ new: AgentState) {
        guard state != new else { return }
        state = new
        emit(.stateChanged(new))
    }

    /// A full queue loses its oldest event: the newest state is the one that matters.
    mutating func emit(_ event: Event) { events.pushEvictingOldest(event) }

    /// The last step of every mutation: settles nomination and the deadline.
    mutating func finish(_ now: Instant) {
        guard state != .closed else { return }
        pursueNomination(now)
        deadline = nextDeadline(now)
    }

    private func nextDeadline(_ now: Instant) -> Instant {
        var next = Instant.distantFuture
        if let checkingSince { next = min(next, checkingSince + Limits.connectTimeout) }
        if isSelectionCarried { next = min(next, carriedUntil) }
        if isLite { return min(next, silenceDeadline) }
        guard state != .failed else { return .distantFuture }
        next = min(next, nominationDeadline)
        if remote != nil {
            if hasCheckToStart { next = min(next, nextCheck) }
            for pair in pairs {
                if let check = pair.check { next = min(next, check.nextSend) }
            }
        }
        return min(next, consentDeadline(now))
    }

    /// `failed` when nothing worked in time. A later request or candidate starts again.
    mutating func failLateChecking(_ now: Instant) {
        guard let since = checkingSince, now >= since + Limits.connectTimeout else { return }
        fail()
    }

    mutating func fail() {
        clearPaths()
        setState(.failed)
    }

    /// Forgets every path: nothing may be sent, nothing is accepted.
    mutating func clearPaths() {
        selectedTuple = nil
        isSelectionNominated = false
        isSelectionCarried = false
        checkingSince = nil
        firstSuccess = nil
        triggered = []
        validated = []
        consent = Consent()
        for index in pairs.indices {
            pairs[index].check = nil
            pairs[index].isNominating = false
            pairs[index].state = .failed
        }
    }

    /// Empties the check list for new credentials (RFC 8445 section 9), keeping the selected tuple.
    mutating func startGeneration() {
        pairs = []
        triggered = []
        remoteCandidates = []
        remote = nil
        remoteKey = []
        hasAllRemoteCandidates = false
        roleConflicts = 0
        firstSuccess = nil
        hasConsentExpired = false
        isSelectionNominated = false
        isSelectionCarried = selectedTuple != nil
        if consent.isRunning { carriedUntil = consent.expiry }
        consent = Consent()
    }

    /// After `failed` for want of a working pair, news of the peer starts checking again. Not after
    /// consent expired: that takes a restart (RFC 7675 section 5.1).
    mutating func resumeChecking(_ now: Instant) {
        if state == .new || (state == .failed && !hasConsentExpired) {
            checkingSince = now
            setState(.checking)
            for index in pairs.indices where pairs[index].state == .failed { pairs[index].state = .waiting }
        }
    }
}
