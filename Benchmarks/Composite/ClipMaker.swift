package import LoadGenerator
import Media
import Wire

/// What every participant sends: moving pictures as VP8 and a tone as Opus, made once at the start.
///
/// A figure sways before a background that drifts, so that an encoder has work in every block and a decoder gets
/// motion and residue as of a camera, not one colour.
package struct ClipMaker {
    private let width: Int
    private let height: Int
    private let framesPerSecond: Int
    private let bitRate: Int
    private var texture: [UInt8] = []

    /// Seconds of a clip; then it begins again, with a key frame.
    private static let seconds = 4

    package init(width: Int, height: Int, framesPerSecond: Int, bitRate: Int) {
        self.width = width
        self.height = height
        self.framesPerSecond = framesPerSecond
        self.bitRate = bitRate
        texture = Self.texture(width: width * 2, height: height * 2)
    }

    package func make() throws -> LoadClip {
        LoadClip(pictures: try pictures(), framesPerSecond: framesPerSecond, sound: try sound())
    }

    // MARK: Pictures

    private func pictures() throws -> [[UInt8]] {
        var configuration = VideoEncoder.Configuration(codec: .vp8, bitRate: bitRate)
        configuration.frameRate = framesPerSecond
        var encoder = try VideoEncoder(configuration)
        var frames: [[UInt8]] = []
        for number in 0..<(Self.seconds * framesPerSecond) {
            let time = Interval.nanoseconds(Int64(number) * 1_000_000_000 / Int64(framesPerSecond))
            frames += try encoder.encode(picture(number, at: time)).map(\.bytes)
        }
        return frames
    }

    private func picture(_ number: Int, at time: Interval) throws -> VideoFrame {
        var picture = try VideoFrame(width: width, height: height, pts: time)
        for plane in [VideoFrame.Plane.y, .u, .v] {
            let (columns, rows) = (picture.columns(of: plane), picture.rows(of: plane))
            let stride = picture.stride(of: plane)
            try picture.withMutableBytes(of: plane) { bytes in
                for row in 0..<rows { draw(row, of: rows, columns, number, into: &bytes, at: row * stride) }
            }
        }
        return picture
    }

    /// One row: the background, and in the middle third the figure, whose rows sway each in its own time.
    private func draw(
        _ row: Int, of rows: Int, _ columns: Int, _ number: Int, into bytes: inout MutableRawSpan, at start: Int
    ) {
        let drift = Self.swing(number, period: 120, reach: width / 8)
        copy(row: row, from: width / 2 + drift, columns, into: &bytes, at: start)
        let sway = Self.swing(number * 3 + row, period: 90, reach: columns / 12)
        let reach = columns / 3
        let left = min(max(reach + sway, 0), columns - reach)
        copy(
            row: rows - 1 - row + Self.swing(number, period: 60, reach: rows / 10) + rows / 10, from: left, reach,
            into: &bytes, at: start + left)
    }

    private func copy(row: Int, from column: Int, _ count: Int, into bytes: inout MutableRawSpan, at start: Int) {
        let row = min(max(row, 0), height * 2 - 1)
        let column = min(max(column, 0), width * 2 - count)
        let from = row * width * 2 + column
        let texture = texture
        unsafe bytes.store(contentsOf: texture.span.bytes.extracting(from..<(from + count)), at: start)
    }

    /// To and fro, evenly.
    private static func swing(_ step: Int, period: Int, reach: Int) -> Int {
        let phase = step % period
        let half = period / 2
        return (phase < half ? phase : period - phase) * 2 * reach / half - reach
    }

    /// Waves of several lengths, with a grain.
    private static func texture(width: Int, height: Int) -> [UInt8] {
        var random = SeededRandom(seed: 7)
        var texture = [UInt8](repeating: 0, count: width * height)
        for y in 0..<height {
            for x in 0..<width {
                let waves = swing(x * 2 + y, period: 256, reach: 40) + swing(y * 3 + x, period: 74, reach: 20)
                texture[y * width + x] = UInt8(clamping: 126 + waves + Int(random.next() & 15))
            }
        }
        return texture
    }

    // MARK: Sound

    /// A tone whose period ends with the clip.
    private func sound() throws -> [[UInt8]] {
        var encoder = try AudioEncoder(AudioEncoder.Configuration(codec: .opus))
        let step = AudioFrame.sampleRate / 50
        var packets: [[UInt8]] = []
        for number in 0..<(Self.seconds * 50) {
            let samples = (number * step..<(number + 1) * step).flatMap { index -> [Int16] in
                let level = Int16(Self.swing(index, period: 120, reach: 6_000))
                return [level, level]
            }
            let frame = AudioFrame(pts: .milliseconds(Int64(number) * 20), channels: 2, samples: samples)
            packets += try encoder.encode(frame).map(\.bytes)
        }
        return packets
    }
}
