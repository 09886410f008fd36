public import Wire

/// One end of an SCTP association as WebRTC runs it over DTLS (RFC 9260, RFC 8261, RFC 8831), with partial reliability
/// (RFC 3758) and stream resets (RFC 6525).
///
/// A core: it is handed packets and the time; after every call its owner drains ``nextTransmit(now:)`` and
/// ``nextEvent()`` and reads ``deadline``.
///
/// Not handled, since DTLS and ICE do it or data channels need none of it: several addresses and their changes, AUTH,
/// heartbeats of its own (ICE watches the path; the peer's are answered), ending with SHUTDOWN (the peer's is
/// answered), path MTU discovery, interleaved messages (RFC 8260).
public struct Association: Sendable {
    public enum Event: Hashable, Sendable {
        case connected
        case message(Message)
        /// The peer has ended what it sends on these streams; on all when empty.
        case inboundReset([UInt16])
        /// The streams whose reset ``reset(_:now:)`` began are through.
        case outboundReset([UInt16])
        /// The peer lost its state and began anew: whatever was under way is gone.
        case restarted
        case ended(End)
    }

    /// Why an association is over.
    public enum End: Hashable, Sendable {
        case closedHere
        case closedByPeer
        /// The peer does not answer.
        case lost
        /// The peer broke the protocol.
        case violation
    }

    public enum SendError: Error, Hashable, Sendable {
        case notConnected
        /// Empty, or longer than the peer or ``Limits/messageLength`` allows.
        case badLength
        case unknownStream
        /// Its reset has begun and is not through.
        case streamClosing
        /// ``Limits/sendBuffer`` is full.
        case bufferFull
    }

    enum Phase: Hashable, Sendable {
        /// Nothing was sent; an INIT is answered.
        case idle
        case cookieWait
        case cookieEchoed
        case established
        case shutdownReceived
        case shutdownAckSent
        case ended
    }

    let localPort: UInt16
    let peerPort: UInt16
    let packetLength: Int
    private let peerMessageLength: Int
    var random: SeededRandom
    var phase = Phase.idle
    /// What the peer puts into its packets' headers.
    var localTag: UInt32
    var localTSN: TSN
    /// INIT or COOKIE ECHO (T1), SHUTDOWN ACK (T2): sent again until answered.
    var handshake = HandshakeTimer()
    /// What the peer wants back in COOKIE ECHO.
    var cookie: [UInt8] = []
    var peer: PeerParameters?
    /// From establishment on.
    var link: Link?
    /// Packets that answer others, outside of any state.
    private var replies = FIFO<[UInt8]>()
    private var events = FIFO<Event>()

    /// `packetLength`: bytes of an SCTP packet at most, what the path carries less the DTLS record.
    /// `peerMessageLength`: bytes of a message that the peer takes (`a=max-message-size`, RFC 8841 section 6).
    public init(
        localPort: UInt16, peerPort: UInt16, packetLength: Int, peerMessageLength: Int, random: SeededRandom
    ) {
        self.localPort = localPort
        self.peerPort = peerPort
        self.packetLength = min(max(packetLength, 512), Limits.packetLength) & ~3
        self.peerMessageLength = peerMessageLength
        self.random = random
        localTag = UInt32.random(in: 1...UInt32.max, using: &self.random)
        localTSN = TSN(UInt32(truncatingIfNeeded: self.random.next()))
    }

    public var isConnected: Bool { phase == .established }
    public var isEnded: Bool { phase == .ended }

    /// When to call ``advance(to:)`` next.
    public var deadline: Instant {
        guard phase != .ended else { return .distantFuture }
        return min(handshake.expires, link?.deadline ?? .distantFuture)
    }

    /// Bytes that were handed to ``send(_:_:now:)`` and have not reached the peer, as far as is known.
    public var bufferedByteCount: Int { link?.outbound.byteCount ?? 0 }

    /// Begins. Both peers may do so at once.
    public mutating func connect(now: Instant) {
        guard phase == .idle else { return }
        phase = .cookieWait
        handshake.start(now: now)
    }

    /// Queues a message.
    public mutating func send(_ message: Message, _ reliability: Reliability, now: Instant) throws(SendError) {
        guard phase == .established, link != nil else { throw .notConnected }
        guard !message.bytes.isEmpty, message.bytes.count <= Limits.messageLength,
            message.bytes.count <= peerMessageLength || peerMessageLength == 0
        else { throw .badLength }
        guard Int(message.stream) < link?.outboundStreams ?? 0 else { throw .unknownStream }
        guard link?.resets.isUnderWay(message.stream) == false else { throw .streamClosing }
        try link?.send(message, reliability, now: now)
    }

