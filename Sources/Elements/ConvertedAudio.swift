import Media
import Payload
import Wire

/// Sound out of one codec into another.
final class ConvertedAudio: FrameConverter {
    private let target: PayloadFormat
    private var transcoder: AudioTranscoder?
    private var format: PayloadFormat?
    private var clock: ConversionClock

    init(to target: PayloadFormat) {
        self.target = target
        clock = ConversionClock(clockRate: target.clockRate)
    }

    /// Sound can be heard from anywhere on.
    var needsKeyFrame: Bool { false }
    func requestKeyFrame() {}

    func timestamp(ofSource timestamp: UInt32) -> UInt32? { clock.timestamp(ofSource: timestamp) }

    func take(_ frame: EncodedFrame, _ format: PayloadFormat, isLate: Bool) -> [ConvertedFrame] {
        if self.format != format {
            self.format = format
            transcoder = Self.transcoder(format, to: target)
        }
        let pts = clock.time(of: frame, clockRate: format.clockRate)
        let made = transcoder?.take(frame.bytes, pts: pts) ?? []
        return made.map { ConvertedFrame(bytes: $0.bytes, timestamp: clock.timestamp(at: $0.pts)) }
    }

    private static func transcoder(_ source: PayloadFormat, to target: PayloadFormat) -> AudioTranscoder? {
        guard let decoder = try? AudioDecoder(source.mediaCodec) else { return nil }
        return try? AudioTranscoder(decoder, target: target.mediaCodec)
    }
}
