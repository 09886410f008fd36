import Wire

/// Whether the sender of a simulcast encoding is to send it: on as soon as somebody wants it, off when nobody has for
/// ``Limits/switchOffAfter``. What a sender makes of it is its own affair.
struct EncodingSwitch: BitwiseCopyable {
    private(set) var isOn = true
    /// Since when it comes though nobody wants it; `origin` while that is not so.
    private var unwantedSince = Instant.origin
    private var switchedOn = Instant.origin

    /// - Parameter isSent: its packets come. One that does not come needs no switch, and what it would take and how
    ///   large it is has to be learned before it may go.
    /// - Returns: when to look again.
    mutating func follow(isWanted: Bool, isSent: Bool, now: Instant) -> Instant {
        guard !isWanted else {
            if !isOn { switchedOn = now }
            isOn = true
            unwantedSince = .origin
            return .distantFuture
        }
        guard isOn, isSent else {
            unwantedSince = .origin
            return .distantFuture
        }
        if unwantedSince == .origin { unwantedSince = now }
        let due = unwantedSince + Limits.switchOffAfter
        guard now >= due else { return due }
        isOn = false
        unwantedSince = .origin
        return .distantFuture
    }

    /// It does not come because it is switched off or has only just been switched on, and not because its sender
    /// cannot send it.
    func isAwaited(now: Instant) -> Bool {
        !isOn || switchedOn != .origin && now - switchedOn < Limits.switchOnTime
    }
}
