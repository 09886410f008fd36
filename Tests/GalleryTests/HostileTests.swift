import Testing

@testable import Gallery
@testable import Kurento

/// What a page may say that is no page of ours.
@Suite(.timeLimit(.minutes(1)))
struct HostileTests {
    private let bench = Bench()

    @Test(arguments: ApplicationServer.paths) func nonsenseIsAnsweredAndHarmsNobody(path: String) async throws {
        let page = try await bench.page(path)
        let nonsense = [
            "", "x", "[]", "{}", "null", #"{"id":1}"#, #"{"id":null}"#, #"{"id":"nothing"}"#,
            #"{"id":"\#(String(repeating: "x", count: Limits.messageBytes))"}"#,
            String(repeating: "[", count: 10_000),
        ]
        for text in nonsense { await page.session?.text(text) }
        #expect(page.heard("error").count == nonsense.count)
        #expect(await bench.kurento.alive.isEmpty)
        for message in page.heard("error") { #expect((message["message"]?.asString?.utf8.count ?? 0) < 256) }
    }

    @Test(arguments: ["start", "presenter", "viewer", "call", "joinRoom", "play", "onIceCandidate", "register", "doSeek"])
    func membersOfTheWrongKindAreRefused(id: String) async throws {
        for path in ApplicationServer.paths {
            let page = try await bench.page(path)
            for value in [JSONValue.null, 1, [], [:], ""] {
                await page.say(
                    id,
                    [
                        "sdpOffer": value, "candidate": value, "name": value, "room": value, "to": value, "user": value,
                        "position": value, "mode": value, "videourl": value,
                    ])
            }
            await page.close()
        }
        #expect(await bench.kurento.alive.isEmpty)
    }

    @Test func candidatesWithoutACallAreBounded() async throws {
        for path in ["/helloworld", "/call"] {
            let page = try await bench.page(path)
            for number in 0..<(2 * Limits.early) { await page.candidate("c\(number)") }
            await page.say(path == "/call" ? "presenter" : "start", ["sdpOffer": "mine"])
            #expect(await bench.kurento.calls.count { $0.hasPrefix("addIceCandidate") } == Limits.early)
            await bench.kurento.forgetCalls()
            await page.close()
        }
    }

    @Test func thereIsRoomForSoManyPages() async throws {
        var pages: [Page] = []
        for _ in 0..<Limits.visitors { pages.append(try await bench.page("/helloworld")) }
        await #expect(throws: GalleryError.self) { try await bench.page("/helloworld") }
        await pages[0].close()
        _ = try await bench.page("/helloworld")
        #expect(await bench.server.opened("/elsewhere", send: { _ in }) == nil)
    }
}
