import TURN
import Wire

/// What the thread of a ``RelayLoop`` owns. The packet path, both ways, is this file: datagrams in batches from a
/// socket, each through the core's tables into the next batch out.
struct RelayWorld: ~Copyable {
    private var server: TURN.Server
    private var ingress = ReceiveBatch(capacity: 64)
    private var egress = EgressBatch(capacity: 256)
    private var poller: Poller
    /// Listeners, then relays by their number; nil where there is none.
    private var sockets: [UDPSocket?]
    private var descriptors: [Int32]
    private let listenerCount: Int
    private let streams: @Sendable ([RelayLoop.StreamOutput]) -> Bool
    /// For clients over streams, until the next flush.
    private var streamOutputs: [RelayLoop.StreamOutput] = []
    private var statistics = RelayLoop.Statistics()
    private var isStopping = false

    /// A relay has one client's packets waiting, not a room's.
    private static let relayBuffer: Int32 = 1 << 20
    /// Messages that are handed over together to whoever has the streams.
    private static let streamBatch = 256

    init(
        _ configuration: ServerConfiguration, sockets: [UDPSocket?], wakeUp: Int32,
        streams: @escaping @Sendable ([RelayLoop.StreamOutput]) -> Bool
    ) {
        server = TURN.Server(configuration, random: SeededRandom(seed: HostClock.entropy()))
        self.sockets = sockets
        self.streams = streams
        listenerCount = sockets.count
        descriptors = sockets.map { $0?.descriptor ?? -1 }
        poller = Poller(descriptors: [], wakeUp: wakeUp)
        for (index, descriptor) in descriptors.enumerated() where descriptor >= 0 {
            poller.add(descriptor, index: index)
        }
    }

    mutating func run(_ mailbox: Mailbox<RelayLoop.Command>) {
        while !isStopping {
            let wait =
                server.deadline == .distantFuture ? -1 : max(0, (server.deadline - HostClock.now).milliseconds + 1)
            let ready = poller.wait(milliseconds: Int32(clamping: wait))
            for position in 0..<ready {
                if let socket = poller.socket(position) {
                    receive(socket: socket)
                } else {
                    for command in mailbox.drain() { handle(command) }
                }
            }
            let now = HostClock.now
            if now >= server.deadline { server.advance(to: now) }
            drain(now)
            flush()
        }
        mailbox.close()
        for command in mailbox.drain() {
            if case .statistics(let answer) = command { answer(statistics) }
        }
    }

    // MARK: The packet path

    private mutating func receive(socket: Int) {
        for _ in 0..<Limits.receiveRounds {
            let descriptor = descriptors[socket]
            guard descriptor >= 0 else { return }
            let count = ingress.receive(from: descriptor)
            let now = HostClock.now
            for entry in 0..<count { receive(entry, socket: socket, now) }
            flush()
            if count < ingress.capacity { return }
        }
    }

    private mutating func receive(_ entry: Int, socket: Int, _ now: Instant) {
        let source = ingress.source(entry)
        var next: ReceiveBatch.Datagram? = ingress.firstDatagram(entry)
        while let datagram = next {
            next = ingress.datagram(after: datagram, in: entry)
            let bytes = unsafe ingress.unguardedBytes(of: datagram)
            do throws(DropReason) {
                if socket < listenerCount {
                    try receive(bytes, from: Tuple(socket: UInt8(truncatingIfNeeded: socket), remote: source), now)
                } else {
                    try receive(bytes, fromPeer: source, at: Int32(truncatingIfNeeded: socket - listenerCount), now)
                }
            } catch {
                statistics.drops.count(error)
            }
        }
    }

    private mutating func receive(_ bytes: RawSpan, from client: Tuple, _ now: Instant) throws(DropReason) {
        switch try server.receive(bytes, from: client, now: now) {
        case .control: drain(now)
        case .data(let relay, let peer, let range):
            let data = bytes.extracting(range)
            try send(data, socket: listenerCount + Int(relay), to: peer)
            statistics.toPeers &+= 1
            statistics.bytesToPeers &+= UInt64(data.byteCount)
        }
    }

