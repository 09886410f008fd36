public import Wire

/// Remembers when packets of some streams came and turns that into congestion control feedback (RFC 8888).
///
/// The caller decides when to report: section 6 suggests once in a frame's time, libwebrtc waits 25 ms at least.
/// A table of fixed size: nothing is allocated after `init`.
public struct CongestionControlRecorder: Sendable {
    private static let absent: Int64 = -1
    /// RTCP header, sender, timestamp.
    private static let frame = 12

    private struct Stream: Sendable, BitwiseCopyable {
        var ssrc: UInt32
        var unwrapper = SequenceUnwrapper()
        /// The first extended number that the next report covers, and the newest that came.
        var cursor: Int64
        var newest: Int64
        var heardAt: Instant
        var hasNews = true
    }

    private let window: Int
    private var streams: [Stream] = []
    /// Arrivals in nanoseconds, `window` for each stream, ``absent`` for a packet that has not come.
    private var arrivals: [Int64]
    private var marks: [UInt8]
    /// Where the next report begins, so that every stream has its turn.
    private var turn = 0

    /// - Parameters:
    ///   - streamCount: streams that it follows; packets of more are not reported, unless one of them has fallen silent
    ///     and gives up its place.
    ///   - window: sequence numbers kept for each, a power of two up to 16384.
    public init(streamCount: Int = 8, window: Int = 512) {
        precondition(streamCount > 0 && streamCount <= Limits.streamsPerFeedback)
        precondition(window >= 64 && window <= Limits.statusesPerStream && window.nonzeroBitCount == 1)
        self.window = window
        streams.reserveCapacity(streamCount)
        arrivals = Array(repeating: Self.absent, count: window * streamCount)
        marks = Array(repeating: 0, count: window * streamCount)
    }

    /// True when ``writeFeedback(senderSSRC:timestamp:now:to:)`` has something to say.
    public var hasFeedback: Bool {
        for stream in streams where stream.hasNews { return true }
        return false
    }

    /// Notes one packet; false when its stream is one too many. Of a duplicate only a CE mark is noted (section 3.1).
    @discardableResult
    public mutating func record(
        ssrc: UInt32, _ number: SequenceNumber, ecn: CongestionControlFeedback.ECN = .notCapable, arrival: Instant
    ) -> Bool {
        guard let index = index(of: ssrc, first: number, now: arrival) else { return false }
        streams[index].heardAt = max(streams[index].heardAt, arrival)
        let extended = streams[index].unwrapper.unwrap(number)
        if extended > streams[index].newest {
            advance(index, to: extended)
        } else if extended <= streams[index].newest - Int64(window) {
            return true
        }
        let slot = slot(index, extended)
        guard arrivals[slot] == Self.absent else {
            if ecn == .congestionExperienced { marks[slot] = ecn.rawValue }
            return true
        }
        arrivals[slot] = Int64(clamping: arrival.nanoseconds)
        marks[slot] = ecn.rawValue
        // A packet that was reported lost is reported again, with what followed it.
        streams[index].cursor = min(streams[index].cursor, extended)
        streams[index].hasNews = true
        return true
    }

    /// Forgets a stream, so that another one finds room.
    public mutating func remove(ssrc: UInt32) {
        guard let index = streams.firstIndex(where: { $0.ssrc == ssrc }), let last = streams.indices.last else {
            return
        }
        // The last stream takes the place.
        for offset in 0..<window {
            arrivals[index * window + offset] = arrivals[last * window + offset]
            marks[index * window + offset] = marks[last * window + offset]
            arrivals[last * window + offset] = Self.absent
        }
        streams.swapAt(index, last)
        streams.removeLast()
    }

