import RTP
import Session
import Testing

@testable import Kurento

/// Filters, on a media plane that only says what it was asked.
@Suite(.timeLimit(.minutes(1)))
struct FilterTests {
    private let bench = Bench()

    private func pipeline() async -> (Client, String) {
        let client = await bench.client()
        return (client, await client.create("MediaPipeline"))
    }

    private func create(_ client: Client, _ type: String, in pipeline: String, _ more: [String: JSONValue] = [:]) async -> String {
        await client.create(type, .object(more.merging(["mediaPipeline": .string(pipeline)]) { first, _ in first }))
    }

    private func connections() async -> [Route] {
        await bench.plane.operations.compactMap { if case .connect(let route) = $0 { route } else { nil } }
    }

    @Test(arguments: [
        ("ImageOverlayFilter", FilterSpecification.imageOverlay), ("kurento.ZBarFilter", .codes),
        ("datachannelexample.KmsSendData", .codesToData), ("KmsShowData", .textFromData),
    ])
    func aFilterIsAnElementOfTheMediaPlane(type: String, specification: FilterSpecification) async {
        let (client, pipeline) = await pipeline()
        let filter = await create(client, type, in: pipeline)
        #expect(await bench.plane.operations == [.openElement(endpointID(filter), .filter(specification))])
    }

    @Test func typesOfFurtherModulesKeepTheirPrefix() async {
        let (client, pipeline) = await pipeline()
        let filter = await create(client, "datachannelexample.KmsSendData", in: pipeline)
        #expect(filter.hasSuffix("_datachannelexample.KmsSendData"))
        let reply = await client.request("describe", ["object": .string(filter)])
        #expect(reply["result"]?["qualifiedType"] == "datachannelexample.KmsSendData")
        let wrong = await client.request("create", ["type": "kurento.KmsSendData", "constructorParams": ["mediaPipeline": .string(pipeline)]])
        #expect(wrong["error"]?["code"] == 40108)
    }

