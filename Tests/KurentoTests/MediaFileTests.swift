import Session
import Testing

@testable import Kurento

/// PlayerEndpoint and RecorderEndpoint, on a media plane that only says what it was asked.
@Suite(.timeLimit(.minutes(1)))
struct MediaFileTests {
    private let bench = Bench()

    private func make(_ type: String, _ arguments: [String: JSONValue] = [:]) async -> (Client, String, String) {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        var all = arguments
        all["mediaPipeline"] = .string(pipeline)
        all["uri"] = "file:///tmp/x.webm"
        return (client, pipeline, await client.create(type, .object(all)))
    }

    private func commands() async -> [ElementCommand] {
        await bench.plane.operations.compactMap { if case .commandElement(_, let command) = $0 { command } else { nil } }
    }

    @Test func aPlayerIsOpenedWithWhatItIsToPlay() async {
        let (_, _, player) = await make("PlayerEndpoint", ["networkCache": 500])
        let specification = PlayerSpecification(uri: "file:///tmp/x.webm", networkCache: 500)
        #expect(await bench.plane.operations == [.openElement(endpointID(player), .player(specification))])
    }

    @Test func aPlayerIsToldNotToDecode() async {
        let (_, _, player) = await make("PlayerEndpoint", ["useEncodedMedia": true])
        let specification = PlayerSpecification(uri: "file:///tmp/x.webm", usesEncodedMedia: true)
        #expect(await bench.plane.operations == [.openElement(endpointID(player), .player(specification))])
    }

    @Test(arguments: [
        ("WEBM", RecordingProfile(container: .webm)),
        ("WEBM_AUDIO_ONLY", RecordingProfile(container: .webm, hasVideo: false)),
        ("MKV_VIDEO_ONLY", RecordingProfile(container: .matroska, hasAudio: false)),
        ("MP4", RecordingProfile(container: .mp4)), ("FLV", RecordingProfile(container: .flv)),
        ("JPEG_VIDEO_ONLY", RecordingProfile(container: .jpeg, hasAudio: false)),
        ("KURENTO_SPLIT_RECORDER", RecordingProfile(container: .split)),
    ])
    func aRecorderIsOpenedWithItsProfile(name: String, profile: RecordingProfile) async {
        let (_, _, recorder) = await make("RecorderEndpoint", ["mediaProfile": .string(name)])
        let specification = RecorderSpecification(uri: "file:///tmp/x.webm", profile: profile)
        #expect(await bench.plane.operations == [.openElement(endpointID(recorder), .recorder(specification))])
    }

    @Test func everyProfileOfKurentoIsTaken() async {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        func create(_ profile: String) async -> JSONValue {
            let arguments: JSONValue = [
                "mediaPipeline": .string(pipeline), "uri": "x", "mediaProfile": .string(profile),
            ]
            return await client.request("create", ["type": "RecorderEndpoint", "constructorParams": arguments])
        }
        let profiles = TypeRegistry.shared.enumeration(named: "MediaProfileSpecType")?.values ?? []
        #expect(profiles.count == 12)
        for profile in profiles { #expect(await create(profile)["error"] == nil, "\(profile)") }
        #expect(await create("AVI")["error"]?["code"] != nil)
    }

    @Test func methodsAreCommands() async {
        let (client, _, player) = await make("PlayerEndpoint")
        for method in ["play", "pause", "play", "stop"] { #expect(await client.invoke(player, method) == .null) }
        #expect(await client.invoke(player, "setPosition", ["position": 1500]) == .null)
        #expect(await commands() == [.start, .pause, .start, .stop, .seek(milliseconds: 1500)])
    }

    @Test func recordersRecordAndStop() async {
        let (client, _, recorder) = await make("RecorderEndpoint")
        for method in ["record", "pause", "record", "stopAndWait"] { _ = await client.invoke(recorder, method) }
        #expect(await commands() == [.start, .pause, .start, .stop])
        let error = await client.error(recorder, "play")
        #expect(error["code"] == 40008)
    }

    @Test func whatThePlayerPlaysIsAsked() async {
        let (client, _, player) = await make("PlayerEndpoint")
        var status = ElementStatus()
        status.state = .started
        status.position = 1234
        status.source = SourceInformation(isSeekable: true, duration: 60_000)
        await bench.plane.set(status)
        #expect(await client.invoke(player, "getPosition") == 1234)
        #expect(
            await client.invoke(player, "getVideoInfo") == [
                "__module__": "kurento", "__type__": "VideoInfo", "isSeekable": true, "seekableInit": 0,
                "seekableEnd": 60_000, "duration": 60_000,
            ])
        #expect(await client.invoke(player, "getUri") == "file:///tmp/x.webm")
    }

    @Test func aSeekThatIsRefusedHasTheCodeOfItsOwn() async {
        let (client, _, player) = await make("PlayerEndpoint")
        await bench.plane.refuseNext(Refusal(.invalid, "beyond the end"))
        #expect(await client.error(player, "setPosition", ["position": 99])["code"] == 40700)
    }

    @Test func nothingIsKnownOfAVideoThatDoesNotPlay() async {
        let (client, _, player) = await make("PlayerEndpoint")
        #expect(await client.error(player, "getVideoInfo")["code"] == 40003)
    }

    @Test func statesAndEndsAreEvents() async {
        let (client, _, recorder) = await make("RecorderEndpoint")
        for event in ["UriEndpointStateChanged", "Recording", "Paused", "Stopped"] {
            await client.subscribe(recorder, event)
        }
        let name = endpointID(recorder)
        for state in [ElementStatus.State.started, .started, .paused, .stopped] {
            await bench.plane.emit(.elementStateChanged(name, state))
        }
        let events = await client.events(6)
        #expect(
            events.map { $0["type"]?.asString } == [
                "UriEndpointStateChanged", "Recording", "UriEndpointStateChanged", "Paused", "UriEndpointStateChanged",
                "Stopped",
            ])
        #expect(events.compactMap { $0["data"]?["state"]?.asString } == ["START", "PAUSE", "STOP"])
        #expect(await client.invoke(recorder, "getState") == "STOP")
    }

