import RTP
import Session
import Testing

@testable import Kurento

/// Encoders between peers whose codecs differ, on a media plane that only says what it was asked.
@Suite(.timeLimit(.minutes(1)))
struct TranscodingTests {
    private let bench = Bench()
    private let h264 = CodecParameters(
        name: "H264", payloadType: 102, clockRate: 90_000, formatParameters: [FormatParameter("packetization-mode", "1")])
    private let vp8 = CodecParameters(name: "VP8", payloadType: 96, clockRate: 90_000)

    /// A source whose peer takes all, and viewers of it that take one codec of video each.
    private func call(viewers codecs: [String]) async -> (client: Client, source: String, viewers: [String]) {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        let source = await client.endpoint(pipeline)
        _ = await client.invoke(source, "processOffer", ["offer": .string(Offer.text())])
        var viewers: [String] = []
        for codec in codecs {
            let viewer = await client.endpoint(pipeline)
            _ = await client.invoke(source, "connect", ["sink": .string(viewer)])
            _ = await client.invoke(viewer, "processOffer", ["offer": .string(Offer.text(video: codec))])
            viewers.append(viewer)
        }
        for object in [source] + viewers { await client.subscribe(object, "MediaTranscodingStateChanged") }
        await bench.plane.forgetOperations()
        return (client, source, viewers)
    }

    private func say(_ codec: CodecParameters, of source: String, _ kind: MediaKind = .video) async {
        await bench.plane.emit(.codecInUse(endpointID(source), kind, codec))
    }

    private func opened() async -> [EndpointID] {
        await bench.plane.operations.compactMap { if case .openElement(let id, _) = $0 { id } else { nil } }
    }

    private func route(_ source: EndpointID, _ sink: EndpointID) -> Operation {
        .connect(Route(source: source, sink: sink, kind: .video))
    }

    @Test func aPeerThatTakesTheCodecGetsItUntouched() async {
        let (client, source, _) = await call(viewers: ["VP8", "VP8"])
        await say(vp8, of: source)
        let events = await client.events(1)
        #expect(events[0]["data"]?["state"] == "NOT_TRANSCODING" && events[0]["object"] == .string(source))
        #expect(await bench.plane.operations.isEmpty)
        #expect(await client.invoke(source, "isMediaTranscoding", ["mediaType": "VIDEO"]) == false)
    }

    @Test func onlyWhoDoesNotTakeItGetsAnotherAndAllSuchShareOneEncoder() async throws {
        let (client, source, viewers) = await call(viewers: ["VP8", "H264", "H264"])
        await say(vp8, of: source)
        let events = await client.events(1)
        #expect(events[0]["data"]?["state"] == "TRANSCODING" && events[0]["data"]?["mediaType"] == "VIDEO")
        let transcoder = try #require(await opened().first)
        #expect(await opened().count == 1)
        let operations = await bench.plane.operations
        #expect(operations.contains(route(endpointID(source), transcoder)))
        #expect(operations.contains(route(transcoder, endpointID(viewers[1]))))
        #expect(operations.contains(route(transcoder, endpointID(viewers[2]))))
        #expect(operations.count == 4, "\(operations)")
        #expect(await client.invoke(source, "isMediaTranscoding", ["mediaType": "VIDEO"]) == true)
        #expect(await client.invoke(source, "isMediaTranscoding", ["mediaType": "AUDIO"]) == false)
        #expect(await bench.server.statistics.transcoders == 1)
    }

    @Test func itGoesAsSoonAsNobodyNeedsIt() async throws {
        let (client, source, viewers) = await call(viewers: ["H264", "H264"])
        await say(vp8, of: source)
        _ = await client.events(1)
        let transcoder = try #require(await opened().first)
        await bench.plane.forgetOperations()
        _ = await client.request("release", ["object": .string(viewers[0])])
        #expect(await !bench.plane.operations.contains(.closeEndpoint(transcoder)))
        // The camera goes on in a codec that the other takes.
        await say(h264, of: source)
        let events = await client.events(2)
        #expect(events[1]["data"]?["state"] == "NOT_TRANSCODING")
        let operations = await bench.plane.operations
        #expect(operations.contains(route(endpointID(source), endpointID(viewers[1]))))
        #expect(operations.last == .closeEndpoint(transcoder))
    }

    @Test func aPeerThatSaysLaterWhatItTakesIsServed() async throws {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        let (source, viewer) = (await client.endpoint(pipeline), await client.endpoint(pipeline))
        await say(vp8, of: source)
        _ = await client.invoke(source, "connect", ["sink": .string(viewer)])
        #expect(await opened().isEmpty)
        _ = await client.invoke(viewer, "processOffer", ["offer": .string(Offer.text(video: "H264"))])
        let transcoder = try #require(await opened().first)
        #expect(await bench.plane.operations.contains(route(transcoder, endpointID(viewer))))
    }

