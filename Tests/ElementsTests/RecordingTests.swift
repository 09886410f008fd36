import Foundation
import Media
import Payload
import Session
import Testing
import Wire

@testable import Elements

@Suite struct RecordingTests {
    private let begin = Instant.origin + .seconds(1000)
    private let path = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path
        + "/apus-recording-\(UUID().uuidString).webm"

    private func recording(
        _ profile: RecordingProfile = RecordingProfile(container: .webm), mayEncode: Bool = true
    ) throws -> Recording {
        try Recording(RecorderSpecification(uri: "file://" + path, profile: profile), mayEncode: mayEncode) { $0 }
    }

    /// 20 ms of silence.
    private func sound(_ at: Instant) -> EncodedFrame {
        EncodedFrame(timestamp: 0, bytes: [0xF8, 0xFF, 0xFE], isKeyFrame: true, arrival: at)
    }

    /// Black, of 40 ms each; the first and each 25th is a key frame.
    private func pictures(_ count: Int) throws -> [EncodedVideoFrame] {
        var encoder = try VideoEncoder(VideoEncoder.Configuration(codec: .vp8, bitRate: 200_000))
        return try (0..<count).flatMap { number in
            if number % 25 == 0 { encoder.forceKeyFrame() }
            return try encoder.encode(VideoFrame(width: 64, height: 48, pts: .milliseconds(Int64(number) * 40)))
        }
    }

    private func picture(_ picture: EncodedVideoFrame, _ at: Instant) -> EncodedFrame {
        EncodedFrame(
            timestamp: 0, bytes: picture.bytes, isKeyFrame: picture.isKeyFrame,
            size: FrameSize(width: picture.width, height: picture.height), arrival: at)
    }

    private func add(_ frame: EncodedFrame, _ format: PayloadFormat, to recording: Recording) throws {
        try recording.add(frame, format: format, capture: frame.arrival, now: frame.arrival)
    }

    /// Both kinds, from `start` on for `seconds`.
    private func feed(_ recording: Recording, from start: Instant, seconds: Int, skipping: Int = 0) throws {
        for (number, made) in try pictures(seconds * 25).enumerated() {
            let at = start + .milliseconds(Int64(number) * 40)
            try add(sound(at), .opus, to: recording)
            try add(sound(at + .milliseconds(20)), .opus, to: recording)
            if number >= skipping { try add(picture(made, at), .vp8, to: recording) }
        }
    }

    private func read(_ kind: String = "") throws -> (info: MediaInfo, packets: [MediaPacket]) {
        var reader = try MediaReader("file://" + path.replacing(".webm", with: kind + ".webm"))
        var packets: [MediaPacket] = []
        while let packet = try reader.next() { packets.append(packet) }
        return (reader.info, packets)
    }

    private func times(_ packets: [MediaPacket], _ info: MediaInfo, _ kind: MediaTrack.Kind) -> [Interval] {
        let track = info.tracks.first { $0.kind == kind }?.index
        return packets.filter { $0.track == track }.map(\.pts)
    }

    private func longestStep(_ times: [Interval]) -> Interval {
        zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? .zero
    }

    @Test func soundAndPictureGoIntoOneFileAsTheyCame() throws {
        let recording = try recording()
        try feed(recording, from: begin, seconds: 3)
        try recording.finish()
        let (info, packets) = try read()
        #expect(Set(info.tracks.map(\.codec)) == [.opus, .vp8])
        #expect(times(packets, info, .video).count == 75 && times(packets, info, .audio).count == 150)
        let duration = try #require(info.duration)
        #expect((duration - .seconds(3)).nanoseconds.magnitude < 100_000_000)
        let first = try #require(packets.first { !$0.isKeyFrame || $0.bytes.count > 3 })
        #expect(try pictures(1)[0].bytes == first.bytes)
    }

    @Test func theFileBeginsAtAKeyFrame() throws {
        let recording = try recording()
        try feed(recording, from: begin, seconds: 3, skipping: 10)
        try recording.finish()
        let (info, packets) = try read()
        #expect(times(packets, info, .video).count == 50, "from the second key frame on")
        let track = try #require(info.tracks.first { $0.kind == .video })
        #expect(packets.first { $0.track == track.index }?.isKeyFrame == true)
    }

    @Test func oneKindAloneIsWaitedForOnlySoLong() throws {
        let recording = try recording()
        for number in 0..<200 { try add(sound(begin + .milliseconds(Int64(number) * 20)), .opus, to: recording) }
        try recording.finish()
        let (info, packets) = try read()
        #expect(info.tracks.map(\.codec) == [.opus])
        #expect(packets.count == 200)
    }

    @Test func aPauseIsCutOutOfBothKindsAlike() throws {
        let recording = try recording()
        try feed(recording, from: begin, seconds: 2)
        try recording.pause()
        recording.resume()
        // Sound comes at once, the key frame that was asked for 400 ms later.
        let again = begin + .seconds(60)
        for number in 0..<20 { try add(sound(again + .milliseconds(Int64(number) * 20)), .opus, to: recording) }
        try feed(recording, from: again + .milliseconds(400), seconds: 2)
        try recording.finish()
        let (info, packets) = try read()
        #expect(longestStep(times(packets, info, .video)) <= .milliseconds(60))
        #expect(longestStep(times(packets, info, .audio)) <= .milliseconds(60))
        let duration = try #require(info.duration)
        #expect((duration - .seconds(4)).nanoseconds.magnitude < 100_000_000)
    }

