import Forwarding
import STUN
import Transport
import Wire

/// The way in: socket → peer → transport → router → every subscriber's transport.
extension ReactorWorld {
    /// Takes what a socket has, batch by batch, bounded so that no socket starves another.
    mutating func receive(socket: Int) {
        guard socket < sockets.count else { return receivePlain(socket) }
        for _ in 0..<Limits.receiveRounds {
            var filled = 0
            // What arrives while the first datagrams are opened comes along: the longer a burst, the fewer sends.
            while filled < ingress.capacity {
                let count = ingress.receive(from: descriptors[socket], after: filled)
                guard count > 0 else { break }
                let now = HostClock.now
                if count > 1 {
                    for entry in filled..<(filled + count) { tuples.prefetch(tuple(of: entry, socket: socket)) }
                }
                for entry in filled..<(filled + count) { receive(entry, socket: socket, now: now) }
                filled += count
            }
            // The socket is empty or the batch full: what was received leaves now, latency is bounded by a batch.
            forwardBurst()
            flush()
            if filled < ingress.capacity { return }
        }
    }

    /// Takes one datagram that did not come by a socket. ``endBatch()`` forwards it.
    mutating func receive(_ bytes: RawSpan, from tuple: Tuple, now: Instant) {
        if burst.isFull { endBatch() }
        guard let datagram = ingress.place(bytes) else { return drops.count(.oversizedDatagram) }
        take(datagram, from: tuple, wasTruncated: false, now: now)
    }

    /// What a turn of the loop does behind the last datagram.
    mutating func endBatch() {
        forwardBurst()
        ingress.removePlaced()
        flush()
    }

    private func tuple(of entry: Int, socket: Int) -> Tuple {
        Tuple(socket: UInt8(truncatingIfNeeded: socket), remote: ingress.source(entry))
    }

    /// One piece of the batch, all from one address.
    private mutating func receive(_ entry: Int, socket: Int, now: Instant) {
        let tuple = tuple(of: entry, socket: socket)
        var next: ReceiveBatch.Datagram? = ingress.firstDatagram(entry)
        while let datagram = next {
            next = ingress.datagram(after: datagram, in: entry)
            take(datagram, from: tuple, wasTruncated: ingress.wasTruncated(entry), now: now)
        }
    }

    mutating func take(
        _ datagram: ReceiveBatch.Datagram, from tuple: Tuple, wasTruncated: Bool, now: Instant
    ) {
        do throws(DropReason) {
            load.packetsReceived &+= 1
            load.bytesReceived &+= UInt64(datagram.length)
            guard datagram.length <= Limits.datagramBytes, !wasTruncated else { throw .oversizedDatagram }
            try receive(datagram, from: tuple, now: now)
        } catch {
            drops.count(error)
            if let slot = tuples.slot(for: tuple) { peers[slot].counters.packetsDropped &+= 1 }
        }
    }

    private mutating func receive(
        _ datagram: ReceiveBatch.Datagram, from tuple: Tuple, now: Instant
    ) throws(DropReason) {
        let slot = try findPeer(unsafe ingress.unguardedBytes(of: datagram), from: tuple)
        try deliver(datagram, to: slot, from: tuple, now: now)
    }

