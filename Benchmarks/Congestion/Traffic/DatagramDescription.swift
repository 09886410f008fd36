/// UDP at a constant rate.
public struct DatagramDescription: Sendable {
    /// Bits per second over time; 0 is silence.
    public var rates: [CapacityStep]
    public var links: [Int]

    public init(rates: [CapacityStep], links: [Int] = [0]) {
        self.rates = rates
        self.links = links
    }

    static let packetBytes: Int32 = 1000

    func rate(at nanoseconds: UInt64) -> UInt64 {
        UInt64(CapacityStep.rate(rates, at: Double(nanoseconds) / 1e9))
    }

    /// When the rate next changes, in nanoseconds.
    func nextChange(after nanoseconds: UInt64) -> UInt64? {
        rates.first { UInt64($0.seconds * 1e9) > nanoseconds }.map { UInt64($0.seconds * 1e9) }
    }
}
