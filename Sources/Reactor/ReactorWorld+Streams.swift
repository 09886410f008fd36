import CLinux
import ICE
import STUN
import Transport
import Wire

/// ICE over TCP (RFC 6544): connections come and go here, their packets take the way of all others.
///
/// A connection is a tuple. One whose tuple leads to no peer after ``Limits/streamPatience`` is closed; so is one that
/// its peer forgets.
extension ReactorWorld {
    // MARK: Coming

    /// Takes the connections that wait at listener `index`.
    mutating func accept(listener index: Int, now: Instant) {
        guard let listener = configuration.streams else { return }
        for _ in 0..<Limits.acceptsInRow {
            var remote = apus_address()
            let descriptor = unsafe apus_stream_accept(listener.descriptors[index], &remote)
            guard descriptor >= 0 else { return }
            let tuple = Tuple(
                socket: UInt8(truncatingIfNeeded: streams.firstSocket + index), remote: remote.socketAddress)
            adopt(descriptor, tuple, now: now)
        }
    }

    private mutating func adopt(_ descriptor: Int32, _ tuple: Tuple, wasHandedOver: Bool = false, now: Instant) {
        if streams.isFull { closeOldestStranger() }
        guard !streams.isFull, streams.slot(for: tuple) == nil else {
            apus_close(descriptor)
            return drops.count(.streamOverLimit)
        }
        streams.insert(descriptor, tuple, wasHandedOver: wasHandedOver, now: now)
    }

    /// A connection that another reactor accepted, with what it has brought.
    mutating func adopt(_ handover: StreamHandover, now: Instant) {
        let descriptor = apus_duplicate(handover.descriptor)
        guard descriptor >= 0 else { return drops.count(.streamOverLimit) }
        adopt(descriptor, handover.tuple, wasHandedOver: true, now: now)
        guard let slot = streams.slot(for: handover.tuple) else { return }
        var memory = unsafe ingress.unguardedEntry(0)
        let bytes = handover.bytes
        unsafe memory.store(contentsOf: bytes.span.bytes, at: 0)
        takeFrames(slot, available: bytes.count, now: now)
    }

    /// Opens the connection of an active tuple, unless there is one.
    mutating func openStream(_ tuple: Tuple, now: Instant) {
        guard streams.isActive(tuple), streams.slot(for: tuple) == nil else { return }
        guard !streams.isFull else { return streams.noteEnd(of: tuple) }
        let socket = Int(tuple.socket) - streams.firstSocket - streams.passiveSockets
        var local = apus_address(SocketAddress(ip: configuration.addresses[socket], port: 0))
        var remote = apus_address(tuple.remote)
        let descriptor = unsafe apus_stream_connect(&local, &remote)
        guard descriptor >= 0 else { return streams.noteEnd(of: tuple) }
        streams.insert(descriptor, tuple, isConnecting: true, now: now)
    }

    // MARK: Packets

    /// Something happened on connection `slot`.
    mutating func serve(stream slot: Int32, now: Instant) {
        guard streams.connections.contains(slot) else { return }
        if streams.connections[slot].awaitsRoom, !streams.hasRoom(slot) { return endStream(slot, now: now) }
        guard !streams.connections[slot].isConnecting else { return }
        for _ in 0..<Limits.receiveRounds {
            var memory = unsafe ingress.unguardedEntry(0)
            let kept = streams.connections[slot].takeKept(into: &memory)
            let count = ingress.read(from: streams.connections[slot].descriptor, after: kept)
            guard count > 0 else {
                streams.connections[slot].keep(memory.bytes.extracting(0..<kept))
                if count != -StreamConnection.tryAgain { endStream(slot, now: now) }
                return
            }
            takeFrames(slot, available: kept + count, now: now)
            guard streams.connections.contains(slot), kept + count == ReceiveBatch.entrySize else { return }
        }
    }

