public import Wire

/// What our own sockets look like from elsewhere.
extension Agent {
    /// A server saw socket `socket` at `mapped` (RFC 8445 section 5.1.1.2). Returns the candidate to signal; nil when
    /// it says nothing new.
    ///
    /// It makes no pairs: a server-reflexive candidate sends from its base (section 6.1.2.4).
    public mutating func addServerReflexive(_ mapped: SocketAddress, socket: UInt8) -> Candidate? {
        guard state != .closed, Int(socket) < localCandidates.count, reflexive.count < Limits.reflexiveCandidates else {
            return nil
        }
        let base = localCandidates[Int(socket)]
        let isKnown = reflexive.contains { $0.socket == socket && $0.candidate.address == mapped }
        guard !base.transport.isStream, mapped != base.address, !isKnown else { return nil }
        let candidate = Candidate(
            kind: .serverReflexive, foundation: "s\(Int(socket) + 1)",
            priority: Candidate.priority(of: .serverReflexive, rank: base.rank), address: mapped,
            related: base.address)
        reflexive.append((socket, candidate))
        return candidate
    }

    /// A TURN server relays for us from `address` (RFC 8445 section 5.1.1.2). Returns the candidate to signal and the
    /// index of the socket that stands for it: what is sent on that socket is to go through the relay, and what comes
    /// through the relay is received on it. Nil when there are as many as there may be.
    ///
    /// - Parameter related: where the server saw us; it tells the peer nothing that it needs.
    public mutating func addRelayed(
        _ address: SocketAddress, related: SocketAddress? = nil, now: Instant
    ) -> (candidate: Candidate, socket: UInt8)? {
        guard state != .closed, let socket = UInt8(exactly: localCandidates.count),
            localCandidates.count(where: { $0.kind == .relayed }) < Limits.relayedCandidates
        else { return nil }
        let candidate = Candidate(
            kind: .relayed, foundation: "r\(Int(socket) + 1)",
            priority: Candidate.priority(of: .relayed, rank: socket), address: address, related: related)
        localCandidates.append(candidate)
        for remote in remoteCandidates where remote.canPair(with: candidate) {
            insertPair(Tuple(socket: socket, remote: remote.address), remote: remote)
        }
        startChecks(now)
        return (candidate, socket)
    }

    /// The selected pair's candidates; the local one by what the peer saw our checks come from (RFC 8445 section
    /// 7.2.5.3.1). Nil where ``selectedTuple`` is nil or of the generation before a restart.
    public var selectedPair: (local: Candidate, remote: Candidate)? {
        guard !isSelectionCarried, let selectedTuple, let index = pairIndex(selectedTuple) else { return nil }
        return (localCandidate(of: pairs[index]), pairs[index].remote)
    }

    func localCandidate(of pair: CandidatePair) -> Candidate {
        let socket = pair.tuple.socket
        let base = localCandidates[Int(socket)]
        // A connection that we open leaves from a port of its own: only another address is another candidate.
        let isBase = base.transport == .tcpActive ? pair.mapped?.ip == base.address.ip : pair.mapped == base.address
        guard let mapped = pair.mapped, !isBase else { return base }
        if let known = reflexive.first(where: { $0.socket == socket && $0.candidate.address == mapped }) {
            return known.candidate
        }
        return Candidate(
            kind: .peerReflexive, foundation: base.foundation,
            priority: Candidate.priority(of: .peerReflexive, rank: base.rank, transport: base.transport),
            transport: base.transport, address: mapped, related: base.address)
    }
}
