/// What a ``CongestionController`` is told at its birth. Rates are in bit/s on the wire, IP and UDP headers included.
public struct CongestionConfiguration: Sendable {
    public var algorithm: CongestionAlgorithm
    /// The rate before the first feedback.
    public var startRate: UInt64
    /// No estimate falls below it; libwebrtc's own floor is 5 kbit/s.
    public var minimumRate: UInt64
    /// No estimate rises above it.
    public var maximumRate: UInt64
    /// Relative share against other flows of the same algorithm at one bottleneck (RFC 8867 section 6.1). GCC
    /// knows no priorities and ignores it.
    public var weight: Double
    /// Whether packets leave with ECT set, so that ``PacketResult/isCE`` means something (RFC 6679).
    public var isECNCapable: Bool
    /// Whether to probe now and then while the allocation's maximum is above the estimate: for sources that use steps
    /// and not rates, as a forwarding server does, whose estimate would not grow by what they send.
    public var probesPeriodically: Bool

    /// Values that contradict each other are put in order: `minimumRate` ≤ `startRate` ≤ `maximumRate`.
    public init(
        algorithm: CongestionAlgorithm = .standard, startRate: UInt64 = 300_000, minimumRate: UInt64 = 5_000,
        maximumRate: UInt64 = 30_000_000, weight: Double = 1, isECNCapable: Bool = false,
        probesPeriodically: Bool = false
    ) {
        self.probesPeriodically = probesPeriodically
        self.algorithm = algorithm
        self.minimumRate = min(max(minimumRate, Limits.minimumRate), Limits.maximumRate)
        self.maximumRate = min(max(maximumRate, self.minimumRate), Limits.maximumRate)
        self.startRate = min(max(startRate, self.minimumRate), self.maximumRate)
        self.weight = weight.isFinite ? min(max(weight, Limits.minimumWeight), Limits.maximumWeight) : 1
        self.isECNCapable = isECNCapable
    }
}
