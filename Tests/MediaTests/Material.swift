import Foundation
import Media
import Payload
import Wire

/// A directory of its own, gone with its last user.
final class Folder: Sendable {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "apus-media-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func url(_ name: String) -> String { "file://" + path + "/" + name }

    func put(_ bytes: [UInt8], as name: String) -> String {
        _ = FileManager.default.createFile(atPath: path + "/" + name, contents: Data(bytes))
        return url(name)
    }

    func bytes(_ name: String) -> [UInt8] {
        FileManager.default.contents(atPath: path + "/" + name).map(Array.init) ?? []
    }

    /// Descriptors of this process that lead into the directory.
    var openFiles: Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.filter {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0))?.hasPrefix(path) == true
        }.count
    }
}

/// Pictures and sound that tell which one they are.
enum Material {
    static let colours: [(y: UInt8, u: UInt8, v: UInt8)] = [
        (180, 128, 128), (162, 44, 142), (131, 156, 44), (112, 72, 58), (84, 184, 198), (65, 100, 212), (35, 212, 114),
    ]

    /// Colour bars over a grey whose level counts the pictures.
    static func picture(_ index: Int, width: Int = 160, height: Int = 120, rate: Int = 10) throws -> VideoFrame {
        var picture = try VideoFrame(
            width: width, height: height, pts: .nanoseconds(Int64(index) * 1_000_000_000 / Int64(rate)))
        for plane in [VideoFrame.Plane.y, .u, .v] {
            let columns = picture.columns(of: plane)
            let rows = picture.rows(of: plane)
            let stride = picture.stride(of: plane)
            let grey = plane == .y ? level(index) : 128
            try picture.withMutableBytes(of: plane) { bytes in
                for row in 0..<rows {
                    for column in 0..<columns {
                        let colour = colours[column * colours.count / columns]
                        let bar = plane == .y ? colour.y : plane == .u ? colour.u : colour.v
                        bytes.storeBytes(
                            of: row * 3 < rows * 2 ? bar : grey, toByteOffset: row * stride + column, as: UInt8.self)
                    }
                }
            }
        }
        return picture
    }

    static func level(_ index: Int) -> UInt8 { UInt8(30 + index * 17 % 190) }

    /// How far the bars and the grey of a picture are from what they should be, in levels; the worst of all.
    static func distance(_ picture: VideoFrame, from index: Int) -> Int {
        var worst = abs(
            Int(picture.sample(.y, x: picture.width / 2, y: picture.height * 11 / 12)) - Int(level(index)))
        for (bar, colour) in colours.enumerated() {
            let x = (2 * bar + 1) * picture.width / (2 * colours.count)
            let y = picture.height / 3
            worst = max(worst, abs(Int(picture.sample(.y, x: x, y: y)) - Int(colour.y)))
            worst = max(worst, abs(Int(picture.sample(.u, x: x / 2, y: y / 2)) - Int(colour.u)))
            worst = max(worst, abs(Int(picture.sample(.v, x: x / 2, y: y / 2)) - Int(colour.v)))
        }
        return worst
    }

    /// 20 ms of a sine.
    static func tone(_ index: Int, frequency: Double = 440, channels: Int = 2) -> AudioFrame {
        var samples: [Int16] = []
        for sample in 0..<960 {
            let angle = 2 * Double.pi * frequency * Double(index * 960 + sample) / 48_000
            for _ in 0..<channels { samples.append(Int16(8000 * sin(angle))) }
        }
        return AudioFrame(pts: .milliseconds(Int64(index) * 20), channels: channels, samples: samples)
    }

    /// Of a number of turns.
    static func sine(_ turns: Double) -> Int16 { Int16(8000 * sin(2 * Double.pi * turns)) }

