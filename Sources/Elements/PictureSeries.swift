import Media
import Wire

/// Pictures of any codec as JPEG, at the steady rate of a series without times.
struct PictureSeries: ~Copyable {
    private var decoder: VideoDecoder
    private var encoder = PictureEncoder()
    /// The number of the next picture.
    private var next: Int64 = 0
    private var last: [UInt8] = []

    init(_ codec: MediaCodec) throws(MediaError) { decoder = try VideoDecoder(codec) }

    /// The source goes on in another codec.
    mutating func follow(_ codec: MediaCodec) throws(MediaError) { decoder = try VideoDecoder(codec) }

    /// A picture that is too soon for the rate is left out, and the one before stands in for those that did not come.
    mutating func take(_ bytes: [UInt8], pts: Interval, isKeyFrame: Bool) -> [(bytes: [UInt8], pts: Interval)] {
        // What is damaged is left out; the decoder goes on at the next key frame.
        guard let pictures = try? decoder.decode(bytes, pts: pts, isKeyFrame: isKeyFrame) else { return [] }
        var series: [(bytes: [UInt8], pts: Interval)] = []
        for picture in pictures {
            let number = (picture.pts.nanoseconds + Self.step / 2) / Self.step
            guard number >= next, let encoded = try? encoder.encode(picture) else { continue }
            let missing = min(number - next, Limits.repeatedPictures)
            if !last.isEmpty {
                for _ in 0..<missing { series.append((last, time(of: next + Int64(series.count)))) }
            }
            last = encoded
            series.append((encoded, time(of: number)))
            next = number + 1
        }
        return series
    }

    private func time(of number: Int64) -> Interval { Interval(nanoseconds: number * Self.step) }

    private static let step = 1_000_000_000 / PictureEncoder.seriesRate
}
