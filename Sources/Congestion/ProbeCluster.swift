public import Wire

/// A short train of packets at a rate above the estimate, to see whether the path carries it.
public struct ProbeCluster: Sendable, Equatable, BitwiseCopyable {
    /// From 1; what ``SentPacket/probeCluster`` says of each of its packets.
    public var id: Int32
    /// bit/s.
    public var rate: UInt64
    /// The train is over when it has at least so many bytes and packets.
    public var minimumBytes: Int
    public var minimumPackets: Int
    /// The least time between two packets (libwebrtc: 2 ms): larger steps send several at once.
    public var spacing: Interval
}
