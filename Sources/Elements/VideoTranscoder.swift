import Media
import Wire

/// Pictures of one codec into another. Where time runs out pictures are left out, never queued.
struct VideoTranscoder: ~Copyable {
    private var decoder: VideoDecoder
    private var encoder: VideoEncoder
    private var pixels = 0
    /// Earlier pictures are decoded, for others build on them, and shown to nobody.
    private var begin = Interval.earliest

    /// - Parameter isLive: no picture is reordered.
    init(_ codec: MediaCodec, extradata: [UInt8] = [], isLive: Bool, target: MediaCodec) throws(MediaError) {
        let decoder = try VideoDecoder(codec, extradata: extradata, isLive: isLive)
        let encoder = try VideoEncoder(
            VideoEncoder.Configuration(codec: target, bitRate: VideoEncoder.liveBitRate(pixels: 0)))
        self.decoder = consume decoder
        self.encoder = consume encoder
    }

    mutating func requestKeyFrame() { encoder.forceKeyFrame() }

    /// The source goes on elsewhere; what leaves begins at `begin`.
    mutating func reset(at begin: Interval) {
        self.begin = begin
        decoder.reset()
        encoder.forceKeyFrame()
    }

    /// - Parameter isLate: pictures are decoded, for others build on them, and shown to nobody.
    mutating func take(
        _ bytes: [UInt8], pts: Interval, isKeyFrame: Bool, isLate: Bool = false
    ) -> [EncodedVideoFrame] {
        // What is damaged is left out; the decoder goes on at the next key frame.
        guard let pictures = try? decoder.decode(bytes, pts: pts, isKeyFrame: isKeyFrame), !isLate else { return [] }
        var encoded: [EncodedVideoFrame] = []
        for picture in pictures where picture.pts >= begin {
            if picture.width * picture.height != pixels {
                pixels = picture.width * picture.height
                encoder.setBitRate(VideoEncoder.liveBitRate(pixels: pixels))
            }
            encoded += (try? encoder.encode(picture)) ?? []
        }
        return encoded
    }
}