    /// Streams that may be used for sending: 0 to one below it.
    public var outboundStreamCount: Int { link?.outboundStreams ?? 0 }

    /// The peer knows of resets.
    var canReset: Bool { peer?.reconfigures ?? false }

    /// Ends what is sent on the stream, once all that was queued is through; the peer's half stays. The peer that does
    /// not know of resets is told nothing, and ``Event/outboundReset(_:)`` comes at once.
    public mutating func reset(_ stream: UInt16, now: Instant) {
        guard phase == .established, link?.reset(stream, now: now) == false else { return }
        note(.outboundReset([stream]))
    }

    /// Messages of so many bytes were handed over and wait at the owner's: the peer's window shrinks by as much.
    public mutating func hold(_ bytes: Int) { link?.inbound.hold(bytes) }

    /// Does what is due.
    public mutating func advance(to now: Instant) {
        if now >= handshake.expires, !handshake.proceed(now: now) { return end(.lost) }
        guard link?.advance(to: now) == false else { return }
        end(.lost)
    }

    /// Ends it with an ABORT.
    public mutating func abort() {
        guard phase != .ended else { return }
        if let peer { reply(to: peer.tag) { $0.write(ChunkType.abort) } }
        end(.closedHere)
    }

    /// What happened since; nil when there is nothing left.
    public mutating func nextEvent() -> Event? { events.popFirst() }

    /// One packet for the peer; nil when nothing may go now.
    public mutating func nextTransmit(now: Instant) -> [UInt8]? {
        if let packet = replies.popFirst() { return packet }
        // Asked after every packet, and mostly in vain.
        if link?.hasContent(now: now) == false, phase == .established || phase == .shutdownReceived { return nil }
        var writer = PacketWriter(header(tag: peer?.tag ?? 0), size: packetLength)
        switch phase {
        case .idle, .ended: return nil
        case .cookieWait:
            guard handshake.takeDue() else { return nil }
            writer = PacketWriter(header(tag: 0), size: packetLength)
            writer.write(ChunkType.initiation, initiation(tag: localTag, first: localTSN), cookie: nil)
        case .cookieEchoed:
            guard handshake.takeDue() else { return nil }
            writer.write(ChunkType.cookieEcho) { $0.write(cookie) }
        case .shutdownAckSent:
            guard handshake.takeDue() else { return nil }
            writer.write(ChunkType.shutdownAck)
        case .established, .shutdownReceived:
            link?.fill(&writer, now: now)
        }
        return writer.isEmpty ? nil : writer.finish()
    }

    // MARK: Shared by the parts

    func header(tag: UInt32) -> PacketHeader {
        PacketHeader(sourcePort: localPort, destinationPort: peerPort, verificationTag: tag)
    }

    func initiation(tag: UInt32, first: TSN) -> InitiationChunk {
        InitiationChunk(
            tag: tag, window: UInt32(Limits.receiveWindow), outboundStreams: Limits.streams,
            inboundStreams: Limits.streams, firstTSN: first)
    }

    /// A packet of its own that answers one; those beyond the limit are left out.
    mutating func reply(to tag: UInt32, _ content: (inout PacketWriter) -> Void) {
        guard replies.count < Limits.replies else { return }
        var writer = PacketWriter(header(tag: tag), size: packetLength)
        content(&writer)
        replies.append(writer.finish())
    }

    mutating func note(_ event: Event) { events.append(event) }

    mutating func end(_ reason: End) {
        guard phase != .ended else { return }
        phase = .ended
        link = nil
        note(.ended(reason))
    }
}

/// The timer of handshakes (T1-init, T1-cookie and T2-shutdown; RFC 9260 sections 5.1 and 9.2).
struct HandshakeTimer: Sendable, BitwiseCopyable {
    private(set) var expires = Instant.distantFuture
    private var tries = 0
    private var isDue = false

    mutating func start(now: Instant) {
        tries = 0
        isDue = true
        expires = now + Limits.handshakeTimeout
    }

    mutating func stop() { self = HandshakeTimer() }

    /// It ran out; false when the peer does not answer at all.
    mutating func proceed(now: Instant) -> Bool {
        tries += 1
        guard tries <= Limits.handshakeRetransmissions else { return false }
        isDue = true
        expires = now + min(Limits.handshakeTimeout * Int64(1 << min(tries, 8)), Limits.longestHandshakeTimeout)
        return true
    }

    /// What it guards is to be sent now; once per expiry.
    mutating func takeDue() -> Bool {
        defer { isDue = false }
        return isDue
    }
}
