import Gallery
import Kurento
import Logging
import Testing

@testable import Signaling

@Suite(.timeLimit(.minutes(2)))
struct GalleryWebSocketTests {
    @Test func aPageTalksToItsApplicationAndLeavesNothing() async throws {
        let media = MediaServer(plane: NoPlane(), logger: Logger(label: "test"))
        let gallery = ApplicationServer(
            media: media, configuration: GalleryConfiguration(directory: nil, prefix: "c1"), logger: Logger(label: "test"))
        try await withServer(routes: GalleryWebSocket.routes(to: gallery)) { ports in
            for path in ApplicationServer.paths {
                let page = try await RawClient.webSocket(ports[0], path + "?a=b")
                try await page.send(#"{"id":"nothing"}"#)
                let reply = try #require(await page.nextFrame()?.text)
                #expect(reply.contains(#""id":"error""#), "\(path): \(reply)")
                try await page.write(RawClient.frame(8, []))
                #expect(await page.nextFrame()?.opcode == 8)
            }
            let page = try await RawClient.webSocket(ports[0], "/helloworld")
            try await page.send(#"{"id":"start","sdpOffer":"v=0"}"#)
            // The media server's own words, for there is no worker.
            #expect(await page.nextFrame()?.text.contains("No worker is alive") == true)
            try await page.write(RawClient.frame(8, []))
            #expect(await page.nextFrame()?.opcode == 8)
            while await media.statistics.connections > 0 { await Task.yield() }
        }
    }
}
