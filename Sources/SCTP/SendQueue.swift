import Wire

/// Messages that wait to be sent. Streams take turns, message by message (RFC 9260 section 6.9 leaves the choice free);
/// a message that has begun is finished first, since the pieces of one are neighbours.
struct SendQueue: Sendable {
    /// A message under way, and what decides whether it is given up.
    struct Delivery: Hashable, Sendable {
        var id: UInt64
        var reliability: Reliability
        /// When it is too old, whatever happened to it.
        var expires: Instant
    }

    /// What goes into one DATA chunk.
    struct Piece: Sendable {
        var delivery: Delivery
        var stream: UInt16
        var sequence: UInt16
        var payloadProtocol: UInt32
        var isFirst: Bool
        var isLast: Bool
        var payload: ArraySlice<UInt8>
    }

    private struct Pending: Sendable {
        var delivery: Delivery
        var message: Message
    }

    private struct Stream: Sendable {
        var messages = FIFO<Pending>()
        var nextSequence: UInt16 = 0
        /// It is among those that wait for their turn.
        var isQueued = false
    }

    /// The message that has begun.
    private struct Current: Sendable {
        var pending: Pending
        var sequence: UInt16
        var offset: Int
    }

    private var streams: [Stream] = []
    private var turns = FIFO<UInt16>()
    private var current: Current?
    private var nextID: UInt64 = 0
    /// Bytes that wait, and messages that have not begun.
    private(set) var byteCount = 0
    private(set) var messageCount = 0

    mutating func append(_ message: Message, _ reliability: Reliability, now: Instant) {
        let stream = reach(message.stream)
        var expires = Instant.distantFuture
        if case .lifetime(let interval) = reliability.limit { expires = now + interval }
        let delivery = Delivery(id: nextID, reliability: reliability, expires: expires)
        nextID += 1
        byteCount += message.bytes.count
        messageCount += 1
        streams[stream].messages.append(Pending(delivery: delivery, message: message))
        queue(stream)
    }

    /// The next piece of at most `size` bytes. Messages that are too old by now are left out.
    mutating func nextPiece(size: Int, now: Instant) -> Piece? {
        guard begin(now: now), let message = current else { return nil }
        let bytes = message.pending.message.bytes
        let end = min(message.offset + size, bytes.count)
        let piece = Piece(
            delivery: message.pending.delivery, stream: message.pending.message.stream, sequence: message.sequence,
            payloadProtocol: message.pending.message.payloadProtocol, isFirst: message.offset == 0,
            isLast: end == bytes.count, payload: bytes[message.offset..<end])
        byteCount -= piece.payload.count
        if piece.isLast { current = nil } else { current?.offset = end }
        return piece
    }

    /// Whether a piece waits; drops what is too old.
    mutating func hasPiece(now: Instant) -> Bool { begin(now: now) }

    /// Gives up the rest of a message that has begun. False when nothing is left of it.
    mutating func abandon(_ id: UInt64) -> Bool {
        guard let message = current, message.pending.delivery.id == id else { return false }
        byteCount -= message.pending.message.bytes.count - message.offset
        current = nil
        return true
    }

    // MARK: Streams

    /// Whether something of the stream waits, be it the rest of a message.
    func isBusy(_ stream: UInt16) -> Bool {
        if current?.pending.message.stream == stream { return true }
        return Int(stream) < streams.count && !streams[Int(stream)].messages.isEmpty
    }

    /// The stream's messages are numbered from 0 again (RFC 6525 section 5.1.2).
    mutating func restart(_ stream: UInt16) { streams[reach(stream)].nextSequence = 0 }

    // MARK: Parts

    /// Makes the next message the current one, if none is.
    private mutating func begin(now: Instant) -> Bool {
        while current == nil {
            guard let turn = turns.popFirst() else { return false }
            let stream = Int(turn)
            streams[stream].isQueued = false
            guard let pending = streams[stream].messages.popFirst() else { continue }
            messageCount -= 1
            if !streams[stream].messages.isEmpty { queue(stream) }
            guard pending.delivery.expires > now else {
                byteCount -= pending.message.bytes.count
                continue
            }
            var sequence: UInt16 = 0
            if pending.delivery.reliability.isOrdered {
                sequence = streams[stream].nextSequence
                streams[stream].nextSequence &+= 1
            }
            current = Current(pending: pending, sequence: sequence, offset: 0)
        }
        return true
    }

    private mutating func queue(_ stream: Int) {
        guard !streams[stream].isQueued else { return }
        streams[stream].isQueued = true
        turns.append(UInt16(truncatingIfNeeded: stream))
    }

    private mutating func reach(_ stream: UInt16) -> Int {
        while streams.count <= Int(stream) { streams.append(Stream()) }
        return Int(stream)
    }
}
