import Session
import Testing

@testable import Kurento

/// The classes of Kurento's modules `core`, `elements` and `filters`, as their descriptors list them: what clients may
/// create, call and listen for. Written down apart from our own declarations.
@Suite(.timeLimit(.minutes(2)))
struct ClassTableTests {
    private struct Row {
        var parent = ""
        var methods = ""
        var readable = ""
        var writable = ""
        var events = ""
    }

    private static let table: [String: Row] = [
        "MediaObject": Row(
            methods: "addTag removeTag getTag getTags", readable: "MediaPipeline Parent Id Children CreationTime",
            writable: "Name SendTagsInEvents", events: "Error"),
        "ServerManager": Row(
            parent: "MediaObject", methods: "getKmd getCpuCount getUsedCpu getUsedMemory",
            readable: "Info Pipelines Sessions Metadata", events: "ObjectCreated ObjectDestroyed"),
        "MediaPipeline": Row(
            parent: "MediaObject", methods: "getGstreamerDot dumpGstreamerDot", writable: "LatencyStats"),
        "MediaElement": Row(
            parent: "MediaObject",
            methods: "getSourceConnections getSinkConnections connect disconnect setAudioFormat setVideoFormat "
                + "dumpGstreamerDot getGstreamerDot getStats isMediaFlowingIn isMediaFlowingOut isMediaTranscoding",
            writable: "EncoderBitrate MinEncoderBitrate MaxEncoderBitrate",
            events: "ElementConnected ElementDisconnected MediaFlowOutStateChanged MediaFlowInStateChanged "
                + "MediaTranscodingStateChanged"),
        "Hub": Row(parent: "MediaObject", methods: "getGstreamerDot dumpGstreamerDot"),
        "HubPort": Row(parent: "MediaElement"),
        "PassThrough": Row(parent: "MediaElement"),
        "Filter": Row(parent: "MediaElement"),
        "Endpoint": Row(parent: "MediaElement"),
        "UriEndpoint": Row(
            parent: "Endpoint", methods: "pause stop", readable: "Uri State", events: "UriEndpointStateChanged"),
        "SessionEndpoint": Row(parent: "Endpoint", events: "MediaSessionTerminated MediaSessionStarted"),
        "SdpEndpoint": Row(
            parent: "SessionEndpoint",
            methods: "generateOffer processOffer processAnswer getLocalSessionDescriptor getRemoteSessionDescriptor",
            writable: "MaxAudioRecvBandwidth MaxVideoRecvBandwidth"),
        "BaseRtpEndpoint": Row(
            parent: "SdpEndpoint", methods: "requestKeyframe", readable: "MediaState ConnectionState",
            writable: "MinVideoRecvBandwidth MinVideoSendBandwidth MaxVideoSendBandwidth Mtu RembParams",
            events: "MediaStateChanged ConnectionStateChanged"),
        "WebRtcEndpoint": Row(
            parent: "BaseRtpEndpoint", methods: "gatherCandidates addIceCandidate createDataChannel closeDataChannel",
            readable: "ICECandidatePairs IceConnectionState DtlsConnectionState",
            writable: "NetworkInterfaces IceTcp StunServerAddress StunServerPort TurnUrl ExternalIPv4 ExternalIPv6",
            events: "IceCandidateFound IceGatheringDone IceComponentStateChanged DtlsConnectionStateChange "
                + "DataChannelOpened DataChannelClosed NewCandidatePairSelected"),
        "RtpEndpoint": Row(parent: "BaseRtpEndpoint", events: "OnKeySoftLimit"),
        "PlayerEndpoint": Row(
            parent: "UriEndpoint", methods: "play", readable: "VideoInfo ElementGstreamerDot", writable: "Position",
            events: "EndOfStream"),
        "RecorderEndpoint": Row(parent: "UriEndpoint", methods: "record stopAndWait", events: "Recording Paused Stopped"),
        "HttpEndpoint": Row(parent: "SessionEndpoint", methods: "getUrl"),
        "HttpPostEndpoint": Row(parent: "HttpEndpoint", events: "EndOfStream"),
        "Composite": Row(parent: "Hub"),
        "AlphaBlending": Row(parent: "Hub", methods: "setMaster setPortProperties"),
        "Dispatcher": Row(parent: "Hub", methods: "connect"),
        "DispatcherOneToMany": Row(parent: "Hub", methods: "setSource removeSource"),
        "Mixer": Row(parent: "Hub", methods: "connect disconnect"),
        "GStreamerFilter": Row(parent: "Filter", methods: "setElementProperty", readable: "Command"),
        "ImageOverlayFilter": Row(parent: "Filter", methods: "addImage removeImage"),
        "ZBarFilter": Row(parent: "Filter", events: "CodeFound"),
        "KmsShowData": Row(parent: "MediaElement"),
        "KmsSendData": Row(parent: "MediaElement"),
    ]

    private static let abstract: Set = [
        "MediaObject", "ServerManager", "MediaElement", "Hub", "Filter", "Endpoint", "UriEndpoint", "SessionEndpoint",
        "SdpEndpoint", "BaseRtpEndpoint", "HttpEndpoint",
    ]
    private static let concrete = table.keys.filter { !abstract.contains($0) }.sorted()

