public import Wire

/// What a controller has heard from workers directly. Datagrams are hostile until their tag was looked at; who has no
/// key takes no room here.
public struct HeartbeatLedger: Sendable {
    private struct Sender: Hashable, Comparable {
        var worker: WorkerID
        var incarnation: String

        static func < (left: Sender, right: Sender) -> Bool {
            (left.worker, left.incarnation) < (right.worker, right.incarnation)
        }
    }

    private let key: HeartbeatKey
    private var heard: [Sender: (sequence: UInt64, at: Instant)] = [:]
    public private(set) var counts = HeartbeatCounts()

    public init(key: HeartbeatKey) { self.key = key }

    /// Takes in one datagram.
    public mutating func receive(_ datagram: RawSpan, now: Instant) -> Result<DirectHeartbeat, HeartbeatDrop> {
        let result = judge(datagram)
        switch result {
        case .success(let heartbeat):
            let sender = Sender(worker: heartbeat.worker, incarnation: heartbeat.incarnation)
            if heard[sender] == nil { makeRoom() }
            heard[sender] = (heartbeat.sequence, now)
            counts.heard += 1
        case .failure(let drop): counts.dropped[drop.rawValue, default: 0] += 1
        }
        return result
    }

    private func judge(_ datagram: RawSpan) -> Result<DirectHeartbeat, HeartbeatDrop> {
        let result = DirectHeartbeat.parse(datagram)
        guard case .success(let heartbeat) = result else { return result }
        // Ahead of the tag: a worker sends to each address of a controller, and all copies but one end here.
        let last = heard[Sender(worker: heartbeat.worker, incarnation: heartbeat.incarnation)]?.sequence
        if let last, heartbeat.sequence <= last { return .failure(.repeated) }
        return key.covers(datagram) ? result : .failure(.forged)
    }

    /// Former incarnations stay, so that nothing of theirs can be said again, as long as there is room.
    private mutating func makeRoom() {
        guard heard.count >= Limits.heartbeatSenders else { return }
        let oldest = heard.min { ($0.value.at, $0.key) < ($1.value.at, $1.key) }
        if let oldest { heard[oldest.key] = nil }
    }

    /// Who was heard at this instant or later, in the order of the names, and when last.
    public func heard(since instant: Instant) -> [(worker: WorkerID, incarnation: String, at: Instant)] {
        heard.lazy.filter { $0.value.at >= instant }.sorted { $0.key < $1.key }
            .map { ($0.key.worker, $0.key.incarnation, $0.value.at) }
    }
}

/// Datagrams at the port for heartbeats, since the controller's start.
public struct HeartbeatCounts: Hashable, Sendable, Codable {
    /// Good ones.
    public var heard: UInt64 = 0
    /// The others, by ``HeartbeatDrop``.
    public var dropped: [String: UInt64] = [:]

    public init() {}
}
