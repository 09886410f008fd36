import Wire

/// What an association keeps once it is established: RFC 9260's transmission control block, without its tags.
struct Link: Sendable {
    var inbound: Inbound
    var outbound: Outbound
    var resets: StreamResets
    let outboundStreams: Int
    private let reconfigures: Bool
    /// Chunks that go with the next packet.
    private var controls = FIFO<Control>()

    enum Control: Sendable {
        case cookieAck
        case heartbeatAck([UInt8])
        /// With its causes.
        case error([UInt8])
    }

    init(_ peer: PeerParameters, localTSN: TSN, packetLength: Int) {
        inbound = Inbound(first: peer.firstTSN, streamCount: Int(min(peer.outboundStreams, Limits.streams)))
        outbound = Outbound(
            first: localTSN, peerWindow: peer.window, abandons: peer.forwardsTSN, packetLength: packetLength)
        resets = StreamResets(first: localTSN, peerFirst: peer.firstTSN)
        outboundStreams = Int(min(peer.inboundStreams, Limits.streams))
        reconfigures = peer.reconfigures
    }

    var deadline: Instant { min(outbound.expires, inbound.deadline, resets.deadline) }

    mutating func send(_ message: Message, _ reliability: Reliability, now: Instant) throws(Association.SendError) {
        guard outbound.byteCount + message.bytes.count <= Limits.sendBuffer,
            outbound.queue.messageCount < Limits.queuedMessages
        else { throw .bufferFull }
        outbound.queue.append(message, reliability, now: now)
        outbound.renewBurst()
    }

    /// False when the peer cannot be told.
    mutating func reset(_ stream: UInt16, now: Instant) -> Bool {
        guard Int(stream) < outboundStreams else { return true }
        guard reconfigures else { return false }
        guard resets.begin(stream) else { return true }
        proceedResets(now: now)
        return true
    }

    mutating func proceedResets(now: Instant) {
        outbound.isHeld = resets.proceed(
            now: now, timeout: outbound.timeout.value, last: outbound.outstanding.lastTSN,
            isQuiet: outbound.outstanding.isEmpty
        ) { outbound.isBusy($0) }
    }

    /// False when the peer does not answer any more (RFC 9260 section 8.1).
    mutating func advance(to now: Instant) -> Bool {
        inbound.advance(to: now)
        outbound.advance(to: now)
        proceedResets(now: now)
        outbound.renewBurst()
        resets.advance(to: now, timeout: outbound.timeout.value)
        return outbound.silentTimeouts <= Limits.silentTimeouts
    }

    mutating func add(_ control: Control) {
        guard controls.count < Limits.replies else { return }
        controls.append(control)
    }

    /// Whether ``fill(_:now:)`` would put anything into an empty packet.
    mutating func hasContent(now: Instant) -> Bool {
        !controls.isEmpty || inbound.owesAcknowledgement(withData: false) || resets.owes || outbound.owesForward
            || outbound.mayFill(now: now)
    }

    /// Puts into the packet what is due, in the order in which the peer has use for it.
    mutating func fill(_ writer: inout PacketWriter, now: Instant) {
        while let control = controls.first, writer.room >= control.length {
            control.write(&writer)
            _ = controls.popFirst()
        }
        let hasData = outbound.mayFill(now: now)
        if inbound.owesAcknowledgement(withData: hasData), writer.room >= 16 {
            inbound.writeAcknowledgement(&writer)
        }
        if resets.owes, writer.room >= Limits.longestReset { resets.write(&writer) }
        if outbound.owesForward, writer.room >= 8 { outbound.fillForward(&writer, now: now) }
        outbound.fill(&writer, now: now)
    }
}

extension Link.Control {
    /// Bytes in the packet.
    var length: Int {
        switch self {
        case .cookieAck: ChunkHeader.length
        case .heartbeatAck(let bytes), .error(let bytes): ChunkHeader.length + (bytes.count + 3) & ~3
        }
    }

    func write(_ writer: inout PacketWriter) {
        switch self {
        case .cookieAck: writer.write(ChunkType.cookieAck)
        case .heartbeatAck(let bytes): writer.write(ChunkType.heartbeatAck) { $0.write(bytes) }
        case .error(let bytes): writer.write(ChunkType.error) { $0.write(bytes) }
        }
    }
}
