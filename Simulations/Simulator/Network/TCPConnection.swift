import Wire

/// One connection of a ``TCPStack``: the transmission control block of RFC 9293 section 3.3.1.
struct TCPConnection: Sendable {
    /// RFC 9293 section 3.3.2; LISTEN is the stack's.
    enum State: Hashable, Sendable {
        case synSent, synReceived, established, finWait1, finWait2, closing, timeWait, closeWait, lastAck, closed
    }

    /// Bytes of payload: what fits an Ethernet frame over IPv4; 20 bytes less over IPv6.
    static let maximumSegment = 1460
    static let window: UInt16 = 65_535
    /// RFC 9293 section 3.4.3 has two minutes. Deviation: 30 seconds, as most do.
    static let maximumSegmentLifetime = Interval.seconds(30)
    /// Pieces of the stream that wait for one before them.
    static let maximumGaps = 128

    let number: Int
    let local: SocketAddress
    let remote: SocketAddress
    var state = State.closed
    var patience = Interval.seconds(100)
    var handshakePatience = Interval.seconds(180)
    /// Whether the application opened it, by ``TCPStack/connect(from:to:now:)``.
    var isActive = true
    /// Our SYN is acknowledged.
    var isSynchronized = false

    // MARK: Sending
    /// Of our SYN.
    let initial: UInt32
    /// Bytes that are not acknowledged, from `queueStart` on; those before it are, and not yet cut off.
    var queue: [UInt8] = []
    var queueStart = 0
    /// SND.UNA, SND.NXT, and the farthest that SND.NXT has been.
    var unacknowledged: UInt32
    var next: UInt32
    var farthest: UInt32
    /// SND.WND.
    var peerWindow = 0
    /// The application has closed; a FIN follows the last byte.
    var isFinishing = false
    var congestion = TCPCongestion()
    var retransmission = TCPRetransmission()
    /// When TIME-WAIT ends.
    var waitEnd: Instant?

    // MARK: Receiving
    /// RCV.NXT.
    var expected: UInt32 = 0
    /// Beyond a gap, in order.
    var gaps: [(sequence: UInt32, bytes: [UInt8])] = []
    /// Where the peer's stream ends, once its FIN was seen.
    var end: UInt32?
    var hasToldEnd = false

    init(number: Int, local: SocketAddress, remote: SocketAddress, initial: UInt32) {
        self.number = number
        self.local = local
        self.remote = remote
        self.initial = initial
        unacknowledged = initial
        next = initial
        farthest = initial
    }

    func isBetween(_ local: SocketAddress, _ remote: SocketAddress) -> Bool {
        self.local.port == local.port && self.remote == remote && self.local == local
    }

    /// Nothing happens on it any more but answers to what comes late.
    var isWaitingOnly: Bool { state == .timeWait }

    /// A new connection between the same addresses begins while the old one waits (RFC 9293 section 3.10.7.4).
    func isReplaced(by segment: TCPSegment) -> Bool {
        state == .timeWait && segment.flags == .syn && expected.precedes(segment.sequence)
    }

    var segmentSize: Int { remote.ip.isIPv4 ? Self.maximumSegment : Self.maximumSegment - 20 }

    /// Bytes that are not acknowledged.
    var queued: Int { queue.count - queueStart }

    /// The number of the first byte that is not acknowledged.
    var queueSequence: UInt32 { isSynchronized ? unacknowledged : initial &+ 1 }

    /// One after the last byte that the application gave: the FIN's number.
    var queueEnd: UInt32 { queueSequence &+ UInt32(queued) }

    var deadline: Instant { waitEnd ?? retransmission.deadline ?? .distantFuture }

    // MARK: What the application does

    mutating func open(_ outbox: inout TCPStack.Outbox, now: Instant) {
        state = .synSent
        next = initial &+ 1
        farthest = next
        emit([.syn], sequence: initial, &outbox)
        retransmission.start(now: now)
        retransmission.time(upTo: next, now: now)
    }

    mutating func accept(_ segment: TCPSegment, _ outbox: inout TCPStack.Outbox, now: Instant) {
        isActive = false
        state = .synReceived
        expected = segment.sequence &+ 1
        peerWindow = Int(segment.window)
        next = initial &+ 1
        farthest = next
        emit([.syn, .ack], sequence: initial, &outbox)
        retransmission.start(now: now)
        retransmission.time(upTo: next, now: now)
    }

    mutating func send(_ bytes: [UInt8], _ outbox: inout TCPStack.Outbox, now: Instant) -> Bool {
        guard !isFinishing, state != .timeWait, queued + bytes.count <= TCPStack.maximumUnsent else { return false }
        if queueStart > 65_536 || queueStart == queue.count {
            queue.removeFirst(queueStart)
            queueStart = 0
        }
        queue += bytes
        transmit(&outbox, now: now)
        return true
    }

