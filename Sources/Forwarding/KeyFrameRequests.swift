import Wire

/// When to ask one video stream's sender for a key frame: at once the first time, requests of many
/// subscribers as one, not more often than ``Limits/keyFrameInterval``, again if none comes.
struct KeyFrameRequests: BitwiseCopyable {
    private(set) var isPending = false
    private var lastSent = Instant.origin
    /// When the next request goes out; meaningful while pending.
    private var due = Instant.distantFuture
    private var sent = 0

    var deadline: Instant { isPending ? due : .distantFuture }

    /// A subscriber needs a key frame.
    mutating func request(now: Instant) {
        guard !isPending else { return }
        isPending = true
        sent = 0
        due = lastSent == .origin ? now : max(now, lastSent + Limits.keyFrameInterval)
    }

    /// A key frame started to arrive: everybody who waited has one.
    mutating func keyFrameArrived() { isPending = false }

    /// True when a request is to be sent now; the caller sends it.
    mutating func takeDue(now: Instant) -> Bool {
        guard isPending, now >= due else { return false }
        lastSent = now
        sent += 1
        due = now + Limits.keyFrameRetryInterval
        // After the last retry the next subscriber that needs one starts over.
        if sent > Limits.keyFrameRetries { isPending = false }
        return true
    }
}

/// What keeps one subscriber from making its publisher send key frames all the time, at the others'
/// expense: a burst, then one request in ``Limits/keyFrameCredit``.
struct KeyFrameBudget: BitwiseCopyable {
    private var credit = Limits.keyFrameBurst
    private var earned = Instant.origin

    init() {}

    mutating func take(now: Instant) -> Bool {
        let passed = (now - earned).nanoseconds / Limits.keyFrameCredit.nanoseconds
        if passed > 0 {
            credit = min(Limits.keyFrameBurst, credit + min(passed, Limits.keyFrameBurst))
            earned = earned == .origin || credit == Limits.keyFrameBurst ? now : earned + Limits.keyFrameCredit * passed
        }
        guard credit > 0 else { return false }
        credit -= 1
        return true
    }
}
