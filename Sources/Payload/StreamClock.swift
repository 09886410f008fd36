public import RTP
public import Wire

/// When the frames of one RTP stream were captured, on the receiver's clock.
///
/// Sender reports say which RTP timestamp belongs to which time of the source (RFC 3550 section 6.4.1). What that time
/// is here, the fastest packets of all streams of the source tell (``LipSync``): what they took is taken for nothing,
/// so capture times are late by the path's shortest delay, and all by the same. Until there is a report, the stream's
/// own fastest packets tell.
///
/// Answers never go backwards, and errors that are found out are taken back slowly: neither reports, which are off by
/// milliseconds, nor a sender's clock that runs at another speed make sound jump (``Limits/soundSlew``). Pictures are
/// hastened or held back more (``Limits/pictureSlew``), so that they are soon where they belong.
public struct StreamClock: Sendable {
    public let kind: MediaKind
    /// RTP clock in Hz.
    public let clockRate: UInt32
    /// Arrival less media time, in nanoseconds.
    private(set) var arrivals = DelayFloor()
    /// Time of the source less media time, in nanoseconds; nil before the first report.
    private(set) var sourceOffset: Int64?
    /// What other timestamps are near to.
    private var newest: Int64?
    /// One that came before the first packet.
    private var earlyReport: SenderReport?
    /// The newest answer, in nanoseconds.
    private var last: (timestamp: Int64, capture: Int64)?

    public init(_ kind: MediaKind, clockRate: UInt32) {
        self.kind = kind
        self.clockRate = clockRate
    }

    /// Sender reports have told when the stream was captured.
    public var isSynchronized: Bool { sourceOffset != nil }

    /// A packet or frame of this (extended) timestamp has come.
    public mutating func arrived(_ timestamp: Int64, now: Instant) {
        let transit = MediaTime.nanoseconds(now) &- media(timestamp)
        if let minimum = arrivals.minimum, !Self.isNear(transit, minimum) {
            // Another time line: nothing that was learnt holds.
            arrivals = DelayFloor()
            sourceOffset = nil
            newest = nil
        }
        arrivals.observe(transit, now: now)
        newest = max(newest ?? timestamp, timestamp)
        guard let report = earlyReport else { return }
        earlyReport = nil
        receive(report, now: now)
    }

    /// Takes a report of the stream's sender.
    ///
    /// Reports without a time (NTP 0) and such that contradict the packets by more than ``Limits/timestampJump`` are
    /// ignored. Returns by how much the source's clock was set against the stream's, when that is too much to be noise.
    @discardableResult
    public mutating func receive(_ report: SenderReport, now: Instant) -> Interval? {
        guard report.ntp.rawValue != 0 else { return nil }
        guard let newest, let minimum = arrivals.minimum else {
            earlyReport = report
            return nil
        }
        // In silence the report's timestamp is far from the newest packet's, but not from where the clock is by now.
        let elapsed = MediaTime.nanoseconds(now) &- minimum &- media(newest)
        let expected = newest &+ MediaTime.ticks(nanoseconds: elapsed, rate: clockRate)
        let step = Int32(bitPattern: report.rtpTimestamp &- UInt32(truncatingIfNeeded: expected))
        let timestamp = expected &+ Int64(step)
        guard Self.isNear(MediaTime.nanoseconds(now) &- media(timestamp), minimum) else { return nil }
        let sample = report.ntp.nanoseconds &- media(timestamp)
        guard let offset = sourceOffset else {
            sourceOffset = sample
            return nil
        }
        let difference = Interval.nanoseconds(sample &- offset)
        guard difference.nanoseconds.magnitude < Limits.clockStep.nanoseconds.magnitude else {
            sourceOffset = sample
            return difference
        }
        // A quarter: one report's noise counts little, and with a report in five seconds a drift of 100 ppm lags by 2
        // ms.
        sourceOffset = offset &+ difference.nanoseconds / 4
        return nil
    }

    /// The source's clock was set, as another stream's report says.
    mutating func shift(by step: Interval) { sourceOffset = sourceOffset.map { $0 &+ step.nanoseconds } }

    /// Arrival on the receiver's clock less time of the source, of the packet with this timestamp.
    func sourceTransit(_ timestamp: Int64, now: Instant) -> Int64? {
        sourceOffset.map { MediaTime.nanoseconds(now) &- media(timestamp) &- $0 }
    }

    /// Receiver's clock less time of the source, in nanoseconds, of the stream's fastest packets; nil before the first
    /// report.
    var sourceToLocal: Int64? {
        guard let sourceOffset, let minimum = arrivals.minimum else { return nil }
        return minimum &- sourceOffset
    }

    /// When the frame of this (extended) timestamp was captured; nil before anything came.
    ///
    /// Alone, a stream knows of its arrivals only; ``LipSync/captureTime(of:timestamp:)`` knows what the source says.
    public mutating func captureTime(of timestamp: Int64) -> Instant? { captureTime(of: timestamp, sourceToLocal: nil) }

    /// - Parameter sourceToLocal: receiver's clock less time of the source.
    mutating func captureTime(of timestamp: Int64, sourceToLocal: Int64?) -> Instant? {
        guard let minimum = arrivals.minimum else { return nil }
        var offset = minimum
        if let sourceOffset, let sourceToLocal { offset = sourceOffset &+ sourceToLocal }
        return MediaTime.instant(steered(timestamp, towards: media(timestamp) &+ offset))
    }

    /// Goes as the timestamps go, and takes back the difference to `ideal` a little with each step.
    private mutating func steered(_ timestamp: Int64, towards ideal: Int64) -> Int64 {
        guard let previous = last else {
            last = (timestamp, ideal)
            return ideal
        }
        let elapsed = media(timestamp) &- media(previous.timestamp)
        // An older frame, of a sender that reorders: relative to the newest.
        if timestamp <= previous.timestamp, elapsed > -Limits.slewedError.nanoseconds {
            return previous.capture &+ elapsed
        }
        let plain = previous.capture &+ elapsed
        let error = ideal &- plain
        var capture = plain
        if error.magnitude > UInt64(Limits.slewedError.nanoseconds) || elapsed <= 0 {
            // A microsecond, so that containers that count in it see time go on.
            capture = max(ideal, previous.capture &+ 1_000)
        } else {
            let most = elapsed / (kind == .audio ? Limits.soundSlew : Limits.pictureSlew)
            capture = plain &+ min(max(error, -most), most)
        }
        last = (timestamp, capture)
        return capture
    }

    private static func isNear(_ transit: Int64, _ other: Int64) -> Bool {
        (transit &- other).magnitude <= UInt64(Limits.timestampJump.nanoseconds)
    }

    private func media(_ timestamp: Int64) -> Int64 { MediaTime.nanoseconds(ticks: timestamp, rate: clockRate) }
}
