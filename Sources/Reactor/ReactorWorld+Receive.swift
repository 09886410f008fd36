import Forwarding
import STUN
import Transport
import Wire

/// The way in: socket → peer → transport → router → every subscriber's transport.
extension ReactorWorld {
    /// Takes what a socket has, batch by batch, bounded so that no socket starves another.
    mutating func receive(socket: Int) {
        for _ in 0..<Limits.receiveRounds {
            let count = ingress.receive(from: descriptors[socket])
            let now = HostClock.now
            for index in 0..<count {
                let tuple = Tuple(socket: UInt8(truncatingIfNeeded: socket), remote: ingress.source(index))
                do throws(DropReason) {
                    try receiveDatagram(index, from: tuple, now: now)
                } catch {
                    drops.count(error)
                    if let slot = tuples.slot(for: tuple) { peers[slot].counters.packetsDropped &+= 1 }
                }
            }
            // Forwarded packets leave before the next batch: latency is bounded by one batch.
            flush()
            if count < ingress.capacity { return }
        }
    }

    private mutating func receiveDatagram(_ index: Int, from tuple: Tuple, now: Instant) throws(DropReason) {
        let length = ingress.length(index)
        load.packetsReceived &+= 1
        load.bytesReceived &+= UInt64(length)
        guard !ingress.wasTruncated(index) else { throw .oversizedDatagram }
        let buffer = PacketIndex(Int32(truncatingIfNeeded: index))
        let slot = try findPeer(buffer, length: length, from: tuple)
        peers[slot].counters.packetsReceived &+= 1
        peers[slot].counters.bytesReceived &+= UInt64(length)

        var packet = unsafe ingress.pool.unguardedMutableBytes(of: buffer)
        let received: Received
        do throws(DropReason) {
            received = try peers[slot].transport.receive(&packet, length: length, from: tuple, now: now)
        } catch {
            // A DTLS datagram that is refused may still have started or ended the association.
            if (20...63).contains(packet.bytes.uint8(at: 0)) { drain(slot, now: now) }
            throw error
        }
        switch received {
        case .rtp(let length):
            try forward(buffer, length: length, from: slot, now: now)
        case .rtcp(let length):
            try router.receiveRTCP(
                unsafe ingress.pool.unguardedBytes(of: buffer).extracting(0..<length), from: EndpointIndex(slot),
                now: now)
        case .handled:
            adopt(tuple, for: slot)
            drain(slot, now: now)
        }
    }

    /// Known addresses find their peer by tuple. A STUN request names its peer itself, which wins: the
    /// address may have belonged to somebody else before (RFC 8445 section 7.3).
    private func findPeer(_ buffer: PacketIndex, length: Int, from tuple: Tuple) throws(DropReason) -> Int32 {
        let datagram = unsafe ingress.pool.unguardedBytes(of: buffer).extracting(0..<length)
        if length > 1, datagram.uint8(at: 0) < 4, let ufrag = Message.localUfrag(ofRequest: datagram) {
            guard let slot = slotByUfrag[ufrag] else { throw .stunUnknownUser }
            return slot
        }
        guard let slot = tuples.slot(for: tuple) else { throw .unknownTuple }
        return slot
    }

    /// One plain RTP packet to all who want it: rewrite, protect, queue.
    private mutating func forward(
        _ buffer: PacketIndex, length: Int, from slot: Int32, now: Instant
    ) throws(DropReason) {
        let packet = unsafe ingress.pool.unguardedBytes(of: buffer).extracting(0..<length)
        let forward = try router.receiveRTP(packet, from: EndpointIndex(slot), now: now)
        for position in 0..<forward.subscriberCount {
            let subscriber = router.subscriber(of: forward, at: position)
            if egress.isFull { flush() }
            do throws(DropReason) {
                var plain = unsafe egress.pool.unguardedMutableBytes(of: egress.next)
                let length = try router.rewrite(forward, packet: packet, for: subscriber, into: &plain, now: now)
                try sendRTP(length: length, to: router.endpoint(of: subscriber).rawValue)
            } catch {
                drops.count(error)
            }
        }
    }

    /// Leads the tuple here once ICE has validated it; a peer keeps a bounded number of them.
    mutating func adopt(_ tuple: Tuple, for slot: Int32) {
        guard peers[slot].transport.isValidated(tuple), tuples.slot(for: tuple) != slot else { return }
        learn(tuple, for: slot)
    }

    mutating func learn(_ tuple: Tuple, for slot: Int32) {
        // Somebody else may have had it meanwhile; twice in the list, forgetting one would lose both.
        for index in peers[slot].tuples.indices where peers[slot].tuples[index] == tuple {
            peers[slot].tuples.remove(at: index)
            break
        }
        if peers[slot].tuples.count >= Limits.tuplesPerPeer { forgetOldestTuple(of: slot) }
        guard tuples.set(tuple, to: slot) else { return drops.count(.stunOverLimit) }
        peers[slot].tuples.append(tuple)
    }

    private mutating func forgetOldestTuple(of slot: Int32) {
        let selected = peers[slot].transport.selectedTuple
        for index in peers[slot].tuples.indices where peers[slot].tuples[index] != selected {
            tuples.remove(peers[slot].tuples.remove(at: index), ownedBy: slot)
            return
        }
    }
}
