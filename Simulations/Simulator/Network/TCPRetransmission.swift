import Wire

/// When a segment is sent again (RFC 6298).
struct TCPRetransmission: Sendable {
    /// Deviation: section 2.4 has one second for the least. 200 ms are what Linux waits.
    static let leastTimeout = Interval.milliseconds(200)
    static let mostTimeout = Interval.seconds(60)
    static let granularity = Interval.milliseconds(1)

    private(set) var timeout = Interval.seconds(1)
    private(set) var deadline: Instant?
    /// Since when nothing was acknowledged.
    private(set) var since = Instant.origin
    var hasRepeatedHandshake = false
    private var smoothed: Interval?
    private var variation = Interval.zero
    private var timed: (sequence: UInt32, sent: Instant)?

    mutating func start(now: Instant) {
        since = now
        deadline = now + timeout
    }

    mutating func startIfStopped(now: Instant) {
        if deadline == nil { start(now: now) }
    }

    mutating func stop() { deadline = nil }

    /// Measures how long the acknowledgement of a sequence number takes; one at a time.
    mutating func time(upTo sequence: UInt32, now: Instant) {
        if timed == nil { timed = (sequence, now) }
    }

    /// What is sent again says nothing about time (Karn's rule).
    mutating func forgetTime() { timed = nil }

    mutating func backOff(now: Instant) {
        forgetTime()
        timeout = min(timeout * 2, Self.mostTimeout)
        deadline = now + timeout
    }

    /// The peer acknowledges everything before a number for the first time.
    ///
    /// Deviation: that ends a backoff, as in Linux; section 5 would keep it until new data is measured. A line that
    /// loses much would be left idle for minutes.
    mutating func acknowledged(_ number: UInt32, now: Instant) {
        if let smoothed { timeout = estimate(smoothed) }
        guard let timed, !number.precedes(timed.sequence) else { return }
        measured(now - timed.sent)
        self.timed = nil
    }

    /// Section 5.7: a handshake that was sent again leaves no measure.
    mutating func handshakeIsOver() {
        if hasRepeatedHandshake, smoothed == nil { timeout = .seconds(3) }
    }

    private mutating func measured(_ time: Interval) {
        let updated: Interval
        if let before = smoothed {
            let error = before > time ? before - time : time - before
            variation = Interval(nanoseconds: (variation.nanoseconds * 3 + error.nanoseconds) / 4)
            updated = Interval(nanoseconds: (before.nanoseconds * 7 + time.nanoseconds) / 8)
        } else {
            updated = time
            variation = time / 2
        }
        smoothed = updated
        timeout = estimate(updated)
    }

    private func estimate(_ smoothed: Interval) -> Interval {
        min(max(smoothed + max(variation * 4, Self.granularity), Self.leastTimeout), Self.mostTimeout)
    }
}

/// How much may be in flight (RFC 5681 with the fast recovery of RFC 6582), in bytes.
struct TCPCongestion: Sendable {
    /// RFC 6928: ten segments to begin with.
    private(set) var window = 10 * TCPConnection.maximumSegment
    private var threshold = Int.max
    private var repeated = 0
    /// The farthest that was sent when the last loss was found; until it is acknowledged no other is counted.
    private var recovery: UInt32?
    private(set) var isRecovering = false

    /// Acknowledges `bytes` more; returns whether the next segment is missing too and is to be sent again.
    mutating func acknowledged(_ bytes: Int, upTo number: UInt32, segment: Int) -> Bool {
        repeated = 0
        if let recovery, number.precedes(recovery) {
            guard isRecovering else {
                grow(bytes, segment: segment)
                return false
            }
            // A partial acknowledgement.
            window = max(window - bytes + segment, segment)
            return true
        }
        recovery = nil
        if isRecovering {
            isRecovering = false
            window = threshold
        } else {
            grow(bytes, segment: segment)
        }
        return false
    }

    private mutating func grow(_ bytes: Int, segment: Int) {
        let growth = window < threshold ? min(bytes, segment) : max(segment * segment / window, 1)
        window = min(window + growth, 1 << 24)
    }

    /// The same acknowledgement once more; returns whether the segment that it asks for is to be sent again.
    mutating func repeatedAcknowledgement(inFlight: Int, farthest: UInt32, segment: Int) -> Bool {
        repeated += 1
        if isRecovering {
            window = min(window + segment, 1 << 24)
            return false
        }
        guard repeated == 3, recovery == nil else { return false }
        recovery = farthest
        isRecovering = true
        threshold = max(inFlight / 2, 2 * segment)
        window = threshold + 3 * segment
        return true
    }

    mutating func timedOut(inFlight: Int, farthest: UInt32, segment: Int) {
        threshold = max(inFlight / 2, 2 * segment)
        window = segment
        recovery = farthest
        isRecovering = false
        repeated = 0
    }
}
