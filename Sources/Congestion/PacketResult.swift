/// What feedback says of one packet, on the receiver's clock.
public struct PacketResult: Sendable, BitwiseCopyable {
    /// The value of ``arrival`` for a packet that has not come.
    public static let lost = Int64.min

    /// The extended transport-wide sequence number.
    public var sequence: Int64
    /// Nanoseconds on the receiver's clock, whose origin nobody knows; ``lost`` for a packet that has not come.
    public var arrival: Int64
    /// The packet came with ECN congestion experienced (RFC 3168, RFC 8888).
    public var isCE: Bool

    public init(sequence: Int64, arrival: Int64, isCE: Bool = false) {
        self.sequence = sequence
        self.arrival = arrival
        self.isCE = isCE
    }

    /// A packet that the receiver misses.
    public static func missing(_ sequence: Int64) -> PacketResult {
        PacketResult(sequence: sequence, arrival: lost)
    }

    /// Whether the packet came.
    public var isReceived: Bool { arrival != Self.lost }
}
