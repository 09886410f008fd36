/// Something that happened in the cluster, for people: what the log says of it, without what only its readers may know.
public struct ClusterEvent: Hashable, Sendable, Codable {
    /// Wall clock in milliseconds since 1970.
    public var time: Int64
    /// `info`, `notice`, `warning`, `error` or `critical`.
    public var level: String
    /// One of the names in README.md, "Events": `succession`, `worker_lost`, …
    public var event: String
    /// What happened, in words.
    public var message: String
    /// Names and numbers: `worker`, `controller`, `milliseconds`, …
    public var details: [String: String]

    public init(time: Int64, level: String, event: String, message: String, details: [String: String]) {
        self.time = time
        self.level = level
        self.event = event
        self.message = message
        self.details = details
    }

    /// Newest first, at most `limit`. Every controller sees workers come and go; what several of them tell within a few
    /// seconds is told once.
    public static func timeline(_ events: [ClusterEvent], limit: Int) -> [ClusterEvent] {
        var result: [ClusterEvent] = []
        for event in events.sorted(by: { $0.time > $1.time }) {
            let isTold = result.reversed().prefix { $0.time - event.time <= sameEvent }.contains { $0.tells(event) }
            if !isTold { result.append(event) }
            if result.count == limit { break }
        }
        return result
    }

    /// Milliseconds.
    private static let sameEvent: Int64 = 3000

    private func tells(_ other: ClusterEvent) -> Bool {
        guard event == other.event, details["worker"] == other.details["worker"] else { return false }
        return details["controller"] != other.details["controller"]
    }
}
