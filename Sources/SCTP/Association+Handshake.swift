import Wire

/// Establishment (RFC 9260 sections 5.1 and 5.2): either side may begin, or both at once.
extension Association {
    mutating func takeInitiation(_ chunk: InitiationChunk, in packet: RawSpan) throws(DropReason) {
        guard let parameters = try? InitiationParameters(chunk, in: packet) else { throw .sctpMalformed }
        var cookie = StateCookie(
            localTag: localTag, localTSN: localTSN, peer: parameters.peer, localTieTag: 0, peerTieTag: 0)
        switch phase {
        case .idle, .cookieWait: break
        case .cookieEchoed:
            cookie.localTieTag = localTag
            cookie.peerTieTag = peer?.tag ?? 0
        case .established, .shutdownReceived:
            // Nothing changes before the cookie comes back (section 5.2.2).
            cookie.localTag = UInt32.random(in: 1...UInt32.max, using: &random)
            cookie.localTSN = TSN(UInt32(truncatingIfNeeded: random.next()))
            cookie.localTieTag = localTag
            cookie.peerTieTag = peer?.tag ?? 0
        case .shutdownAckSent, .ended: throw .sctpUnexpected
        }
        let answer = initiation(tag: cookie.localTag, first: cookie.localTSN)
        reply(to: chunk.tag) { writer in
            writer.write(
                ChunkType.initiationAck, answer, cookie: cookie.bytes, unrecognised: parameters.unrecognised)
        }
    }

    mutating func takeInitiationAck(
        _ chunk: InitiationChunk, in packet: RawSpan, now: Instant
    ) throws(DropReason) {
        guard phase == .cookieWait else { throw .sctpUnexpected }
        guard let parameters = try? InitiationParameters(chunk, in: packet), let cookie = parameters.cookie,
            cookie.count <= packetLength - PacketHeader.length - ChunkHeader.length
        else { throw .sctpMalformed }
        peer = parameters.peer
        self.cookie = cookie
        phase = .cookieEchoed
        handshake.start(now: now)
    }

    mutating func takeCookieEcho(_ range: ByteRange, in packet: RawSpan, tag: UInt32) throws(DropReason) {
        guard let cookie = try? StateCookie(parsing: range, in: packet) else { throw .sctpMalformed }
        guard tag == cookie.localTag else { throw .sctpWrongTag }
        let isOurs = cookie.localTag == localTag
        // The cases are those of section 5.2.4, table 12.
        switch phase {
        case .idle, .cookieWait, .cookieEchoed:
            // B and D: both began, or the peer alone.
            guard isOurs else { throw .sctpUnexpected }
            establish(cookie)
            note(.connected)
        case .established, .shutdownReceived:
            if isOurs, cookie.peer.tag == peer?.tag {
                // D: our COOKIE ACK was lost.
                link?.add(.cookieAck)
            } else if !isOurs, cookie.localTieTag == localTag, cookie.peerTieTag == peer?.tag {
                // A: it is the same peer, and has lost what it knew.
                establish(cookie)
                note(.restarted)
            } else {
                throw .sctpUnexpected
            }
        case .shutdownAckSent, .ended: throw .sctpUnexpected
        }
    }

    mutating func takeCookieAck() {
        // Both began, and the peer's cookie was faster.
        guard phase == .cookieEchoed, let peer else { return }
        establish(peer)
        note(.connected)
    }

    private mutating func establish(_ cookie: StateCookie) {
        localTag = cookie.localTag
        localTSN = cookie.localTSN
        establish(cookie.peer)
        link?.add(.cookieAck)
    }

    private mutating func establish(_ parameters: PeerParameters) {
        peer = parameters
        link = Link(parameters, localTSN: localTSN, packetLength: packetLength)
        cookie = []
        handshake.stop()
        phase = .established
    }
}
