public import Wire

/// RTCP congestion control feedback (RFC 8888 section 3.1): which packets of which streams came, when, and with which
/// ECN mark.
public struct CongestionControlFeedback: Hashable, Sendable, BitwiseCopyable {
    /// Bytes of a stream's SSRC, first number and count.
    static let streamHeader = 8
    static let received: UInt16 = 0x8000
    /// Arrival offsets are 13 bits in units of 1/1024 s before the report's timestamp; the two largest are special.
    static let offsetMask: UInt16 = 0x1FFF
    static let offsetOverflow: UInt16 = 0x1FFE
    static let offsetUnknown: UInt16 = 0x1FFF

    public let senderSSRC: UInt32
    /// When the report was made, on the clock of the sender reports' NTP timestamps: their middle 32 bits, in units of
    /// 1/65536 s; wraps every 18 hours.
    public let timestamp: UInt32
    /// Streams that it reports on.
    public let streamCount: Int
    private let start: Int

    static func matches(_ header: RTCPHeader) -> Bool { header.format == RTCPType.formatCongestionControl }

    /// Checks that every stream's statuses fit and that nothing but the timestamp follows them.
    init(_ header: RTCPHeader, in bytes: RawSpan) throws(ParseError) {
        // The sender's SSRC at the front, the timestamp at the end.
        guard header.contentLength >= 8 else { throw .badLength }
        senderSSRC = bytes.uint32(at: header.content)
        start = header.content + 4
        let end = header.contentEnd - 4
        timestamp = bytes.uint32(at: end)
        var offset = start
        var streams = 0
        while offset < end {
            guard end - offset >= Self.streamHeader else { throw .truncated }
            let count = Int(bytes.uint16(at: offset + 6))
            guard count <= Limits.statusesPerStream else { throw .overLimit }
            streams += 1
            guard streams <= Limits.streamsPerFeedback else { throw .overLimit }
            offset += Self.streamHeader + Self.paddedLength(count)
        }
        guard offset == end else { throw .badLength }
        streamCount = streams
    }

    /// Two bytes for each status, and two more if their number is odd.
    static func paddedLength(_ statuses: Int) -> Int { (statuses + statuses % 2) * 2 }

    /// The ECN field of the IP header (RFC 3168 section 5).
    public enum ECN: UInt8, Sendable, BitwiseCopyable, CaseIterable {
        case notCapable, capable1, capable0, congestionExperienced
    }

    /// One reported packet.
    public struct Status: Hashable, Sendable, BitwiseCopyable {
        public var ssrc: UInt32
        public var sequenceNumber: SequenceNumber
        public var isReceived: Bool
        /// Meaningless for a packet that has not come.
        public var ecn: ECN
        /// How long before the report's timestamp it came, to 1/1024 s; nil when lost or when the receiver gave no
        /// time, or one that is eight seconds and more ago.
        public var age: Interval?
    }

    /// Every reported packet, stream by stream in sequence order; `next(in:)` until nil.
    public var statuses: Statuses { Statuses(feedback: self, at: start) }

    public struct Statuses: Sendable, BitwiseCopyable {
        private let feedback: CongestionControlFeedback
        private var streams = 0
        private var offset: Int
        private var ssrc: UInt32 = 0
        private var first = SequenceNumber(0)
        private var count = 0
        private var index = 0

        init(feedback: CongestionControlFeedback, at offset: Int) {
            self.feedback = feedback
            self.offset = offset
        }

        public mutating func next(in bytes: RawSpan) -> Status? {
            while index == count {
                guard streams < feedback.streamCount else { return nil }
                if streams > 0 { offset += CongestionControlFeedback.paddedLength(count) }
                ssrc = bytes.uint32(at: offset)
                first = SequenceNumber(bytes.uint16(at: offset + 4))
                count = Int(bytes.uint16(at: offset + 6))
                offset += CongestionControlFeedback.streamHeader
                index = 0
                streams += 1
            }
            let word = bytes.uint16(at: offset + index * 2)
            let number = first.advanced(by: index)
            index += 1
            let isReceived = word & CongestionControlFeedback.received != 0
            let ticks = word & CongestionControlFeedback.offsetMask
            let hasTime = isReceived && ticks < CongestionControlFeedback.offsetOverflow
            return Status(
                ssrc: ssrc, sequenceNumber: number, isReceived: isReceived,
                ecn: isReceived ? ECN(rawValue: UInt8(word >> 13 & 3)) ?? .notCapable : .notCapable,
                age: hasTime ? .nanoseconds(Int64(ticks) * 1_000_000_000 / 1_024) : nil)
        }
    }

    /// Time from `earlier`'s timestamp to this one's, across the wrap.
    public func interval(since earlier: CongestionControlFeedback) -> Interval {
        let ticks = Int64(Int32(bitPattern: timestamp &- earlier.timestamp))
        return .nanoseconds(ticks * 1_000_000_000 / 65_536)
    }
}
