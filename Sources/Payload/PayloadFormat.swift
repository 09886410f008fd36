public import RTP

/// How frames of a codec travel in RTP payloads: the formats that this module reads and writes.
public enum PayloadFormat: UInt8, Hashable, Sendable, BitwiseCopyable, CaseIterable {
    /// RFC 7741.
    case vp8
    /// RFC 9628.
    case vp9
    /// RFC 6184, in single NAL unit mode and non-interleaved mode.
    case h264
    /// RFC 7587.
    case opus
    /// RFC 3551 section 4.5.14, one channel.
    case pcmu, pcma

    /// Nil for codecs whose payloads this module does not take apart: AV1, RED and unknown ones.
    public init?(_ codec: Codec) {
        switch codec {
        case .vp8: self = .vp8
        case .vp9: self = .vp9
        case .h264: self = .h264
        case .opus: self = .opus
        case .pcmu: self = .pcmu
        case .pcma: self = .pcma
        case .av1, .red, .other: return nil
        }
    }

    /// Nil also for another clock rate than the format's, several channels of PCMU or PCMA, and H.264 in interleaved
    /// mode (RFC 6184 section 6.4), where packets come in another order than frames.
    public init?(_ parameters: CodecParameters) {
        self.init(Codec(name: parameters.name))
        guard parameters.clockRate == clockRate else { return nil }
        switch self {
        case .vp8, .vp9, .opus: break
        case .pcmu, .pcma: if parameters.channels > 1 { return nil }
        case .h264:
            let mode = parameters.formatParameters.first { $0.key.lowercased() == "packetization-mode" }
            if let mode, mode.value != "0", mode.value != "1" { return nil }
        }
    }

    public var codec: Codec {
        switch self {
        case .vp8: .vp8
        case .vp9: .vp9
        case .h264: .h264
        case .opus: .opus
        case .pcmu: .pcmu
        case .pcma: .pcma
        }
    }

    public var kind: MediaKind {
        switch self {
        case .vp8, .vp9, .h264: .video
        case .opus, .pcmu, .pcma: .audio
        }
    }

    /// Encoding name as registered.
    public var name: String {
        switch self {
        case .vp8: "VP8"
        case .vp9: "VP9"
        case .h264: "H264"
        case .opus: "opus"
        case .pcmu: "PCMU"
        case .pcma: "PCMA"
        }
    }

    /// RTP clock in Hz. Opus counts at 48 kHz whatever it carries (RFC 7587 section 4.1).
    public var clockRate: UInt32 {
        switch self {
        case .vp8, .vp9, .h264: 90_000
        case .opus: 48_000
        case .pcmu, .pcma: 8_000
        }
    }

    /// What a section that sends what ``Packetizer`` makes says of it. H.264 goes as constrained baseline level 3.1,
    /// which every WebRTC endpoint takes (RFC 7742 section 6.2).
    public func parameters(payloadType: UInt8) -> CodecParameters {
        var parameters = CodecParameters(
            name: name, payloadType: payloadType, clockRate: clockRate, channels: self == .opus ? 2 : 1)
        if self == .h264 {
            parameters.formatParameters = [
                FormatParameter("level-asymmetry-allowed", "1"), FormatParameter("packetization-mode", "1"),
                FormatParameter("profile-level-id", "42e01f"),
            ]
        }
        return parameters
    }

    /// How long the frame lasts, in ticks of the RTP clock; nil for video, which does not say, and for malformed Opus.
    public func duration(of frame: [UInt8]) -> UInt32? {
        switch self {
        case .vp8, .vp9, .h264: nil
        case .opus: OpusPacket.duration(of: frame)
        case .pcmu, .pcma: UInt32(clamping: frame.count)
        }
    }
}