    /// - Parameter component: of a plain endpoint's socket; nil for all others.
    mutating func deliver(
        _ datagram: ReceiveBatch.Datagram, to slot: Int32, from tuple: Tuple, component: PlainComponent? = nil,
        now: Instant
    ) throws(DropReason) {
        var packet = unsafe ingress.unguardedMutableBytes(of: datagram)
        unsafe memory.header.pointee.workingSlot = UInt64(truncatingIfNeeded: slot) &+ 1
        peers[slot].counters.packetsReceived &+= 1
        peers[slot].counters.bytesReceived &+= UInt64(datagram.length)
        // RFC 5761 section 4: RTCP, and so a report, most of the time.
        if packet.byteCount > 1, (192...223).contains(packet.bytes.uint8(at: 1)) {
            router.prefetchPath(of: EndpointIndex(slot))
        }
        let received: Received
        do throws(DropReason) {
            received = try peers[slot].transport.receive(&packet, length: packet.byteCount, from: tuple, now: now)
        } catch {
            // A DTLS datagram that is refused may still have started or ended the association.
            if packet.byteCount > 0, (20...63).contains(packet.bytes.uint8(at: 0)) { drain(slot, now: now) }
            throw error
        }
        switch received {
        case .rtp(let length):
            let plain = ReceiveBatch.Datagram(start: datagram.start, length: Int32(truncatingIfNeeded: length))
            let bytes = unsafe ingress.unguardedBytes(of: plain)
            if let component { notePlain(slot, component, now: now) }
            let forward = try router.receiveRTP(bytes, from: EndpointIndex(slot), now: now)
            if burst.isFull { forwardBurst() }
            burst.append(forward, plain)
        case .rtcp(let length):
            let plain = ReceiveBatch.Datagram(start: datagram.start, length: Int32(truncatingIfNeeded: length))
            try router.receiveRTCP(
                unsafe ingress.unguardedBytes(of: plain), from: EndpointIndex(slot), now: now)
        case .handled:
            adopt(tuple, for: slot)
            drain(slot, now: now)
        }
    }

    /// Known addresses find their peer by tuple. A STUN request names its peer itself, which wins: the
    /// address may have belonged to somebody else before (RFC 8445 section 7.3).
    private func findPeer(_ datagram: RawSpan, from tuple: Tuple) throws(DropReason) -> Int32 {
        if datagram.byteCount > 1, datagram.uint8(at: 0) < 4, let ufrag = Message.localUfrag(ofRequest: datagram) {
            guard let slot = slotByUfrag[ufrag] else { throw .stunUnknownUser }
            return slot
        }
        if let slot = pipes.slot(of: datagram, from: tuple) { return slot }
        if let slot = tuples.slot(for: tuple) { return slot }
        // A pipe's packets count by their tags: an address translator between hosts may change the source.
        if let slot = pipes.slot(ofMedia: datagram) { return slot }
        throw pipes.knows(tuple) ? .pipeUnknownStream : .unknownTuple
    }

    /// The burst to all who want it, publisher by publisher. Subscribers are the outer loop: each one's state is
    /// fetched once, and its packets lie one behind the other, which makes them a train.
    mutating func forwardBurst() {
        guard !burst.isEmpty else { return }
        burst.equalise()
        for chain in burst.heads.indices {
            let head = burst.heads[chain]
            let first = burst.packets[Int(head)].forward
            for position in 0..<first.subscriberCount {
                router.prefetch(first, behind: position)
                let subscriber = router.subscriber(of: first, at: position)
                let peer = router.endpoint(of: subscriber).rawValue
                var index = head
                while index != Burst.none {
                    send(Int(index), to: subscriber, of: peer)
                    index = burst.packets[Int(index)].next
                }
            }
        }
        burst.removeAll()
    }

    /// One packet to one subscriber: rewrite, protect, queue.
    private mutating func send(_ index: Int, to subscriber: SubscriberIndex, of peer: Int32) {
        if egress.isFull { flush() }
        let forward = burst.packets[index].forward
        let packet = unsafe ingress.unguardedBytes(of: burst.packets[index].datagram)
        do throws(DropReason) {
            var plain = unsafe egress.unguardedNext()
            let length = try router.rewrite(
                forward, packet: packet, for: subscriber, into: &plain, now: forward.arrival)
            // None: it waits for the path to the peer.
            if length > 0 { try sendRTP(length: length, to: peer) }
        } catch {
            drops.count(error)
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
            let oldest = peers[slot].tuples.remove(at: index)
            tuples.remove(oldest, ownedBy: slot)
            return closeStream(oldest)
        }
    }
}