    @Test func theEndOfAFileIsOneEvent() async {
        let (client, _, player) = await make("PlayerEndpoint")
        await client.subscribe(player, "EndOfStream")
        await bench.plane.emit(.elementEnded(endpointID(player)))
        #expect(await client.events(1).map { $0["type"]?.asString } == ["EndOfStream"])
    }

    @Test func aRecorderStopsWithItsSourceIfItIsTo() async {
        let (client, pipeline, player) = await make("PlayerEndpoint")
        var recorders: [String] = []
        for stops in [true, false, true] {
            let options: JSONValue = [
                "mediaPipeline": .string(pipeline), "uri": "file:///tmp/y.webm", "stopOnEndOfStream": .bool(stops),
            ]
            recorders.append(await client.create("RecorderEndpoint", options))
        }
        // The third is fed by nobody.
        for recorder in recorders.prefix(2) { _ = await client.invoke(player, "connect", ["sink": .string(recorder)]) }
        await bench.plane.emit(.elementEnded(endpointID(player)))
        while await commands().isEmpty { await Task.yield() }
        // Whatever else was to be told has been told by now.
        _ = await client.invoke(player, "play")
        let told = await bench.plane.operations.filter { if case .commandElement = $0 { true } else { false } }
        #expect(
            told == [.commandElement(endpointID(recorders[0]), .stop), .commandElement(endpointID(player), .start)])
    }

    @Test(arguments: [
        (ElementFailure.Reason.notFound, "PlayerEndpoint", "RESOURCE_ERROR_NOT_FOUND"),
        (.wrongFormat, "PlayerEndpoint", "STREAM_ERROR_WRONG_TYPE"),
        (.noSpace, "RecorderEndpoint", "RESOURCE_ERROR_NO_SPACE_LEFT"),
        (.unwritable, "RecorderEndpoint", "RESOURCE_ERROR_WRITE"),
        (.unopenable, "RecorderEndpoint", "RESOURCE_ERROR_OPEN"),
    ])
    func failuresHaveGStreamersNames(reason: ElementFailure.Reason, type: String, name: String) async {
        let (client, _, element) = await make(type)
        await client.subscribe(element, "Error")
        await bench.plane.emit(.elementFailed(endpointID(element), ElementFailure(reason, "so it is")))
        let data = await client.events(1).first?["data"]
        #expect(data?["type"] == .string(name) && data?["description"] == "so it is")
    }

    @Test func connectedElementsAreRoutedAndReleasedOnesClosed() async {
        let (client, pipeline, player) = await make("PlayerEndpoint")
        let viewer = await client.endpoint(pipeline)
        await bench.plane.forgetOperations()
        _ = await client.invoke(player, "connect", ["sink": .string(viewer), "mediaType": "VIDEO"])
        #expect(await bench.plane.routes == ["connect video \(short(player)) > \(short(viewer))"])
        _ = await client.request("release", ["object": .string(player)])
        #expect(await bench.plane.operations.contains(.closeEndpoint(endpointID(player))))
    }
}
