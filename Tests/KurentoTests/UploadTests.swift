import Session
import Testing

@testable import Kurento

/// HttpPostEndpoint, on a media plane that only says what it was asked.
@Suite(.timeLimit(.minutes(1)))
struct UploadTests {
    private let bench = Bench()

    private func make(_ arguments: [String: JSONValue] = [:]) async -> (Client, String) {
        let client = await bench.client()
        var all = arguments
        all["mediaPipeline"] = .string(await client.create("MediaPipeline"))
        return (client, await client.create("HttpPostEndpoint", .object(all)))
    }

    private func specifications() async -> [UploadSpecification] {
        await bench.plane.operations.compactMap {
            if case .openElement(_, .upload(let specification)) = $0 { specification } else { nil }
        }
    }

    @Test func eachHasATokenOfItsOwn() async {
        _ = await make()
        _ = await make(["disconnectionTimeout": 30, "useEncodedMedia": true])
        let made = await specifications()
        #expect(made.map(\.disconnectionTimeout) == [2, 30] && made.map(\.usesEncodedMedia) == [false, true])
        #expect(Set(made.map(\.token)).count == 2 && made.allSatisfy { $0.token.count == 32 })
    }

    @Test(arguments: [(-5, 0), (1 << 40, 86_400)]) func timeoutsHaveBounds(wanted: Int64, given: Int) async {
        _ = await make(["disconnectionTimeout": .integer(wanted)])
        #expect(await specifications().map(\.disconnectionTimeout).allSatisfy { $0 == given })
    }

    @Test func theURLIsTheWorkers() async {
        let (client, endpoint) = await make()
        #expect(await client.error(endpoint, "getUrl")["code"] == 40003)
        for url in ["http://192.0.2.1:41000/upload/x", "http://192.0.2.2:41000/upload/x"] {
            var status = ElementStatus()
            status.url = url
            await bench.plane.set(status)
            #expect(await client.invoke(endpoint, "getUrl") == .string(url))
        }
    }

    @Test func sessionsBeginAndEnd() async {
        let (client, endpoint) = await make()
        for event in ["MediaSessionStarted", "MediaSessionTerminated", "EndOfStream"] {
            await client.subscribe(endpoint, event)
        }
        let name = endpointID(endpoint)
        for body in [
            SessionEvent.Body.elementStateChanged(name, .started), .elementEnded(name),
            .elementStateChanged(name, .stopped), .elementStateChanged(name, .stopped),
            .elementStateChanged(name, .started),
        ] { await bench.plane.emit(body) }
        #expect(
            await client.events(4).map { $0["type"]?.asString } == [
                "MediaSessionStarted", "EndOfStream", "MediaSessionTerminated", "MediaSessionStarted",
            ])
    }
}
