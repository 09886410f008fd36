public import Wire

/// Remembers when transport-wide numbered packets came and turns that into feedback packets
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
///
/// The caller decides when to report (libwebrtc: every 50 to 250 ms). A fixed ring: nothing is
/// allocated after `init`.
public struct TransportFeedbackRecorder: Sendable {
    private static let absent: Int64 = -1
    private static let nanosecondsPerTick: UInt64 = 250_000
    /// RTCP header, the two SSRCs, base, count, reference time.
    private static let headerLength = 20

    /// Arrival by extended sequence number, in ticks of 250 µs; `absent` for a packet that has not come.
    private var arrivals: [Int64]
    private var unwrapper = SequenceUnwrapper()
    /// The first extended number that the next packet reports on.
    private var cursor: Int64 = 0
    private var newest: Int64 = 0
    private var isEmpty = true
    private var hasNews = false
    private var feedbackCount: UInt8 = 0

    /// `window` is how many sequence numbers are kept: a power of two up to 32768.
    public init(window: Int = Limits.feedbackWindow) {
        precondition(window >= 64 && window <= 0x8000 && window.nonzeroBitCount == 1)
        arrivals = Array(repeating: Self.absent, count: window)
    }

    /// True when ``writeFeedback(senderSSRC:mediaSSRC:to:)`` has something to say.
    public var hasFeedback: Bool { hasNews }

    /// Notes one packet. Duplicates and packets older than the window change nothing.
    ///
    /// A packet that comes after it was reported lost is reported again, with what followed it.
    public mutating func record(_ number: SequenceNumber, arrival: Instant) {
        let tick = Int64(clamping: arrival.nanoseconds / Self.nanosecondsPerTick)
        let extended = unwrapper.unwrap(number)
        if isEmpty {
            isEmpty = false
            cursor = extended
            newest = extended
        } else if extended > newest {
            advance(to: extended)
        } else if extended <= newest - Int64(arrivals.count) {
            return
        }
        let slot = slot(of: extended)
        guard arrivals[slot] == Self.absent else { return }
        arrivals[slot] = tick
        cursor = min(cursor, extended)
        hasNews = true
    }

    /// Appends one feedback packet to `writer`; false, and nothing is written, when there is no news.
    ///
    /// One packet ends where a delta no longer fits or at ``Limits/feedbackLength``: call until false.
    public mutating func writeFeedback(senderSSRC: UInt32, mediaSSRC: UInt32, to writer: inout ByteWriter) -> Bool {
        guard hasNews, let first = firstArrival(from: cursor) else {
            hasNews = false
            return false
        }
        let start = writer.beginRTCP(RTCPType.transportFeedback, format: RTCPType.formatTransportWide)
        let reference = first.tick / TransportFeedback.ticksPerReference
        writer.write(senderSSRC)
        writer.write(mediaSSRC)
        writer.write(UInt16(truncatingIfNeeded: cursor))
        let countOffset = writer.count
        writer.write(UInt16(0))
        writer.writeUInt24(UInt32(truncatingIfNeeded: reference))
        writer.write(feedbackCount)
        let referenceTick = reference * TransportFeedback.ticksPerReference
        let end = writeChunks(start: start, referenceTick: referenceTick, to: &writer)
        writeDeltas(upTo: end, referenceTick: referenceTick, to: &writer)
        writer.padRTCP(start)
        writer.endRTCP(start)
        writer.patch(UInt16(truncatingIfNeeded: end - cursor), at: countOffset)
        feedbackCount &+= 1
        cursor = end
        hasNews = cursor <= newest
        return true
    }

    /// Writes the chunks of as many statuses as the packet can hold; returns the number behind the last.
    private func writeChunks(start: Int, referenceTick: Int64, to writer: inout ByteWriter) -> Int64 {
        var encoder = StatusChunkEncoder()
        var previous = referenceTick
        var lastReceivedEnd = cursor
        var lost = 0
        var deltaBytes = 0
        var number = cursor
        while number <= newest {
            let tick = arrivals[slot(of: number)]
            guard tick != Self.absent else {
                lost += 1
                number += 1
                continue
            }
            let delta = tick - previous
            guard delta >= Int64(Int16.min), delta <= Int64(Int16.max) else { break }
            let symbol: StatusSymbol = (0...255).contains(delta) ? .smallDelta : .largeDelta
            // At worst every pending status and a run of losses still cost two chunks each.
            let room = writer.count - start + deltaBytes + symbol.deltaBytes + Self.chunkReserve
            guard room <= Limits.feedbackLength else { break }
            // Losses wait for the arrival behind them, so that a packet never ends with losses.
            for _ in 0..<lost { encoder.add(.lost, to: &writer) }
            encoder.add(symbol, to: &writer)
            lost = 0
            deltaBytes += symbol.deltaBytes
            previous = tick
            number += 1
            lastReceivedEnd = number
        }
        encoder.finish(to: &writer)
        return lastReceivedEnd
    }

    /// Chunks that one arrival and the losses before it can add (at most five), and padding.
    private static let chunkReserve = 2 * 5 + 4

    private func writeDeltas(upTo end: Int64, referenceTick: Int64, to writer: inout ByteWriter) {
        var previous = referenceTick
        var number = cursor
        while number < end {
            let tick = arrivals[slot(of: number)]
            if tick != Self.absent {
                let delta = tick - previous
                if (0...255).contains(delta) {
                    writer.write(UInt8(delta))
                } else {
                    writer.write(UInt16(bitPattern: Int16(truncatingIfNeeded: delta)))
                }
                previous = tick
            }
            number += 1
        }
    }

    private func firstArrival(from number: Int64) -> (number: Int64, tick: Int64)? {
        var number = number
        while number <= newest {
            let tick = arrivals[slot(of: number)]
            if tick != Self.absent { return (number, tick) }
            number += 1
        }
        return nil
    }

    /// Opens the window up to `extended`, forgetting what falls out behind.
    private mutating func advance(to extended: Int64) {
        let skipped = min(extended - newest, Int64(arrivals.count))
        var number = extended - skipped + 1
        while number <= extended {
            arrivals[slot(of: number)] = Self.absent
            number += 1
        }
        newest = extended
        cursor = max(cursor, newest - Int64(arrivals.count) + 1)
    }

    private func slot(of extended: Int64) -> Int { Int(extended & Int64(arrivals.count - 1)) }
}
