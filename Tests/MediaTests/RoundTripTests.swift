import Media
import Testing
import Wire

/// What is written can be read, as it was.
@Suite struct RoundTripTests {
    struct Form: CustomTestStringConvertible, Sendable {
        var container: Container
        var video: MediaCodec
        var audio: MediaCodec
        var testDescription: String { "\(container) \(video) \(audio)" }
    }

    static let forms: [Form] = [
        Form(container: .webm, video: .vp8, audio: .opus), Form(container: .webm, video: .vp9, audio: .opus),
        Form(container: .mkv, video: .vp8, audio: .pcma), Form(container: .mkv, video: .h264, audio: .pcmu),
        Form(container: .mkv, video: .h264, audio: .aac), Form(container: .mp4, video: .h264, audio: .aac),
        Form(container: .mp4, video: .h264, audio: .opus), Form(container: .mp4, video: .vp9, audio: .opus),
        Form(container: .flv, video: .h264, audio: .aac),
    ]

    @Test(arguments: forms) func allComesBack(form: Form) throws {
        let folder = Folder()
        let video = try Material.video(form.video, count: 40)
        let audio = try Material.audio(form.audio, count: 200)
        var writer = try MediaWriter(
            folder.url("a/b/film"), container: form.container,
            tracks: [
                Material.track(form.video, video), Material.track(form.audio, extradata: audio.extradata),
            ])
        try Recording.write(video, audio.frames, to: &writer)
        try writer.finish()

        let contents = try Contents(folder.url("a/b/film"))
        #expect(contents.info.duration?.isNear(.seconds(4), within: 100) == true, "\(contents.info)")
        #expect(contents.info.seekable != nil)
        let pictures = contents.packets(.video)
        let sounds = contents.packets(.audio)
        #expect(contents.track(.video)?.codec == form.video)
        #expect(contents.track(.audio)?.codec == form.audio)
        #expect(contents.track(.video)?.width == 160 && contents.track(.video)?.height == 120)
        #expect(pictures.count == video.count && sounds.count == audio.frames.count)
        // The first packet's time is zero; an encoder that looks ahead begins before.
        let zero = min(video[0].pts, audio.frames[0].pts)
        for (packet, frame) in zip(pictures, video) {
            #expect(packet.pts.isNear(frame.pts - zero, within: 2) && packet.isKeyFrame == frame.isKeyFrame)
        }
        for (packet, frame) in zip(sounds, audio.frames) {
            #expect(packet.pts.isNear(frame.pts - zero, within: 2), "\(packet.pts) \(frame.pts - zero)")
            #expect(packet.bytes == frame.bytes)
        }
        if form.video != .h264 { #expect(pictures.map(\.bytes) == video.map(\.bytes)) }
        let decoded = try contents.pictures()
        #expect(decoded.count == video.count)
        for (index, picture) in decoded.enumerated() { #expect(Material.distance(picture, from: index) < 20) }
        let samples = try contents.sound()
        #expect(Material.share(of: 440, in: samples, channels: 2) > 0.8)
    }

    @Test(arguments: forms) func seekingLeadsToTheKeyFrameBefore(form: Form) throws {
        let folder = Folder()
        let video = try Material.video(form.video, count: 50)
        let audio = try Material.audio(form.audio, count: 250)
        let url = folder.url("film")
        try Recording.make(url, form, video, audio)
        let keys = try Contents(url).packets(.video).filter(\.isKeyFrame).map(\.pts)
        #expect(keys.count == 5)
        var reader = try MediaReader(url)
        for wanted in [3250, 0, 4700, 1999, 2000] as [Int64] {
            try reader.seek(to: .milliseconds(wanted))
            var packet = try reader.next()
            while let other = packet, reader.info.tracks[other.track].kind != .video { packet = try reader.next() }
            let found = try #require(packet)
            #expect(found.isKeyFrame)
            let before = keys.last { $0 <= .milliseconds(wanted) } ?? keys[0]
            #expect(found.pts == before, "\(found.pts) for \(wanted)")
        }
        try reader.seek(to: .seconds(100))
        while try reader.next() != nil {}
        try reader.seek(to: .zero)
        let first = try reader.next()
        #expect(first != nil)
    }

    @Test(arguments: forms) func aPauseStays(form: Form) throws {
        let folder = Folder()
        let before = try Material.video(form.video, count: 10)
        let audio = try Material.audio(form.audio, count: 50)
        let after = try Material.video(form.video, count: 10, from: 70)
        var writer = try MediaWriter(
            folder.url("film"), container: form.container,
            tracks: [
                Material.track(form.video, before), Material.track(form.audio, extradata: audio.extradata),
            ])
        try Recording.write(before, audio.frames, to: &writer)
        try writer.flush()
        try Recording.write(after, [], to: &writer)
        try writer.finish()
        let contents = try Contents(folder.url("film"))
        #expect(contents.info.duration?.isNear(.seconds(8), within: 100) == true, "\(contents.info)")
        let times = contents.packets(.video).map(\.pts)
        #expect(times.count == 20)
        #expect((times[10] - times[9]).isNear(.milliseconds(6100), within: 3))
        #expect(try contents.pictures().count == 20)
    }

    @Test(arguments: forms) func aTrackMayBeginLate(form: Form) throws {
        let folder = Folder()
        let video = try Material.video(form.video, count: 40)
        let audio = try Material.audio(form.audio, count: 50)
        var writer = try MediaWriter(
            folder.url("film"), container: form.container,
            tracks: [
                Material.track(form.video, video), Material.track(form.audio, extradata: audio.extradata),
            ])
        let late = audio.frames.map {
            EncodedAudioFrame(pts: $0.pts + .milliseconds(2500), duration: $0.duration, bytes: $0.bytes)
        }
        try Recording.write(video, late, to: &writer)
        try writer.finish()
        let contents = try Contents(folder.url("film"))
        let first = try #require(contents.packets(.audio).first)
        #expect(first.pts.isNear(late[0].pts, within: 2), "\(first.pts)")
        #expect(contents.packets(.video).first?.pts == .zero)
        #expect(contents.packets(.audio).count == late.count)
    }

    @Test(arguments: forms) func aTrackMayNeverBegin(form: Form) throws {
        let folder = Folder()
        let video = try Material.video(form.video, count: 40)
        let audio = try Material.audio(form.audio, count: 1)
        try Recording.make(folder.url("film"), form, video, ([], audio.extradata))
        let contents = try Contents(folder.url("film"))
        #expect(contents.packets(.video).count == 40)
        #expect(contents.info.duration?.isNear(.seconds(4), within: 100) == true, "\(contents.info)")
    }
}

/// Writes whole recordings.
enum Recording {
    /// In the order of their times, as they would come.
    static func write(
        _ video: [EncodedVideoFrame], _ audio: [EncodedAudioFrame], to writer: inout MediaWriter
    ) throws {
        var pictures = video[...]
        var sounds = audio[...]
        while true {
            if let picture = pictures.first, sounds.first.map({ picture.pts <= $0.pts }) ?? true {
                try writer.write(track: 0, pts: picture.pts, bytes: picture.bytes, isKeyFrame: picture.isKeyFrame)
                pictures.removeFirst()
            } else if let sound = sounds.first {
                try writer.write(
                    track: 1, pts: sound.pts, bytes: sound.bytes, isKeyFrame: true, duration: sound.duration)
                sounds.removeFirst()
            } else {
                return
            }
        }
    }

    static func make(
        _ url: String, _ form: RoundTripTests.Form, _ video: [EncodedVideoFrame],
        _ audio: (frames: [EncodedAudioFrame], extradata: [UInt8]), finishes: Bool = true
    ) throws {
        var writer = try MediaWriter(
            url, container: form.container,
            tracks: [Material.track(form.video, video), Material.track(form.audio, extradata: audio.extradata)])
        try write(video, audio.frames, to: &writer)
        if finishes { try writer.finish() }
    }
}
