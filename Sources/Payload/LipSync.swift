public import RTP
public import Wire

/// The clocks of the streams of one source (one CNAME, RFC 3550 section 6.5.1): capture times of picture and sound on
/// one time line, and how long each must wait for the slowest.
///
/// The owner hands over each frame (``place(_:of:)``) or packet (``arrived(_:of:now:)``) and each sender report.
public struct LipSync: Sendable {
    private struct Stream: Sendable {
        let ssrc: UInt32
        var clock: StreamClock
        /// How long its frame buffer holds frames.
        var delay = Interval.zero
    }

    private var streams: [Stream] = []
    private var common = CommonClock()
    /// The newest report: time of the source and of its arrival, in nanoseconds.
    private var lastReport: (source: Interval, arrival: Instant)?

    public init() {}

    /// Adds a stream, or begins it anew. False when there are ``Limits/streamsPerSource`` already.
    @discardableResult
    public mutating func add(_ ssrc: UInt32, _ kind: MediaKind, clockRate: UInt32) -> Bool {
        remove(ssrc)
        guard streams.count < Limits.streamsPerSource else { return false }
        streams.append(Stream(ssrc: ssrc, clock: StreamClock(kind, clockRate: clockRate)))
        return true
    }

    /// The stream has ended.
    public mutating func remove(_ ssrc: UInt32) { streams.removeAll { $0.ssrc == ssrc } }

    /// A packet or frame with this extended timestamp came at `now`. Streams that were not added are ignored.
    public mutating func arrived(_ timestamp: Int64, of ssrc: UInt32, now: Instant) {
        guard let index = index(of: ssrc) else { return }
        streams[index].clock.arrived(timestamp, now: now)
        guard let transit = streams[index].clock.sourceTransit(timestamp, now: now) else { return }
        common.observe(transit, now: now)
    }

    /// A sender report of one of the streams.
    public mutating func receive(_ report: SenderReport, now: Instant) {
        guard let index = index(of: report.ssrc), report.ntp.rawValue != 0 else { return }
        let source = Interval.nanoseconds(report.ntp.nanoseconds)
        defer { lastReport = (source, now) }
        guard let step = streams[index].clock.receive(report, now: now), let lastReport else { return }
        // Was the stream's clock set, or that of the source, which the other streams will say later?
        let unexpected = (source - lastReport.source) - (now - lastReport.arrival)
        let tolerance = max(step.nanoseconds.magnitude / 4, Limits.clockStep.nanoseconds.magnitude / 2)
        if (unexpected - step).nanoseconds.magnitude <= tolerance {
            for other in streams.indices where other != index { streams[other].clock.shift(by: step) }
            common.shift(by: 0 &- step.nanoseconds)
        } else {
            relearn(afterStepOf: index, by: step, now: now)
        }
    }

    /// When the frame with this extended timestamp was captured, on the receiver's clock; nil for an unknown stream and
    /// before anything came of it. Does not go backwards in one stream.
    public mutating func captureTime(of ssrc: UInt32, timestamp: Int64) -> Instant? {
        guard let index = index(of: ssrc) else { return nil }
        return streams[index].clock.captureTime(of: timestamp, sourceToLocal: common.steered)
    }

    /// Notes the frame's arrival and sets its capture time.
    public mutating func place(_ frame: inout EncodedFrame, of ssrc: UInt32) {
        arrived(frame.timestamp, of: ssrc, now: frame.arrival)
        frame.captureTime = captureTime(of: ssrc, timestamp: frame.timestamp)
    }

    /// Says how long a stream's frames are held (``FrameBuffer/delay``).
    public mutating func setDelay(_ delay: Interval, of ssrc: UInt32) {
        guard let index = index(of: ssrc) else { return }
        streams[index].delay = min(max(delay, .zero), Limits.delay)
    }

    /// What the stream's frames must be held beyond its own delay (``FrameBuffer/extraDelay``), so that it is shown or
    /// heard together with the slowest one of the source. Zero as long as its reports are missing.
    public func extraDelay(of ssrc: UInt32) -> Interval {
        guard let index = index(of: ssrc), let own = lag(of: streams[index]) else { return .zero }
        let slowest = streams.compactMap { lag(of: $0) }.max() ?? own
        return min(slowest - own, Limits.delay)
    }

    /// From capture to being shown, beyond what the fastest stream's packets take; nil without reports.
    private func lag(of stream: Stream) -> Interval? {
        guard let offset = stream.clock.sourceOffset, let arrivals = stream.clock.arrivals.minimum,
            let common = common.floor.minimum
        else { return nil }
        return .nanoseconds(arrivals &- offset &- common) + stream.delay
    }

    /// What was seen by a stream's old reports leaves no trace: a camera with a queue, that reports when it sent, would
    /// seem to have had the fastest packets of all.
    private mutating func relearn(afterStepOf index: Int, by step: Interval, now: Instant) {
        common.floor = DelayFloor()
        for stream in streams {
            guard let transit = stream.clock.sourceToLocal else { continue }
            common.floor.observe(transit, now: now)
        }
        // Others stay where they are; one that is alone has moved against nothing.
        let isAlone = streams.indices.allSatisfy { $0 == index || !streams[$0].clock.isSynchronized }
        if isAlone { common.steered? &-= step.nanoseconds }
    }

    private func index(of ssrc: UInt32) -> Int? { streams.firstIndex { $0.ssrc == ssrc } }
}

/// Receiver's clock less time of the source, in nanoseconds.
private struct CommonClock: Sendable {
    /// Of the fastest packets of all streams.
    var floor = DelayFloor()
    /// The same for capture times: it follows as sound may, and so all streams together.
    var steered: Int64?
    private var last = Instant.origin

    mutating func observe(_ transit: Int64, now: Instant) {
        floor.observe(transit, now: now)
        defer { last = max(last, now) }
        guard let minimum = floor.minimum else { return }
        guard let steered, (minimum &- steered).magnitude <= UInt64(Limits.slewedError.nanoseconds) else {
            return self.steered = minimum
        }
        let most = max(now - last, .zero).nanoseconds / Limits.soundSlew
        self.steered = steered &+ min(max(minimum &- steered, -most), most)
    }

    /// The source's clock was set.
    mutating func shift(by nanoseconds: Int64) {
        floor.shift(by: nanoseconds)
        steered? &+= nanoseconds
    }
}
