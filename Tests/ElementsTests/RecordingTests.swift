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

    private func recording(_ profile: RecordingProfile = RecordingProfile(container: .webm)) -> Recording {
        Recording(RecorderSpecification(uri: "file://" + path, profile: profile), location: "file://" + path)
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

    private func read() throws -> (info: MediaInfo, packets: [MediaPacket]) {
        var reader = try MediaReader("file://" + path)
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
        let recording = recording()
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
        let recording = recording()
        try feed(recording, from: begin, seconds: 3, skipping: 10)
        try recording.finish()
        let (info, packets) = try read()
        #expect(times(packets, info, .video).count == 50, "from the second key frame on")
        let track = try #require(info.tracks.first { $0.kind == .video })
        #expect(packets.first { $0.track == track.index }?.isKeyFrame == true)
    }

    @Test func oneKindAloneIsWaitedForOnlySoLong() throws {
        let recording = recording()
        for number in 0..<200 { try add(sound(begin + .milliseconds(Int64(number) * 20)), .opus, to: recording) }
        try recording.finish()
        let (info, packets) = try read()
        #expect(info.tracks.map(\.codec) == [.opus])
        #expect(packets.count == 200)
    }

    @Test func aPauseIsCutOutOfBothKindsAlike() throws {
        let recording = recording()
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
        let recording = recording(RecordingProfile(container: .webm, hasVideo: false))
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
        let recording = recording(RecordingProfile(container: .mp4, hasAudio: false))
        for (number, made) in try pictures(50).enumerated() {
            try add(picture(made, begin + .milliseconds(Int64(number) * 40)), .vp8, to: recording)
        }
        try recording.finish()
        let (info, packets) = try read()
        #expect(info.tracks.map(\.codec) == [.h264])
        #expect(info.tracks.first?.width == 64 && packets.count == 50)
    }

    @Test func withoutMediaThereIsNoFile() throws {
        let recording = recording()
        try recording.finish()
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}
