public import Wire

/// Remote candidates and the check list they make.
extension Agent {
    /// One trickled line (RFC 8838), with or without `a=`; empty or `end-of-candidates` means no more.
    ///
    /// Before the credentials of its generation are known a candidate waits, up to
    /// ``Limits/pendingCandidates``. Names are never resolved.
    @discardableResult
    public mutating func addRemoteCandidate(_ sdp: String, now: Instant) -> CandidateResult {
        guard state != .closed else { return ignore(.closed) }
        let line = sdp.hasPrefix("a=") ? sdp.dropFirst(2) : sdp[...]
        if line.utf8.count <= 32, line.allSatisfy(\.isWhitespace) || line.hasPrefix("end-of-candidates") {
            hasAllRemoteCandidates = true
            return .endOfCandidates
        }
        let candidate: Candidate
        do throws(CandidateError) { candidate = try Candidate(sdp: sdp) } catch { return ignore(error) }
        return add(candidate, now: now)
    }

    /// As ``addRemoteCandidate(_:now:)``, already parsed.
    @discardableResult
    public mutating func add(_ candidate: Candidate, now: Instant) -> CandidateResult {
        guard state != .closed else { return ignore(.closed) }
        let belongs = candidate.usernameFragment.map { $0 == remote?.ufrag } ?? true
        guard remote != nil, belongs else {
            guard pendingCandidates.count < Limits.pendingCandidates else { return ignore(.overLimit) }
            if pendingCandidates.contains(candidate) { return .duplicate }
            pendingCandidates.append(candidate)
            return .queued
        }
        let result = accept(candidate)
        if result == .added {
            resumeChecking(now)
            startChecks(now)
        }
        return result
    }

    /// Those that waited for the credentials that have just come; others belong to no generation.
    mutating func takePendingCandidates() {
        let waiting = pendingCandidates
        pendingCandidates = []
        for candidate in waiting {
            guard candidate.usernameFragment.map({ $0 == remote?.ufrag }) ?? true else { continue }
            _ = accept(candidate)
        }
    }

    private mutating func ignore(_ reason: CandidateError) -> CandidateResult {
        ignoredCandidates &+= 1
        return .ignored(reason)
    }

    private mutating func accept(_ candidate: Candidate) -> CandidateResult {
        guard candidate.component == 1 else { return ignore(.unsupportedComponent) }
        guard candidate.address.mayBeSentTo else { return ignore(.disallowedAddress) }
        guard candidate.transport != .tcpActive else { return ignore(.activeOnly) }
        if let known = remoteCandidates.firstIndex(where: { $0.isSamePlace(as: candidate) }) {
            if remoteCandidates[known].kind == .peerReflexive { replace(known, with: candidate) }
            return .duplicate
        }
        let sockets = localCandidates.indices.filter { candidate.canPair(with: localCandidates[$0]) }
        if candidate.address.ip.isLoopback || candidate.address.ip.isLinkLocal, sockets.isEmpty {
            return ignore(.disallowedAddress)
        }
        guard remoteCandidates.count < Limits.remoteCandidates || evictPeerReflexive() else {
            return ignore(.overLimit)
        }
        remoteCandidates.append(candidate)
        for socket in sockets {
            insertPair(Tuple(socket: UInt8(socket), remote: candidate.address), remote: candidate)
        }
        return .added
    }

    /// A candidate that was learned from a check is now signalled: its own type and priority count
    /// (RFC 8838 section 11.4).
    private mutating func replace(_ known: Int, with candidate: Candidate) {
        remoteCandidates[known] = candidate
        for index in pairs.indices where pairs[index].remote.isSamePlace(as: candidate) {
            pairs[index].remote = candidate
            pairs[index].updatePriority(isControlling: isControlling)
        }
        sortPairs()
        for socket in localCandidates.indices where candidate.canPair(with: localCandidates[socket]) {
            let tuple = Tuple(socket: UInt8(socket), remote: candidate.address)
            if pairIndex(tuple) == nil { insertPair(tuple, remote: candidate) }
        }
    }

