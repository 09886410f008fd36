import Wire

/// A time in which a subscriber's stream stood still.
public struct MediaGap: Sendable, Codable, Hashable {
    /// When its last packet before had come: milliseconds since 1970.
    public var at: Double
    /// Until the next one came, or the measurement ended.
    public var milliseconds: Double
    /// The subscriber, from 0 in the order of joins.
    public var subscriber: Int
    public var kind: String
    /// No packet came any more.
    public var isOpen: Bool
}

/// Finds the gaps of one stream.
struct GapWatch: Sendable {
    /// Arrival of the newest packet; 0 before the first.
    private var last: UInt64 = 0

    /// - Returns: when the packet before came, where that is longer ago than `threshold`.
    mutating func note(_ arrival: UInt64, threshold: Interval) -> UInt64? {
        defer { last = max(last, arrival) }
        return last > 0 && arrival > last &+ UInt64(threshold.nanoseconds) ? last : nil
    }

    /// The same at the end, where nothing came.
    func isSilent(at end: UInt64, threshold: Interval) -> UInt64? {
        last > 0 && end > last &+ UInt64(threshold.nanoseconds) ? last : nil
    }
}
