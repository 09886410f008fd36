import Wire

/// The half of an association that receives: which chunks came, messages made of them, and when to say so.
struct Inbound: Sendable {
    private enum Acknowledgement: Sendable {
        case none
        case later(Instant)
        case now
    }

    private var numbers: ReceivedNumbers
    private var reassembly = Reassembly()
    private var acknowledgement = Acknowledgement.none
    private var packetsUnacknowledged = 0
    private var isUrgent = true
    private var sawData = false
    private var advertised = Limits.receiveWindow
    /// Streams that the peer may use.
    let streamCount: Int
    /// Bytes of messages that the application has been given and has not passed on.
    private(set) var held = 0

    init(first: TSN, streamCount: Int) {
        numbers = ReceivedNumbers(first: first)
        self.streamCount = streamCount
    }

    var cumulativeTSN: TSN { numbers.cumulativeTSN }

    private var window: Int { max(Limits.receiveWindow - reassembly.used - held, 0) }

    mutating func takeReady() -> [Message] { reassembly.takeReady() }

    // MARK: Chunks

    enum Verdict: Sendable {
        case taken
        case duplicate
        /// There is no room for it now; the peer sends it again.
        case refused
        /// It uses a stream that was not agreed (section 6.5). Its number counts as arrived.
        case unknownStream
        /// Nobody who keeps to the rules sends this; the association ends.
        case violation
    }

    mutating func insert(_ chunk: DataChunk, in packet: RawSpan) -> Verdict {
        sawData = true
        if chunk.isUrgent { isUrgent = true }
        let number = numbers.extended(chunk.tsn)
        switch numbers.verdict(number) {
        case .duplicate:
            numbers.noteDuplicate(number)
            isUrgent = true
            return .duplicate
        case .tooFar: return .refused
        case .new: break
        }
        // What closes the first hole is always taken: it lets others go. Whoever fills the window that way lies.
        let isNext = number == numbers.cumulative + 1
        let limit = Limits.receiveWindow + (isNext ? Limits.messageLength : 0)
        guard reassembly.used + held + chunk.payload.count <= limit else {
            return isNext && held == 0 ? .violation : .refused
        }
        guard Int(chunk.stream) < streamCount else {
            numbers.insert(number)
            return .unknownStream
        }
        guard !reassembly.isTooLong(chunk, count: chunk.payload.count, at: number) else { return .violation }
        numbers.insert(number)
        reassembly.insert(chunk, packet.extracting(chunk.payload.range).copied(), at: number)
        return .taken
    }

    /// The peer has given up (RFC 3758 section 3.6). False when it lies about the numbers.
    mutating func forward(_ chunk: ForwardTSNChunk, in packet: RawSpan) -> Bool {
        sawData = true
        isUrgent = true
        let number = numbers.extended(chunk.cumulative)
        guard number - numbers.cumulative <= Limits.numbersAhead else { return false }
        guard number > numbers.cumulative else { return true }
        numbers.forward(to: number)
        reassembly.forward(to: number)
        for index in 0..<chunk.streamCount {
            let entry = chunk.stream(at: index, in: packet)
            guard Int(entry.stream) < streamCount else { continue }
            reassembly.skip(stream: entry.stream, through: entry.sequence)
        }
        return true
    }

    mutating func reset(_ stream: UInt16) { reassembly.reset(stream: stream) }

    /// The application holds so many bytes; the peer's window is so much smaller.
    mutating func hold(_ bytes: Int) {
        held = bytes
        // A peer that was stopped learns at once that it may go on.
        guard advertised < Limits.receiveWindow / 4, window >= Limits.receiveWindow / 2 else { return }
        acknowledgement = .now
    }

    // MARK: Acknowledgements (section 6.2)

    /// After the last chunk of a packet.
    mutating func finishPacket(now: Instant) {
        guard sawData else { return }
        sawData = false
        packetsUnacknowledged += 1
        if isUrgent || numbers.hasGaps || packetsUnacknowledged >= 2 {
            acknowledgement = .now
        } else if case .none = acknowledgement {
            acknowledgement = .later(now + Limits.acknowledgementDelay)
        }
        isUrgent = false
    }

    var deadline: Instant {
        if case .later(let instant) = acknowledgement { instant } else { .distantFuture }
    }

    mutating func advance(to now: Instant) { if now >= deadline { acknowledgement = .now } }

    /// One has to go now; `withData`: or may go along.
    func owesAcknowledgement(withData: Bool) -> Bool {
        switch acknowledgement {
        case .none: false
        case .later: withData
        case .now: true
        }
    }

    mutating func writeAcknowledgement(_ writer: inout PacketWriter) {
        advertised = window
        writer.writeSelectiveAck(
            cumulative: numbers.cumulativeTSN, window: UInt32(truncatingIfNeeded: advertised), gaps: numbers.gaps,
            duplicates: numbers.duplicates)
        numbers.forgetDuplicates()
        packetsUnacknowledged = 0
        acknowledgement = .none
    }
}
