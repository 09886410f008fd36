import Wire

/// Groups packets by departure and compares the spacing of groups at both ends (libwebrtc `inter_arrival_delta.cc`).
struct InterArrival: Sendable, BitwiseCopyable {
    /// How much later or earlier one group came than the one before, against how it left; in ms.
    struct Delta: Sendable, BitwiseCopyable {
        var send: Double
        var arrival: Double
    }

    /// Packets that leave within this time of a group's first belong to it.
    static let groupLength = Interval.milliseconds(5)
    /// Packets that a queue let out together come at most so far apart, for at most so long.
    private static let burstGap = Interval.milliseconds(5).nanoseconds
    private static let longestBurst = Interval.milliseconds(100).nanoseconds
    /// The receiver's clock runs ahead of ours by so much: it was set.
    private static let clockJump = Interval.seconds(3).nanoseconds
    private static let reorderedBeforeReset = 3

    private struct Group: Sendable, BitwiseCopyable {
        var firstSend: Instant
        var lastSend: Instant
        var firstArrival: Int64
        var completed: Int64
        var feedback: Instant
    }

    private var current: Group?
    private var previous: Group?
    private var reordered = 0

    /// Takes one packet in order of arrival; a delta when it opened a new group and two older ones are complete.
    mutating func add(sent: Instant, arrival: Int64, now: Instant) -> Delta? {
        guard var group = current else {
            current = Group(firstSend: sent, lastSend: sent, firstArrival: arrival, completed: arrival, feedback: now)
            return nil
        }
        // It belongs to a group that is closed.
        guard sent >= group.firstSend else { return nil }
        var delta: Delta?
        if opensGroup(after: group, sent: sent, arrival: arrival) {
            if let previous {
                let arrivalDelta = group.completed - previous.completed
                if arrivalDelta - (group.feedback - previous.feedback).nanoseconds >= Self.clockJump {
                    self = InterArrival()
                    return nil
                }
                if arrivalDelta < 0 {
                    reordered += 1
                    if reordered >= Self.reorderedBeforeReset { self = InterArrival() }
                    return nil
                }
                reordered = 0
                delta = Delta(
                    send: (group.lastSend - previous.lastSend).seconds * 1_000, arrival: Double(arrivalDelta) / 1e6)
            }
            previous = group
            group = Group(firstSend: sent, lastSend: sent, firstArrival: arrival, completed: arrival, feedback: now)
        }
        group.lastSend = max(group.lastSend, sent)
        group.completed = arrival
        group.feedback = now
        current = group
        return delta
    }

    private func opensGroup(after group: Group, sent: Instant, arrival: Int64) -> Bool {
        let sendDelta = (sent - group.lastSend).nanoseconds
        let arrivalDelta = arrival - group.completed
        if sendDelta == 0 { return false }
        if arrivalDelta - sendDelta < 0, arrivalDelta <= Self.burstGap,
            arrival - group.firstArrival < Self.longestBurst
        {
            return false
        }
        return sent - group.firstSend > Self.groupLength
    }
}
