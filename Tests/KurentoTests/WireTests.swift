import Session
import Testing

@testable import Kurento

@Suite(.timeLimit(.minutes(1)))
struct WireTests {
    @Test func pingBeforeAnySessionIsAnsweredWithPongAlone() async {
        let client = await Bench().client()
        let reply = await client.exchange(#"{"jsonrpc":"2.0","id":0,"method":"ping","params":{"interval":5000}}"#)
        #expect(reply == #"{"id":0,"jsonrpc":"2.0","result":{"value":"pong"}}"#)
    }

    @Test func pingEchoesTheSessionOfItsConnection() async {
        let client = await Bench().client()
        _ = await client.exchange(#"{"jsonrpc":"2.0","id":1,"method":"connect"}"#)
        let reply = await client.exchange(#"{"jsonrpc":"2.0","id":2,"method":"ping","params":null}"#)
        #expect(reply == #"{"id":2,"jsonrpc":"2.0","result":{"sessionId":"u1","value":"pong"}}"#)
    }

    @Test func objectsAreCreatedWithIdsThatNestUnderTheirPipeline() async {
        let client = await Bench().client()
        let pipeline = await client.exchange(
            #"{"jsonrpc":"2.0","method":"create","params":{"type":"MediaPipeline","properties":{},"ses"#
                + #"sionId":"s"},"id":3}"#)
        #expect(pipeline == #"{"id":3,"jsonrpc":"2.0","result":{"sessionId":"s","value":"u1_kurento.MediaPipeline"}}"#)
        let endpoint = await client.exchange(
            #"{"jsonrpc":"2.0","method":"create","params":{"type":"kurento.WebRtcEndpoint","constructo"#
                + #"rParams":{"mediaPipeline":"u1_kurento.MediaPipeline","useDataChannels":true},"properties"#
                + #"":{},"sessionId":"s"},"id":4}"#)
        #expect(
            endpoint
                == #"{"id":4,"jsonrpc":"2.0","result":{"sessionId":"s","value":"u1_kurento.MediaPipeline/"#
                        + #"u2_kurento.WebRtcEndpoint"}}"#)
    }

    @Test func voidOperationsReturnAPresentNull() async {
        let client = await Bench().client()
        let pipeline = await client.create("MediaPipeline", session: "s")
        let one = await client.endpoint(pipeline)
        let reply = await client.exchange(
            #"{"jsonrpc":"2.0","method":"invoke","params":{"object":"\#(one)","operation":"connect","o"#
                + #"perationParams":{"sink":"\#(one)"},"sessionId":"s"},"id":12}"#)
        #expect(reply == #"{"id":12,"jsonrpc":"2.0","result":{"sessionId":"s","value":null}}"#)
    }

    @Test func subscribeAnswersWithAnIdAndUnsubscribeWithTheSessionAlone() async {
        let client = await Bench().client()
        let pipeline = await client.create("MediaPipeline", session: "s")
        let reply = await client.exchange(
            #"{"jsonrpc":"2.0","id":9,"method":"subscribe","params":{"object":"\#(pipeline)","type":"E"#
                + #"rror","sessionId":"s"}}"#)
        #expect(reply == #"{"id":9,"jsonrpc":"2.0","result":{"sessionId":"s","value":"u2"}}"#)
        let end = await client.exchange(
            #"{"jsonrpc":"2.0","id":10,"method":"unsubscribe","params":{"object":"\#(pipeline)","subsc"#
                + #"ription":"u2","sessionId":"s"}}"#)
        #expect(end == #"{"id":10,"jsonrpc":"2.0","result":{"sessionId":"s"}}"#)
    }

    @Test func describeListsAncestorsNearestFirst() async {
        let client = await Bench().client()
        let manager = await client.exchange(
            #"{"jsonrpc":"2.0","method":"describe","params":{"object":"manager_ServerManager"},"id":1}"#)
        #expect(
            manager
                == #"{"id":1,"jsonrpc":"2.0","result":{"hierarchy":["kurento.MediaObject"],"qualifiedType"#
                        + #"":"kurento.ServerManager","sessionId":"u1","type":"ServerManager"}}"#)
        let endpoint = await client.endpoint(await client.create("MediaPipeline"))
        let description = await client.request("describe", ["object": .string(endpoint)])["result"]
        #expect(
            description?["hierarchy"]?.strings == [
                "kurento.BaseRtpEndpoint", "kurento.SdpEndpoint", "kurento.SessionEndpoint", "kurento.Endpoint",
                "kurento.MediaElement", "kurento.MediaObject",
            ])
        #expect(description?["type"] == "WebRtcEndpoint")
    }

    @Test func iceCandidateEventsHaveTheReferenceForm() async {
        let bench = Bench()
        let client = await bench.client()
        let endpoint = await client.endpoint(await client.create("MediaPipeline"))
        await client.subscribe(endpoint, "IceCandidateFound")
        _ = await client.invoke(endpoint, "processOffer", ["offer": .string(Offer.text())])
        _ = await client.invoke(endpoint, "gatherCandidates")
        _ = await client.events(2)
        let first = await client.inbox.frames.first { $0.contains("onEvent") }
        #expect(
            first
                == #"{"jsonrpc":"2.0","method":"onEvent","params":{"value":{"data":{"candidate":{"__modul"#
                        + #"e__":"kurento","__type__":"IceCandidate","candidate":"candidate:1 1 udp 2130706431 1"#
                        + #"92.0.2.1 40000 typ host","sdpMLineIndex":0,"sdpMid":"0"},"source":"\#(endpoint)","ta"#
                        + #"gs":[],"timestampMillis":"1795384158414","type":"IceCandidateFound"},"object":""#
                        + #"\#(endpoint)","type":"IceCandidateFound"}}}"#)
    }

    @Test func infoListsTheModulesThatTheJavaScriptClientInsistsOn() async {
        let client = await Bench().client()
        let info = await client.invoke("manager_ServerManager", "getInfo")
        #expect(info["type"] == "KMS")
        #expect(info["version"] == "7.3.0")
        #expect(info["capabilities"] == ["transactions"])
        #expect(info["__type__"] == "ServerInfo")
        guard case .array(let modules)? = info["modules"] else { return #expect(Bool(false), "no modules") }
        #expect(modules.map { $0["name"] } == ["core", "elements", "filters", "datachannelexample"])
        let elements = [
            "AlphaBlending", "Composite", "Dispatcher", "DispatcherOneToMany", "HttpPostEndpoint", "Mixer",
            "PlayerEndpoint", "RecorderEndpoint", "RtpEndpoint", "WebRtcEndpoint",
        ]
        let filters = ["GStreamerFilter", "ImageOverlayFilter", "ZBarFilter"]
        #expect(
            modules.map { $0["factories"]?.strings } == [
                ["HubPort", "MediaPipeline", "PassThrough"], elements, filters, ["KmsSendData", "KmsShowData"],
            ])
        #expect(modules.allSatisfy { $0["version"] == "7.3.0" && $0["__type__"] == "ModuleInfo" })
    }

    @Test func releaseAnswersWithTheSessionAlone() async {
        let client = await Bench().client()
        let pipeline = await client.create("MediaPipeline", session: "s")
        let reply = await client.exchange(
            #"{"jsonrpc":"2.0","id":5,"method":"release","params":{"object":"\#(pipeline)","sessionId":"s"}}"#)
        #expect(reply == #"{"id":5,"jsonrpc":"2.0","result":{"sessionId":"s"}}"#)
    }

    @Test func moduleDescriptorsAreJSONThatNamesEveryClass() async throws {
        let client = await Bench().client()
        let text = await client.invoke("manager_ServerManager", "getKmd", ["moduleName": "elements"]).asString ?? ""
        let descriptor = try JSONParser.parse(text)
        guard case .array(let classes)? = descriptor["remoteClasses"] else { return #expect(Bool(false)) }
        #expect(classes.first?["name"] == "WebRtcEndpoint")
        #expect(classes.first?["extends"] == "BaseRtpEndpoint")
        let error = await client.error("manager_ServerManager", "getKmd", ["moduleName": "nope"])
        #expect(error.code == 40500)
        #expect(error["data"]?["type"] == "UNDEFINED")
    }
}
