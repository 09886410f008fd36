import STUN
public import Wire

/// What the peer sends us.
extension Agent {
    /// One STUN datagram.
    ///
    /// Only Binding is spoken. Nothing that fails authentication is answered, whatever it asks: an
    /// error to a stranger would be reflection. So a wrong user, fingerprint or integrity is a drop.
    ///
    /// - Throws: why it had no effect. Nothing changed then, and nothing is sent.
    public mutating func receive(_ datagram: RawSpan, from tuple: Tuple, now: Instant) throws(DropReason) {
        guard state != .closed else { throw .stunUnknownUser }
        guard Int(tuple.socket) < localCandidates.count else { throw .unknownTuple }
        let message: Message
        do throws(ParseError) { message = try Message(parsing: datagram) } catch { throw .stunMalformed }
        guard message.type.method == .binding else { throw .stunUnknownMethod }
        switch message.type.messageClass {
        case .request:
            try receiveRequest(message, from: tuple, now)
        case .success, .error:
            try receiveResponse(message, from: tuple, now)
        case .indication:
            // A keepalive (RFC 8445 section 11): it does its work in the NATs on the way.
            return
        }
        finish(now)
    }

    private mutating func receiveRequest(
        _ request: borrowing Message, from tuple: Tuple, _ now: Instant
    ) throws(DropReason) {
        guard let ufrag = request.localUfrag else { throw .stunUnknownUser }
        let isPrevious = ufrag != localUfrag
        let key: [UInt8]
        if !isPrevious {
            key = localKey
        } else if let previousLocal, previousLocal.ufrag == ufrag {
            key = previousLocal.key
        } else {
            throw .stunUnknownUser
        }
        // The checksum first: it is cheaper than the HMAC. Checks always carry it (RFC 8445 section 7.1.1).
        guard request.verifyFingerprint() else { throw .stunBadFingerprint }
        guard request.verifyIntegrity(key: key) else { throw .stunBadIntegrity }
        guard tuple.remote.mayBeSentTo else { throw .stunMalformed }
        guard request.unknownCount == 0 else {
            return respond(to: request, tuple, key, error: .unknownAttribute)
        }
        guard !isPrevious else { return respond(to: request, tuple, key, error: nil) }
        guard !hasConsentExpired else { throw .consentExpired }
        guard settleRoles(request) else { return respond(to: request, tuple, key, error: .roleConflict) }
        guard let index = pairForRequest(from: tuple, priority: request.priority) else { throw .stunOverLimit }
        respond(to: request, tuple, key, error: nil)
        pairs[index].lastRequest = now
        admit(tuple)
        resumeChecking(now)
        if isLite {
            acceptCheck(tuple, nominates: request.useCandidate, now)
        } else {
            followRequest(index, nominates: request.useCandidate && !isControlling, now)
        }
    }

    private mutating func followRequest(_ index: Int, nominates: Bool, _ now: Instant) {
        let tuple = pairs[index].tuple
        let isProven = pairs[index].state == .succeeded && pairs[index].answered(since: now - Limits.freshness)
        if nominates, isProven || (tuple == selectedTuple && pairs[index].state == .succeeded) {
            nominate(tuple, now)
        } else if nominates {
            pairs[index].nominatesOnSuccess = true
        }
        if tuple != selectedTuple, !isProven, selectedTuple != nil {
            // An old answer proves nothing any more: the request may be a replay from a forged source.
            if pairs[index].state == .succeeded { pairs[index].state = .waiting }
            // The peer sends from elsewhere: is the selected path still there?
            let isSettled = now >= selectedSince + Limits.nominationSettling
            if isSettled, !isSelectionCarried { probeSelected(now) }
        }
        triggerCheck(index, now)
        if remote != nil { startDueCheck(now) }
    }

    /// RFC 8445 section 7.3.1.1. False: refuse with 487, and let the peer change its role.
    private mutating func settleRoles(_ request: borrowing Message) -> Bool {
        if let theirs = request.controllingTieBreaker, isControlling {
            if tieBreaker >= theirs { return false }
            setRole(isControlling: false)
        } else if let theirs = request.controlledTieBreaker, !isControlling {
            // A lite agent cannot control a full one (section 6.1.1).
            if isLite || tieBreaker < theirs { return false }
            setRole(isControlling: true)
        }
        return true
    }

    /// Remembers that media may come from `tuple`; the longest silent one makes room.
    mutating func admit(_ tuple: Tuple) {
        if validated.last == tuple { return }
        validated.removeAll { $0 == tuple }
        if validated.count >= Limits.validatedTuples { validated.removeFirst() }
        validated.append(tuple)
    }

    private mutating func respond(
        to request: borrowing Message, _ tuple: Tuple, _ key: [UInt8], error: ErrorCode?
    ) {
        var builder = MessageBuilder(
            MessageType(error == nil ? .success : .error), transactionID: request.transactionID)
        if let error {
            builder.addErrorCode(error)
            if error == .unknownAttribute { builder.addUnknownAttributes(request.unknownAttributes) }
        } else {
            builder.addXORMappedAddress(tuple.remote)
        }
        send(builder.finish(key: key), to: tuple)
    }
}
