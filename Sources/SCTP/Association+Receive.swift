public import Wire

extension Association {
    /// Takes one packet from the peer.
    ///
    /// Throws why it, or the last part of it that was of no use, was dropped; the other parts have had their effect.
    public mutating func receive(_ packet: RawSpan, now: Instant) throws(DropReason) {
        guard phase != .ended else { throw .sctpAfterClose }
        let header = try Self.header(of: packet)
        guard header.destinationPort == localPort, header.sourcePort == peerPort else { throw .sctpWrongPort }
        link?.outbound.renewBurst()
        let drop = try takeChunks(of: packet, tag: header.verificationTag, now: now)
        finishPacket(now: now)
        if let drop { throw drop }
    }

    private static func header(of packet: RawSpan) throws(DropReason) -> PacketHeader {
        guard let header = try? PacketHeader(parsing: packet) else { throw .sctpMalformed }
        guard header.checksum == CRC32C.checksum(of: packet) else { throw .sctpBadChecksum }
        return header
    }

    private mutating func takeChunks(of packet: RawSpan, tag: UInt32, now: Instant) throws(DropReason) -> DropReason? {
        guard var walker = try? ChunkWalker(packet) else { throw .sctpMalformed }
        var drop: DropReason?
        while phase != .ended {
            let chunk: Chunk
            do throws(ParseError) {
                guard let next = try walker.next() else { break }
                chunk = next
            } catch {
                drop = .sctpMalformed
                continue
            }
            guard accepts(tag, for: chunk) else { throw .sctpWrongTag }
            if case .unknown(let type, let bytes) = chunk {
                drop = .sctpUnexpected
                if type & 0x40 != 0 { report(bytes, in: packet) }
                // The highest bit says whether those behind it count (RFC 9260 section 3.2).
                if type & 0x80 == 0 { break }
                continue
            }
            do throws(DropReason) { try take(chunk, in: packet, tag: tag, now: now) } catch { drop = error }
        }
        return drop
    }

    /// RFC 9260 section 8.5.
    private func accepts(_ tag: UInt32, for chunk: Chunk) -> Bool {
        switch chunk {
        case .initiation: tag == 0
        // Carries its own.
        case .cookieEcho: true
        case .abort(let isReflected), .shutdownComplete(let isReflected):
            isReflected ? tag == peer?.tag : tag == localTag
        default: tag == localTag
        }
    }

    /// Tells the peer of a chunk that is not understood (cause 6, section 3.3.10.6).
    private mutating func report(_ bytes: ByteRange, in packet: RawSpan) {
        guard bytes.count <= Limits.unrecognisedLength else { return }
        var writer = ByteWriter()
        writer.writeParameter(6) { $0.write(packet.extracting(bytes.range)) }
        link?.add(.error(writer.bytes))
    }

    private mutating func take(_ chunk: Chunk, in packet: RawSpan, tag: UInt32, now: Instant) throws(DropReason) {
        switch chunk {
        case .data(let data): try take(data, in: packet)
        case .selectiveAck(let sack):
            guard link?.outbound.acknowledge(sack, in: packet, now: now) == true else { throw .sctpUnexpected }
        case .forwardTSN(let forward):
            guard let isTrue = link?.inbound.forward(forward, in: packet) else { throw .sctpUnexpected }
            if !isTrue { try end(forViolation: "FORWARD TSN beyond the window") }
        case .reconfiguration(let range): try takeReconfiguration(range, in: packet)
        case .heartbeat(let range):
            guard link != nil, range.count <= packetLength / 2 else { throw .sctpUnexpected }
            link?.add(.heartbeatAck(packet.extracting(range.range).copied()))
        case .initiation(let initiation): try takeInitiation(initiation, in: packet)
        case .initiationAck(let initiation): try takeInitiationAck(initiation, in: packet, now: now)
        case .cookieEcho(let range): try takeCookieEcho(range, in: packet, tag: tag)
        case .cookieAck: takeCookieAck()
        case .abort: end(.closedByPeer)
        case .shutdown(let cumulative):
            guard phase == .established || phase == .shutdownReceived else { throw .sctpUnexpected }
            link?.outbound.acknowledge(through: cumulative, now: now)
            phase = .shutdownReceived
        case .shutdownComplete:
            guard phase == .shutdownAckSent else { throw .sctpUnexpected }
            end(.closedByPeer)
        case .error: break
        case .heartbeatAck, .shutdownAck, .unknown: throw .sctpUnexpected
        }
    }

    private mutating func take(_ chunk: DataChunk, in packet: RawSpan) throws(DropReason) {
        guard let verdict = link?.inbound.insert(chunk, in: packet) else { throw .sctpUnexpected }
        switch verdict {
        case .taken: break
        case .duplicate: throw .sctpDuplicate
        case .refused: throw .sctpWindowFull
        case .unknownStream:
            // Cause 1 (section 3.3.10.1).
            var writer = ByteWriter()
            writer.writeParameter(1) { writer in
                writer.write(chunk.stream)
                writer.write(UInt16(0))
            }
            link?.add(.error(writer.bytes))
            throw .sctpUnknownStream
        case .violation: try end(forViolation: "more than the window allows")
        }
    }

    private mutating func takeReconfiguration(_ range: ByteRange, in packet: RawSpan) throws(DropReason) {
        guard var link else { throw .sctpUnexpected }
        self.link = nil
        defer { self.link = link }
        handOver(&link)
        let cumulative = link.inbound.cumulativeTSN
        guard let effects = try? link.resets.receive(range, in: packet, cumulative: cumulative) else {
            throw .sctpMalformed
        }
        if let streams = effects.inbound { reset(streams, of: &link) }
        for stream in effects.outbound { link.outbound.queue.restart(stream) }
        if !effects.outbound.isEmpty { note(.outboundReset(effects.outbound)) }
    }

    /// The peer begins streams anew; all when there is none.
    private mutating func reset(_ streams: [UInt16], of link: inout Link) {
        let all = 0..<UInt16(truncatingIfNeeded: link.inbound.streamCount)
        let known = streams.isEmpty ? Array(all) : streams.filter { all.contains($0) }
        for stream in known { link.inbound.reset(stream) }
        note(.inboundReset(streams.isEmpty ? [] : known))
    }

    /// What the chunks of a packet amount to.
    private mutating func finishPacket(now: Instant) {
        guard var link else { return }
        self.link = nil
        link.inbound.finishPacket(now: now)
        handOver(&link)
        if let streams = link.resets.takeDeferred(cumulative: link.inbound.cumulativeTSN) { reset(streams, of: &link) }
        link.proceedResets(now: now)
        let isDone = phase == .shutdownReceived && link.outbound.isEmpty
        self.link = link
        guard isDone else { return }
        phase = .shutdownAckSent
        handshake.start(now: now)
    }

    private mutating func handOver(_ link: inout Link) {
        for message in link.inbound.takeReady() { note(.message(message)) }
    }

    /// Tells the peer that it broke the protocol (cause 13, section 3.3.10.13), and ends.
    private mutating func end(forViolation text: String) throws(DropReason) {
        if let peer {
            reply(to: peer.tag) { writer in
                writer.write(ChunkType.abort) { writer in
                    writer.writeParameter(13) { $0.write(Array(text.utf8)) }
                }
            }
        }
        end(.violation)
        throw .sctpViolation
    }
}
