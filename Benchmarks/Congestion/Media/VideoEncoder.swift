import Wire

/// What a flow's encoder does, after the statistical model of RFC 8593 section 4: it follows its target late, and its
/// frames scatter around what the target gives each of them.
public struct EncoderDescription: Sendable {
    /// Bits per second of payload (RFC 8867 section 4.3).
    public var minimumRate: UInt64 = 150_000
    public var maximumRate: UInt64 = 1_500_000
    /// Seconds from a new target to the first frame that keeps it.
    public var lag = 0.1
    /// Standard deviation of a frame's size, as a share of it.
    public var scatter = 0.1
    /// How many times as large as the others a key frame is; only receivers that cannot go on ask for one.
    public var keyFrameFactor = 4.0

    public init() {}
}

struct VideoEncoder: Sendable {
    private let description: EncoderDescription
    private var gaussian: Gaussian
    /// The targets of the last frames, newest first, as many as the lag lasts at the full frame rate.
    private var targets: [UInt64]
    /// Bytes that a key frame took and the following frames save.
    private var debt = 0.0
    private var wantsKeyFrame = false

    init(_ description: EncoderDescription, random: SeededRandom) {
        self.description = description
        gaussian = Gaussian(random)
        let frames = max(1, Int((description.lag * Self.fullFrameRate).rounded()) + 1)
        targets = Array(repeating: description.minimumRate, count: frames)
    }

    static let fullFrameRate = 30.0
    /// Below this payload rate a frame gets too small to be worth sending thirty times a second.
    private static let slowRate: UInt64 = 100_000

    /// The payload rate of the next frame, in bit/s.
    var rate: UInt64 { targets[targets.count - 1] }

    /// Frames per second (RFC 8867 section 4.3: 10 to 30).
    var frameRate: Double { rate < Self.slowRate ? 10 : Self.fullFrameRate }

    /// Lines of the picture that the rate is good for; bounds as libwebrtc's table for simulcast layers has them.
    var height: Int { rate < 150_000 ? 180 : rate < 350_000 ? 360 : rate < 600_000 ? 540 : 720 }

    mutating func requestKeyFrame() { wantsKeyFrame = true }

    /// Forgets a pause: it goes on at its least rate.
    mutating func restart() {
        for index in targets.indices { targets[index] = description.minimumRate }
    }

    /// Encodes a frame.
    /// - Parameter target: payload bits per second that it should follow from now on.
    mutating func encode(target: UInt64) -> (bytes: Int, isKey: Bool) {
        for index in targets.indices.dropFirst().reversed() { targets[index] = targets[index - 1] }
        targets[0] = min(max(target, description.minimumRate), description.maximumRate)
        let isKey = wantsKeyFrame
        wantsKeyFrame = false
        return (shape(Double(rate) / frameRate / 8, isKey: isKey), isKey)
    }

    /// Scatter, and the weight of key frames; bytes.
    private mutating func shape(_ mean: Double, isKey: Bool) -> Int {
        var bytes = mean * (1 + description.scatter * gaussian.next(within: 3))
        if isKey {
            debt += bytes * (description.keyFrameFactor - 1)
            bytes *= description.keyFrameFactor
        } else if debt > 0 {
            let saved = min(debt, bytes * 0.2)
            debt -= saved
            bytes -= saved
        }
        return max(1, Int(bytes))
    }

    /// A frame of a fixed rate, as a media server forwards it.
    mutating func forward(rate: UInt64, framesPerSecond: Double, isKey: Bool) -> Int {
        shape(Double(rate) / framesPerSecond / 8, isKey: isKey)
    }

    /// The payload rate that fits into `wireRate` bit/s with the headers of each packet.
    func payloadRate(wireRate: UInt64) -> UInt64 {
        let rate = Double(wireRate)
        let frames = frameRate
        let share = Double(MediaSizes.payload) / Double(MediaSizes.payload + MediaSizes.overhead)
        let packets = (rate * share / frames / 8 / Double(MediaSizes.payload)).rounded(.up)
        return UInt64(max(0, rate - packets * frames * Double(MediaSizes.overhead) * 8))
    }
}

/// Bytes on the wire.
enum MediaSizes {
    /// The most payload of a packet.
    static let payload = 1200
    /// IP, UDP, RTP and its extensions, SRTP.
    static let overhead = 48
    /// 20 kbit/s in packets of 20 ms.
    static let audioPayload = 50
    static let audioInterval: UInt64 = 20_000_000
    static let audioWireRate = UInt64((audioPayload + overhead) * 8 * 50)
    /// The most that RTP can pad (RFC 3550 section 5.1).
    static let padding = 255
    /// The original sequence number of RFC 4588.
    static let retransmissionExtra = 2
    /// A NACK or a PLI with its headers.
    static let request: Int32 = 68
}
