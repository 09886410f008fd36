import RTP
import Session
import Testing

@testable import Kurento

@Suite(.timeLimit(.minutes(1)))
struct ElementTests {
    private let bench = Bench()

    private func pipeline(endpoints: Int, passThroughs: Int = 0) async -> (Client, String, [String], [String]) {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        var ends: [String] = []
        var passes: [String] = []
        for _ in 0..<endpoints { ends.append(await client.endpoint(pipeline)) }
        for _ in 0..<passThroughs {
            passes.append(await client.create("PassThrough", ["mediaPipeline": .string(pipeline)]))
        }
        return (client, pipeline, ends, passes)
    }

    private func connect(_ client: Client, _ source: String, _ sink: String, _ type: String? = nil) async {
        await link(client, "connect", source, sink, type)
    }

    private func link(
        _ client: Client, _ operation: String, _ source: String, _ sink: String, _ type: String? = nil
    ) async {
        var arguments: [String: JSONValue] = ["sink": .string(sink)]
        arguments["mediaType"] = type.map { .string($0) }
        let reply = await client.invokeRequest(source, operation, .object(arguments))
        #expect(reply["error"] == nil)
    }

    @Test func connectingWithoutATypeConnectsAllAndRoutesAudioAndVideo() async {
        let (client, _, ends, _) = await pipeline(endpoints: 2)
        await client.subscribe(ends[0], "ElementConnected")
        await connect(client, ends[0], ends[1])
        let (a, b) = (short(ends[0]), short(ends[1]))
        #expect(await bench.plane.routes == ["connect audio \(a) > \(b)", "connect video \(a) > \(b)"])
        let events = await client.events(3)
        #expect(events.map { $0["data"]?["mediaType"] } == ["AUDIO", "VIDEO", "DATA"])
        #expect(events.first?["data"]?["sink"]?.asString == ends[1])
        #expect(events.first?["data"]?["sinkMediaDescription"] == "default")
        let sinks = await client.invoke(ends[0], "getSinkConnections", ["mediaType": "VIDEO"])
        #expect(
            sinks == [
                [
                    "__module__": "kurento", "__type__": "ElementConnectionData", "source": .string(ends[0]),
                    "sink": .string(ends[1]), "type": "VIDEO", "sourceDescription": "default",
                    "sinkDescription": "default",
                ]
            ])
        #expect(await client.invoke(ends[1], "getSinkConnections") == [])
        guard case .array(let sources) = await client.invoke(ends[1], "getSourceConnections") else {
            return #expect(Bool(false))
        }
        #expect(sources.count == 3)
        #expect(await client.invoke(ends[0], "isMediaTranscoding", ["mediaType": "AUDIO"]) == false)
    }

    @Test func connectingTwiceChangesNothing() async {
        let (client, _, ends, _) = await pipeline(endpoints: 2)
        await connect(client, ends[0], ends[1])
        await client.subscribe(ends[0], "ElementConnected")
        await connect(client, ends[0], ends[1])
        #expect(await bench.plane.routes.count == 2)
        #expect(await client.events.isEmpty)
    }

    @Test func aSecondSourceReplacesTheFirst() async {
        let (client, _, ends, _) = await pipeline(endpoints: 3)
        await connect(client, ends[0], ends[2], "VIDEO")
        await client.subscribe(ends[0], "ElementDisconnected")
        await connect(client, ends[1], ends[2], "VIDEO")
        let (a, b, c) = (short(ends[0]), short(ends[1]), short(ends[2]))
        #expect(await bench.plane.routes == ["connect video \(a) > \(c)", "connect video \(b) > \(c)"])
        #expect(await client.events(1).first?["data"]?["mediaType"] == "VIDEO")
        #expect(await client.invoke(ends[0], "getSinkConnections") == [])
    }

    @Test func disconnectTakesOnlyWhatItNames() async {
        let (client, _, ends, _) = await pipeline(endpoints: 3)
        await connect(client, ends[0], ends[1])
        await link(client, "disconnect", ends[2], ends[1])
        await link(client, "disconnect", ends[0], ends[1], "AUDIO")
        let (a, b) = (short(ends[0]), short(ends[1]))
        #expect(await bench.plane.routes.dropFirst(2) == ["disconnect audio \(a) > \(b)"])
    }

    @Test func routesRunThroughChainsOfPassThroughs() async {
        let (client, _, ends, passes) = await pipeline(endpoints: 2, passThroughs: 2)
        let (a, b) = (short(ends[0]), short(ends[1]))
        await connect(client, passes[1], ends[1])
        await connect(client, passes[0], passes[1])
        #expect(await bench.plane.routes.isEmpty)
        await connect(client, ends[0], passes[0], "VIDEO")
        #expect(await bench.plane.routes == ["connect video \(a) > \(b)"])
        await bench.plane.emit(.mediaFlowingIn(endpointID(ends[0]), .video, isFlowing: true))
        #expect(await client.invoke(passes[1], "isMediaFlowingIn", ["mediaType": "VIDEO"]) == true)
        #expect(await client.invoke(passes[1], "isMediaFlowingOut", ["mediaType": "AUDIO"]) == false)
        _ = await client.request("release", ["object": .string(passes[0])])
        #expect(await bench.plane.routes == ["connect video \(a) > \(b)", "disconnect video \(a) > \(b)"])
    }

    @Test func aLoopOfPassThroughsCarriesNothing() async {
        let (client, _, ends, passes) = await pipeline(endpoints: 1, passThroughs: 2)
        await connect(client, passes[0], passes[1])
        await connect(client, passes[1], passes[0])
        await connect(client, passes[1], ends[0])
        await connect(client, passes[0], passes[0])
        #expect(await bench.plane.routes.isEmpty)
    }

    @Test func anEndpointCanHearItself() async {
        let (client, _, ends, _) = await pipeline(endpoints: 1)
        await connect(client, ends[0], ends[0])
        let a = short(ends[0])
        #expect(await bench.plane.routes == ["connect audio \(a) > \(a)", "connect video \(a) > \(a)"])
    }

    @Test func elementsOfTwoPipelinesCannotBeConnected() async {
        let (client, _, first, _) = await pipeline(endpoints: 1)
        let (_, _, second, _) = await pipeline(endpoints: 1)
        let error = await client.error(first[0], "connect", ["sink": .string(second[0])])
        #expect(error.code == 40004)
        #expect(error.message == "Media elements do not share pipeline")
    }

    @Test func aRefusedConnectionLeavesTheOldOne() async {
        let (client, _, ends, _) = await pipeline(endpoints: 3)
        await connect(client, ends[0], ends[2], "VIDEO")
        await bench.plane.refuseNext(Refusal(.timedOut, "no answer"))
        let error = await client.error(ends[1], "connect", ["sink": .string(ends[2]), "mediaType": "VIDEO"])
        #expect(error.code == 40004)
        guard case .array(let sources) = await client.invoke(ends[2], "getSourceConnections") else {
            return #expect(Bool(false))
        }
        #expect(sources.map { $0["source"]?.asString } == [ends[0]])
    }

    @Test func releasingAnEndpointClosesItAndItsLinks() async {
        let (client, _, ends, _) = await pipeline(endpoints: 2)
        await connect(client, ends[0], ends[1])
        await client.subscribe(ends[0], "ElementDisconnected")
        _ = await client.request("release", ["object": .string(ends[1])])
        #expect(await bench.plane.operations.last == .closeEndpoint(endpointID(ends[1])))
        #expect(await client.events(3).count == 3)
        #expect(await bench.plane.routes.count == 2)
    }

    @Test func transportStatesBecomeKurentoEvents() async {
        let (client, _, ends, _) = await pipeline(endpoints: 1)
        let id = endpointID(ends[0])
        let names = [
            "IceComponentStateChanged", "NewCandidatePairSelected", "DtlsConnectionStateChange",
            "ConnectionStateChanged", "MediaStateChanged", "MediaFlowInStateChanged", "MediaFlowOutStateChanged",
        ]
        for name in names { await client.subscribe(ends[0], name) }
        await bench.plane.emit(.iceStateChanged(id, .checking))
        await bench.plane.emit(.iceStateChanged(id, .completed))
        await bench.plane.emit(.candidatePairSelected(id, local: "candidate:l", remote: "candidate:r"))
        await bench.plane.emit(.dtlsStateChanged(id, .connected))
        await bench.plane.emit(.mediaStateChanged(id, isConnected: true))
        await bench.plane.emit(.mediaFlowingIn(id, .audio, isFlowing: true))
        await bench.plane.emit(.mediaFlowingOut(id, .video, isFlowing: true))
        await bench.plane.emit(.iceStateChanged(id, .failed))
        let events = await client.events(10)
        #expect(
            events.map { $0["type"]?.asString ?? "" } == [
                "IceComponentStateChanged", "IceComponentStateChanged", "NewCandidatePairSelected",
                "DtlsConnectionStateChange", "ConnectionStateChanged", "MediaStateChanged",
                "MediaFlowOutStateChanged", "MediaFlowInStateChanged", "IceComponentStateChanged",
                "ConnectionStateChanged",
            ])
        #expect(events[0]["data"]?["state"] == "CONNECTING")
        #expect(events[0]["data"]?["streamId"] == 1)
        #expect(events[1]["data"]?["state"] == "READY")
        #expect(events[2]["data"]?["candidatePair"]?["localCandidate"] == "candidate:l")
        #expect(events[4]["data"]?["newState"] == "CONNECTED")
        #expect(events[6]["data"]?["mediaType"] == "AUDIO")
        #expect(events[6]["data"]?["padName"] == "default")
        #expect(events[6]["data"]?["state"] == "FLOWING")
        #expect(events[9]["data"]?["oldState"] == "CONNECTED")
        #expect(await client.invoke(ends[0], "getMediaState") == "CONNECTED")
        #expect(await client.invoke(ends[0], "getConnectionState") == "DISCONNECTED")
        #expect(await client.invoke(ends[0], "isMediaFlowingOut", ["mediaType": "AUDIO"]) == true)
        #expect(await client.invoke(ends[0], "isMediaFlowingIn", ["mediaType": "AUDIO"]) == false)
        #expect(
            await client.invoke(ends[0], "getIceConnectionState") == [
                [
                    "__module__": "kurento", "__type__": "IceConnection", "streamId": "1", "componentId": 1,
                    "state": "FAILED",
                ]
            ])
        guard case .array(let pairs) = await client.invoke(ends[0], "getICECandidatePairs") else {
            return #expect(Bool(false))
        }
        #expect(pairs.count == 1)
    }

    @Test func aLostWorkerIsReportedAndTheRestFailsClearlyButCanBeReleased() async {
        let (client, pipeline, ends, _) = await pipeline(endpoints: 2)
        for object in [pipeline, ends[0]] { await client.subscribe(object, "Error") }
        await bench.plane.emit(.sessionLost(Refusal(.workerLost, "w1 died")))
        let events = await client.events(2)
        #expect(events.map { $0["object"]?.asString } == [pipeline, ends[0]])
        #expect(events.allSatisfy { $0["type"] == "Error" && $0["data"]?["type"] == "UNEXPECTED_ERROR" })
        #expect(events.first?["data"]?["errorCode"] == 40003)
        #expect(events.first?["data"]?["description"]?.asString?.contains("w1 died") == true)
        for object in [pipeline, ends[1]] {
            let error = await client.error(object, "getName")
            #expect(error.code == 40003)
            #expect(error.message.contains("worker"))
        }
        let creation = await client.request(
            "create", ["type": "PassThrough", "constructorParams": ["mediaPipeline": .string(pipeline)]])
        #expect(creation["error"]?.code == 40003)
        await bench.plane.forgetOperations()
        #expect(await client.request("release", ["object": .string(ends[0])])["error"] == nil)
        #expect(await client.request("release", ["object": .string(pipeline)])["error"] == nil)
        #expect(await bench.plane.operations.isEmpty)
        #expect(await bench.server.statistics.objects == 1)
    }

    @Test func propertiesKeepWhatTheyAreGiven() async {
        let (client, pipeline, ends, _) = await pipeline(endpoints: 1)
        let end = ends[0]
        #expect(await client.invoke(end, "getParent").asString == pipeline)
        #expect(await client.invoke(end, "getMediaPipeline").asString == pipeline)
        #expect(await client.invoke(pipeline, "getParent") == .null)
        #expect(await client.invoke(pipeline, "getChilds").strings == ends)
        #expect(await client.invoke(end, "getCreationTime") == 1_795_384_158)
        #expect(await client.invoke(end, "getMaxVideoSendBandwidth") == 500)
        #expect(await client.invoke(end, "getMinVideoSendBandwidth") == 100)
        #expect(await client.invoke(end, "getRembParams")["upLosses"] == 12)
        _ = await client.invoke(end, "setMaxVideoSendBandwidth", ["maxVideoSendBandwidth": 900])
        #expect(await client.invoke(end, "getMaxVideoSendBandwidth") == 900)
        _ = await client.invoke(end, "setOutputBitrate", ["encoderBitrate": 5])
        #expect(await client.invoke(end, "getEncoderBitrate") == 5)
        _ = await client.invoke(end, "setStunServerAddress", ["stunServerAddress": "192.0.2.5"])
        #expect(await client.invoke(end, "getStunServerAddress") == "192.0.2.5")
        #expect(await client.error(end, "createDataChannel").code == 40111)
    }

    @Test func tagsTravelWithEventsWhenAskedTo() async {
        let (client, _, ends, _) = await pipeline(endpoints: 1)
        _ = await client.invoke(ends[0], "addTag", ["key": "room", "value": "blue"])
        _ = await client.invoke(ends[0], "addTag", ["key": "room", "value": "red"])
        #expect(await client.invoke(ends[0], "getTag", ["key": "room"]) == "red")
        let tags: JSONValue = [["__module__": "kurento", "__type__": "Tag", "key": "room", "value": "red"]]
        #expect(await client.invoke(ends[0], "getTags") == tags)
        await client.subscribe(ends[0], "MediaStateChanged")
        _ = await client.invoke(ends[0], "setSendTagsInEvents", ["sendTagsInEvents": true])
        await bench.plane.emit(.mediaStateChanged(endpointID(ends[0]), isConnected: true))
        #expect(await client.events(1).first?["data"]?["tags"] == tags)
        _ = await client.invoke(ends[0], "removeTag", ["key": "room"])
        #expect(await client.invoke(ends[0], "getTags") == [])
    }

    @Test func statisticsHaveKurentosTypes() async {
        let (client, _, ends, passes) = await pipeline(endpoints: 1, passThroughs: 1)
        var figures = EndpointStatistics()
        var inbound = InboundStreamStatistics(ssrc: 7, kind: .video)
        inbound.packetsReceived = 10
        inbound.fractionLost = 0.25
        var outbound = OutboundStreamStatistics(ssrc: 8, kind: .audio)
        outbound.packetsSent = .max
        figures.inbound = [inbound]
        figures.outbound = [outbound]
        figures.transport.localCandidate = "candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host"
        figures.transport.remoteCandidate = "candidate:2 1 udp 1 198.51.100.1 5 typ srflx raddr 10.0.0.1 rport 5"
        await bench.plane.set(figures)
        let all = await client.invoke(ends[0], "getStats")
        #expect(all["inboundrtp-7"]?["__type__"] == "RTCInboundRTPStreamStats")
        #expect(all["inboundrtp-7"]?["packetsReceived"] == 10)
        #expect(all["inboundrtp-7"]?["fractionLost"] == .double(0.25))
        #expect(all["inboundrtp-7"]?["type"] == "inboundrtp")
        #expect(all["outboundrtp-8"]?["packetsSent"] == .integer(.max))
        #expect(all[ends[0]]?["__type__"] == "EndpointStats")
        #expect(all["remotecandidate-1"]?["candidateType"] == "serverreflexive")
        #expect(all["candidatepair-1"]?["__type__"] == "RTCIceCandidatePairStats")
        let audio = await client.invoke(ends[0], "getStats", ["mediaType": "AUDIO"])
        #expect(audio["inboundrtp-7"] == nil && audio["outboundrtp-8"] != nil)
        #expect(await client.invoke(passes[0], "getStats")[passes[0]]?["type"] == "element")
    }

    @Test func everyStatisticHasEveryFieldOfItsDeclaredType() async {
        let (client, _, ends, _) = await pipeline(endpoints: 1)
        var figures = EndpointStatistics()
        figures.inbound = [InboundStreamStatistics(ssrc: 7, kind: .video)]
        figures.outbound = [OutboundStreamStatistics(ssrc: 8, kind: .audio)]
        figures.transport.localCandidate = "candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host"
        figures.transport.remoteCandidate = figures.transport.localCandidate
        await bench.plane.set(figures)
        guard case .object(let entries) = await client.invoke(ends[0], "getStats") else {
            return #expect(Bool(false))
        }
        #expect(entries.count == 7)
        for entry in entries.values {
            let type = entry["__type__"]?.asString ?? ""
            let names = TypeRegistry.shared.fields(of: type).map(\.name)
            #expect(names.count > 3)
            for name in names { #expect(entry[name] != nil, "\(type).\(name)") }
        }
    }
}
