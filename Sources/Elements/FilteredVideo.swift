import Media
import Payload
import Session
import Wire

/// The pictures of a filter: out of one codec, through its work, into another.
final class FilteredVideo {
    /// One encoded picture, with the source's time stamp.
    struct Encoded {
        var bytes: [UInt8]
        var timestamp: UInt32
    }

    var work: PictureWork
    private var decoder: VideoDecoder?
    private var format: PayloadFormat?
    private var encoder: VideoEncoder
    private var pixels = 0
    /// Of the first frame: pictures' times count from there.
    private var origin: Int64?

    init(_ specification: FilterSpecification, policy: ResourcePolicy) throws(MediaError) {
        let encoder = try VideoEncoder(
            VideoEncoder.Configuration(codec: .vp8, bitRate: VideoEncoder.liveBitRate(pixels: 0)))
        work = try PictureWork(specification, policy: policy)
        self.encoder = consume encoder
    }

    /// The source has to send a key frame before anything can be seen.
    var needsKeyFrame: Bool { decoder?.needsKeyFrame ?? false }

    func requestKeyFrame() { encoder.forceKeyFrame() }

    /// - Parameter isLate: the frame is decoded, for others build on it, and nothing more.
    func take(_ frame: EncodedFrame, _ format: PayloadFormat, isLate: Bool) -> [Encoded] {
        if self.format != format {
            self.format = format
            decoder = try? VideoDecoder(format.mediaCodec)
        }
        let start = origin ?? frame.timestamp
        origin = start
        let pts = Self.time(max(frame.timestamp - start, 0))
        // What is damaged is left out; the decoder goes on at the next key frame.
        guard let pictures = try? decoder?.decode(frame.bytes, pts: pts, isKeyFrame: frame.isKeyFrame), !isLate else {
            return []
        }
        var encoded: [Encoded] = []
        for picture in pictures.flatMap({ work.apply($0) }) {
            for result in encode(picture) {
                let timestamp = start + Self.ticks(result.pts)
                encoded.append(Encoded(bytes: result.bytes, timestamp: UInt32(truncatingIfNeeded: timestamp)))
            }
        }
        return encoded
    }

    private func encode(_ picture: VideoFrame) -> [EncodedVideoFrame] {
        if picture.width * picture.height != pixels {
            pixels = picture.width * picture.height
            encoder.setBitRate(VideoEncoder.liveBitRate(pixels: pixels))
        }
        return (try? encoder.encode(picture)) ?? []
    }

    // RFC 7741 section 4.1 and its like: 90 kHz.
    private static func time(_ ticks: Int64) -> Interval { .nanoseconds(ticks / 9 * 100_000 + ticks % 9 * 100_000 / 9) }
    private static func ticks(_ time: Interval) -> Int64 {
        time.nanoseconds / 100_000 * 9 + (time.nanoseconds % 100_000 * 9 + 50_000) / 100_000
    }
}

extension VideoEncoder {
    /// bit/s for live pictures of so many pixels: 0.1 bit for each at 25 pictures a second, in sensible bounds.
    static func liveBitRate(pixels: Int) -> Int { min(max(pixels * 5 / 2, 150_000), 4_000_000) }
}