    /// The share of the first channel's energy that is at a frequency, by Goertzel's algorithm.
    static func share(of frequency: Double, in samples: [Int16], channels: Int) -> Double {
        let first = stride(from: 0, to: samples.count, by: channels).map { Double(samples[$0]) }
        let factor = 2 * cos(2 * Double.pi * frequency / 48_000)
        var (before, last, energy) = (0.0, 0.0, 0.0)
        for sample in first {
            (before, last) = (last, sample + factor * last - before)
            energy += sample * sample
        }
        let power = last * last + before * before - factor * last * before
        return energy > 0 ? 2 * power / (energy * Double(first.count)) : 0
    }

    /// Encoded pictures with a key frame each second.
    static func video(
        _ codec: MediaCodec, count: Int, width: Int = 160, height: Int = 120, rate: Int = 10, from first: Int = 0
    ) throws -> [EncodedVideoFrame] {
        var encoder = try VideoEncoder(.init(codec: codec, bitRate: 600_000))
        var frames: [EncodedVideoFrame] = []
        for index in first..<(first + count) {
            if index % rate == 0 { encoder.forceKeyFrame() }
            frames += try encoder.encode(picture(index, width: width, height: height, rate: rate))
        }
        return frames
    }

    static func audio(_ codec: MediaCodec, count: Int) throws -> (frames: [EncodedAudioFrame], extradata: [UInt8]) {
        var encoder = try AudioEncoder(.init(codec: codec))
        var frames: [EncodedAudioFrame] = []
        for index in 0..<count { frames += try encoder.encode(tone(index)) }
        return (frames, encoder.extradata)
    }

    static func track(_ codec: MediaCodec, _ frames: [EncodedVideoFrame]) throws -> TrackParameters {
        guard let first = frames.first else { throw MediaError.notFound }
        if codec == .h264 {
            guard let units = try? NALUnits(annexB: first.bytes), let sps = units.sequenceParameterSet,
                let pps = units.pictureParameterSet
            else { throw MediaError.notMedia }
            return .h264(width: first.width, height: first.height, sps: sps, pps: pps)
        }
        return .video(codec, width: first.width, height: first.height)
    }

    static func track(_ codec: MediaCodec, extradata: [UInt8]) -> TrackParameters {
        switch codec {
        case .opus: .opus()
        case .pcmu, .pcma: .g711(codec)
        default: .audio(codec, sampleRate: 48_000, channels: 2, extradata: extradata)
        }
    }
}

/// What a file holds, read to its end.
struct Contents {
    var info: MediaInfo
    var packets: [MediaPacket] = []

    init(_ url: String, interruption: Interruption = Interruption()) throws {
        var reader = try MediaReader(url, interruption: interruption)
        info = reader.info
        while let packet = try reader.next() { packets.append(packet) }
    }

    func track(_ kind: MediaTrack.Kind) -> MediaTrack? { info.tracks.first { $0.kind == kind } }

    func packets(_ kind: MediaTrack.Kind) -> [MediaPacket] {
        guard let track = track(kind) else { return [] }
        return packets.filter { $0.track == track.index }
    }

    func pictures() throws -> [VideoFrame] {
        guard let track = track(.video) else { return [] }
        var decoder = try VideoDecoder(track.codec, extradata: track.extradata)
        var pictures: [VideoFrame] = []
        for packet in packets(.video) {
            pictures += try decoder.decode(packet.bytes, pts: packet.pts, isKeyFrame: packet.isKeyFrame)
        }
        return pictures + decoder.finish()
    }

    func sound() throws -> [Int16] {
        guard let track = track(.audio) else { return [] }
        var decoder = try AudioDecoder(track)
        return try packets(.audio).flatMap { try decoder.decode($0.bytes, pts: $0.pts)?.samples ?? [] }
    }
}

extension Interval {
    /// Whether two times differ by less than this many milliseconds.
    func isNear(_ other: Interval, within milliseconds: Int64 = 2) -> Bool {
        (self - other).nanoseconds.magnitude <= UInt64(milliseconds) * 1_000_000
    }
}
