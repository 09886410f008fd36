import RTP
import Session
import Testing

@testable import Kurento

/// Hubs and their ports, on a media plane that only says what it was asked.
@Suite(.timeLimit(.minutes(1)))
struct HubTests {
    private let bench = Bench()

    private struct Stage {
        let client: Client
        let pipeline: String
        let hub: String
        var ports: [String] = []
        var peers: [String] = []
    }

    /// A hub with peers at its ports, both ways.
    private func stage(_ type: String, _ options: [String: JSONValue] = [:], peers: Int = 0) async -> Stage {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        var arguments = options
        arguments["mediaPipeline"] = .string(pipeline)
        var stage = Stage(client: client, pipeline: pipeline, hub: await client.create(type, .object(arguments)))
        for _ in 0..<peers {
            let port = await client.create("HubPort", ["hub": .string(stage.hub)])
            let peer = await client.endpoint(pipeline)
            _ = await client.invoke(peer, "connect", ["sink": .string(port)])
            _ = await client.invoke(port, "connect", ["sink": .string(peer)])
            stage.ports.append(port)
            stage.peers.append(peer)
        }
        return stage
    }

    private func wait(for operations: Int) async {
        while await bench.plane.operations.count < operations { await Task.yield() }
    }

    private func opened() async -> [ElementSpecification] {
        await bench.plane.operations.compactMap {
            if case .openElement(_, let specification) = $0 { specification } else { nil }
        }
    }

    private func commands() async -> [Operation] {
        await bench.plane.operations.filter { if case .commandElement = $0 { true } else { false } }
    }

