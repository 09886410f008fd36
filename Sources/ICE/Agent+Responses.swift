import STUN
import Wire

/// Answers to our own checks (RFC 8445 section 7.2.5).
extension Agent {
    /// An answer counts only when it comes back on the tuple that the request went out on. Deviation:
    /// section 7.2.5.2.1 fails the pair at once when it does not; here it is ignored and the pair times
    /// out, so that nobody else can end a check by answering it.
    mutating func receiveResponse(
        _ response: borrowing Message, from tuple: Tuple, _ now: Instant
    ) throws(DropReason) {
        let index = pairs.firstIndex { $0.tuple == tuple && $0.check?.id == response.transactionID }
        let isConsent = index == nil && consent.expects(response.transactionID, on: tuple)
        guard index != nil || isConsent else { throw .stunUnexpectedResponse }
        guard response.verifyFingerprint() else { throw .stunBadFingerprint }
        guard response.verifyIntegrity(key: remoteKey) else { throw .stunBadIntegrity }
        guard response.unknownCount == 0 else { throw .stunMalformed }
        guard response.type.messageClass == .success else {
            return receiveError(response, pair: index, now)
        }
        guard let mapped = response.xorMappedAddress, mapped.port != 0 else { throw .stunMalformed }
        if let index, let check = pairs[index].check {
            succeed(index, check, mapped: mapped, now)
        } else if let sent = consent.answer(response.transactionID, now) {
            measure(now - sent)
            if let index = pairIndex(tuple) { pairs[index].lastResponse = now }
            restoreConnection()
        }
    }

    private mutating func receiveError(_ response: borrowing Message, pair: Int?, _ now: Instant) {
        let isConflict = response.errorCode == .roleConflict
        guard let index = pair, let check = pairs[index].check else {
            // A consent check met the other role (both restarted): change ours, the next one will do.
            if isConflict, roleConflicts < Limits.roleConflicts { changeRole(from: isControlling) }
            return
        }
        guard isConflict, roleConflicts < Limits.roleConflicts else { return failPair(index) }
        let tuple = pairs[index].tuple
        pairs[index].check = nil
        if pairs[index].state == .inProgress { pairs[index].state = .waiting }
        changeRole(from: check.isControlling)
        trigger(tuple)
        startDueCheck(now)
    }

    /// RFC 8445 section 7.2.5.1. A new tie-breaker, so that two agents that drew the same one part.
    private mutating func changeRole(from wasControlling: Bool) {
        roleConflicts += 1
        setRole(isControlling: !wasControlling)
        tieBreaker = random.next()
    }

    /// Deviation: the mapped address makes no pair of its own (section 7.2.5.3.1); its base is the same socket, so
    /// that pair would send the very same packets. It is kept, to tell what kind the pair's local candidate is.
    private mutating func succeed(_ index: Int, _ check: Check, mapped: SocketAddress, _ now: Instant) {
        let tuple = pairs[index].tuple
        pairs[index].mapped = mapped
        pairs[index].localPriority = localCandidate(of: pairs[index]).priority
        pairs[index].updatePriority(isControlling: isControlling)
        if firstSuccess == nil { firstSuccess = now }
        pairs[index].check = nil
        pairs[index].state = .succeeded
        pairs[index].lastResponse = now
        // Karn: an answer to a retransmitted request does not say which copy it answers.
        if check.sends == 1 { measure(now - check.firstSent) }
        admit(tuple)
        unfreeze(like: index)
        let isNominated = check.useCandidate ? isControlling : pairs[index].nominatesOnSuccess && !isControlling
        pairs[index].nominatesOnSuccess = false
        if check.useCandidate { pairs[index].isNominating = false }
        if tuple == selectedTuple, !isSelectionCarried {
            consent.refresh(now)
            restoreConnection()
        }
        sortPairs()
        if isNominated { nominate(tuple, now) } else { consider(tuple, now) }
        leaveDeadPath(now)
    }

    /// RFC 6298's smoothing, for display and for the bandwidth estimator's start.
    private mutating func measure(_ sample: Interval) {
        guard sample >= .zero else { return }
        roundTripTime = roundTripTime.map { ($0 * 7 + sample) / 8 } ?? sample
    }
}
