import Foundation
import Media
import Testing
import Wire

/// Files that are not what they seem.
@Suite struct HostileFileTests {
    @Test func whatIsNoMediaIsRefused() throws {
        let folder = Folder()
        var random = SystemRandomNumberGenerator()
        let noise = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        for bytes in [
            [], [0], noise, Array("Hello, world. This is no film.".utf8), [UInt8](repeating: 0, count: 70_000),
        ] {
            #expect(throws: MediaError.self) { _ = try MediaReader(folder.put(bytes, as: "film.webm")) }
        }
        #expect(throws: MediaError.notFound) { _ = try MediaReader(folder.url("none.webm")) }
    }

    @Test func playlistsAreRefused() throws {
        let folder = Folder()
        let server = try TinyServer { $0.answer(200, Array("secret".utf8)) }
        let film = folder.url("film.webm")
        let video = try Material.video(.vp8, count: 5)
        try Recording.make(film, .init(container: .webm, video: .vp8, audio: .opus), video, ([], []))
        let inside = server.url("segment.ts")
        let lists = [
            "a.ffconcat": "ffconcat version 1.0\nfile film.webm\n",
            "b.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n\(inside)\n#EXT-X-ENDLIST\n",
            "c.webm": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
            "d.mpd": "<?xml version=\"1.0\"?><MPD><Period><BaseURL>\(inside)</BaseURL></Period></MPD>",
            "e.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 4000 RTP/AVP 96\n"
                + "a=rtpmap:96 VP8/90000\n",
            "f.m3u": "\(inside)\n", "g.srt": "1\n00:00:00,000 --> 00:00:01,000\nHello\n",
        ]
        for (name, text) in lists {
            #expect(throws: MediaError.notMedia, "\(name)") {
                _ = try MediaReader(folder.put(Array(text.utf8), as: name))
            }
        }
        #expect(server.requests == 0)
    }

    @Test func otherSchemesAreRefused() {
        for url in [
            "concat:/etc/passwd|/etc/group", "subfile,,start,0,end,10,,:/etc/passwd", "data:video/webm;base64,AAAA",
            "pipe:0", "/etc/passwd", "film.webm", "hls+http://127.0.0.1/a", "crypto:file:///etc/passwd",
            "tcp://127.0.0.1:1",
            "file://host/etc/passwd", "file:///a%00b", "file:///a%zz", "http://", "http://127.0.0.1:0/", "http://a b/",
            "http://127.0.0.1:99999/", "http://127.0.0.1/a\r\nX: y", "HTTP", "",
        ] {
            #expect(throws: MediaError.forbidden, "\(url)") { _ = try MediaReader(url) }
        }
        #expect(throws: MediaError.tooLarge) {
            _ = try MediaReader("http://127.0.0.1/" + String(repeating: "a", count: 10_000))
        }
    }

    @Test func devicesAndPipesAreRefused() {
        let folder = Folder()
        mkfifo(folder.path + "/pipe", 0o600)
        for url in ["file:///dev/zero", "file:///dev/tty", folder.url("pipe"), folder.url("")] {
            #expect(throws: MediaError.forbidden, "\(url)") { _ = try MediaReader(url) }
        }
    }

    @Test func aPathIsDecoded() throws {
        let folder = Folder()
        let video = try Material.video(.vp8, count: 3)
        var writer = try MediaWriter(
            folder.url("a%20%C3%A4%25d"), container: .webm, tracks: [Material.track(.vp8, video)])
        try Recording.write(video, [], to: &writer)
        try writer.finish()
        #expect(FileManager.default.fileExists(atPath: folder.path + "/a ä%d"))
        #expect(try Contents(folder.url("a%20ä%25d")).packets.count == 3)
    }

    @Test(arguments: RoundTripTests.forms) func aFileThatIsCutOffPlaysToThere(form: RoundTripTests.Form) throws {
        let folder = Folder()
        let video = try Material.video(form.video, count: 30)
        let audio = try Material.audio(form.audio, count: 150)
        try Recording.make(folder.url("film"), form, video, audio, finishes: false)
        let whole = folder.bytes("film")
        let all = try Contents(folder.url("film")).packets
        var most = 0
        for part in 1...24 {
            let url = folder.put(Array(whole.prefix(whole.count * part / 24)), as: "cut")
            guard let contents = try? Contents(url) else { continue }
            #expect(contents.packets.count >= most)
            #expect(all.map(\.bytes).starts(with: contents.packets.map(\.bytes)))
            most = contents.packets.count
        }
        #expect(most == all.count)
    }

    @Test(arguments: RoundTripTests.forms) func aDamagedFileEnds(form: RoundTripTests.Form) throws {
        let folder = Folder()
        let video = try Material.video(form.video, count: 20)
        let audio = try Material.audio(form.audio, count: 100)
        try Recording.make(folder.url("film"), form, video, audio)
        let whole = folder.bytes("film")
        var random = SeededRandom(seed: 7)
        for round in 0..<60 {
            var bytes = whole
            for _ in 0..<(1 + round % 20) {
                // Half of them in the headers.
                let end = round % 2 == 0 ? 600 : bytes.count
                bytes[Int(random.next() % UInt64(end))] = UInt8(truncatingIfNeeded: random.next())
            }
            guard let contents = try? Contents(folder.put(bytes, as: "damaged")) else { continue }
            #expect(contents.packets.count < 10_000)
            _ = try? contents.pictures()
            _ = try? contents.sound()
        }
    }
}
