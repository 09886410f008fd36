import Foundation
import Testing
import Wire

@testable import Media

/// What a writer does when things go wrong.
@Suite struct WriterTests {
    @Test(arguments: RoundTripTests.forms) func aKilledWriterLeavesAFileThatPlaysToItsLastSecond(
        form: RoundTripTests.Form
    ) throws {
        let folder = Folder()
        let video = try Material.video(form.video, count: 60)
        let audio = try Material.audio(form.audio, count: 300)
        var writer = try MediaWriter(
            folder.url("film"), container: form.container,
            tracks: [
                Material.track(form.video, video), Material.track(form.audio, extradata: audio.extradata),
            ])
        try Recording.write(video, audio.frames, to: &writer)
        // As the disk has it while the writer is alive.
        let copy = try Contents(folder.put(folder.bytes("film"), as: "copy"))
        for kind in [MediaTrack.Kind.video, .audio] {
            let last = try #require(copy.packets(kind).last)
            #expect(last.pts > .seconds(5), "\(kind): \(last.pts)")
        }
        let end = try #require(copy.packets.map(\.pts).max())
        #expect(copy.info.duration?.isNear(end, within: 150) == true, "\(copy.info) \(end)")
        let pictures = try copy.pictures()
        #expect(pictures.count == copy.packets(.video).count)
        for (index, picture) in pictures.enumerated() { #expect(Material.distance(picture, from: index) < 20) }
        var reader = try MediaReader(folder.url("copy"))
        try reader.seek(to: .milliseconds(3500))
        while let packet = try reader.next() {
            guard reader.info.tracks[packet.track].kind == .video else { continue }
            let key = copy.packets(.video).last { $0.isKeyFrame && $0.pts <= .milliseconds(3500) }
            #expect(packet.pts == key?.pts && packet.bytes == key?.bytes)
            break
        }
        // And the writer was not disturbed.
        try writer.finish()
        #expect(try Contents(folder.url("film")).packets(.video).count == 60)
    }

    @Test(arguments: RoundTripTests.forms) func aFlushPutsAllOnTheDisk(form: RoundTripTests.Form) throws {
        let folder = Folder()
        let video = try Material.video(form.video, count: 5)
        var writer = try MediaWriter(
            folder.url("film"), container: form.container, tracks: [Material.track(form.video, video)])
        try Recording.write(video, [], to: &writer)
        try writer.flush()
        #expect(try Contents(folder.put(folder.bytes("film"), as: "copy")).packets(.video).count == 5)
    }

    @Test(arguments: RoundTripTests.forms) func tracksAreInOrderThoughTheyComeOutOfIt(
        form: RoundTripTests.Form
    ) throws {
        let folder = Folder()
        let video = try Material.video(form.video, count: 30)
        let audio = try Material.audio(form.audio, count: 150)
        var writer = try MediaWriter(
            folder.url("film"), container: form.container,
            tracks: [
                Material.track(form.video, video), Material.track(form.audio, extradata: audio.extradata),
            ])
        // Sound comes 200 ms after the picture that it belongs to.
        var sounds = audio.frames[...]
        for frame in video {
            try writer.write(track: 0, pts: frame.pts, bytes: frame.bytes, isKeyFrame: frame.isKeyFrame)
            while let sound = sounds.first, sound.pts < frame.pts - .milliseconds(200) {
                try writer.write(track: 1, pts: sound.pts, bytes: sound.bytes, isKeyFrame: true)
                sounds.removeFirst()
            }
        }
        try writer.finish()
        let packets = try Contents(folder.url("film")).packets
        for (before, after) in zip(packets, packets.dropFirst()) where form.container != .mp4 {
            #expect(after.pts > before.pts - .milliseconds(2))
        }
        let sound = try Contents(folder.url("film")).packets(.audio)
        #expect(sound.count == audio.frames.count - sounds.count)
    }

    @Test func timesThatFallAreMoved() throws {
        let folder = Folder()
        let video = try Material.video(.vp8, count: 4)
        for container in [Container.webm, .mkv] {
            var writer = try MediaWriter(
                folder.url("film"), container: container, tracks: [Material.track(.vp8, video)])
            for (frame, time) in zip(video, [100, 50, 50, 1000] as [Int64]) {
                try writer.write(
                    track: 0, pts: .milliseconds(time), bytes: frame.bytes, isKeyFrame: frame.isKeyFrame)
            }
            try writer.finish()
            let times = try Contents(folder.url("film")).packets.map(\.pts.milliseconds)
            #expect(times == [0, 1, 2, 900])
        }
    }

    @Test(arguments: RoundTripTests.forms, [100 * 3600 * 1_000_000_000, .max, .min] as [Int64])
    func timesThatJumpEndNothing(form: RoundTripTests.Form, jump: Int64) throws {
        let folder = Folder()
        let video = try Material.video(form.video, count: 20)
        let audio = try Material.audio(form.audio, count: 100)
        var writer = try MediaWriter(
            folder.url("film"), container: form.container,
            tracks: [
                Material.track(form.video, video), Material.track(form.audio, extradata: audio.extradata),
            ])
        try Recording.write(Array(video.prefix(10)), Array(audio.frames.prefix(40)), to: &writer)
        // The picture's clock is out of its mind, the sound goes on.
        try writer.write(track: 0, pts: Interval(nanoseconds: jump), bytes: video[10].bytes, isKeyFrame: true)
        try Recording.write(Array(video.suffix(9)), Array(audio.frames.dropFirst(40)), to: &writer)
        try writer.finish()
        let contents = try Contents(folder.url("film"))
        #expect(contents.packets(.audio).count >= audio.frames.count - 1)
        #expect(contents.packets(.video).count >= 10)
    }

    @Test func aPictureMayChangeItsSize() throws {
        let folder = Folder()
        for (codec, container) in [(.vp8, .webm), (.vp9, .webm), (.h264, .mkv), (.h264, .mp4)]
            as [(MediaCodec, Container)]
        {
            let small = try Material.video(codec, count: 10)
            let large = try Material.video(codec, count: 10, width: 320, height: 240, from: 10)
            var writer = try MediaWriter(
                folder.url("film"), container: container, tracks: [Material.track(codec, small)])
            try Recording.write(small + large, [], to: &writer)
            try writer.finish()
            let pictures = try Contents(folder.url("film")).pictures()
            #expect(pictures.map(\.width) == [Int](repeating: 160, count: 10) + [Int](repeating: 320, count: 10))
            for (index, picture) in pictures.enumerated() { #expect(Material.distance(picture, from: index) < 20) }
        }
    }

    @Test(arguments: RoundTripTests.forms) func aFullDiskIsToldAndWhatWasWrittenStays(
        form: RoundTripTests.Form
    ) throws {
        let folder = Folder()
        let video = try Material.video(form.video, count: 50)
        var writer = try MediaWriter(
            folder.url("film"), container: form.container, tracks: [Material.track(form.video, video)])
        try Recording.write(Array(video.prefix(30)), [], to: &writer)
        // From here on each write of the descriptor finds no space.
        let full = open("/dev/full", O_RDWR)
        let descriptor = writer.output.descriptor
        #expect(full >= 0 && dup2(full, descriptor) >= 0)
        close(full)
        var failure: MediaError?
        do { try Recording.write(Array(video.dropFirst(30)), [], to: &writer) } catch let error as MediaError {
            failure = error
        }
        #expect(failure == .noSpace)
        #expect(throws: MediaError.noSpace) {
            try writer.write(track: 0, pts: .seconds(9), bytes: video[0].bytes, isKeyFrame: true)
        }
        #expect(throws: MediaError.noSpace) { try writer.finish() }
        let last = try Contents(folder.url("film")).packets(.video).last
        #expect(last.map { $0.pts > .seconds(1) } == true)
    }

    /// The types of a file's boxes (ISO/IEC 14496-12 section 4.2), up to one that is cut off.
    static func boxes(_ bytes: [UInt8]) -> [String] {
        var types: [String] = []
        var position = 0
        while position + 16 <= bytes.count {
            let size = bytes[position..<(position + 4)].reduce(0) { $0 << 8 | Int($1) }
            let long = bytes[(position + 8)..<(position + 16)].reduce(0) { $0 << 8 | Int($1) }
            types.append(String(decoding: bytes[(position + 4)..<(position + 8)], as: UTF8.self))
            position += max(size == 1 ? long : size, 8)
        }
        return types
    }

    @Test func anMP4FileIsFragmentedUntilItIsFinished() throws {
        let folder = Folder()
        let video = try Material.video(.h264, count: 30)
        var writer = try MediaWriter(folder.url("film"), container: .mp4, tracks: [Material.track(.h264, video)])
        try Recording.write(video, [], to: &writer)
        #expect(Self.boxes(folder.bytes("film")).prefix(5) == ["ftyp", "free", "moov", "moof", "mdat"])
        try writer.finish()
        #expect(Self.boxes(folder.bytes("film")) == ["ftyp", "mdat", "moov"])
    }

    @Test func aFullDiskAtTheEndLeavesTheFragments() throws {
        let folder = Folder()
        let video = try Material.video(.h264, count: 30)
        let size: Int64
        do {
            var writer = try MediaWriter(
                folder.url("film"), container: .mp4, tracks: [Material.track(.h264, video)])
            try Recording.write(video, [], to: &writer)
            try writer.flush()
        }
        size = Int64(folder.bytes("film").count)
        let descriptor = open(folder.path + "/film", O_RDONLY)
        defer { close(descriptor) }
        // A descriptor that cannot be written to.
        #expect(throws: MediaError.self) { try FragmentIndex.finish(descriptor) }
        #expect(Int64(folder.bytes("film").count) == size)
        #expect(try Contents(folder.url("film")).packets(.video).count == 30)
    }

    @Test func placesThatCannotBeWrittenAreToldApart() throws {
        let folder = Folder()
        let track = TrackParameters.video(.vp8, width: 16, height: 16)
        _ = folder.put([], as: "file")
        for url in [
            folder.url("file/film.webm"), "file:///proc/nothing/film.webm", folder.url("."), "file:///dev/null",
        ] {
            #expect(throws: MediaError.unwritable, "\(url)") {
                _ = try MediaWriter(url, container: .webm, tracks: [track])
            }
        }
        for url in ["rtsp://127.0.0.1/a", "ftp://127.0.0.1/a", "/tmp/a", "file://host/a", "data:,a", ""] {
            #expect(throws: MediaError.forbidden, "\(url)") {
                _ = try MediaWriter(url, container: .webm, tracks: [track])
            }
        }
    }

    @Test func codecsThatTheContainerDoesNotTakeAreRefused() throws {
        let folder = Folder()
        let video = TrackParameters.video(.vp8, width: 16, height: 16)
        for (container, track) in [
            (.webm, .g711(.pcmu)), (.webm, .video(.h264, width: 16, height: 16, extradata: [1])), (.mp4, video),
            (.mp4, .video(.h264, width: 16, height: 16)), (.webm, .video(.vp8, width: 0, height: 16)),
            (.webm, .video(.vp8, width: 100_000, height: 16)), (.mkv, .audio(.other("x"), sampleRate: 1, channels: 1)),
        ] as [(Container, TrackParameters)] {
            #expect(throws: MediaError.unsupportedCodec) {
                _ = try MediaWriter(folder.url("film"), container: container, tracks: [track])
            }
        }
        #expect(throws: MediaError.unsupportedCodec) {
            _ = try MediaWriter(folder.url("film"), container: .webm, tracks: [])
        }
        #expect(FileManager.default.fileExists(atPath: folder.path + "/film") == false)
    }

    @Test func packetsThatAreTooLargeAreRefusedAndTheRestGoesOn() throws {
        let folder = Folder()
        let video = try Material.video(.vp8, count: 10)
        var writer = try MediaWriter(folder.url("film"), container: .webm, tracks: [Material.track(.vp8, video)])
        try Recording.write(Array(video.prefix(5)), [], to: &writer)
        let bytes = [UInt8](repeating: 0, count: Limits.packetBytes + 1)
        #expect(throws: MediaError.tooLarge) {
            try writer.write(track: 0, pts: .seconds(1), bytes: bytes, isKeyFrame: true)
        }
        try Recording.write(Array(video.dropFirst(5)), [], to: &writer)
        let length = writer.length
        #expect(length.isNear(.seconds(1)))
        try writer.finish()
        #expect(try Contents(folder.url("film")).packets.count == 10)
    }

    @Test func anEmptyRecordingIsAFile() throws {
        let folder = Folder()
        for container in [Container.webm, .mkv, .mp4] {
            var writer = try MediaWriter(
                folder.url("film"), container: container,
                tracks: [.video(.vp9, width: 160, height: 120), .opus()])
            try writer.finish()
            try writer.finish()
            #expect(folder.bytes("film").count > 100)
        }
    }

    @Test func descriptorsAreClosed() throws {
        let folder = Folder()
        let video = try Material.video(.vp8, count: 3)
        for _ in 0..<20 {
            var writer = try MediaWriter(folder.url("a"), container: .webm, tracks: [Material.track(.vp8, video)])
            try Recording.write(video, [], to: &writer)
            try writer.finish()
            #expect(folder.openFiles == 0)
            _ = try Contents(folder.url("a"))
            let unfinished = try MediaWriter(
                folder.url("b"), container: .webm, tracks: [Material.track(.vp8, video)])
            _ = consume unfinished
            #expect(throws: MediaError.self) { _ = try MediaReader(folder.put([1, 2, 3], as: "c")) }
        }
        #expect(folder.openFiles == 0)
    }
}