    @Test func whereItIsRefusedTheClientHearsOnceWhyItSeesNothing() async {
        let (client, source, viewers) = await call(viewers: ["H264"])
        await client.subscribe(viewers[0], "Error")
        await bench.plane.refuseNext(Refusal(.invalid, "this worker does not transcode (media.transcoding)"))
        await say(vp8, of: source)
        let events = await client.events(2)
        let error = events.first { $0["type"] == "Error" }
        #expect(error?["data"]?["errorCode"] == 40005 && error?["object"] == .string(viewers[0]))
        #expect(error?["data"]?["description"]?.asString?.contains("media.transcoding") == true)
        await bench.plane.refuseNext(Refusal(.invalid, "no"))
        await say(vp8, of: source)
        await say(h264, of: source)
        #expect(await client.invoke(source, "isMediaTranscoding", ["mediaType": "VIDEO"]) == false)
        #expect(await bench.server.statistics.transcoders == 0)
    }

    @Test func whatCannotBeDecodedIsNotTranscoded() async {
        let (client, source, viewers) = await call(viewers: ["H264"])
        await client.subscribe(viewers[0], "Error")
        await say(CodecParameters(name: "AV1", payloadType: 45, clockRate: 90_000), of: source)
        let events = await client.events(2)
        #expect(events.contains { $0["type"] == "Error" && $0["data"]?["type"] == "UNSUPPORTED_MEDIA_TYPE" })
        #expect(await opened().isEmpty)
    }

    @Test func aTranscoderThatWasLostWithItsWorkerIsReplaced() async throws {
        let (client, source, viewers) = await call(viewers: ["H264"])
        await say(vp8, of: source)
        _ = await client.events(1)
        let transcoder = try #require(await opened().first)
        await bench.plane.forgetOperations()
        await bench.plane.emit(.endpointLost(transcoder, Refusal(.workerLost, "gone")))
        let last = route(transcoder, endpointID(viewers[0]))
        for _ in 0..<1000 {
            if await bench.plane.operations.contains(last) { break }
            await Task.yield()
        }
        #expect(await opened() == [transcoder])
        #expect(await bench.plane.operations.contains(last))
    }

    @Test func whatAFilterMakesCountsAsTranscoded() async {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        let (source, sink) = (await client.endpoint(pipeline), await client.endpoint(pipeline))
        let filter = await client.create("ImageOverlayFilter", ["mediaPipeline": .string(pipeline)])
        for object in [source, filter] { await client.subscribe(object, "MediaTranscodingStateChanged") }
        _ = await client.invoke(source, "connect", ["sink": .string(filter)])
        _ = await client.invoke(filter, "connect", ["sink": .string(sink)])
        let events = await client.events(2)
        #expect(Set(events.compactMap { $0["object"]?.asString }) == [source, filter])
        #expect(events.allSatisfy { $0["data"]?["state"] == "TRANSCODING" && $0["data"]?["mediaType"] == "VIDEO" })
    }

    /// What the subscribers of `MediaTranscodingStateChanged` of these objects hear, in short.
    private func states(_ client: Client, _ count: Int) async -> [String] {
        await client.events(count).map {
            "\($0["data"]?["mediaType"]?.asString ?? "") \($0["data"]?["state"]?.asString ?? "")"
        }
    }

    @Test func whatARecorderEncodesCountsForItsSource() async {
        let (client, source, _) = await call(viewers: [])
        let pipeline = String(source.prefix { $0 != "/" })
        let recorder = await client.create(
            "RecorderEndpoint",
            ["mediaPipeline": .string(pipeline), "uri": "file:///tmp/y.mp4", "mediaProfile": "MP4"])
        _ = await client.invoke(source, "connect", ["sink": .string(recorder)])
        let name = endpointID(recorder)
        await say(vp8, of: source)
        await bench.plane.emit(.elementStateChanged(name, .started))
        await bench.plane.emit(.elementEncodes(name, .video, true))
        await bench.plane.emit(.elementEncodes(name, .audio, false))
        await bench.plane.emit(.elementStateChanged(name, .stopped))
        let told = await states(client, 3)
        #expect(told == ["VIDEO NOT_TRANSCODING", "VIDEO TRANSCODING", "VIDEO NOT_TRANSCODING"])
    }

    @Test func aPlayerThatEncodesItsFileSaysSo() async {
        let (client, other, _) = await call(viewers: [])
        let pipeline = String(other.prefix { $0 != "/" })
        let player = await client.create(
            "PlayerEndpoint", ["mediaPipeline": .string(pipeline), "uri": "file:///tmp/y.mp4"])
        await client.subscribe(player, "MediaTranscodingStateChanged")
        let viewer = await client.endpoint(pipeline)
        _ = await client.invoke(player, "connect", ["sink": .string(viewer)])
        await bench.plane.emit(.elementEncodes(endpointID(player), .video, true))
        #expect(await states(client, 1) == ["VIDEO TRANSCODING"])
        #expect(await client.invoke(player, "isMediaTranscoding", ["mediaType": "VIDEO"]) == true)
        #expect(await client.invoke(player, "isMediaTranscoding", ["mediaType": "AUDIO"]) == false)
    }
}
