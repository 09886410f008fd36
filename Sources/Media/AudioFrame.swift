public import Wire

/// Decoded sound: 48 kHz, 16 bits, channels interleaved.
public struct AudioFrame: Equatable, Sendable {
    /// Of the first sample.
    public var pts: Interval
    /// 1 or 2.
    public var channels: Int
    /// A whole number of samples for each channel.
    public var samples: [Int16]

    public static let sampleRate = 48_000

    public init(pts: Interval, channels: Int, samples: [Int16]) {
        precondition(channels > 0 && samples.count % channels == 0, "samples for every channel")
        self.pts = pts
        self.channels = channels
        self.samples = samples
    }

    /// How long it sounds.
    public var duration: Interval {
        .nanoseconds(Int64(samples.count / channels) * 1_000_000_000 / Int64(Self.sampleRate))
    }
}