    /// Appends one feedback packet to `writer`; false, and nothing is written, when there is no news.
    ///
    /// One packet ends at ``Limits/feedbackLength``: call until false. `timestamp` is `now` on the clock of the sender
    /// reports.
    public mutating func writeFeedback(
        senderSSRC: UInt32, timestamp: NTPTimestamp, now: Instant, to writer: inout ByteWriter
    ) -> Bool {
        guard hasFeedback else { return false }
        let start = writer.beginRTCP(RTCPType.transportFeedback, format: RTCPType.formatCongestionControl)
        writer.write(senderSSRC)
        for step in streams.indices {
            let index = (turn + step) % streams.count
            guard streams[index].hasNews else { continue }
            let used = writer.count - start + 4
            // Two statuses at least, or the stream waits for the next packet.
            let room = (Limits.feedbackLength - used - CongestionControlFeedback.streamHeader) / 4 * 2
            guard room >= 2 else { break }
            writeStream(index, most: room, now: now, to: &writer)
        }
        turn = (turn + 1) % max(streams.count, 1)
        writer.write(timestamp.middle)
        writer.endRTCP(start)
        return true
    }

    private mutating func writeStream(_ index: Int, most: Int, now: Instant, to writer: inout ByteWriter) {
        let stream = streams[index]
        let count = min(Int(stream.newest - stream.cursor) + 1, most)
        writer.write(stream.ssrc)
        writer.write(UInt16(truncatingIfNeeded: stream.cursor))
        writer.write(UInt16(count))
        for step in 0..<count {
            let slot = slot(index, stream.cursor + Int64(step))
            writer.write(status(arrivals[slot], mark: marks[slot], now: now))
        }
        if count % 2 == 1 { writer.write(UInt16(0)) }
        streams[index].cursor += Int64(count)
        streams[index].hasNews = streams[index].cursor <= stream.newest
    }

    private func status(_ arrival: Int64, mark: UInt8, now: Instant) -> UInt16 {
        guard arrival != Self.absent else { return 0 }
        let age = (now - Instant(nanoseconds: UInt64(clamping: arrival))).nanoseconds
        let word = CongestionControlFeedback.received | UInt16(mark & 3) << 13
        guard age >= 0 else { return word | CongestionControlFeedback.offsetUnknown }
        guard age < 8_000_000_000 else { return word | CongestionControlFeedback.offsetOverflow }
        // To the nearest tick: rounding down would shift every arrival by half of one.
        let ticks = (age * 1_024 + 500_000_000) / 1_000_000_000
        return word | min(UInt16(clamping: ticks), CongestionControlFeedback.offsetOverflow)
    }

    /// The stream's place; a new one while there is room, or that of one which is silent.
    private mutating func index(of ssrc: UInt32, first number: SequenceNumber, now: Instant) -> Int? {
        for index in streams.indices where streams[index].ssrc == ssrc { return index }
        if (streams.count + 1) * window > arrivals.count { removeSilent(now: now) }
        guard (streams.count + 1) * window <= arrivals.count else { return nil }
        var stream = Stream(ssrc: ssrc, cursor: 0, newest: 0, heardAt: now)
        let extended = stream.unwrapper.unwrap(number)
        stream.cursor = extended
        stream.newest = extended
        streams.append(stream)
        for offset in 0..<window { arrivals[(streams.count - 1) * window + offset] = Self.absent }
        return streams.count - 1
    }

    /// Senders change their SSRCs and say nothing of the old ones. A stream that goes on is never given up: reports
    /// that change from one to another would tell of neither.
    private mutating func removeSilent(now: Instant) {
        var silent: Int?
        for index in streams.indices where !streams[index].hasNews && now - streams[index].heardAt >= Limits.silence {
            if let other = silent, streams[other].heardAt <= streams[index].heardAt { continue }
            silent = index
        }
        if let silent { remove(ssrc: streams[silent].ssrc) }
    }

    /// Opens the window up to `extended`, forgetting what falls out behind.
    private mutating func advance(_ index: Int, to extended: Int64) {
        let skipped = min(extended - streams[index].newest, Int64(window))
        for step in 0..<skipped { arrivals[slot(index, extended - step)] = Self.absent }
        streams[index].newest = extended
        streams[index].cursor = max(streams[index].cursor, extended - Int64(window) + 1)
    }

    private func slot(_ index: Int, _ extended: Int64) -> Int { index * window + Int(extended & Int64(window - 1)) }
}
