import Forwarding
import ICE
import Transport
import Wire

/// The way out: everything passes through the egress batch and leaves with ``flush()``.
extension ReactorWorld {
    /// Protects the packet that lies at the next place of the egress batch and queues it for its peer.
    mutating func sendRTP(length: Int, to slot: Int32) throws(DropReason) {
        var packet = unsafe egress.unguardedNext()
        let (length, tuple) = try peers[slot].transport.protectRTP(&packet, length: length)
        commit(length: length, to: tuple, from: slot)
    }

    private mutating func sendRepeatedRTP(length: Int, to slot: Int32) throws(DropReason) {
        var packet = unsafe egress.unguardedNext()
        let (length, tuple) = try peers[slot].transport.protectRepeatedRTP(&packet, length: length)
        commit(length: length, to: tuple, from: slot)
    }

    private mutating func sendRTCP(length: Int, to slot: Int32) throws(DropReason) {
        guard !peers[slot].isPlain else { return sendPlainRTCP(length: length, to: slot) }
        var packet = unsafe egress.unguardedNext()
        let (length, tuple) = try peers[slot].transport.protectRTCP(&packet, length: length)
        commit(length: length, to: tuple, from: slot)
    }

    mutating func commit(length: Int, to tuple: Tuple, from slot: Int32) {
        peers[slot].counters.packetsSent &+= 1
        peers[slot].counters.bytesSent &+= UInt64(length)
        load.bytesSent &+= UInt64(length)
        guard !streams.isStream(tuple) else {
            if let component = PlainComponent(of: tuple) {
                return commitPlain(length: length, component, to: tuple.remote, from: slot)
            }
            return sendOverStream(length: length, to: tuple)
        }
        egress.commit(length: length, to: tuple)
    }

    /// Everything the router has of its own accord: reports, feedback, key-frame requests, retransmissions.
    mutating func drainRouter(now: Instant) {
        while true {
            if egress.isFull { flush() }
            var plain = unsafe egress.unguardedNext()
            guard let transmit = router.nextTransmit(into: &plain) else { break }
            let slot = transmit.endpoint.rawValue
            guard peers.contains(slot) else { continue }
            do throws(DropReason) {
                switch transmit.kind {
                case .rtp: try sendRTP(length: transmit.length, to: slot)
                case .repeatedRTP: try sendRepeatedRTP(length: transmit.length, to: slot)
                case .rtcp: try sendRTCP(length: transmit.length, to: slot)
                }
            } catch {
                drops.count(error)
            }
        }
        while let event = router.nextEvent() { report(event) }
    }

    /// What one peer's transport has to say after anything touched it, and those that it sent data to.
    mutating func drain(_ slot: Int32, now: Instant) {
        drainTransport(slot, now: now)
        while let sink = touched.popLast() { drainTransport(sink, now: now) }
    }

    private mutating func drainTransport(_ slot: Int32, now: Instant) {
        // What just came in may have work due at once: a nomination, a triggered check.
        if peers[slot].transport.deadline <= now { peers[slot].transport.advance(to: now) }
        while let transmit = peers[slot].transport.nextTransmit() { queue(transmit, from: slot, now: now) }
        while let event = peers[slot].transport.nextEvent() { report(event, of: slot, now: now) }
        if !peers[slot].data.backlog.isEmpty { sendBacklog(to: slot, now: now) }
        if let roundTripTime = peers[slot].transport.roundTripTime {
            router.setRoundTripTime(roundTripTime, of: EndpointIndex(slot))
        }
        let isConnected = peers[slot].transport.isConnected
        if isConnected != peers[slot].isConnected {
            peers[slot].isConnected = isConnected
            if peers[slot].isPlain, isConnected { tellOfConnection(slot) }
            router.setConnected(EndpointIndex(slot), isConnected, now: now)
        }
        timers.set(Int(slot), peers[slot].transport.deadline)
    }

    /// A STUN or DTLS datagram. The answer to a check comes back from where the check went, so that
    /// address leads here from now on unless it is somebody's already.
    mutating func queue(_ transmit: OutgoingDatagram, from slot: Int32, now: Instant) {
        if tuples.slot(for: transmit.tuple) == nil { learn(transmit.tuple, for: slot) }
        if streams.isActive(transmit.tuple) { openStream(transmit.tuple, now: now) }
        guard transmit.bytes.count <= EgressBatch.slotSize,
            Int(transmit.tuple.socket) < localCandidates.count
        else {
            return drops.count(.oversizedDatagram)
        }
        if egress.isFull { flush() }
        var packet = unsafe egress.unguardedNext()
        unsafe packet.store(contentsOf: transmit.bytes.span.bytes, at: 0)
        commit(length: transmit.bytes.count, to: transmit.tuple, from: slot)
    }

    /// Hands the batch to the kernel and counts what became of it.
    mutating func flush() {
        // Who drives a world without sockets tells it the time.
        if configuration.isFenced, !sockets.isEmpty { noteAwake(HostClock.now) }
        guard !isFenced else { return discardDepartures() }
        streams.flush()
        guard !egress.isEmpty else { return }
        guard !descriptors.isEmpty else {
            // Who drives this world takes what is there when it is done; only what has no room leaves before.
            if egress.isFull { setAside() }
            return
        }
        let flushed = egress.flush(descriptors: descriptors)
        load.packetsSent &+= UInt64(flushed.sent)
        if flushed.failed > 0 { drops.count(.sendFailed, UInt64(flushed.failed)) }
        if flushed.wouldBlock > 0 { drops.count(.sendWouldBlock, UInt64(flushed.wouldBlock)) }
    }

    /// Moves the batch of a world without sockets out of the way.
    private mutating func setAside() {
        load.packetsSent &+= UInt64(egress.datagramCount)
        var departures: [OutgoingDatagram] = []
        swap(&departures, &self.departures)
        egress.drain { tuple, bytes in
            unsafe bytes.withUnsafeBytes { bytes in
                departures.append(OutgoingDatagram(tuple: tuple, bytes: unsafe Array(bytes)))
            }
        }
        swap(&departures, &self.departures)
    }

    /// Hands over what a world without sockets has to send, in order. `body` is not to touch the world.
    mutating func drainDepartures(_ body: (Tuple, RawSpan) -> Void) {
        if !departures.isEmpty {
            for departure in departures { body(departure.tuple, unsafe departure.bytes.span.bytes) }
            departures.removeAll(keepingCapacity: true)
        }
        guard !egress.isEmpty else { return }
        load.packetsSent &+= UInt64(egress.datagramCount)
        egress.drain(body)
    }
}
