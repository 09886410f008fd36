import Media
import Payload
import Reactor
import Session
import Wire

/// Pictures out of one codec, through the work of a filter if there is one, into another.
final class ConvertedVideo: FrameConverter {
    private var work: PictureWork?
    private var decoder: VideoDecoder?
    private var format: PayloadFormat?
    private var encoder: VideoEncoder
    private var pixels = 0
    private var clock: ConversionClock

    /// - Parameter work: nil to change nothing but the codec.
    init(to target: PayloadFormat, work: PictureWork? = nil) throws(MediaError) {
        let encoder = try VideoEncoder(
            VideoEncoder.Configuration(codec: target.mediaCodec, bitRate: VideoEncoder.liveBitRate(pixels: 0)))
        self.encoder = consume encoder
        self.work = work
        clock = ConversionClock(clockRate: target.clockRate)
    }

    var needsKeyFrame: Bool { decoder?.needsKeyFrame ?? false }

    func requestKeyFrame() { encoder.forceKeyFrame() }

    func timestamp(ofSource timestamp: UInt32) -> UInt32? { clock.timestamp(ofSource: timestamp) }

    func take(_ frame: EncodedFrame, _ format: PayloadFormat, isLate: Bool) -> [ConvertedFrame] {
        if self.format != format {
            self.format = format
            decoder = try? VideoDecoder(format.mediaCodec)
        }
        let pts = clock.time(of: frame, clockRate: format.clockRate)
        // What is damaged is left out; the decoder goes on at the next key frame.
        guard let pictures = try? decoder?.decode(frame.bytes, pts: pts, isKeyFrame: frame.isKeyFrame), !isLate else {
            return []
        }
        return pictures.flatMap { work?.apply($0) ?? [$0] }.flatMap(encode).map { picture in
            ConvertedFrame(bytes: picture.bytes, timestamp: clock.timestamp(at: picture.pts))
        }
    }

    private func encode(_ picture: VideoFrame) -> [EncodedVideoFrame] {
        if picture.width * picture.height != pixels {
            pixels = picture.width * picture.height
            encoder.setBitRate(VideoEncoder.liveBitRate(pixels: pixels))
        }
        return (try? encoder.encode(picture)) ?? []
    }

    // MARK: A filter's

    func obey(_ command: ElementCommand) throws(Refusal) {
        guard work != nil else { throw Refusal(.invalid, "a transcoder cannot be told anything") }
        try work?.obey(command)
    }

    func hear(_ message: String) { work?.hear(message) }

    func takeReports() -> [ElementOutput] { work?.takeReports() ?? [] }

    func close() { work?.close() }
}

extension VideoEncoder {
    /// bit/s for live pictures of so many pixels: 0.1 bit for each at 25 pictures a second, in sensible bounds.
    static func liveBitRate(pixels: Int) -> Int { min(max(pixels * 5 / 2, 150_000), 4_000_000) }
}