    @Test func whatTheContainerDoesNotTakeIsEncodedAnew() throws {
        let recording = try recording(RecordingProfile(container: .webm, hasVideo: false))
        let packet = [UInt8](repeating: 0xFF, count: 160)
        for number in 0..<100 {
            let at = begin + .milliseconds(Int64(number) * 20)
            let frame = EncodedFrame(timestamp: 0, bytes: packet, isKeyFrame: true, arrival: at)
            try add(frame, .pcmu, to: recording)
        }
        try recording.finish()
        let (info, packets) = try read()
        #expect(info.tracks.map(\.codec) == [.opus])
        #expect((95...102).contains(packets.count))
    }

    @Test func vp8BecomesH264InMP4() throws {
        let recording = try recording(RecordingProfile(container: .mp4, hasAudio: false))
        for (number, made) in try pictures(50).enumerated() {
            try add(picture(made, begin + .milliseconds(Int64(number) * 40)), .vp8, to: recording)
        }
        try recording.finish()
        let (info, packets) = try read()
        #expect(info.tracks.map(\.codec) == [.h264])
        #expect(info.tracks.first?.width == 64 && packets.count == 50)
    }

    @Test func everythingBecomesH264AndAACInFLV() throws {
        let recording = try recording(RecordingProfile(container: .flv))
        try feed(recording, from: begin, seconds: 3)
        try recording.finish()
        let (info, packets) = try read()
        #expect(Set(info.tracks.map(\.codec)) == [.h264, .aac])
        #expect(times(packets, info, .video).count == 75)
        let duration = try #require(info.duration)
        #expect((duration - .seconds(3)).nanoseconds.magnitude < 100_000_000)
    }

    @Test func picturesAloneAreASeriesOfTheirOwnPace() throws {
        let recording = try recording(RecordingProfile(container: .jpeg, hasAudio: false))
        // Twelve a second, then none for two seconds, then one.
        let made = try pictures(25)
        for (number, made) in made.enumerated() {
            try add(picture(made, begin + .milliseconds(Int64(number) * 80)), .vp8, to: recording)
        }
        try add(picture(made[0], begin + .milliseconds(3960)), .vp8, to: recording)
        try recording.finish()
        let (info, packets) = try read()
        #expect(info.tracks.map(\.codec) == [.jpeg])
        #expect(packets.count == 100, "25 for each of four seconds")
        #expect(packets.allSatisfy { $0.bytes.starts(with: [0xFF, 0xD8]) })
        #expect(packets.last?.bytes == packets.first?.bytes && packets.count(where: { $0.bytes == packets[60].bytes }) > 40)
    }

    @Test func eachKindHasAFileOfItsOwnOnOneClock() throws {
        let recording = try recording(RecordingProfile(container: .split))
        try feed(recording, from: begin, seconds: 3, skipping: 10)
        try recording.finish()
        #expect(!FileManager.default.fileExists(atPath: path))
        let (sound, packets) = try read("-audio")
        #expect(sound.tracks.map(\.codec) == [.opus] && packets.count == 150)
        let (pictures, frames) = try read("-video")
        #expect(pictures.tracks.map(\.codec) == [.vp8] && frames.count == 50)
        for info in [sound, pictures] {
            let duration = try #require(info.duration)
            #expect((duration - .seconds(3)).nanoseconds.magnitude < 100_000_000, "\(duration)")
        }
    }

    @Test func aKindThatComesLateHasAFileBesideTheOther() throws {
        let recording = try recording()
        for number in 0..<250 { try add(sound(begin + .milliseconds(Int64(number) * 20)), .opus, to: recording) }
        for (number, made) in try pictures(75).enumerated() {
            let at = begin + .milliseconds(5000 + Int64(number) * 40)
            if number > 10 { try add(picture(made, at), .vp8, to: recording) }
            #expect(recording.needsKeyFrame == (11..<25).contains(number), "\(number)")
        }
        try recording.finish()
        #expect(try read().packets.count == 250)
        let (info, frames) = try read("-video")
        #expect(frames.count == 50 && frames.first?.isKeyFrame == true)
        let duration = try #require(info.duration)
        #expect((duration - .seconds(8)).nanoseconds.magnitude < 100_000_000, "\(duration)")
    }

    @Test(arguments: [
        ("file:///tmp/a.b/call.webm", "file:///tmp/a.b/call-audio.webm"), ("file:///tmp/a.b/call", "file:///tmp/a.b/call-audio"),
        ("call.mkv", "call-audio.mkv"), ("file:/tmp/.call", "file:/tmp/.call-audio"),
        ("http://host.org/x/call.mkv?key=a.b/c#d", "http://host.org/x/call-audio.mkv?key=a.b/c#d"),
        ("http://host.org", "http://host.org/audio"), ("http://host.org?x=/y", "http://host.org/audio?x=/y"),
        ("http://host.org/", "http://host.org/-audio"),
    ])
    func theFilesAreNamedAfterTheirKinds(uri: String, named: String) {
        #expect(Recording.uri(uri, of: .audio) == named)
    }