    @Test func aCompositeAndItsPortsAreElements() async {
        let stage = await stage("Composite", ["width": 640, "framerate": 20], peers: 2)
        let hub = endpointID(stage.hub)
        #expect(
            await opened() == [
                .composite(CompositeSpecification(width: 640, height: 600, frameRate: 20)),
                .hubPort(HubPortSpecification(hub: hub, order: 1)), .hubPort(HubPortSpecification(hub: hub, order: 2)),
            ])
        #expect(await stage.client.invoke(stage.ports[0], "getParent") == .string(stage.hub))
        #expect(await stage.client.invoke(stage.hub, "getChildren").strings == stage.ports)
        #expect(stage.ports[0].hasPrefix(stage.hub + "/") && stage.ports[0].hasSuffix("_kurento.HubPort"))
    }

    @Test func picturesOfACompositeAreTheHubsAndSoundIsThePorts() async {
        let stage = await stage("Composite", peers: 1)
        let (hub, port, peer) = (short(stage.hub), short(stage.ports[0]), short(stage.peers[0]))
        #expect(
            await bench.plane.routes == [
                "connect audio \(peer) > \(port)", "connect video \(peer) > \(port)", "connect audio \(port) > \(peer)",
                "connect video \(hub) > \(peer)",
            ])
    }

    @Test(arguments: [
        ["width": 0], ["height": 15], ["width": 100_000, "height": 100_000], ["width": 1920, "height": 1920],
        ["framerate": 0], ["framerate": 31], ["width": -1],
    ])
    func sizesThatNobodyMakesAreRefused(options: [String: Int64]) async {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        var arguments: [String: JSONValue] = options.mapValues { .integer($0) }
        arguments["mediaPipeline"] = .string(pipeline)
        let reply = await client.request("create", ["type": "Composite", "constructorParams": .object(arguments)])
        #expect(reply["error"]?.code == 40107)
        #expect(await bench.plane.operations.isEmpty)
    }

    @Test func aDispatcherIsOnlyInTheGraph() async {
        let stage = await stage("Dispatcher", peers: 3)
        #expect(await opened().isEmpty)
        #expect(await bench.plane.routes.isEmpty)
        let (first, second, third) = (short(stage.peers[0]), short(stage.peers[1]), short(stage.peers[2]))
        func connect(_ source: Int, _ sink: Int) async {
            _ = await stage.client.invoke(
                stage.hub, "connect", ["source": .string(stage.ports[source]), "sink": .string(stage.ports[sink])])
        }
        await connect(0, 2)
        #expect(await bench.plane.routes == ["connect audio \(first) > \(third)", "connect video \(first) > \(third)"])
        await bench.plane.forgetOperations()
        await connect(1, 2)
        #expect(
            await bench.plane.routes == ["connect audio \(second) > \(third)", "connect video \(second) > \(third)"])
        await bench.plane.forgetOperations()
        // A port may show what arrives at itself.
        await connect(0, 0)
        #expect(await bench.plane.routes == ["connect audio \(first) > \(first)", "connect video \(first) > \(first)"])
        await bench.plane.forgetOperations()
        _ = await stage.client.request("release", ["object": .string(stage.ports[1])])
        #expect(
            await bench.plane.routes == [
                "disconnect audio \(second) > \(third)", "disconnect video \(second) > \(third)",
            ])
    }

    @Test func dataGoTheWayOfADispatcher() async {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        let hub = await client.create("Dispatcher", ["mediaPipeline": .string(pipeline)])
        var (ports, peers): ([String], [String]) = ([], [])
        for _ in 0..<2 {
            ports.append(await client.create("HubPort", ["hub": .string(hub)]))
            peers.append(
                await client.create("WebRtcEndpoint", ["mediaPipeline": .string(pipeline), "useDataChannels": true]))
        }
        _ = await client.invoke(peers[0], "connect", ["sink": .string(ports[0])])
        _ = await client.invoke(ports[1], "connect", ["sink": .string(peers[1])])
        _ = await client.invoke(hub, "connect", ["source": .string(ports[0]), "sink": .string(ports[1])])
        let route = DataRoute(source: endpointID(peers[0]), sink: endpointID(peers[1]))
        #expect(await bench.plane.operations.contains(.connectData(route)))
    }

    @Test func oneGoesToAllAlsoToThoseThatComeLater() async {
        var stage = await stage("DispatcherOneToMany", peers: 2)
        _ = await stage.client.invoke(stage.hub, "setSource", ["source": .string(stage.ports[0])])
        let (first, second) = (short(stage.peers[0]), short(stage.peers[1]))
        #expect(await bench.plane.routes.filter { $0.contains("video") }.sorted()
            == ["connect video \(first) > \(first)", "connect video \(first) > \(second)"].sorted())
        await bench.plane.forgetOperations()
        stage.ports.append(await stage.client.create("HubPort", ["hub": .string(stage.hub)]))
        let late = await stage.client.endpoint(stage.pipeline)
        _ = await stage.client.invoke(stage.ports[2], "connect", ["sink": .string(late), "mediaType": "VIDEO"])
        #expect(await bench.plane.routes == ["connect video \(first) > \(short(late))"])
        await bench.plane.forgetOperations()
        _ = await stage.client.invoke(stage.hub, "removeSource")
        #expect(await bench.plane.routes.count { $0.hasPrefix("disconnect") } == 5)
    }

    @Test func aMixersPicturesArePassedOnAndItsSoundIsMixed() async {
        let stage = await stage("Mixer", peers: 3)
        let hub = endpointID(stage.hub)
        #expect(
            await opened() == (1...3).map {
                .hubPort(HubPortSpecification(hub: hub, order: $0, takesVideo: false, hearsAll: false))
            })
        #expect(await !bench.plane.routes.contains { $0.contains("video") }, "nothing shows anything yet")
        await bench.plane.forgetOperations()
        func connect(_ media: JSONValue, _ source: Int, _ sink: Int, _ operation: String = "connect") async {
            _ = await stage.client.invoke(
                stage.hub, operation,
                ["media": media, "source": .string(stage.ports[source]), "sink": .string(stage.ports[sink])])
        }
        let ports = stage.ports.map(endpointID)
        let peers = stage.peers.map(short)
        await connect("AUDIO", 0, 2)
        await connect("AUDIO", 1, 2)
        await connect("VIDEO", 0, 2)
        await connect("VIDEO", 1, 2)
        await connect("VIDEO", 1, 2, "disconnect")
        await connect("AUDIO", 0, 2, "disconnect")
        #expect(
            await commands() == [
                .commandElement(ports[2], .hear([ports[0]])), .commandElement(ports[2], .hear([ports[0], ports[1]])),
                .commandElement(ports[2], .hear([ports[1]])),
            ])
        #expect(
            await bench.plane.routes == [
                "connect video \(peers[0]) > \(peers[2])", "connect video \(peers[1]) > \(peers[2])",
                "connect video \(peers[0]) > \(peers[2])",
            ])
    }

    @Test func aBlendingIsToldAsAWhole() async {
        let stage = await stage("AlphaBlending", peers: 2)
        let (hub, first, second) = (endpointID(stage.hub), endpointID(stage.ports[0]), endpointID(stage.ports[1]))
        _ = await stage.client.invoke(
            stage.hub, "setPortProperties",
            [
                "port": .string(stage.ports[1]), "relativeX": .double(0.5), "relativeY": "0.25", "relativeWidth": .double(0.5),
                "relativeHeight": 1, "zOrder": 3,
            ])
        _ = await stage.client.invoke(stage.hub, "setMaster", ["source": .string(stage.ports[0]), "zOrder": 1])
        let places = [BlendingArrangement.Place(port: second, x: 0.5, y: 0.25, width: 0.5, height: 1, depth: 3)]
        #expect(
            await commands() == [
                .commandElement(hub, .arrange(BlendingArrangement(places: places))),
                .commandElement(hub, .arrange(BlendingArrangement(master: first, masterDepth: 1, places: places))),
            ])
        // In the process after one that ended, the hub begins and knows nothing.
        let before = await bench.plane.operations.count
        await bench.plane.emit(.elementStateChanged(hub, .started))
        await wait(for: before + 1)
        #expect(
            await commands().last
                == .commandElement(hub, .arrange(BlendingArrangement(master: first, masterDepth: 1, places: places))))
    }

    @Test func aHubThatBeginsAndWasToldNothingIsToldNothing() async {
        let stage = await stage("AlphaBlending", peers: 1)
        await bench.plane.emit(.elementStateChanged(endpointID(stage.hub), .started))
        await bench.plane.emit(.elementStateChanged(endpointID(stage.ports[0]), .started))
        for _ in 0..<100 { await Task.yield() }
        #expect(await commands().isEmpty)
        #expect(await stage.client.events.isEmpty)
    }

    @Test func whatAWorkerRefusesChangesNothing() async {
        let stage = await stage("Mixer", peers: 2)
        await bench.plane.refuseNext(Refusal(.overLimit, "busy"))
        let parameters: JSONValue = [
            "media": "AUDIO", "source": .string(stage.ports[0]), "sink": .string(stage.ports[1]),
        ]
        #expect(await stage.client.error(stage.hub, "connect", parameters)["code"] == 40009)
        await bench.plane.forgetOperations()
        _ = await stage.client.invoke(stage.hub, "connect", parameters)
        #expect(await commands().count == 1)
    }

    @Test func portsOfOtherHubsAreRefused() async {
        let stage = await stage("Dispatcher", peers: 1)
        let other = await self.stage("Dispatcher", peers: 1)
        let second = await stage.client.create("Dispatcher", ["mediaPipeline": .string(stage.pipeline)])
        let near = await stage.client.create("HubPort", ["hub": .string(second)])
        func code(_ source: String) async -> JSONValue {
            await stage.client.error(
                stage.hub, "connect", ["source": .string(source), "sink": .string(stage.ports[0])]
            ).code
        }
        #expect(await code(near) == 40107)
        #expect(await code(other.ports[0]) == 40004)
        #expect(await code(stage.peers[0]) == 40001)
        #expect(await code("nobody") == 40101)
        #expect(await stage.client.error(stage.hub, "setMaster")["code"] == 40008)
    }

    @Test(arguments: [("relativeX", -1.5), ("relativeY", 1e300), ("relativeWidth", -0.1), ("relativeHeight", 1.1)])
    func placesOutsideAreRefused(name: String, value: Double) async {
        let stage = await stage("AlphaBlending", peers: 1)
        var arguments: [String: JSONValue] = [
            "port": .string(stage.ports[0]), "relativeX": 0, "relativeY": 0, "relativeWidth": 1, "relativeHeight": 1,
            "zOrder": 0,
        ]
        arguments[name] = .double(value)
        #expect(await stage.client.error(stage.hub, "setPortProperties", .object(arguments))["code"] == 40107)
        #expect(await commands().isEmpty)
    }

    @Test func aReleasedHubTakesItsPortsWithIt() async {
        let stage = await stage("Composite", peers: 2)
        await bench.plane.forgetOperations()
        _ = await stage.client.request("release", ["object": .string(stage.hub)])
        let closed = await bench.plane.operations.filter { if case .closeEndpoint = $0 { true } else { false } }
        #expect(closed == (stage.ports + [stage.hub]).map { .closeEndpoint(endpointID($0)) })
        for id in stage.ports + [stage.hub] { #expect(await stage.client.error(id, "getName").code == 40101) }
        #expect(await stage.client.invoke(stage.peers[0], "getSourceConnections") == [])
    }

    @Test func aPortGoesWithItsLastReferenceThoughItsHubStays() async {
        let stage = await stage("Dispatcher", peers: 1)
        let other = await bench.client()
        _ = await other.request("ref", ["object": .string(stage.hub), "sessionId": "other"])
        let session = await stage.client.request("invoke", ["object": .string(stage.hub), "operation": "getName"])
        let own = session["result"]?["sessionId"] ?? .null
        _ = await stage.client.request("unref", ["object": .string(stage.pipeline), "sessionId": own])
        #expect(await other.invoke(stage.hub, "getChildren") == [])
        #expect(await other.error(stage.ports[0], "getName").code == 40101)
    }

    @Test func aHubThatMixesHasRoomForSoMany() async {
        let stage = await stage("Composite")
        for _ in 0..<Limits.mixedPorts { _ = await stage.client.create("HubPort", ["hub": .string(stage.hub)]) }
        let reply = await stage.client.request(
            "create", ["type": "HubPort", "constructorParams": ["hub": .string(stage.hub)]])
        #expect(reply["error"]?.code == 40009)
    }

    @Test func whatAPortShowsIsSaidToFlow() async {
        let stage = await stage("Dispatcher", peers: 2)
        let question: JSONValue = ["mediaType": "VIDEO"]
        func flows(_ object: String, _ method: String) async -> JSONValue {
            await stage.client.invoke(object, method, question)
        }
        await bench.plane.emit(.mediaFlowingIn(endpointID(stage.peers[0]), .video, isFlowing: true))
        #expect(await flows(stage.ports[0], "isMediaFlowingIn") == true)
        #expect(await flows(stage.ports[1], "isMediaFlowingOut") == false)
        _ = await stage.client.invoke(
            stage.hub, "connect", ["source": .string(stage.ports[0]), "sink": .string(stage.ports[1])])
        #expect(await flows(stage.ports[1], "isMediaFlowingOut") == true)
        #expect(await flows(stage.ports[1], "isMediaFlowingIn") == false)
        #expect(await flows(stage.ports[0], "isMediaFlowingOut") == false)
    }

    @Test func anotherControllerGoesOnWithHubs() async {
        let memory = FakeMemory()
        let (first, second) = (Bench(memory: memory), Bench(memory: memory))
        await second.plane.allowAdoption()
        let client = await first.client()
        let pipeline = await client.create("MediaPipeline", session: "s")
        let hub = await client.create("Mixer", ["mediaPipeline": .string(pipeline)])
        var (ports, peers): ([String], [String]) = ([], [])
        for _ in 0..<3 {
            ports.append(await client.create("HubPort", ["hub": .string(hub)]))
            peers.append(await client.endpoint(pipeline))
        }
        for media in ["AUDIO", "VIDEO"] {
            _ = await client.invoke(
                hub, "connect",
                ["media": .string(media), "source": .string(ports[0]), "sink": .string(ports[2])])
        }
        _ = await client.invoke(peers[0], "connect", ["sink": .string(ports[0])])
        _ = await client.invoke(ports[2], "connect", ["sink": .string(peers[2])])
        let other = await second.client()
        _ = await other.request("connect", ["sessionId": "s"])
        #expect(await other.invoke(hub, "getChildren").strings == ports)
        // One more source: what was connected before is still known, and what it showed still goes on.
        _ = await other.invoke(
            hub, "connect", ["media": "AUDIO", "source": .string(ports[1]), "sink": .string(ports[2])])
        let heard = ElementCommand.hear([endpointID(ports[0]), endpointID(ports[1])])
        #expect(await second.plane.operations == [.commandElement(endpointID(ports[2]), heard)])
        _ = await other.invoke(
            hub, "disconnect", ["media": "VIDEO", "source": .string(ports[0]), "sink": .string(ports[2])])
        #expect(await second.plane.routes == ["disconnect video \(short(peers[0])) > \(short(peers[2]))"])
    }
}
