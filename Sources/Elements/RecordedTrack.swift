import Media
import Payload
import RTP
import Session
import Wire

/// One track of a recording: as it came, where the container takes it, else encoded anew.
final class RecordedTrack {
    /// What a picture lasts that is the last one.
    static let pictureTime = Interval.milliseconds(33)

    let index: Int
    let parameters: TrackParameters
    private var source: PayloadFormat
    private var video: VideoTranscoder?
    private var audio: AudioTranscoder?
    private var series: PictureSeries?
    private let mayEncode: Bool

    /// - Parameters:
    ///   - first: of video, a key frame.
    ///   - mayEncode: what the container does not take is encoded anew, else it is refused.
    init(
        _ format: PayloadFormat, _ first: EncodedFrame, container: RecordingProfile.Container, index: Int,
        mayEncode: Bool = true
    ) throws(MediaError) {
        guard mayEncode || Self.takes(format, container) else { throw .notEncoded }
        self.index = index
        self.mayEncode = mayEncode
        source = format
        parameters = try Self.parameters(format, first, container)
        try follow(format)
    }

    /// What comes now is encoded anew.
    var isEncoding: Bool { source.mediaCodec != parameters.codec }

    private static func parameters(
        _ format: PayloadFormat, _ first: EncodedFrame, _ container: RecordingProfile.Container
    ) throws(MediaError) -> TrackParameters {
        switch format {
        case .opus, .pcmu, .pcma: return try sound(format, container)
        case .vp8, .vp9, .h264:
            guard let size = first.size else { throw .unsupportedCodec }
            let codec = codec(of: format, container)
            guard codec == .h264 else { return .video(codec, width: size.width, height: size.height) }
            guard format != .h264 else { return try h264(first.bytes, size) }
            // What the header has to say is what the encoder will: it is tried once.
            var trial = try VideoTranscoder(format.mediaCodec, isLive: true, target: .h264)
            let encoded = trial.take(first.bytes, pts: .zero, isKeyFrame: true)
            return try h264(encoded.first?.bytes ?? [], size)
        }
    }

    /// It is written as it came.
    private static func takes(_ format: PayloadFormat, _ container: RecordingProfile.Container) -> Bool {
        switch container {
        case .matroska, .split: true
        case .flv, .jpeg: false
        case .webm, .mp4: format.kind == .audio ? format == .opus : codec(of: format, container) == format.mediaCodec
        }
    }

    private static func sound(
        _ format: PayloadFormat, _ container: RecordingProfile.Container
    ) throws(MediaError) -> TrackParameters {
        switch container {
        case .flv:
            let encoder = AudioEncoder.Configuration(codec: .aac)
            let extradata = try AudioEncoder(encoder).extradata
            return .audio(
                .aac, sampleRate: AudioFrame.sampleRate, channels: encoder.channels, extradata: extradata)
        case .matroska, .split: return format == .opus ? .opus() : .g711(format.mediaCodec)
        case .webm, .mp4, .jpeg: return .opus()
        }
    }

    /// How pictures are written: as they came, where the container takes them.
    private static func codec(of format: PayloadFormat, _ container: RecordingProfile.Container) -> MediaCodec {
        switch container {
        case .webm: format == .h264 ? .vp8 : format.mediaCodec
        case .mp4: format == .vp8 ? .h264 : format.mediaCodec
        case .matroska, .split: format.mediaCodec
        case .flv: .h264
        case .jpeg: .jpeg
        }
    }

    private static func h264(_ keyFrame: [UInt8], _ size: FrameSize) throws(MediaError) -> TrackParameters {
        guard let units = try? NALUnits(annexB: keyFrame), let sps = units.sequenceParameterSet,
            let pps = units.pictureParameterSet
        else { throw .unsupportedCodec }
        return .h264(width: size.width, height: size.height, sps: sps, pps: pps)
    }

    /// The source may send another codec than before.
    private func follow(_ format: PayloadFormat) throws(MediaError) {
        source = format
        video = nil
        audio = nil
        guard isEncoding else { return }
        guard mayEncode else { throw .notEncoded }
        if parameters.codec == .jpeg {
            if series == nil {
                series = try PictureSeries(format.mediaCodec)
            } else {
                try series?.follow(format.mediaCodec)
            }
        } else if format.kind == .video {
            video = try VideoTranscoder(format.mediaCodec, isLive: true, target: parameters.codec)
        } else {
            audio = try AudioTranscoder(try AudioDecoder(format.mediaCodec), target: parameters.codec)
        }
    }

    func take(
        _ frame: EncodedFrame, format: PayloadFormat, at time: Interval
    ) throws(MediaError) -> [(bytes: [UInt8], time: Interval, isKeyFrame: Bool)] {
        if format != source { try follow(format) }
        guard isEncoding else { return [(frame.bytes, time, frame.isKeyFrame)] }
        let stills = series?.take(frame.bytes, pts: time, isKeyFrame: frame.isKeyFrame) ?? []
        let pictures = video?.take(frame.bytes, pts: time, isKeyFrame: frame.isKeyFrame) ?? []
        let sound = audio?.take(frame.bytes, pts: time) ?? []
        return pictures.map { ($0.bytes, $0.pts, $0.isKeyFrame) } + sound.map { ($0.bytes, $0.pts, true) }
            + stills.map { ($0.bytes, $0.pts, true) }
    }
}
