import Wire

/// The lite agent (RFC 8445 section 2.5): it answers, and believes what it is asked.
extension Agent {
    /// An authenticated check arrived on `tuple`. Whoever can capture a nominating check on its way
    /// and send it from a forged source moves media until the peer's next one: RFC 8445 gives a lite
    /// agent nothing against that, which is a reason to be a full one.
    mutating func acceptCheck(_ tuple: Tuple, nominates: Bool, _ now: Instant) {
        guard let index = pairIndex(tuple) else { return }
        pairs[index].state = .succeeded
        guard let old = selectedTuple, !isSelectionCarried else {
            return select(tuple, isNominated: nominates, now)
        }
        if tuple == old {
            consent.refresh(now)
            if nominates { nominate(tuple, now) }
            return restoreConnection()
        }
        let silence = pairIndex(old).flatMap { pairs[$0].lastRequest }.map { now - $0 }
        if nominates {
            nominate(tuple, now)
        } else if silence.map({ $0 >= Limits.liteStaleness }) ?? true {
            // A rebound peer that nominates only once goes on from its new address.
            select(tuple, isNominated: isSelectionNominated, now)
        }
    }

    /// Deviation: without checks of its own a lite agent has no consent in RFC 7675's sense; the
    /// peer's authenticated requests on the selected tuple stand for it.
    mutating func watchSilence(_ now: Instant) {
        guard consent.isRunning, selectedTuple != nil, !isSelectionCarried else { return }
        if now >= consent.expiry {
            hasConsentExpired = true
            fail()
        } else if now >= consent.lastAnswer + Limits.liteSilence {
            setState(.disconnected)
        }
    }

    var silenceDeadline: Instant {
        guard consent.isRunning, selectedTuple != nil, !isSelectionCarried else { return .distantFuture }
        return state == .disconnected ? consent.expiry : consent.lastAnswer + Limits.liteSilence
    }
}
