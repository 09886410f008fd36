public import Wire

/// A packet on its way, as told when it leaves the pacer.
public struct SentPacket: Sendable, BitwiseCopyable {
    /// What a packet is for; decides its place in the pacer and whether it counts as media.
    public enum Kind: UInt8, Sendable, CaseIterable, BitwiseCopyable {
        case audio, video, retransmission, padding
    }

    /// The extended transport-wide sequence number: it does not wrap.
    public var sequence: Int64
    public var sentAt: Instant
    /// Bytes on the wire, with all overhead that the path carries (IP and UDP headers too).
    public var size: Int32
    public var kind: Kind
    /// The ``ProbeCluster/id`` that the packet belongs to; 0 for none.
    public var probeCluster: Int32

    public init(sequence: Int64, sentAt: Instant, size: Int32, kind: Kind, probeCluster: Int32 = 0) {
        self.sequence = sequence
        self.sentAt = sentAt
        self.size = size
        self.kind = kind
        self.probeCluster = probeCluster
    }
}
