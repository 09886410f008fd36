public import Wire

/// Candidates over TCP (RFC 6544). Each connection is a tuple: an accepted one of the passive socket and the address
/// it came from, an opened one of the active socket and the candidate that it goes to. So a ``Transmit`` on an active
/// socket opens its connection if there is none, and what is sent waits for it; everything sent and received is
/// framed by ``FramedStream``.
extension Agent {
    func isStream(_ tuple: Tuple) -> Bool { localCandidates[Int(tuple.socket)].transport.isStream }

    /// The connection of `tuple` has ended, or could not be opened.
    ///
    /// A pair that we opened may be opened anew when it was the selected one; one that was accepted is gone with its
    /// port, and the peer comes again from another (RFC 6544 section 8 leaves that to the peer who opened).
    public mutating func streamClosed(_ tuple: Tuple, now: Instant) {
        guard state != .closed, Int(tuple.socket) < localCandidates.count, isStream(tuple) else { return }
        let wasSelected = tuple == selectedTuple
        validated.removeAll { $0 == tuple }
        if let index = pairIndex(tuple) {
            failPair(index)
            if wasSelected, localCandidates[Int(tuple.socket)].transport == .tcpActive {
                pairs[index].state = .waiting
                trigger(tuple)
            }
        }
        if localCandidates[Int(tuple.socket)].transport == .tcpPassive {
            let gone = remoteCandidates.firstIndex { $0.address == tuple.remote && $0.transport == .tcpActive }
            if let gone { forget(remoteCandidates.remove(at: gone)) }
        }
        if wasSelected { leaveClosedPath(now) }
        startChecks(now)
    }

    /// Goes on with the best pair that answered, else looks for any.
    private mutating func leaveClosedPath(_ now: Instant) {
        selectedTuple = nil
        isSelectionCarried = false
        isSelectionNominated = false
        consent = Consent()
        if let next = pairs.first(where: { $0.state == .succeeded && $0.answered(since: now - Limits.freshness) }) {
            return select(next.tuple, isNominated: false, now)
        }
        checkingSince = now
        setState(.disconnected)
        for index in pairs.indices where pairs[index].check == nil {
            pairs[index].state = .waiting
            trigger(pairs[index].tuple)
        }
    }
}
