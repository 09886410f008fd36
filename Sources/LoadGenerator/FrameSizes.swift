package import Wire

/// The packets of one frame: `larger` of them with `base` + 1 bytes of payload, then the rest with `base`.
package struct FramePlan: Hashable, BitwiseCopyable {
    package var packets: Int
    var base: Int
    var larger = 0

    var byteCount: Int { packets * base + larger }
    func byteCount(of packet: Int) -> Int { packet < larger ? base + 1 : base }

    /// `bytes` in as few packets of at most `limit` as they need, all but for a byte of one size (as libwebrtc's
    /// packetizers split).
    static func splitting(_ bytes: Int, limit: Int) -> FramePlan {
        let packets = max(1, (bytes + limit - 1) / limit)
        return FramePlan(packets: packets, base: bytes / packets, larger: bytes % packets)
    }
}

/// How large one frame of an encoding after the other is. The same seed gives the same sizes.
package struct FrameSizes: Sendable {
    /// Payload bytes of a full packet; with RTP header, extensions and SRTP tag about 1250.
    static let fullPacket = 1_200
    static let audioPacket = 120
    /// Bytes of the smallest video packet: room for both headers.
    static let smallestPacket = 64

    private let pattern: VideoPattern
    private let encoding: Int
    private let keyFrameInterval: Int
    private var random: SeededRandom
    private var frame = 0
    /// Where the sizes of delta frames have drifted to, around 0.
    private var drift = 0.0

    /// `keyFrameInterval` in frames.
    package init(_ pattern: VideoPattern, encoding: Int, framesPerSecond: Int, random: SeededRandom) {
        self.pattern = pattern
        self.encoding = encoding
        keyFrameInterval = max(1, framesPerSecond * (pattern == .real ? 2 : 10))
        self.random = random
    }

    /// The next frame: a key frame when it is the first, when it is time for one, or when one was asked for.
    mutating func next(isKeyFrameWanted: Bool) -> (isKeyFrame: Bool, plan: FramePlan) {
        let isKeyFrame = isKeyFrameWanted || frame % keyFrameInterval == 0
        // A key frame that was asked for starts the interval anew.
        frame = isKeyFrame ? 1 : frame + 1
        switch pattern {
        case .uniform: return (isKeyFrame, FramePlan(packets: 5, base: Self.fullPacket))
        case .light: return (isKeyFrame, FramePlan(packets: 1, base: Self.fullPacket))
        case .simulcast:
            let plans = [
                FramePlan(packets: 1, base: 600), FramePlan(packets: 2, base: 1_100),
                FramePlan(packets: 6, base: Self.fullPacket),
            ]
            return (isKeyFrame, plans[min(encoding, plans.count - 1)])
        case .real: return (isKeyFrame, realFrame(isKeyFrame))
        }
    }

    /// Sizes as a VP8 encoder at about 1.5 Mbit/s makes them: what it spends on one delta frame resembles what it spent
    /// on the one before (first-order autoregression of the logarithm), within 2 to 8 packets.
    private mutating func realFrame(_ isKeyFrame: Bool) -> FramePlan {
        guard !isKeyFrame else {
            return .splitting(Self.fullPacket * 40 - Int(random.next() % 1_200), limit: Self.fullPacket)
        }
        // Twelve uniform numbers make a good enough normal one.
        var normal = -6.0
        for _ in 0..<12 { normal += Double(random.next() >> 11) / Double(1 << 53) }
        drift = 0.7 * drift + 0.3 * normal
        let size = 4.2 * Double(Self.fullPacket) * (1 + drift + drift * drift / 2 + drift * drift * drift / 6)
        let smallest = Self.fullPacket + Self.smallestPacket
        return .splitting(min(max(Int(size), smallest), 8 * Self.fullPacket), limit: Self.fullPacket)
    }
}
