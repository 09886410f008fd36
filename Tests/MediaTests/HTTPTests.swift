import Foundation
import Media
import Synchronization
import Testing
import Wire

/// Servers, good and bad.
@Suite struct HTTPTests {
    static func film() throws -> [UInt8] {
        let folder = Folder()
        let video = try Material.video(.vp8, count: 40)
        let audio = try Material.audio(.opus, count: 200)
        try Recording.make(folder.url("film"), RoundTripTests.forms[0], video, audio)
        return folder.bytes("film")
    }

    @Test func aFilmIsReadFromAServerAndSearched() throws {
        let film = try Self.film()
        let server = try TinyServer { $0.serve(film) }
        let contents = try Contents(server.url("film.webm?a=b"))
        #expect(contents.packets(.video).count == 40)
        var reader = try MediaReader(server.url("film.webm"))
        try reader.seek(to: .milliseconds(2500))
        let next = try reader.next()
        let packet = try #require(next)
        #expect(packet.pts >= .milliseconds(1900))
    }

    @Test func aServerWithoutPartsIsReadFromTheStart() throws {
        let film = try Self.film()
        let server = try TinyServer { connection in
            connection.send("HTTP/1.0 200 OK\r\n\r\n")
            connection.send(film)
        }
        let contents = try Contents(server.url())
        #expect(contents.packets(.video).count == 40)
        #expect(contents.info.seekable == nil)
    }

    @Test(
        arguments: [(404, .notFound), (403, .forbidden), (401, .forbidden), (500, .unreachable), (503, .unreachable)]
            as [(Int, MediaError)])
    func refusalsAreToldApart(status: Int, error: MediaError) throws {
        let server = try TinyServer { $0.answer(status) }
        #expect(throws: error) { _ = try MediaReader(server.url()) }
    }