    /// Cuts the first entry of the batch into packets and takes each; what is left waits for its rest.
    private mutating func takeFrames(_ slot: Int32, available: Int, now: Instant) {
        let tuple = streams.connections[slot].tuple
        var start = 0
        let bytes = unsafe ingress.unguardedBytes(of: .init(start: 0, length: Int32(available)))
        while available - start >= FramedStream.headerBytes {
            let length = Int(bytes.uint16(at: start))
            guard length <= FramedStream.longestPacket else {
                drops.count(.streamMalformed)
                forwardBurst()
                flush()
                return endStream(slot, now: now)
            }
            guard available - start >= FramedStream.headerBytes + length else { break }
            let packet = start + FramedStream.headerBytes
            if tuples.slot(for: tuple) == nil, !isForUs(bytes.extracting(packet..<(packet + length))) {
                return handOver(slot, bytes.extracting(start..<available), now: now)
            }
            take(
                ReceiveBatch.Datagram(start: Int32(packet), length: Int32(length)), from: tuple, wasTruncated: false,
                now: now)
            start = packet + length
        }
        streams.connections[slot].keep(bytes.extracting(start..<available))
        forwardBurst()
        flush()
    }

    /// A packet of a connection that no peer has: only a check counts, and only of our own peers.
    private func isForUs(_ packet: RawSpan) -> Bool {
        guard let ufrag = Message.localUfrag(ofRequest: packet) else { return false }
        return slotByUfrag[ufrag] != nil
    }

    /// Gives the connection to the reactor that its first check is for, or closes it.
    private mutating func handOver(_ slot: Int32, _ bytes: RawSpan, now: Instant) {
        let length = Int(bytes.uint16(at: 0))
        let packet = bytes.extracting(FramedStream.headerBytes..<(FramedStream.headerBytes + length))
        guard let listener = configuration.streams, !streams.connections[slot].wasHandedOver,
            let ufrag = Message.localUfrag(ofRequest: packet)
        else {
            drops.count(.stunUnknownUser)
            return streams.remove(slot)
        }
        let tuple = streams.connections[slot].tuple
        let descriptor = streams.relinquish(slot)
        guard descriptor >= 0 else { return drops.count(.streamOverLimit) }
        let handover = StreamHandover(descriptor: descriptor, tuple: tuple, bytes: bytes.copied())
        guard listener.handOver(handover, for: ufrag, from: configuration.index) else {
            return drops.count(.stunUnknownUser)
        }
    }

    /// Queues the packet that lies at the next place of the egress batch.
    mutating func sendOverStream(length: Int, to tuple: Tuple) {
        guard tuple.socket != ElementTransport.socket else { return sendToElement(length: length, tuple) }
        let packet = unsafe egress.unguardedBytes(length: length)
        do throws(DropReason) {
            try streams.send(packet, to: tuple)
            load.packetsSent &+= 1
        } catch {
            drops.count(error)
        }
    }

    // MARK: Going

    /// The connection has ended or broke: its peer's agent hears of it.
    private mutating func endStream(_ slot: Int32, now: Instant) {
        streams.noteEnd(of: streams.connections[slot].tuple)
        endStreams(now: now)
    }

    /// Tells the agents of connections that are no more.
    mutating func endStreams(now: Instant) {
        while let tuple = streams.nextEnd() { end(tuple, now: now) }
    }

    private mutating func end(_ tuple: Tuple, now: Instant) {
        if let slot = streams.slot(for: tuple) { streams.remove(slot) }
        guard let peer = tuples.slot(for: tuple) else { return }
        tuples.remove(tuple, ownedBy: peer)
        peers[peer].tuples.removeAll { $0 == tuple }
        peers[peer].transport.streamClosed(tuple, now: now)
        drain(peer, now: now)
    }

    /// The peer no longer wants the connection.
    mutating func closeStream(_ tuple: Tuple) {
        guard streams.isStream(tuple), let slot = streams.slot(for: tuple) else { return }
        streams.remove(slot)
    }

    /// Connections that nobody proved to be theirs in time.
    mutating func closeStrangers(now: Instant) {
        guard streams.count > 0 else { return }
        for slot in 0..<Int32(streams.connections.capacity) where streams.connections.contains(slot) {
            guard tuples.slot(for: streams.connections[slot].tuple) == nil,
                now - streams.connections[slot].opened >= Limits.streamPatience
            else { continue }
            drops.count(.streamUnclaimed)
            streams.remove(slot)
        }
    }

    private mutating func closeOldestStranger() {
        var oldest: (slot: Int32, opened: Instant)?
        for slot in 0..<Int32(streams.connections.capacity) where streams.connections.contains(slot) {
            guard tuples.slot(for: streams.connections[slot].tuple) == nil else { continue }
            let opened = streams.connections[slot].opened
            if let known = oldest, known.opened <= opened { continue }
            oldest = (slot, opened)
        }
        guard let oldest else { return }
        drops.count(.streamOverLimit)
        streams.remove(oldest.slot)
    }
}