    mutating func close(_ outbox: inout TCPStack.Outbox, now: Instant) {
        guard !isFinishing else { return }
        isFinishing = true
        if state == .synSent {
            fail(&outbox)
        } else {
            transmit(&outbox, now: now)
        }
    }

    mutating func abort(_ outbox: inout TCPStack.Outbox) {
        if state != .synSent, state != .timeWait { emit([.rst, .ack], sequence: farthest, &outbox) }
        state = .closed
    }

    // MARK: Sending

    var canSend: Bool {
        switch state {
        case .established, .closeWait, .finWait1, .closing, .lastAck: true
        case .synSent, .synReceived, .finWait2, .timeWait, .closed: false
        }
    }

    /// Sends what both windows let through; returns whether anything went out.
    @discardableResult
    mutating func transmit(_ outbox: inout TCPStack.Outbox, now: Instant) -> Bool {
        guard canSend else { return false }
        var hasSent = false
        while true {
            let inFlight = Int(next &- unacknowledged)
            // A closed window is asked about with one byte, by the timer that sends it again (section 3.8.6.1).
            let room = min(congestion.window, max(peerWindow, 1)) - inFlight
            let available = queued - min(inFlight, queued)
            let length = min(available, room, segmentSize)
            let isLast = length == available
            guard next != queueEnd &+ 1, length > 0 || isLast && isFinishing else { break }
            // Not a small piece where a whole one will do soon (section 3.8.6.2.1).
            guard isLast || length == segmentSize || inFlight == 0 else { break }
            sendNext(max(length, 0), withEnd: isLast && isFinishing, &outbox, now: now)
            hasSent = true
        }
        return hasSent
    }

    private mutating func sendNext(
        _ length: Int, withEnd: Bool, _ outbox: inout TCPStack.Outbox, now: Instant
    ) {
        let isAgain = next.precedes(farthest)
        resend(at: next, length, withEnd: withEnd, &outbox)
        next = next &+ UInt32(length + (withEnd ? 1 : 0))
        if farthest.precedes(next) { farthest = next }
        if isAgain {
            outbox.statistics.retransmissions += 1
        } else {
            retransmission.time(upTo: next, now: now)
        }
        retransmission.startIfStopped(now: now)
        guard withEnd else { return }
        if state == .established { state = .finWait1 }
        if state == .closeWait { state = .lastAck }
    }

    /// Bytes of the queue as a segment.
    func resend(at sequence: UInt32, _ length: Int, withEnd: Bool, _ outbox: inout TCPStack.Outbox) {
        let start = queueStart + Int(sequence &- queueSequence)
        let bytes = Array(queue[start..<start + length])
        emit(withEnd ? [.ack, .fin] : .ack, sequence: sequence, payload: bytes, &outbox)
    }

    /// Numbered after all that was ever sent. While bytes are sent again `next` lies behind what the peer has: it would
    /// find that unacceptable, and two sides that both send again would never hear each other.
    func acknowledge(_ outbox: inout TCPStack.Outbox) { emit(.ack, sequence: farthest, &outbox) }

    func emit(
        _ flags: TCPSegment.Flags, sequence: UInt32, payload: [UInt8] = [], _ outbox: inout TCPStack.Outbox
    ) {
        var segment = TCPSegment(
            flags: flags, sequence: sequence, acknowledgement: flags.contains(.ack) ? expected : 0, window: Self.window)
        segment.seal(payload)
        outbox.datagrams.append(Datagram(source: local, destination: remote, payload: payload, segment: segment))
    }

    // MARK: Time

    mutating func advance(to now: Instant, _ outbox: inout TCPStack.Outbox) {
        if let waitEnd {
            if waitEnd <= now { state = .closed }
            return
        }
        guard let deadline = retransmission.deadline, deadline <= now else { return }
        let isHandshake = state == .synSent || state == .synReceived
        guard now < retransmission.since + (isHandshake ? handshakePatience : patience) else {
            outbox.statistics.timeouts += 1
            return fail(&outbox)
        }
        retransmission.backOff(now: now)
        if isHandshake {
            outbox.statistics.retransmissions += 1
            retransmission.hasRepeatedHandshake = true
            return emit(state == .synSent ? .syn : [.syn, .ack], sequence: initial, &outbox)
        }
        congestion.timedOut(
            inFlight: Int(farthest &- unacknowledged), farthest: farthest, segment: segmentSize)
        next = unacknowledged
        transmit(&outbox, now: now)
    }

    /// It is over, and the application is told unless it knows.
    mutating func fail(_ outbox: inout TCPStack.Outbox) {
        state = .closed
        tellEnd(&outbox)
    }

    mutating func tellEnd(_ outbox: inout TCPStack.Outbox) {
        // Of one that was never accepted nobody knows.
        guard !hasToldEnd, isActive || isSynchronized else { return }
        hasToldEnd = true
        outbox.events.append(.closed(number))
    }
}
