public import Wire

/// Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
public struct TransportFeedback: Hashable, Sendable, BitwiseCopyable {
    /// The reference time counts units of 64 ms, arrival deltas units of 250 µs.
    static let referenceUnit = Interval.milliseconds(64)
    static let deltaUnit = Interval.microseconds(250)
    static let ticksPerReference: Int64 = 256

    public let senderSSRC: UInt32
    public let mediaSSRC: UInt32
    /// The first transport-wide sequence number that the packet reports on.
    public let baseSequenceNumber: SequenceNumber
    /// How many consecutive sequence numbers it reports on, 1...65535.
    public let statusCount: Int
    /// Signed 24 bits in units of 64 ms on the receiver's own clock; wraps every 12 days.
    public let referenceTime: Int32
    /// Counts the feedback packets, to notice lost ones.
    public let feedbackCount: UInt8
    private let chunkStart: Int
    private let deltaStart: Int

    /// Checks that chunks cover every status and that there is a delta for every arrival.
    init(_ header: RTCPHeader, in bytes: RawSpan) throws(ParseError) {
        let sources = try FeedbackSources(header, in: bytes)
        senderSSRC = sources.sender
        mediaSSRC = sources.media
        let at = header.content + FeedbackSources.length
        guard header.contentEnd - at >= 8 else { throw .truncated }
        baseSequenceNumber = SequenceNumber(bytes.uint16(at: at))
        statusCount = Int(bytes.uint16(at: at + 2))
        guard statusCount > 0 else { throw .badValue }
        let word = bytes.uint32(at: at + 4)
        referenceTime = Int32(bitPattern: word) >> 8
        feedbackCount = UInt8(truncatingIfNeeded: word)
        chunkStart = at + 8
        var offset = chunkStart
        var covered = 0
        var deltaBytes = 0
        while covered < statusCount {
            guard header.contentEnd - offset >= 2 else { throw .truncated }
            let chunk = StatusChunk(rawValue: bytes.uint16(at: offset))
            guard chunk.count > 0 else { throw .badValue }
            let used = min(chunk.count, statusCount - covered)
            deltaBytes += chunk.deltaBytes(ofFirst: used)
            covered += used
            offset += 2
        }
        deltaStart = offset
        guard header.contentEnd - offset >= deltaBytes else { throw .truncated }
    }

    /// One reported packet.
    public struct Status: Hashable, Sendable, BitwiseCopyable {
        public var sequenceNumber: SequenceNumber
        public var isReceived: Bool
        /// Arrival after the feedback's reference time, to 250 µs; may be negative. Nil when lost, or
        /// when the receiver gave no time.
        public var arrival: Interval?
    }

    /// Every reported packet in sequence order; `next(in:)` until nil.
    public var statuses: Statuses { Statuses(feedback: self, chunkAt: chunkStart, deltaAt: deltaStart) }

    public struct Statuses: Sendable, BitwiseCopyable {
        private let feedback: TransportFeedback
        private var chunkAt: Int
        private var deltaAt: Int
        private var chunk = StatusChunk(rawValue: 0)
        private var chunkIndex = 0
        private var reported = 0
        private var ticks: Int64 = 0

        init(feedback: TransportFeedback, chunkAt: Int, deltaAt: Int) {
            self.feedback = feedback
            self.chunkAt = chunkAt
            self.deltaAt = deltaAt
        }

        public mutating func next(in bytes: RawSpan) -> Status? {
            guard reported < feedback.statusCount else { return nil }
            if chunkIndex == chunk.count {
                chunk = StatusChunk(rawValue: bytes.uint16(at: chunkAt))
                chunkAt += 2
                chunkIndex = 0
            }
            let symbol = chunk.symbol(at: chunkIndex)
            let number = feedback.baseSequenceNumber.advanced(by: reported)
            chunkIndex += 1
            reported += 1
            switch symbol {
            case .smallDelta:
                ticks += Int64(bytes.uint8(at: deltaAt))
                deltaAt += 1
            case .largeDelta:
                ticks += Int64(Int16(bitPattern: bytes.uint16(at: deltaAt)))
                deltaAt += 2
            case .lost, .untimed:
                return Status(sequenceNumber: number, isReceived: symbol == .untimed, arrival: nil)
            }
            return Status(
                sequenceNumber: number, isReceived: true, arrival: TransportFeedback.deltaUnit * ticks)
        }
    }

    /// The reference time on the receiver's clock, for comparing two feedback packets; wraps like the field.
    public var reference: Interval { Self.referenceUnit * Int64(referenceTime) }

    /// Time from `earlier`'s reference to this one's, across the 24-bit wrap.
    public func referenceInterval(since earlier: TransportFeedback) -> Interval {
        let steps = ((referenceTime &- earlier.referenceTime) << 8) >> 8
        return Self.referenceUnit * Int64(steps)
    }
}