    private static func lineage(_ name: String) -> [Row] {
        guard let row = table[name] else { return [] }
        return [row] + lineage(row.parent)
    }

    private static func members(_ name: String, _ part: (Row) -> String) -> [String] {
        lineage(name).flatMap { part($0).split(separator: " ").map(String.init) }
    }

    /// Of the method, property or event is known that it is not there, or that it cannot be named.
    private static let unanswered: Set<JSONValue> = [40006, 40008, 40105, 40106, -32601, -32603]

    private let bench = Bench()
    private let registry = TypeRegistry.shared

    /// A value that a parameter of the type may have.
    private func sample(_ type: ValueType, _ objects: [String: String]) -> JSONValue {
        switch type {
        case .string: return "x"
        case .boolean: return true
        case .int, .int64: return 1
        case .float, .double: return .double(0.5)
        case .list(let element): return .array([sample(element, objects)])
        case .map: return .object([:])
        case .named(let name):
            if let values = registry.enumeration(named: name)?.values { return .string(values[0]) }
            if registry.structure(named: name) != nil {
                let fields = registry.fields(of: name).map { ($0.name, sample($0.type, objects)) }
                return .object(Dictionary(fields) { first, _ in first })
            }
            let fitting = objects.keys.sorted().first { registry.isClass($0, a: name) }
            return .string(fitting.flatMap { objects[$0] } ?? "")
        }
    }

    /// An object of the class, and all that its methods may want, by classes.
    private func make(_ type: String, _ client: Client) async -> (id: String, objects: [String: String]) {
        var objects: [String: String] = [:]
        let pipeline = await client.create("MediaPipeline")
        objects["MediaPipeline"] = pipeline
        if type == "ServerManager" { return ("manager_ServerManager", objects) }
        if type == "MediaPipeline" { return (pipeline, objects) }
        let place: JSONValue = ["mediaPipeline": .string(pipeline)]
        let hub = Self.members(type) { $0.parent }.contains("Hub") ? type : "Composite"
        objects[hub] = await client.create(hub, place)
        objects["HubPort"] = await client.create("HubPort", ["hub": .string(objects[hub] ?? "")])
        if let made = objects[type] { return (made, objects) }
        var parameters = place
        if type == "GStreamerFilter" {
            parameters = ["mediaPipeline": .string(pipeline), "command": "videoflip"]
        } else if Self.members(type) { $0.parent }.contains("UriEndpoint") {
            parameters = ["mediaPipeline": .string(pipeline), "uri": "file:///tmp/x.webm"]
        }
        let id = await client.create(type, parameters)
        objects[type] = id
        return (id, objects)
    }

    @Test func everyClassIsThereAndHasItsParent() {
        for (name, row) in Self.table {
            #expect(registry.type(named: name)?.parent == (row.parent.isEmpty ? nil : row.parent), "\(name)")
            #expect((registry.factory(named: name) != nil) != Self.abstract.contains(name), "\(name)")
        }
    }

    @Test(arguments: concrete + ["ServerManager"])
    func everyMethodOfTheClassAnswers(type: String) async {
        let client = await bench.client()
        let (id, objects) = await make(type, client)
        for method in Self.members(type, \.methods) {
            guard case .method(let signature)? = registry.operation(method, of: type) else {
                Issue.record("\(type) has no method \(method)")
                continue
            }
            var arguments: [String: JSONValue] = [:]
            for field in signature.parameters { arguments[field.name] = sample(field.type, objects) }
            let reply = await client.invokeRequest(id, method, .object(arguments))
            let code = reply["error"]?["code"] ?? .null
            #expect(!Self.unanswered.contains(code), "\(type).\(method): \(reply.text)")
        }
    }

    @Test(arguments: concrete + ["ServerManager"])
    func everyPropertyOfTheClassIsReadAndWritten(type: String) async {
        let client = await bench.client()
        let (id, objects) = await make(type, client)
        let writable = Self.members(type, \.writable)
        for property in writable {
            guard case .setter(let described)? = registry.operation("set" + property, of: type) else {
                Issue.record("\(type) has no property \(property) to write")
                continue
            }
            let value: JSONValue = [described.field.name: sample(described.field.type, objects)]
            let reply = await client.invokeRequest(id, "set" + property, value)
            #expect(!Self.unanswered.contains(reply["error"]?["code"] ?? .null), "\(type).set\(property): \(reply.text)")
        }
        for property in writable + Self.members(type, \.readable) {
            let reply = await client.invokeRequest(id, "get" + property)
            #expect(!Self.unanswered.contains(reply["error"]?["code"] ?? .null), "\(type).get\(property): \(reply.text)")
        }
    }

    @Test(arguments: concrete + ["ServerManager"])
    func everyEventOfTheClassCanBeSubscribedTo(type: String) async {
        let client = await bench.client()
        let (id, _) = await make(type, client)
        for event in Self.members(type, \.events) {
            let reply = await client.request("subscribe", ["object": .string(id), "type": .string(event)])
            #expect(reply["error"] == nil, "\(type) \(event): \(reply.text)")
        }
        let wrong = await client.request("subscribe", ["object": .string(id), "type": "NoSuchEvent"])
        #expect(wrong["error"]?["code"] == 40106)
    }
}
