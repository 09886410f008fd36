import Foundation
import Media
import Synchronization
import Testing
import Wire

/// Media that comes by itself.
@Suite struct StreamTests {
    /// Gives bytes in pieces, with pauses.
    private final class Pieces: MediaStream {
        private let state: Mutex<(bytes: [UInt8], position: Int, turn: Int)>
        private let end: MediaStreamPiece

        init(_ bytes: [UInt8], end: MediaStreamPiece = .end) {
            state = Mutex((bytes, 0, 0))
            self.end = end
        }

        func take(atMost count: Int) -> MediaStreamPiece {
            state.withLock { state in
                state.turn += 1
                if state.turn % 5 == 0 { return .nothing }
                let piece = Array(state.bytes[state.position...].prefix(min(count, 1 + state.turn * 37 % 3000)))
                state.position += piece.count
                return piece.isEmpty ? end : .bytes(piece)
            }
        }
    }

    private func film(_ form: RoundTripTests.Form, seconds: Int = 3) throws -> [UInt8] {
        let folder = Folder()
        let video = try Material.video(form.video, count: seconds * 10)
        let audio = try Material.audio(form.audio, count: seconds * 50)
        try Recording.make(folder.url("film"), form, video, audio)
        return folder.bytes("film")
    }

    private func packets(_ reader: inout MediaReader) throws -> [MediaPacket] {
        var packets: [MediaPacket] = []
        while let packet = try reader.next() { packets.append(packet) }
        return packets
    }

    @Test(arguments: RoundTripTests.forms) func aFilmIsReadWhileItComes(form: RoundTripTests.Form) throws {
        let bytes = try film(form)
        let folder = Folder()
        var file = try MediaReader(folder.put(bytes, as: "film"))
        var stream = try MediaReader(Pieces(bytes))
        #expect(stream.info.tracks == file.info.tracks)
        #expect(try packets(&stream) == packets(&file))
        // What `MediaWriter` makes of MP4 has its index at the end.
        #expect((stream.info.seekable != nil) == (form.container == .mp4))
    }

    @Test func whatBreaksOffIsTruncated() throws {
        let bytes = try film(RoundTripTests.forms[0], seconds: 12)
        var stream = try MediaReader(Pieces(Array(bytes.prefix(bytes.count / 2)), end: .failed(.truncated)))
        var count = 0
        #expect(throws: MediaError.truncated) { while try stream.next() != nil { count += 1 } }
        #expect(count > 50)
        #expect(throws: MediaError.truncated) { try MediaReader(Pieces([1, 2, 3], end: .failed(.truncated))) }
    }

    @Test func whatIsNoMediaIsNone() {
        #expect(throws: MediaError.notMedia) { try MediaReader(Pieces(Array(repeating: 65, count: 10_000))) }
        #expect(throws: MediaError.notMedia) { try MediaReader(Pieces([])) }
    }

    @Test func aStreamThatFallsSilentIsNotWaitedFor() throws {
        let bytes = try film(RoundTripTests.forms[0], seconds: 12)
        var options = MediaReader.Options()
        options.readTimeout = .milliseconds(100)
        var stream = try MediaReader(Pieces(Array(bytes.prefix(bytes.count / 2)), end: .nothing), options: options)
        #expect(throws: MediaError.timedOut) { while try stream.next() != nil {} }
    }
}