    @Test func whatChangesPicturesLetsSoundGoBy() async {
        let (client, pipeline) = await pipeline()
        let source = await create(client, "WebRtcEndpoint", in: pipeline)
        let filter = await create(client, "GStreamerFilter", in: pipeline, ["command": "videoflip method=clockwise"])
        let sink = await create(client, "WebRtcEndpoint", in: pipeline)
        _ = await client.invoke(source, "connect", ["sink": .string(filter)])
        _ = await client.invoke(filter, "connect", ["sink": .string(sink)])
        let (from, through, to) = (endpointID(source), endpointID(filter), endpointID(sink))
        #expect(
            await Set(connections()) == [
                Route(source: from, sink: through, kind: .video), Route(source: from, sink: to, kind: .audio),
                Route(source: through, sink: to, kind: .video),
            ])
    }

    @Test func whatOnlyLooksLetsAllGoBy() async {
        let (client, pipeline) = await pipeline()
        let source = await create(client, "WebRtcEndpoint", in: pipeline)
        let filter = await create(client, "ZBarFilter", in: pipeline)
        let sink = await create(client, "WebRtcEndpoint", in: pipeline)
        _ = await client.invoke(source, "connect", ["sink": .string(filter)])
        _ = await client.invoke(filter, "connect", ["sink": .string(sink)])
        let (from, through, to) = (endpointID(source), endpointID(filter), endpointID(sink))
        #expect(
            await Set(connections()) == [
                Route(source: from, sink: through, kind: .video), Route(source: from, sink: to, kind: .audio),
                Route(source: from, sink: to, kind: .video),
            ])
    }

    @Test func dataLeaveAFilterThatMakesThemAndGoThroughOneThatShowsThem() async {
        let (client, pipeline) = await pipeline()
        let source = await create(client, "WebRtcEndpoint", in: pipeline, ["useDataChannels": true])
        let show = await create(client, "KmsShowData", in: pipeline)
        let send = await create(client, "KmsSendData", in: pipeline)
        let sink = await create(client, "WebRtcEndpoint", in: pipeline, ["useDataChannels": true])
        let other = await create(client, "WebRtcEndpoint", in: pipeline, ["useDataChannels": true])
        for (from, to) in [(source, show), (show, sink), (source, send), (send, other)] {
            _ = await client.invoke(from, "connect", ["sink": .string(to)])
        }
        let routes = await bench.plane.operations.compactMap { if case .connectData(let route) = $0 { route } else { nil } }
        #expect(
            Set(routes) == [
                DataRoute(source: endpointID(source), sink: endpointID(show)),
                DataRoute(source: endpointID(source), sink: endpointID(sink)),
                DataRoute(source: endpointID(send), sink: endpointID(other)),
            ])
    }

    @Test func methodsAreCommands() async {
        let (client, pipeline) = await pipeline()
        let images = await create(client, "ImageOverlayFilter", in: pipeline)
        let image: JSONValue = [
            "id": "logo", "uri": "http://a/b.png", "offsetXPercent": .double(0.5), "offsetYPercent": "0.25", "widthPercent": .double(0.1),
            "heightPercent": .double(0.2), "keepAspectRatio": true, "center": false,
        ]
        #expect(await client.invoke(images, "addImage", image) == .null)
        #expect(await client.invoke(images, "removeImage", ["id": "logo"]) == .null)
        let turned = await create(client, "GStreamerFilter", in: pipeline, ["command": "videoflip"])
        let change: JSONValue = ["propertyName": "method", "propertyValue": "clockwise"]
        #expect(await client.invoke(turned, "setElementProperty", change) == .null)
        #expect(await client.invoke(turned, "getCommand") == "videoflip")
        let commands = await bench.plane.operations.compactMap { if case .commandElement(_, let command) = $0 { command } else { nil } }
        let overlay = ImageOverlay(id: "logo", uri: "http://a/b.png", x: 0.5, y: 0.25, width: 0.1, height: 0.2, keepsAspectRatio: true)
        #expect(commands == [.addImage(overlay), .removeImage("logo"), .setProperty("method", "clockwise")])
    }

    @Test(arguments: [
        ("filesink location=/tmp/x", 40108), ("videoflip angle=4", 40107), ("videoflip !", 40001), ("", 40001),
    ])
    func aCommandThatCannotBeDoneIsRefused(command: String, code: JSONValue) async {
        let (client, pipeline) = await pipeline()
        let reply = await client.request(
            "create",
            ["type": "GStreamerFilter", "constructorParams": ["mediaPipeline": .string(pipeline), "command": .string(command)]])
        #expect(reply["error"]?["code"] == code)
        #expect(await bench.plane.operations.isEmpty)
    }

    @Test func aCodeIsAnEvent() async throws {
        let (client, pipeline) = await pipeline()
        let filter = await create(client, "ZBarFilter", in: pipeline)
        _ = await client.subscribe(filter, "CodeFound")
        let code = DetectedCode(type: "QR-Code", value: "http://example.org")
        await bench.plane.emit(.codeFound(endpointID(filter), code))
        let event = try #require(await client.events(1).first?["data"])
        #expect(event["codeType"] == "QR-Code" && event["value"] == "http://example.org")
    }

    private func commands(to filter: String) async -> [ElementCommand] {
        await bench.plane.operations.compactMap {
            if case .commandElement(endpointID(filter), let command) = $0 { command } else { nil }
        }
    }

    /// In the process after one that ended.
    private func begin(_ filter: String, expecting count: Int) async -> [ElementCommand] {
        await bench.plane.forgetOperations()
        await bench.plane.emit(.elementStateChanged(endpointID(filter), .started))
        for _ in 0..<1000 where await commands(to: filter).count < count { await Task.yield() }
        for _ in 0..<100 { await Task.yield() }
        return await commands(to: filter)
    }

    @Test func aFilterThatBeginsAnewIsToldWhatItHeldAndNoMore() async {
        let (client, pipeline) = await pipeline()
        let images = await create(client, "ImageOverlayFilter", in: pipeline)
        func add(_ id: String, at x: Double) async {
            let image: JSONValue = [
                "id": .string(id), "uri": "http://a/b.png", "offsetXPercent": .double(x), "offsetYPercent": .double(0.25),
                "widthPercent": .double(0.1), "heightPercent": .double(0.2), "keepAspectRatio": true, "center": false,
            ]
            _ = await client.invoke(images, "addImage", image)
        }
        await add("a", at: 0.1)
        await add("b", at: 0.2)
        await add("c", at: 0.3)
        await add("a", at: 0.4)
        _ = await client.invoke(images, "removeImage", ["id": "b"])
        let told = await begin(images, expecting: 2)
        #expect(
            told.compactMap { if case .addImage(let image) = $0 { "\(image.id) \(image.x)" } else { "other" } }
                == ["c 0.3", "a 0.4"])
        #expect(await client.events.isEmpty)
    }

    @Test func anElementsPropertiesAreToldAgainAndWhatWasRefusedIsNot() async {
        let (client, pipeline) = await pipeline()
        let turned = await create(client, "GStreamerFilter", in: pipeline, ["command": "videoflip"])
        func set(_ value: String) async {
            let change: JSONValue = ["propertyName": "method", "propertyValue": .string(value)]
            _ = await client.request(
                "invoke", ["object": .string(turned), "operation": "setElementProperty", "operationParams": change])
        }
        await set("clockwise")
        await set("rotate-180")
        await bench.plane.refuseNext(Refusal(.invalid, "no such method"))
        await set("up")
        #expect(await begin(turned, expecting: 1) == [.setProperty("method", "rotate-180")])
    }
}
