import Simulator

/// What one run gave in one window.
public struct WindowResult: Sendable, Hashable {
    /// Bits that arrived, of media and TCP, as a share of what the link can carry.
    public var utilisation: Double
    /// Bits per second.
    public var mediaRate, crossRate: Double
    /// Queueing delay of media packets in milliseconds, the time of sending included.
    public var median, percentile95: Double
    /// Jain's index over the flows that had begun.
    public var fairness: Double
    /// Bits per second of each flow.
    public var flowRates: [Double]
    /// Share of packets.
    public var loss: Double
    /// Falls a minute: see the README.
    public var oscillation: Double
}

/// What one run gave for one call as a whole.
public struct FlowResult: Sendable, Hashable {
    /// Share of packets, before repair and after it.
    public var loss, residualLoss: Double
    public var freezesPerMinute: Double
    /// Share of the time.
    public var frozenShare: Double
    public var framesPerSecond: Double
    /// Lines of the picture, as a mean over frames.
    public var height: Double
}

/// Values over time, for plots.
public struct RunSeries: Sendable {
    public var binSeconds: Double
    /// Bits per second.
    public var capacity: [Double]
    public var rates: [[Double]]
    public var targets: [[Double]]
    public var cross: [Double]
    /// The longest queueing delay of each bin in milliseconds.
    public var delays: [[Double]]
    /// Packets.
    public var losses: [[Double]]
}

/// What one run gave.
public struct RunResult: Sendable {
    public var seed: UInt64
    public var windows: [WindowResult]
    /// Seconds after each change; nil where it was not reached.
    public var changes: [Double?]
    public var flows: [FlowResult]
    /// The largest ratio between equal flows in windows of 1, 5 and 20 s.
    public var ratios: [Double]
    public var series: RunSeries?

    /// A fingerprint of every figure: equal runs have equal ones.
    public var fingerprint: UInt64 {
        var hash = FNV1a()
        for window in windows {
            for value in [
                window.utilisation, window.mediaRate, window.crossRate, window.median, window.percentile95,
                window.fairness, window.loss, window.oscillation,
            ] + window.flowRates {
                hash.add(value.bitPattern)
            }
        }
        for change in changes { hash.add((change ?? -1).bitPattern) }
        for flow in flows {
            for value in [flow.loss, flow.residualLoss, flow.frozenShare, flow.framesPerSecond, flow.height] {
                hash.add(value.bitPattern)
            }
        }
        for ratio in ratios { hash.add(ratio.bitPattern) }
        return hash.value
    }
}

/// Counts delays in steps of a quarter of a millisecond.
struct DelayHistogram: Sendable {
    private var bins = [UInt32](repeating: 0, count: Self.count)
    private var total: UInt64 = 0
    private static let perMillisecond = 4.0
    private static let count = 10_000

    mutating func add(milliseconds: Double) {
        bins[min(Int(milliseconds * Self.perMillisecond), Self.count - 1)] += 1
        total += 1
    }

    /// In milliseconds; 0 of nothing.
    func quantile(_ share: Double) -> Double {
        let rank = UInt64(Double(total) * share)
        var seen: UInt64 = 0
        for (bin, count) in bins.enumerated() {
            seen += UInt64(count)
            if seen > rank { return (Double(bin) + 0.5) / Self.perMillisecond }
        }
        return 0
    }
}