    private mutating func receive(
        _ bytes: RawSpan, fromPeer peer: SocketAddress, at relay: Int32, _ now: Instant
    ) throws(DropReason) {
        switch try server.receive(fromPeer: peer, length: bytes.byteCount, at: relay, now: now) {
        case .channel(let number, let client):
            if server.configuration.listeners[Int(client.socket)].isStream {
                queue(ChannelData.message(number, bytes.copied(), isPadded: true), for: client)
            } else {
                try send(bytes, channel: number, to: client)
            }
        case .indication(let client): send(server.indication(bytes.copied(), from: peer), to: client)
        }
        statistics.toClients &+= 1
        statistics.bytesToClients &+= UInt64(bytes.byteCount)
    }

    private mutating func send(_ bytes: RawSpan, socket: Int, to remote: SocketAddress) throws(DropReason) {
        guard bytes.byteCount <= EgressBatch.slotSize else { throw .oversizedDatagram }
        if egress.isFull { flush() }
        var slot = unsafe egress.unguardedNext()
        slot.store(contentsOf: bytes, at: 0)
        egress.commit(length: bytes.byteCount, socket: socket, to: remote)
    }

    /// With the four bytes of channel data's header in front (RFC 8656 section 12.4).
    private mutating func send(_ bytes: RawSpan, channel: UInt16, to client: Tuple) throws(DropReason) {
        let length = ChannelData.headerBytes + bytes.byteCount
        guard length <= EgressBatch.slotSize else { throw .oversizedDatagram }
        if egress.isFull { flush() }
        var slot = unsafe egress.unguardedNext()
        slot.store(channel, at: 0)
        slot.store(UInt16(truncatingIfNeeded: bytes.byteCount), at: 2)
        slot.store(contentsOf: bytes, at: ChannelData.headerBytes)
        egress.commit(length: length, to: client)
    }

    // MARK: The control path

    private mutating func handle(_ command: RelayLoop.Command) {
        let now = HostClock.now
        switch command {
        case .stop: isStopping = true
        case .statistics(let answer):
            statistics.allocations = server.allocationCount
            answer(statistics)
        case .stream(.closed(let client)):
            server.closed(client)
            drain(now)
        case .stream(.frames(let frames, let client)):
            for bytes in frames {
                do throws(DropReason) {
                    try unsafe receive(bytes.span.bytes, from: client, now)
                } catch {
                    statistics.drops.count(error)
                }
            }
        }
    }

    private mutating func drain(_ now: Instant) {
        while let action = server.nextAction() {
            switch action {
            case .open(let relay, let address): open(relay, address, now)
            case .close(let relay):
                // What waits for the socket leaves before it is closed.
                flush()
                let index = listenerCount + Int(relay)
                sockets[index] = nil
                descriptors[index] = -1
            }
        }
        while let transmit = server.nextTransmit() { send(transmit.bytes, to: transmit.client) }
    }

    private mutating func open(_ relay: Int32, _ address: SocketAddress, _ now: Instant) {
        guard let socket = try? UDPSocket(binding: address, bufferSize: Self.relayBuffer) else {
            return server.failedToOpen(relay, now: now)
        }
        let index = listenerCount + Int(relay)
        while sockets.count <= index {
            sockets.append(nil)
            descriptors.append(-1)
        }
        sockets[index] = socket
        descriptors[index] = socket.descriptor
        poller.add(socket.descriptor, index: index)
        server.opened(relay, now: now)
    }

    private mutating func send(_ bytes: [UInt8], to client: Tuple) {
        guard !server.configuration.listeners[Int(client.socket)].isStream else { return queue(bytes, for: client) }
        do throws(DropReason) {
            try unsafe send(bytes.span.bytes, socket: Int(client.socket), to: client.remote)
        } catch {
            statistics.drops.count(error)
        }
    }

    /// To a client over a stream.
    private mutating func queue(_ bytes: [UInt8], for client: Tuple) {
        streamOutputs.append(RelayLoop.StreamOutput(client: client, bytes: bytes))
        if streamOutputs.count >= Self.streamBatch { flushStreams() }
    }

    private mutating func flushStreams() {
        guard !streamOutputs.isEmpty else { return }
        if !streams(streamOutputs) { statistics.drops.count(.streamBacklogFull, UInt64(streamOutputs.count)) }
        streamOutputs = []
        streamOutputs.reserveCapacity(Self.streamBatch)
    }

    private mutating func flush() {
        flushStreams()
        guard !egress.isEmpty else { return }
        let flushed = egress.flush(descriptors: descriptors)
        statistics.drops.count(.sendFailed, UInt64(flushed.failed))
        statistics.drops.count(.sendWouldBlock, UInt64(flushed.wouldBlock))
    }
}
