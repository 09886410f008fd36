import STUN
import Wire

/// Our own connectivity checks (RFC 8445 sections 6.1.4 and 7.2).
extension Agent {
    /// Whether a check waits for its turn. Once a pair is nominated ordinary checks end (section
    /// 8.1.2); triggered ones go on, since that is how the peer's new addresses are learned.
    var hasCheckToStart: Bool {
        if !triggered.isEmpty { return true }
        guard !isSelectionNominated else { return false }
        return pairs.contains { $0.state == .waiting || $0.state == .frozen }
    }

    mutating func trigger(_ tuple: Tuple) {
        if !triggered.contains(tuple) { triggered.append(tuple) }
    }

    /// One new check every Ta: triggered ones first, then the best waiting pair, then the best frozen
    /// one (section 6.1.4.2).
    mutating func startDueCheck(_ now: Instant) {
        guard now >= nextCheck, hasCheckToStart, let index = takeNextPair() else { return }
        startCheck(index, now)
        nextCheck = now + Limits.pacing
    }

    /// The end of a mutation that may have made a check possible.
    mutating func startChecks(_ now: Instant) {
        if !isLite, remote != nil, state != .failed { startDueCheck(now) }
        finish(now)
    }

    /// Deviation: section 6.1.4.2 lets ordinary checks wait for all triggered ones. Two NATs that give every check a
    /// new address keep that queue filled for ever, and the relays, which would work, would never be tried.
    private mutating func takeNextPair() -> Int? {
        if triggeredInRow >= Limits.triggeredChecksInRow, let index = takeOrdinaryPair() { return index }
        while !triggered.isEmpty {
            let tuple = triggered.removeFirst()
            guard let index = pairIndex(tuple) else { continue }
            triggeredInRow += 1
            return index
        }
        return takeOrdinaryPair()
    }

    private mutating func takeOrdinaryPair() -> Int? {
        triggeredInRow = 0
        guard !isSelectionNominated else { return nil }
        func isOrdinary(_ pair: CandidatePair) -> Bool { !triggered.contains(pair.tuple) }
        return pairs.firstIndex { $0.state == .waiting && isOrdinary($0) }
            ?? pairs.firstIndex { $0.state == .frozen && isOrdinary($0) }
    }

    private mutating func startCheck(_ index: Int, _ now: Instant) {
        let tuple = pairs[index].tuple
        let nominates = isControlling && pairs[index].isNominating
        let id = TransactionID(random: &random)
        let bytes = makeRequest(id, socket: tuple.socket, nominates: nominates)
        // RFC 8445 section 14.3: the more checks share the pace, the longer each may take.
        let running = pairs.reduce(Int64(1)) { $0 + ($1.state == .waiting || $1.state == .inProgress ? 1 : 0) }
        let timeout =
            isStream(tuple) ? Limits.streamTimeout : max(Limits.initialRetransmission, Limits.pacing * running)
        pairs[index].check = Check(
            id: id, bytes: bytes, useCandidate: nominates, isControlling: isControlling, firstSent: now,
            lastSent: now, nextSend: now + timeout, timeout: timeout)
        if pairs[index].state != .succeeded { pairs[index].state = .inProgress }
        send(bytes, to: tuple)
    }

    func makeRequest(_ id: TransactionID, socket: UInt8, nominates: Bool) -> [UInt8] {
        var builder = MessageBuilder(MessageType(.request), transactionID: id)
        builder.addUsername("\(remote?.ufrag ?? ""):\(local.ufrag)")
        builder.add(isControlling ? .iceControlling : .iceControlled, tieBreaker)
        if nominates { builder.add(.useCandidate) }
        let base = localCandidates[Int(socket)]
        builder.add(
            .priority, Candidate.priority(of: .peerReflexive, rank: base.rank, transport: base.transport))
        return builder.finish(key: remoteKey)
    }

    /// Sends again what is due, doubling the timeout; the last silence fails the pair. TCP does its own sending again
    /// (RFC 8489 section 6.2.2).
    mutating func retransmitChecks(_ now: Instant) {
        for index in pairs.indices {
            guard var check = pairs[index].check, now >= check.nextSend else { continue }
            if check.sends >= Limits.checkSends || isStream(pairs[index].tuple) {
                failPair(index)
                continue
            }
            check.sends += 1
            check.timeout = min(check.timeout * 2, max(check.timeout, Limits.maximumRetransmission))
            check.lastSent = now
            check.nextSend = now + check.timeout
            pairs[index].check = check
            send(check.bytes, to: pairs[index].tuple)
        }
    }

    /// The peer's nomination stays: it may answer later, and will not be nominated again.
    mutating func failPair(_ index: Int) {
        pairs[index].check = nil
        pairs[index].isNominating = false
        pairs[index].state = .failed
        unfreeze(like: index)
    }

    /// RFC 8445 section 7.2.5.3.3; a failure too lets the next of its foundation try.
    mutating func unfreeze(like index: Int) {
        let model = pairs[index]
        for other in pairs.indices where pairs[other].state == .frozen && pairs[other].hasFoundation(of: model) {
            pairs[other].state = .waiting
        }
    }

    /// The check that a request calls for (RFC 8445 section 7.3.1.4).
    mutating func triggerCheck(_ index: Int, _ now: Instant) {
        switch pairs[index].state {
        case .succeeded:
            return
        case .inProgress:
            // Deviation: instead of a second transaction, the one in flight is sent again soon. The
            // peer has just opened its NAT for it; the packet is the same, and state stays bounded.
            guard var check = pairs[index].check else { return trigger(pairs[index].tuple) }
            guard !isStream(pairs[index].tuple) else { return }
            // All copies are spent: the path may have come back just now, and nobody would ask it again.
            guard check.sends < Limits.checkSends else { return restartCheck(index) }
            let soon = max(now, check.lastSent + Limits.pacing)
            if soon < check.nextSend {
                check.nextSend = soon
                check.timeout = check.timeout / 2
                pairs[index].check = check
            }
        case .frozen, .waiting, .failed:
            restartCheck(index)
        }
    }

    private mutating func restartCheck(_ index: Int) {
        pairs[index].check = nil
        pairs[index].state = .waiting
        trigger(pairs[index].tuple)
    }

    /// Changes role and with it every pair's priority (RFC 8445 section 7.3.1.1).
    mutating func setRole(isControlling: Bool) {
        guard self.isControlling != isControlling else { return }
        self.isControlling = isControlling
        for index in pairs.indices {
            pairs[index].updatePriority(isControlling: isControlling)
            if !isControlling { pairs[index].isNominating = false }
        }
        sortPairs()
    }
}
