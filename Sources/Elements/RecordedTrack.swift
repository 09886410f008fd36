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

    /// - Parameter first: of video, a key frame.
    init(
        _ format: PayloadFormat, _ first: EncodedFrame, container: RecordingProfile.Container, index: Int
    ) throws(MediaError) {
        self.index = index
        source = format
        parameters = try Self.parameters(format, first, container)
        try follow(format)
    }

    private static func parameters(
        _ format: PayloadFormat, _ first: EncodedFrame, _ container: RecordingProfile.Container
    ) throws(MediaError) -> TrackParameters {
        switch format {
        case .opus: return .opus()
        case .pcmu where container == .matroska: return .g711(.pcmu)
        case .pcma where container == .matroska: return .g711(.pcma)
        case .pcmu, .pcma: return .opus()
        case .vp8, .vp9, .h264:
            guard let size = first.size else { throw .unsupportedCodec }
            switch (format, container) {
            case (.h264, .mp4), (.h264, .matroska): return try h264(first.bytes, size)
            case (.vp8, .mp4):
                // What the header has to say is what the encoder will: it is tried once.
                var trial = try VideoTranscoder(.vp8, isLive: true, target: .h264)
                let encoded = trial.take(first.bytes, pts: .zero, isKeyFrame: true)
                return try h264(encoded.first?.bytes ?? [], size)
            case (.h264, .webm): return .video(.vp8, width: size.width, height: size.height)
            default: return .video(format.mediaCodec, width: size.width, height: size.height)
            }
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
        guard format.mediaCodec != parameters.codec else { return }
        if format.kind == .video {
            video = try VideoTranscoder(format.mediaCodec, isLive: true, target: parameters.codec)
        } else {
            audio = try AudioTranscoder(try AudioDecoder(format.mediaCodec), target: parameters.codec)
        }
    }

    func take(
        _ frame: EncodedFrame, format: PayloadFormat, at time: Interval
    ) throws(MediaError) -> [(bytes: [UInt8], time: Interval, isKeyFrame: Bool)] {
        if format != source { try follow(format) }
        guard format.mediaCodec != parameters.codec else { return [(frame.bytes, time, frame.isKeyFrame)] }
        let pictures = video?.take(frame.bytes, pts: time, isKeyFrame: frame.isKeyFrame) ?? []
        let sound = audio?.take(frame.bytes, pts: time) ?? []
        return pictures.map { ($0.bytes, $0.pts, $0.isKeyFrame) } + sound.map { ($0.bytes, $0.pts, true) }
    }
}
