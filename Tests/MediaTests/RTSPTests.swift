import Foundation
import Media
import Testing
import Wire

/// A camera.
@Suite struct RTSPTests {
    /// Answers as RFC 2326 has it, and sends PCMU in the connection (section 10.12).
    static func camera(packets: Int, _ connection: TinyServer.Connection) {
        while !connection.head.isEmpty {
            let lines = connection.head.split(separator: "\r\n").map(String.init)
            let method = lines.first.map { String($0.prefix { $0 != " " }) } ?? ""
            let sequence = lines.first { $0.lowercased().hasPrefix("cseq:") } ?? ""
            let head = "RTSP/1.0 200 OK\r\n\(sequence)\r\n"
            switch method {
            case "OPTIONS": connection.send(head + "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n")
            case "DESCRIBE":
                let sdp =
                    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n"
                connection.send(
                    head + "Content-Type: application/sdp\r\nContent-Length: \(sdp.utf8.count)\r\n\r\n" + sdp)
            case "SETUP":
                let isTCP = connection.head.contains("RTP/AVP/TCP")
                connection.send(
                    isTCP
                        ? head + "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
                        : "RTSP/1.0 461 Unsupported Transport\r\n\(sequence)\r\n\r\n")
            case "PLAY":
                connection.send(head + "Session: 1\r\n\r\n")
                for index in 0..<packets {
                    let time = UInt32(index * 160)
                    var packet: [UInt8] = [0x80, 0, UInt8(index >> 8), UInt8(index & 255)]
                    for shift in [24, 16, 8, 0] as [UInt32] { packet.append(UInt8(time >> shift & 255)) }
                    packet += [1, 2, 3, 4] + [UInt8](repeating: UInt8(index & 255), count: 160)
                    connection.send([0x24, 0, 0, UInt8(packet.count)] + packet)
                }
                return
            default: connection.send(head + "\r\n")
            }
            connection.readHead()
        }
    }

    @Test func aCameraIsRead() throws {
        let server = try TinyServer { Self.camera(packets: 200, $0) }
        let contents = try Contents("rtsp://127.0.0.1:\(server.port)/live?a=b")
        #expect(contents.info.tracks.map(\.codec) == [.pcmu])
        #expect(contents.info.seekable == nil && contents.info.duration == nil)
        #expect(contents.packets.count >= 190)
        // The first packet's time is not known before the second.
        for (before, after) in zip(contents.packets.dropFirst(), contents.packets.dropFirst(2)) {
            #expect((after.pts - before.pts).isNear(.milliseconds(20)), "\(before.pts) \(after.pts)")
            #expect(after.bytes[0] == before.bytes[0] &+ 1)
        }
    }

    @Test func aRefusalIsHeard() throws {
        for (status, error) in [(404, .notFound), (401, .forbidden)] as [(Int, MediaError)] {
            let server = try TinyServer { connection in
                while !connection.head.isEmpty {
                    let sequence = connection.head.split(separator: "\r\n").first {
                        $0.lowercased().hasPrefix("cseq:")
                    }
                    let isOptions = connection.head.hasPrefix("OPTIONS")
                    connection.send("RTSP/1.0 \(isOptions ? 200 : status) Test\r\n\(sequence ?? "")\r\n\r\n")
                    connection.readHead()
                }
            }
            #expect(throws: error) { _ = try MediaReader("rtsp://127.0.0.1:\(server.port)/live") }
        }
    }
}
