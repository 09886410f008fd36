/// One track of a file that is written.
public struct TrackParameters: Equatable, Sendable {
    public var codec: MediaCodec
    /// Pixels, as the container's header says them; 0 for sound.
    public var width = 0
    public var height = 0
    /// Samples a second; 0 for pictures.
    public var sampleRate = 0
    public var channels = 0
    /// As ``MediaTrack/extradata``.
    public var extradata: [UInt8] = []
    /// Samples at 48 kHz that a decoder throws away at the start (RFC 7845 section 4.2); Opus only.
    public var preSkip = 0

    var isVideo: Bool { width > 0 }

    /// VP8 or VP9; or another codec of pictures, with its headers.
    public static func video(_ codec: MediaCodec, width: Int, height: Int, extradata: [UInt8] = []) -> Self {
        var track = Self(codec: codec)
        track.width = width
        track.height = height
        track.extradata = extradata
        return track
    }

    /// H.264 whose packets have start codes (ITU-T H.264 annex B). The containers get its parameter sets here, without
    /// start codes, before anything is written.
    public static func h264(width: Int, height: Int, sps: [UInt8], pps: [UInt8]) -> Self {
        let code: [UInt8] = [0, 0, 0, 1]
        return video(.h264, width: width, height: height, extradata: code + sps + code + pps)
    }

    /// Opus as RTP carries it: 48 kHz, mapping family 0. `preSkip` is that of libopus by default, 6.5 ms.
    public static func opus(channels: Int = 2, preSkip: Int = 312) -> Self {
        var track = Self(codec: .opus)
        track.sampleRate = 48_000
        track.channels = channels
        track.preSkip = preSkip
        // RFC 7845 section 5.1: version, channels, pre-skip, sample rate of the input, gain, mapping family.
        track.extradata =
            Array("OpusHead".utf8) + [1, UInt8(clamping: channels), UInt8(truncatingIfNeeded: preSkip)]
            + [UInt8(truncatingIfNeeded: preSkip >> 8), 0x80, 0xbb, 0, 0, 0, 0, 0]
        return track
    }

    /// AAC, MP3, Vorbis: what its encoder says.
    public static func audio(_ codec: MediaCodec, sampleRate: Int, channels: Int, extradata: [UInt8] = []) -> Self {
        var track = Self(codec: codec)
        track.sampleRate = sampleRate
        track.channels = channels
        track.extradata = extradata
        return track
    }

    /// PCMU or PCMA: 8 kHz, one channel.
    public static func g711(_ codec: MediaCodec) -> Self { audio(codec, sampleRate: 8000, channels: 1) }
}

/// The format of a file that is written.
public enum Container: Equatable, Sendable {
    /// VP8, VP9, Opus, Vorbis.
    case webm
    /// H.264, VP9, AAC, MP3, Opus.
    case mp4
    /// Every codec of ``MediaCodec``.
    case mkv
    /// H.264, AAC, MP3.
    case flv
    /// Nothing but JPEG pictures, one behind the other, without times: players show ``PictureEncoder/seriesRate`` of
    /// them in a second.
    case jpeg

    var name: String {
        switch self {
        case .webm: "webm"
        case .mp4: "mp4"
        case .mkv: "matroska"
        case .flv: "flv"
        case .jpeg: "mjpeg"
        }
    }

    /// Of an upload (RFC 9110 section 8.3).
    var contentType: String {
        switch self {
        case .webm: "video/webm"
        case .mp4: "video/mp4"
        case .mkv: "video/x-matroska"
        case .flv: "video/x-flv"
        case .jpeg: "image/jpeg"
        }
    }

    /// Whether something at the beginning is written when the end is known.
    var isPatched: Bool { self == .webm || self == .mkv || self == .flv }

    /// Whether a track can be written, with what it says of itself.
    func takes(_ track: TrackParameters) -> Bool {
        let codecs: [MediaCodec]
        switch self {
        case .webm: codecs = [.vp8, .vp9, .opus, .vorbis]
        case .mp4: codecs = [.h264, .vp9, .aac, .mp3, .opus]
        case .mkv: codecs = [.vp8, .vp9, .h264, .opus, .vorbis, .aac, .mp3, .pcmu, .pcma]
        case .flv: codecs = [.h264, .aac, .mp3]
        case .jpeg: codecs = [.jpeg]
        }
        let needsExtradata = [.h264, .opus, .aac, .vorbis].contains(track.codec)
        let isWhole =
            track.isVideo
            ? (1...Limits.pictureSide).contains(track.width) && (1...Limits.pictureSide).contains(track.height)
            : (1...Limits.sampleRate).contains(track.sampleRate) && (1...Limits.channels).contains(track.channels)
        let isVideo = [.vp8, .vp9, .h264, .jpeg].contains(track.codec)
        return codecs.contains(track.codec) && isWhole && isVideo == track.isVideo
            && (!needsExtradata || !track.extradata.isEmpty) && track.extradata.count <= Limits.extradataBytes
    }
}
