public import Wire

/// Stops media that a path cannot carry at all (RFC 8083): the last resort behind congestion control.
///
/// Fed with report blocks and with what was sent; asked now and then. What to do once it has tripped is the caller's:
/// section 4.5 wants the flow to stop until something changes (a renegotiation, a new path), which ``reset(now:)``
/// tells.
public struct CircuitBreaker: Sendable {
    /// Why media has to stop.
    public enum Cause: UInt8, Sendable, BitwiseCopyable, CaseIterable {
        /// Reports come, but say that nothing new arrives (section 4.2).
        case mediaTimeout
        /// No report comes at all (section 4.1).
        case reportTimeout
        /// We send ten times what TCP would at this loss and round trip (section 4.3).
        case congestion
        /// What arrives is of no use to the application (section 4.4).
        case unusable
    }

    /// Section 4.2, k: reports in a row. Deviation: for three intervals of five seconds, too, as all that is counted in
    /// reports: five of WebRTC's seconds are less than what a path may stand still for.
    private static let mediaTimeoutReports = 5
    /// Section 4.1: three intervals, or three times five seconds if that is longer.
    private static let silentIntervals: Int64 = 3
    private static let leastInterval = Interval.seconds(5)
    /// Section 4.3: above ten times what TCP would send.
    private static let congestionFactor = 10.0
    /// Section 4.3, CB_INTERVAL: the congestion must last for so many reports, fewer when they are far apart.
    private static let mostCongestedReports = 15
    /// Section 4.3: the span that CB_INTERVAL aims at, in seconds: three to five of the longest usual report intervals.
    private static let congestedTime = 15.0
    /// Section 4.4 leaves it to the application: half of all packets lost, for as long as congestion must last.
    private static let unusableLoss = 0.5
    /// TCP retransmits after four round trips (RFC 5348 section 3.1, t_RTO).
    private static let retransmissionRoundTrips = 4.0

    /// The time between two reports that the session's RTCP bandwidth gives.
    public let reportInterval: Interval
    /// Set once it has tripped.
    public private(set) var cause: Cause?
    private var startedAt: Instant
    private var reportAt: Instant?
    private var hasSent = false
    /// The first packet that left after the last report.
    private var waitingSince: Instant?
    /// The first report that told of nothing new.
    private var stuckSince: Instant?
    private var sentSinceReport = 0
    private var bytesSinceReport = 0
    private var highest: UInt32?
    private var stuckReports = 0
    private var congestedReports = 0
    private var unusableReports = 0

    /// - Parameter reportInterval: how often the peer reports, about; 10 ms to a minute.
    public init(reportInterval: Interval = .seconds(1), now: Instant) {
        self.reportInterval = min(max(reportInterval, .milliseconds(10)), .seconds(60))
        startedAt = now
    }

    /// An RTP packet of the flow has left. True when it is the first that no report has followed: ``deadline`` is new.
    @discardableResult
    public mutating func sent(bytes: Int, now: Instant) -> Bool {
        if !hasSent {
            // Silence counts from the first packet on.
            startedAt = max(startedAt, now)
            hasSent = true
        }
        sentSinceReport = min(sentSinceReport + 1, 1_000_000_000)
        bytesSinceReport = min(bytesSinceReport + max(bytes, 0), 1_000_000_000_000)
        guard waitingSince == nil else { return false }
        waitingSince = now
        return true
    }

    /// The peer has sent RTCP: reports do not stay away.
    public mutating func heard() { waitingSince = nil }

    /// A report block on the flow has come.
    ///
    /// - Parameters:
    ///   - highestSequence: the extended highest sequence number received (RFC 3550 section 6.4.1).
    ///   - lossFraction: 0...1 of what was expected since the last report.
    ///   - roundTrip: nil when it is not known; then congestion is not judged.
    public mutating func receiveReport(
        highestSequence: UInt32, lossFraction: Double, roundTrip: Interval?, now: Instant
    ) {
        let loss = lossFraction > 0 ? min(lossFraction, 1) : 0
        let elapsed = max((now - (reportAt ?? startedAt)).seconds, 0)
        heard()
        judgeProgress(highestSequence, now: now)
        reportAt = max(reportAt ?? now, now)
        judgeUse(loss)
        if let roundTrip { judgeCongestion(loss: loss, roundTrip: roundTrip.seconds, elapsed: elapsed) }
        sentSinceReport = 0
        bytesSinceReport = 0
    }

    /// The next report should tell of something that arrived.
    public var hasSentSinceReport: Bool { sentSinceReport > 0 }

    /// Time passes: the reports may have stopped.
    public mutating func advance(to now: Instant) {
        guard waitingSince != nil, cause == nil, now >= deadline else { return }
        cause = .reportTimeout
    }

    /// When ``advance(to:)`` may trip it; `distantFuture` when it cannot.
    public var deadline: Instant {
        guard let waitingSince, cause == nil else { return .distantFuture }
        return waitingSince + timeout
    }

    private var timeout: Interval { max(reportInterval, Self.leastInterval) * Self.silentIntervals }

    /// Media may flow again: the path or the session has changed.
    public mutating func reset(now: Instant) { self = CircuitBreaker(reportInterval: reportInterval, now: now) }

    private mutating func judgeProgress(_ number: UInt32, now: Instant) {
        defer { highest = number }
        // Only reports on a time in which something was sent say that nothing arrived.
        guard let highest, number == highest, sentSinceReport > 0 else {
            stuckReports = 0
            stuckSince = nil
            return
        }
        stuckReports += 1
        // Nothing has come since the report before.
        let since = stuckSince ?? reportAt ?? now
        stuckSince = since
        if stuckReports >= Self.mediaTimeoutReports, now - since >= timeout { trip(.mediaTimeout) }
    }

    private mutating func judgeUse(_ loss: Double) {
        unusableReports = loss > Self.unusableLoss && sentSinceReport > 0 ? unusableReports + 1 : 0
        if unusableReports >= congestedLimit { trip(.unusable) }
    }

    private mutating func judgeCongestion(loss: Double, roundTrip: Double, elapsed: Double) {
        guard loss > 0, sentSinceReport > 0, elapsed > 0 else {
            congestedReports = 0
            return
        }
        let size = Double(bytesSinceReport) / Double(sentSinceReport)
        let rate = Double(bytesSinceReport) / elapsed
        let allowed = Self.throughput(size: size, roundTrip: max(roundTrip, 0.001), loss: loss)
        congestedReports = rate > Self.congestionFactor * allowed ? congestedReports + 1 : 0
        if congestedReports >= congestedLimit { trip(.congestion) }
    }

    /// The reports in a row that are needed: three at least, more when they come often.
    private var congestedLimit: Int {
        min(max(Int((Self.congestedTime / reportInterval.seconds).rounded(.up)), 3), Self.mostCongestedReports)
    }

    private mutating func trip(_ cause: Cause) {
        if self.cause == nil { self.cause = cause }
    }

    /// Bytes per second that TCP would send (RFC 5348 section 3.1, with b = 1).
    static func throughput(size: Double, roundTrip: Double, loss: Double) -> Double {
        let timeout = retransmissionRoundTrips * roundTrip
        let fast = roundTrip * (2 * loss / 3).squareRoot()
        let slow = timeout * 3 * (3 * loss / 8).squareRoot() * loss * (1 + 32 * loss * loss)
        return size / max(fast + slow, 1e-9)
    }
}
