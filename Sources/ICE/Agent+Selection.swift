import Wire

/// Which pair media takes: nomination (RFC 8445 section 8) and what moves it later.
extension Agent {
    /// Controlling: nominates the best pair that answered, once no better one may still do so or
    /// ``AgentConfiguration/nominationPatience`` is over (section 8.1.1 leaves the moment to us). Media does not wait
    /// for it.
    mutating func pursueNomination(_ now: Instant) {
        guard isControlling, !isLite, remote != nil, !isSelectionNominated, state != .failed,
            !pairs.contains(where: { $0.isNominating }),
            let best = pairs.firstIndex(where: { $0.state == .succeeded && $0.tuple == selectedTuple })
                ?? pairs.firstIndex(where: { $0.state == .succeeded })
        else { return }
        if let end = patienceEnd(best), now < end { return }
        pairs[best].isNominating = true
        triggered.removeAll { $0 == pairs[best].tuple }
        triggered.insert(pairs[best].tuple, at: 0)
    }

    /// Until when it is worth waiting for a pair that is better than `best`; nil when none is left.
    private func patienceEnd(_ best: Int) -> Instant? {
        guard nominationPatience > .zero, let firstSuccess else { return nil }
        let isBetterRunning = pairs[..<best].contains {
            $0.state == .waiting || $0.state == .inProgress || $0.state == .frozen
        }
        return isBetterRunning ? firstSuccess + nominationPatience : nil
    }

    /// When waiting for a better pair ends.
    var nominationDeadline: Instant {
        guard isControlling, !isLite, !isSelectionNominated, nominationPatience > .zero, let firstSuccess,
            !pairs.contains(where: { $0.isNominating }),
            // After a dead path was left there may be none: a time that has passed would be asked for again and again.
            pairs.contains(where: { $0.state == .succeeded })
        else { return .distantFuture }
        return firstSuccess + nominationPatience
    }

    /// A pair that answered, nominated by us or by the peer.
    mutating func nominate(_ tuple: Tuple, _ now: Instant) {
        if tuple == selectedTuple, !isSelectionCarried, isSelectionNominated { return }
        if isSelectionNominated, let current = selectedPriority, let new = pairIndex(tuple) {
            let isSettling = now < selectedSince + Limits.nominationSettling
            if isSettling, pairs[new].priority < current { return }
        }
        select(tuple, isNominated: true, now)
    }

    /// A pair that answered without being nominated: used while there is nothing better.
    mutating func consider(_ tuple: Tuple, _ now: Instant) {
        guard let index = pairIndex(tuple) else { return }
        if selectedTuple == nil || isSelectionCarried {
            select(tuple, isNominated: false, now)
        } else if !isSelectionNominated, let current = selectedPriority, pairs[index].priority > current {
            select(tuple, isNominated: false, now)
        }
    }

    var selectedPriority: UInt64? {
        guard !isSelectionCarried, let selectedTuple, let index = pairIndex(selectedTuple) else { return nil }
        return pairs[index].priority
    }

    mutating func select(_ tuple: Tuple, isNominated: Bool, _ now: Instant) {
        guard let index = pairIndex(tuple) else { return }
        let isMoved = tuple != selectedTuple
        if isMoved || isSelectionCarried {
            consent.start(now, random: &random, isLite: isLite)
            // RFC 7675 counts from the answer, which may be older than the choice.
            if !isLite, let answered = pairs[index].lastResponse { consent.refresh(answered) }
        }
        if isNominated || isMoved { selectedSince = now }
        selectedTuple = tuple
        isSelectionNominated = isNominated
        isSelectionCarried = false
        checkingSince = nil
        if isNominated { concludeChecks(keeping: tuple) }
        if isMoved {
            emit(.pairSelected(local: localCandidate(of: pairs[index]), remote: pairs[index].remote, tuple: tuple))
        }
        setState(isNominated ? .completed : .connected)
    }

    /// RFC 8445 section 8.1.2: what has not been tried will not be; running checks end without
    /// retransmission. Checks for nomination end too.
    private mutating func concludeChecks(keeping tuple: Tuple) {
        for index in pairs.indices where pairs[index].tuple != tuple {
            pairs[index].isNominating = false
            // Nominated earlier, and never answered: this nomination replaces it.
            if pairs[index].state == .failed { pairs[index].nominatesOnSuccess = false }
            if pairs[index].lastRequest != nil { continue }
            pairs[index].check = nil
            if pairs[index].state == .inProgress || pairs[index].state == .waiting { pairs[index].state = .frozen }
        }
        triggered = triggered.filter { entry in
            guard let index = pairIndex(entry) else { return false }
            return pairs[index].state != .frozen && pairs[index].state != .succeeded
        }
    }

    /// Leaves a selected path that no longer answers for one that did since. This is how a peer's new
    /// address is followed when the peer itself noticed nothing (NAT rebinding) and so nominates nothing.
    mutating func leaveDeadPath(_ now: Instant) {
        guard !isSelectionCarried, let old = selectedTuple,
            let suspectSince = consent.oldestUnanswered,
            consent.unanswered >= Limits.unansweredForFailover,
            now >= consent.newestUnanswered + Limits.suspectAfter / 2,
            let next = pairs.first(where: {
                $0.tuple != old && $0.state == .succeeded && $0.answered(since: suspectSince)
            })
        else { return }
        if let index = pairIndex(old) {
            pairs[index].state = .failed
            pairs[index].check = nil
        }
        select(next.tuple, isNominated: false, now)
    }

    /// Consent is there again.
    mutating func restoreConnection() {
        if state == .disconnected { setState(isSelectionNominated ? .completed : .connected) }
    }
}