    @Test func aServerThatIsNotThereIsUnreachable() throws {
        let port = try TinyServer { _ in }.port
        #expect(throws: MediaError.unreachable) { _ = try MediaReader("http://127.0.0.1:\(port)/") }
        var options = MediaReader.Options()
        options.openTimeout = .seconds(2)
        #expect(throws: MediaError.self) { _ = try MediaReader("http://nobody.invalid/", options: options) }
        #expect(throws: MediaError.unreachable) { _ = try MediaReader("rtsp://127.0.0.1:\(port)/") }
        #expect(throws: MediaError.unreachable) {
            _ = try MediaWriter(
                "http://127.0.0.1:\(port)/", container: .webm, tracks: [.video(.vp8, width: 16, height: 16)])
        }
    }

    @Test func redirectsLeadToHTTPOnlyAndNotForEver() throws {
        let film = try Self.film()
        let end = try TinyServer { $0.serve(film) }
        let first = try TinyServer { $0.answer(302, headers: "Location: \(end.url("film"))\r\n") }
        #expect(try Contents(first.url()).packets(.video).count == 40)
        let seen = end.requests
        var options = MediaReader.Options()
        options.followsRedirects = false
        #expect(throws: MediaError.self) { _ = try MediaReader(first.url(), options: options) }
        #expect(end.requests == seen)
        for target in ["file:///etc/passwd", "concat:/etc/passwd", "data:,a", "rtsp://127.0.0.1/", "tcp://127.0.0.1:1"]
        {
            let server = try TinyServer { $0.answer(302, headers: "Location: \(target)\r\n") }
            #expect(throws: MediaError.self) { _ = try MediaReader(server.url()) }
        }
        let circle = try TinyServer { $0.answer(302, headers: "Location: /again\r\n") }
        #expect(throws: MediaError.self) { _ = try MediaReader(circle.url()) }
        #expect(circle.requests <= Limits.redirects + 1)
    }

    @Test func aPlaylistLeadsNowhere() throws {
        let inside = try TinyServer { $0.answer(200) }
        let list = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n\(inside.url("a.ts"))\n#EXT-X-ENDLIST\n"
        let server = try TinyServer {
            $0.answer(200, Array(list.utf8), headers: "Content-Type: application/vnd.apple.mpegurl\r\n")
        }
        #expect(throws: MediaError.notMedia) { _ = try MediaReader(server.url("list.m3u8")) }
        #expect(inside.requests == 0)
    }

    @Test func aServerThatSaysNothingTimesOut() throws {
        var options = MediaReader.Options()
        options.openTimeout = .milliseconds(300)
        let silent = try TinyServer { connection in while connection.read() != nil {} }
        #expect(throws: MediaError.timedOut) { _ = try MediaReader(silent.url(), options: options) }
        #expect(throws: MediaError.timedOut) {
            _ = try MediaReader("rtsp://127.0.0.1:\(silent.port)/", options: options)
        }
        let drip = try TinyServer { connection in
            while connection.send([UInt8(ascii: "H")]) { usleep(20_000) }
        }
        #expect(throws: MediaError.timedOut) { _ = try MediaReader(drip.url(), options: options) }
    }

    @Test func aServerThatStopsTimesOut() throws {
        let film = try Self.film()
        let server = try TinyServer { connection in
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(film.count)\r\n\r\n")
            connection.send(Array(film.prefix(film.count * 2 / 3)))
            while connection.read() != nil {}
        }
        var options = MediaReader.Options()
        options.readTimeout = .milliseconds(300)
        options.openTimeout = .seconds(2)
        #expect(throws: MediaError.timedOut) {
            var reader = try MediaReader(server.url(), options: options)
            while try reader.next() != nil {}
        }
    }

    @Test func aTransferThatIsCutOffIsTruncated() throws {
        let film = try Self.film()
        let server = try TinyServer { connection in
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(film.count)\r\n\r\n")
            connection.send(Array(film.prefix(film.count * 2 / 3)))
        }
        #expect(throws: MediaError.truncated) { _ = try Contents(server.url()) }
    }

    @Test func anInterruptionEndsWhatWaits() throws {
        let silent = try TinyServer { connection in while connection.read() != nil {} }
        for url in [silent.url(), "rtsp://127.0.0.1:\(silent.port)/"] {
            let interruption = Interruption()
            Thread.detachNewThread {
                usleep(100_000)
                interruption.interrupt()
            }
            #expect(throws: MediaError.interrupted) { _ = try MediaReader(url, interruption: interruption) }
            #expect(throws: MediaError.interrupted) { _ = try MediaReader(url, interruption: interruption) }
        }
    }

    @Test(arguments: RoundTripTests.forms) func aRecordingIsPut(form: RoundTripTests.Form) throws {
        let received = Mutex<(head: String, body: [UInt8])>(("", []))
        let server = try TinyServer { connection in
            let body = connection.readChunks() ?? []
            let head = connection.head
            received.withLock { $0 = (head, body) }
            connection.answer(201)
        }
        let video = try Material.video(form.video, count: 20)
        let audio = try Material.audio(form.audio, count: 100)
        try Recording.make(
            server.url("dir/film?id=1").replacing("//", with: "//me:pass%20word@", maxReplacements: 1), form, video,
            audio)
        let (lines, body) = received.withLock { $0 }
        let head = lines + "\r\n"
        #expect(head.hasPrefix("PUT /dir/film?id=1 HTTP/1.1\r\n"))
        #expect(head.contains("Host: 127.0.0.1:\(server.port)\r\n"))
        #expect(head.contains("Authorization: Basic bWU6cGFzcyB3b3Jk\r\n"))
        let folder = Folder()
        let contents = try Contents(folder.put(body, as: "film"))
        #expect(contents.packets(.video).count == 20 && contents.packets(.audio).count == audio.frames.count)
        for (index, picture) in try contents.pictures().enumerated() {
            #expect(Material.distance(picture, from: index) < 20)
        }
    }

    @Test(
        arguments: [
            (403, .forbidden), (404, .notFound), (413, .tooLarge), (507, .noSpace),
            (500, .other("the server answered 500")), (307, .other("the server answered 307")),
        ] as [(Int, MediaError)])
    func aServerThatRefusesAPutIsHeard(status: Int, error: MediaError) throws {
        let server = try TinyServer { connection in
            _ = connection.readChunks()
            connection.answer(status)
        }
        let video = try Material.video(.vp8, count: 10)
        var writer = try MediaWriter(server.url(), container: .webm, tracks: [Material.track(.vp8, video)])
        try Recording.write(video, [], to: &writer)
        #expect(throws: error) { try writer.finish() }
        #expect(throws: error) { try writer.finish() }
    }

    @Test func aServerThatTakesNothingTimesOutOrIsInterrupted() throws {
        let done = Atomic<Bool>(false)
        let server = try TinyServer { _ in while !done.load(ordering: .relaxed) { usleep(10_000) } }
        defer { done.store(true, ordering: .relaxed) }
        for isInterrupted in [false, true] {
            let interruption = Interruption()
            var options = MediaWriter.Options()
            options.timeout = isInterrupted ? .seconds(60) : .milliseconds(300)
            var writer = try MediaWriter(
                server.url(), container: .webm, tracks: [.video(.vp8, width: 16, height: 16)], options: options,
                interruption: interruption)
            if isInterrupted {
                Thread.detachNewThread {
                    usleep(200_000)
                    interruption.interrupt()
                }
            }
            let bytes = [UInt8](repeating: 7, count: 1 << 20)
            #expect(throws: isInterrupted ? MediaError.interrupted : .timedOut) {
                for index in 0..<64 {
                    try writer.write(track: 0, pts: .seconds(Int64(index)), bytes: bytes, isKeyFrame: true)
                }
            }
        }
    }

    @Test func aServerThatHangsUpIsUnreachable() throws {
        let server = try TinyServer { _ in }
        var writer = try MediaWriter(
            server.url(), container: .webm, tracks: [.video(.vp8, width: 16, height: 16)])
        let bytes = [UInt8](repeating: 7, count: 1 << 20)
        #expect(throws: MediaError.unreachable) {
            for index in 0..<64 {
                try writer.write(track: 0, pts: .seconds(Int64(index)), bytes: bytes, isKeyFrame: true)
            }
        }
    }
}
