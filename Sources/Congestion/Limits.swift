import Wire

/// Bounds on what this module believes and keeps.
public enum Limits {
    /// bit/s; libwebrtc's `kCongestionControllerMinBitrate`.
    public static let minimumRate: UInt64 = 5_000
    /// bit/s; far above what one peer receives, low enough that no product of it overflows.
    public static let maximumRate: UInt64 = 10_000_000_000
    /// Bounds of ``CongestionConfiguration/weight``.
    public static let minimumWeight = 0.05
    public static let maximumWeight = 20.0
    /// Packets that are remembered until feedback comes: powers of two. Two seconds at the maximum rate, within these.
    static let smallestHistory = 256
    static let largestHistory = 16_384
    /// Feedback on a packet older than this says nothing about the path as it is now.
    static let oldestFeedback = Interval.seconds(10)
    /// A packet whose fate has been told is remembered for so long: another report may say otherwise.
    static let settledFor = Interval.seconds(2)
    /// A round trip above it is a lie or an outage, and counts as this.
    static let longestRoundTrip = Interval.seconds(10)
    /// Bytes of one packet: a UDP datagram with its headers.
    static let packetLength: Int32 = 65_575
}
