import STUN
import Wire

/// Consent to send on the selected tuple (RFC 7675 section 5.1): what is asked and what was answered.
struct Consent: Sendable {
    struct Outstanding: Sendable {
        var id: TransactionID
        var tuple: Tuple
        var sent: Instant
        /// One of the regular ones; the others probe a path under suspicion.
        var isRegular: Bool
    }

    /// Unanswered since the last answer, oldest first.
    private(set) var outstanding: [Outstanding] = []
    /// When the peer last agreed; a lite agent counts its authenticated requests.
    private(set) var lastAnswer = Instant.distantFuture
    /// When the next regular check is due; never while nothing is selected.
    private(set) var nextRegular = Instant.distantFuture

    /// When the last check left, answered or not.
    private(set) var lastSent = Instant.origin

    var isRunning: Bool { lastAnswer != .distantFuture }
    var unanswered: Int { outstanding.count }
    var unansweredRegular: Int { outstanding.reduce(0) { $0 + ($1.isRegular ? 1 : 0) } }
    var oldestUnanswered: Instant? { outstanding.first?.sent }
    var newestUnanswered: Instant { outstanding.last?.sent ?? .origin }
    var newestRegular: Instant? { outstanding.last { $0.isRegular }?.sent }
    var expiry: Instant { lastAnswer + Limits.consentExpiry }

    /// A check or nomination has just succeeded: that is consent too.
    mutating func start(_ now: Instant, random: inout SeededRandom, isLite: Bool) {
        outstanding = []
        lastAnswer = now
        nextRegular = isLite ? .distantFuture : now + Self.interval(&random)
    }

    /// Goes on from a consent that another agent had: the next check is due when it would have been for that one, or
    /// soon where that is past, spread for many peers. Otherwise one agent after another would let consent run out,
    /// each ending before its first check.
    mutating func resume(from answer: Instant, _ now: Instant, random: inout SeededRandom) {
        outstanding = []
        lastAnswer = answer
        guard nextRegular != .distantFuture else { return }
        let spread = Int64.random(in: 0...Limits.resumptionSpread.nanoseconds, using: &random)
        nextRegular = max(now + Interval(nanoseconds: spread), answer + Self.interval(&random))
    }

    mutating func refresh(_ now: Instant) {
        outstanding = []
        lastAnswer = now
    }

    mutating func sent(_ check: Outstanding, random: inout SeededRandom) {
        if outstanding.count >= Limits.outstandingConsentChecks { outstanding.removeFirst() }
        outstanding.append(check)
        lastSent = check.sent
        if check.isRegular { nextRegular = check.sent + Self.interval(&random) }
    }

    func expects(_ id: TransactionID, on tuple: Tuple) -> Bool {
        outstanding.contains { $0.id == id && $0.tuple == tuple }
    }

    /// When the answered check was sent; earlier ones no longer matter.
    mutating func answer(_ id: TransactionID, _ now: Instant) -> Instant? {
        guard let index = outstanding.firstIndex(where: { $0.id == id }) else { return nil }
        let sent = outstanding[index].sent
        outstanding.removeFirst(index + 1)
        lastAnswer = now
        return sent
    }

    /// 5 s × 0.8 to 1.2, so that checks of many peers do not march in step.
    private static func interval(_ random: inout SeededRandom) -> Interval {
        let base = Limits.consentInterval.nanoseconds
        let spread = Int64.random(in: 0...(base * 4 / 10), using: &random)
        return Interval(nanoseconds: base * 8 / 10 + spread)
    }
}
