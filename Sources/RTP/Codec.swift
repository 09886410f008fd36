import Wire

/// The codecs whose payloads this project looks into, and the rest.
public enum Codec: UInt8, Hashable, Sendable, BitwiseCopyable, CaseIterable {
    case vp8, vp9, h264, av1, opus, pcmu, pcma
    /// Redundant audio (RFC 2198); what it carries says each packet, see ``RedundantAudio``.
    case red
    /// Forwarded blindly; every packet may start a stream.
    case other

    /// From the encoding name of `a=rtpmap`, case-insensitive (RFC 4855 section 3).
    public init(name: String) {
        switch name.lowercased() {
        case "vp8": self = .vp8
        case "vp9": self = .vp9
        case "h264": self = .h264
        case "av1", "av1x": self = .av1
        case "opus": self = .opus
        case "pcmu": self = .pcmu
        case "pcma": self = .pcma
        case "red": self = .red
        default: self = .other
        }
    }

    /// True when packets depend on earlier ones, so that a receiver must begin at a key frame.
    public var hasKeyFrames: Bool {
        switch self {
        case .vp8, .vp9, .h264, .av1: true
        case .opus, .pcmu, .pcma, .red, .other: false
        }
    }

    /// True when a receiver that knows nothing yet can begin decoding with this packet.
    ///
    /// `payload` is the RTP payload without padding. Malformed payloads are no key frames. Codecs
    /// without key frames start anywhere.
    public func isKeyFrameStart(_ payload: RawSpan) -> Bool {
        switch self {
        case .vp8: Self.isVP8KeyFrameStart(payload)
        case .vp9: Self.isVP9KeyFrameStart(payload)
        case .h264: Self.isH264KeyFrameStart(payload)
        case .av1: Self.isAV1KeyFrameStart(payload)
        case .opus, .pcmu, .pcma, .red, .other: true
        }
    }
}
