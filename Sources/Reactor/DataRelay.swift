import SCTP
import Wire

/// What a peer's data channels have to do with other peers'. A peer's data have one source, like its media.
struct DataRelay {
    /// A message that the peer's association had no room for.
    struct Waiting {
        var message: ChannelMessage
        var channel: UInt16
    }

    /// Whose messages the peer gets.
    var source: Int32?
    /// Who gets the peer's, in the order in which they were connected.
    var sinks: [Int32] = []
    /// In the order in which they came.
    var backlog: [Waiting] = []
    private(set) var backlogBytes = 0
    /// When the backlog began, or last grew shorter.
    private(set) var progressed = Instant.origin
    /// What its own association holds back for its sinks.
    var held = 0
    /// Channels that were asked for here, by the name that tells a repeated request.
    var names: [String: UInt16] = [:]

    mutating func append(_ waiting: Waiting, now: Instant) {
        if backlog.isEmpty { progressed = now }
        backlog.append(waiting)
        backlogBytes += waiting.cost
    }

    mutating func removeFirst(_ count: Int, now: Instant) {
        guard count > 0 else { return }
        for waiting in backlog.prefix(count) { backlogBytes -= waiting.cost }
        backlog.removeFirst(count)
        progressed = now
    }

    mutating func removeBacklog() {
        backlog = []
        backlogBytes = 0
    }
}

extension DataRelay.Waiting {
    /// Of the bound: also an empty message takes room.
    var cost: Int { message.bytes.count + 64 }
}