    @Test func withoutMediaThereIsNoFile() throws {
        let recording = try recording()
        try recording.finish()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func itTellsWhatItEncodesAnew() throws {
        for (container, anew) in [(RecordingProfile.Container.webm, false), (.mp4, true), (.matroska, false), (.flv, true)] {
            let recording = try recording(RecordingProfile(container: container))
            #expect(recording.encodes(.video) == nil)
            try feed(recording, from: begin, seconds: 1)
            #expect(recording.encodes(.video) == anew, "\(container)")
            #expect(recording.encodes(.audio) == (container == .flv), "\(container)")
            try recording.finish()
        }
    }

    @Test(arguments: [RecordingProfile.Container.mp4, .flv, .jpeg])
    func whereNothingIsToBeEncodedAnewItRefusesWhatTheContainerDoesNotTake(_ container: RecordingProfile.Container) throws {
        let recording = try recording(
            RecordingProfile(container: container, hasAudio: false), mayEncode: false)
        let picture = try picture(#require(try pictures(1).first), begin)
        #expect(throws: MediaError.notEncoded) { try add(picture, .vp8, to: recording) }
    }

    @Test(arguments: [RecordingProfile.Container.webm, .matroska])
    func whereNothingIsToBeEncodedAnewItStillWritesWhatComesAsItIs(_ container: RecordingProfile.Container) throws {
        let recording = try recording(RecordingProfile(container: container), mayEncode: false)
        try feed(recording, from: begin, seconds: 1)
        try recording.finish()
        #expect(try read().info.tracks.count == 2)
    }

    /// One second of a camera: grey pictures of one size, in the codec.
    private func camera(_ codec: MediaCodec, width: Int, height: Int, luma: UInt8) throws -> [EncodedVideoFrame] {
        var encoder = try VideoEncoder(VideoEncoder.Configuration(codec: codec, bitRate: 300_000))
        return try (0..<25).flatMap { number in
            var picture = try VideoFrame(width: width, height: height, pts: .milliseconds(Int64(number) * 40))
            try picture.withMutableBytes(of: .y) { bytes in
                for index in 0..<bytes.byteCount { bytes.storeBytes(of: luma, toByteOffset: index, as: UInt8.self) }
            }
            return try encoder.encode(picture)
        }
    }

    /// What a player shows of the file: size and shade of each picture.
    private func shown() throws -> [String] {
        let (info, packets) = try read()
        let track = try #require(info.tracks.first { $0.kind == .video })
        var decoder = try VideoDecoder(track.codec, extradata: track.extradata)
        return try packets.flatMap { packet in
            try decoder.decode(packet.bytes, pts: packet.pts, isKeyFrame: packet.isKeyFrame).map { picture in
                let shade = picture.sample(.y, x: picture.width / 2, y: picture.height / 2)
                return "\(picture.width)×\(picture.height) \(shade < 75 ? "dark" : shade < 165 ? "grey" : "light")"
            }
        }
    }

    private static let changes: [(RecordingProfile.Container, [(MediaCodec, PayloadFormat)])] = {
        let vp8 = (MediaCodec.vp8, PayloadFormat.vp8)
        let (vp9, h264) = ((MediaCodec.vp9, PayloadFormat.vp9), (MediaCodec.h264, PayloadFormat.h264))
        return [
            (.webm, [vp8, vp8, vp8]), (.webm, [vp9, vp9, vp9]), (.webm, [vp8, h264, vp8]), (.webm, [h264, vp9, h264]),
            (.mp4, [h264, h264, h264]), (.mp4, [vp8, vp8, vp8]), (.mp4, [h264, vp8, h264]), (.mp4, [vp9, h264, vp9]),
            (.matroska, [vp8, h264, vp8]), (.matroska, [h264, vp8, h264]), (.flv, [vp8, h264, vp9]),
        ]
    }()

    @Test(arguments: changes)
    func aCameraMayChangeItsSizeAndItsCodec(
        _ container: RecordingProfile.Container, _ cameras: [(MediaCodec, PayloadFormat)]
    ) throws {
        let recording = try recording(RecordingProfile(container: container, hasAudio: false))
        let views: [(width: Int, height: Int, luma: UInt8)] = [(64, 48, 40), (128, 96, 120), (64, 48, 210)]
        for (number, (codec, format)) in cameras.enumerated() {
            let view = views[number]
            let start = begin + .seconds(Int64(number))
            for made in try camera(codec, width: view.width, height: view.height, luma: view.luma) {
                try add(picture(made, start + made.pts), format, to: recording)
            }
        }
        try recording.finish()
        let expected = ["64×48 dark", "128×96 grey", "64×48 light"].flatMap { Array(repeating: $0, count: 25) }
        #expect(try shown() == expected)
    }
}