    /// A pair for the source of an authenticated request (RFC 8445 section 7.3.1.3), made if need be.
    /// Nil when there is no room: every candidate there was signalled or is in use.
    mutating func pairForRequest(from tuple: Tuple, priority: UInt32?) -> Int? {
        if let index = pairIndex(tuple) { return index }
        let local = localCandidates[Int(tuple.socket)].transport
        let known = remoteCandidates.first {
            $0.address == tuple.remote && $0.transport == local.counterpart
        }
        if known == nil {
            guard remoteCandidates.count < Limits.remoteCandidates || evictPeerReflexive() else { return nil }
        }
        let candidate =
            known
            ?? Candidate(
                kind: .peerReflexive, foundation: "prflx\(random.next() >> 32)",
                priority: priority
                    ?? Candidate.priority(of: .peerReflexive, rank: tuple.socket, transport: local.counterpart),
                transport: local.counterpart, address: tuple.remote)
        guard insertPair(tuple, remote: candidate) else { return nil }
        if known == nil { remoteCandidates.append(candidate) }
        return pairIndex(tuple)
    }

    /// Makes room by forgetting the peer-reflexive candidate that has been silent for longest; the
    /// selected one stays. A peer behind a rebinding NAT brings a new one with every rebinding.
    private mutating func evictPeerReflexive() -> Bool {
        var victim: (index: Int, heard: Instant)?
        for (index, candidate) in remoteCandidates.enumerated()
        where candidate.kind == .peerReflexive && candidate.address != selectedTuple?.remote {
            var heard = Instant.origin
            for pair in pairs where pair.remote.isSamePlace(as: candidate) {
                heard = max(heard, pair.lastRequest ?? .origin)
            }
            if victim.map({ heard < $0.heard }) ?? true { victim = (index, heard) }
        }
        guard let victim else { return false }
        forget(remoteCandidates.remove(at: victim.index))
        return true
    }

    /// Every trace of a candidate that is no longer in the list.
    mutating func forget(_ candidate: Candidate) {
        func leadsThere(_ tuple: Tuple) -> Bool {
            tuple.remote == candidate.address
                && localCandidates[Int(tuple.socket)].transport == candidate.transport.counterpart
        }
        pairs.removeAll { leadsThere($0.tuple) }
        triggered.removeAll { leadsThere($0) }
        validated.removeAll { leadsThere($0) }
    }

    /// False when the list is full of pairs that are better or in use.
    @discardableResult
    mutating func insertPair(_ tuple: Tuple, remote: Candidate) -> Bool {
        guard Int(tuple.socket) < localCandidates.count else { return false }
        var pair = CandidatePair(
            tuple: tuple, local: localCandidates[Int(tuple.socket)], remote: remote, isControlling: isControlling)
        if pairs.count >= Limits.pairs {
            let idle = pairs.lastIndex { $0.lastRequest == nil && $0.lastResponse == nil }
            guard let idle, remote.kind == .peerReflexive || pairs[idle].priority < pair.priority else { return false }
            triggered.removeAll { $0 == pairs[idle].tuple }
            pairs.remove(at: idle)
        }
        // RFC 8838 section 12: one pair per foundation runs, the others wait for its result.
        let isHeld = pairs.contains {
            $0.hasFoundation(of: pair) && ($0.state == .waiting || $0.state == .inProgress)
        }
        pair.state = isHeld ? .frozen : .waiting
        pairs.append(pair)
        sortPairs()
        return true
    }

    func pairIndex(_ tuple: Tuple) -> Int? { pairs.firstIndex { $0.tuple == tuple } }

    /// Ties are broken by socket and arrival, so that the order never depends on chance.
    mutating func sortPairs() {
        var keyed = pairs.enumerated().map { (order: $0.offset, pair: $0.element) }
        keyed.sort { left, right in
            (right.pair.priority, left.pair.tuple.socket, left.order)
                < (left.pair.priority, right.pair.tuple.socket, right.order)
        }
        pairs = keyed.map(\.pair)
    }
}
