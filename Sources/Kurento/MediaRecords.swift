import Foundation
import RTP
import SDP
import Session

/// One object of a pipeline as it is kept beyond this process.
struct ObjectRecord: Codable {
    struct Subscriber: Codable {
        var event: String
        var session: String
        var subscriptions: [String]
    }

    struct Link: Codable {
        var source: String
        var type: String
        var sourceDescription: String
        var sinkDescription: String
    }

    var id: String
    var type: String
    /// Nil for the pipeline.
    var parent: String?
    /// Among the children of its parent.
    var order: Int
    /// Seconds since 1970.
    var created: Int64
    var name: String
    var tags: [[String]]
    var sendsTagsInEvents: Bool
    /// JSON text.
    var properties: String
    var sessions: [String]
    /// In their order for each event.
    var subscribers: [Subscriber]
    /// What feeds it.
    var links: [Link]
    var endpoint: EndpointRecord?
    var element: ElementState?
    var hub: HubState?
    /// Nil from a controller that knew of no transcoding, like ``EndpointRecord/sendCodecs``.
    var codecs: PerKind<CodecParameters?>?
    var encodesAnew: PerKind<Bool>?
    var transcodes: PerKind<Bool?>?
    /// Why the media plane no longer holds the pipeline.
    var loss: Refusal?

    init(_ object: MediaObject) {
        id = object.id
        type = object.type
        parent = object.parent?.id
        order = object.order
        created = object.creationTime
        name = object.name
        tags = object.tags.map { [$0.key, $0.value] }
        sendsTagsInEvents = object.sendsTagsInEvents
        properties = JSONValue.object(object.properties).text
        sessions = object.sessions.sorted()
        subscribers = object.subscribers.sorted { $0.key < $1.key }.flatMap { event, list in
            list.map { Subscriber(event: event, session: $0.session, subscriptions: $0.subscriptions.sorted()) }
        }
        links = (object.pipeline?.graph.linksInto(object.id) ?? []).map {
            Link(
                source: $0.source, type: $0.type.rawValue, sourceDescription: $0.sourceDescription,
                sinkDescription: $0.sinkDescription)
        }
        endpoint = object.endpoint.map(EndpointRecord.init)
        element = object.element
        hub = object.hub
        codecs = object.codecs
        encodesAnew = object.encodesAnew
        transcodes = object.transcodes
        if object === object.pipeline?.object { loss = object.pipeline?.loss }
    }

    /// How many objects it is below. Ids of children extend their parent's.
    var depth: Int { id.utf8.count { $0 == UInt8(ascii: "/") } }

    /// The object without its links.
    func object(parent: MediaObject?, pipeline: Pipeline) -> MediaObject {
        let object = MediaObject(
            id: id, type: type, parent: parent, pipeline: pipeline, createdAt: created * 1000)
        object.order = order
        object.name = name
        object.tags = tags.filter { $0.count == 2 }.map { ($0[0], $0[1]) }
        object.sendsTagsInEvents = sendsTagsInEvents
        if case .object(let members)? = try? JSONParser.parse(properties) { object.properties = members }
        object.hub = hub
        object.codecs = codecs ?? object.codecs
        object.encodesAnew = encodesAnew ?? object.encodesAnew
        object.transcodes = transcodes ?? object.transcodes
        object.sessions = Set(sessions)
        for subscriber in subscribers {
            for subscription in subscriber.subscriptions {
                object.addSubscription(subscription, to: subscriber.event, of: subscriber.session)
            }
        }
        return object
    }
}

/// What an ``EndpointState`` is made of.
struct EndpointRecord: Codable {
    struct Source: Codable {
        var ssrc: UInt32
        var rtxSSRC: UInt32?
        var trackID: String

        init(_ source: LocalSource) {
            ssrc = source.ssrc
            rtxSSRC = source.rtxSSRC
            trackID = source.trackID
        }

        var source: LocalSource { LocalSource(ssrc: ssrc, rtxSSRC: rtxSSRC, trackID: trackID) }
    }

    /// Of one kind, in an offer of ours.
    struct Offered: Codable {
        var sends: Bool
        var receives: Bool
        var maxReceiveKbps: UInt32?

        init(_ capabilities: KindCapabilities) {
            sends = capabilities.direction.sends
            receives = capabilities.direction.receives
            maxReceiveKbps = capabilities.maxReceiveKbps
        }

        func apply(to capabilities: inout KindCapabilities) {
            capabilities.direction = MediaDirection(sends: sends, receives: receives)
            capabilities.maxReceiveKbps = maxReceiveKbps
        }
    }

    var id: EndpointID
    var specification: EndpointSpecification
    var opened: OpenedEndpoint
    var audio: Source
    var video: Source
    var cname: String
    var streamID: String
    var sessionID: UInt64
    var stage: EndpointState.Stage
    var local: String?
    var remote: String?
    var offered: [Offered]?
    var isGatheringDue: Bool
    var remoteCandidates: Int
    var ice: ICEState
    var isGathering: Bool
    var dtls: DTLSState
    var isMediaConnected: Bool
    var isConnected: Bool
    var fromPeer: [MediaKind]
    var toPeer: [MediaKind]
    var pair: [String]?
    /// Nil from a controller that knew of no data channels.
    var hasData: Bool?
    /// Of an RtpEndpoint.
    var plain: PlainState?
    var sendCodecs: PerKind<[CodecParameters]>?

    init(_ endpoint: EndpointState) {
        id = endpoint.id
        specification = endpoint.specification
        opened = endpoint.opened
        audio = Source(endpoint.identity.audio)
        video = Source(endpoint.identity.video)
        cname = endpoint.identity.cname
        streamID = endpoint.identity.streamID
        sessionID = endpoint.identity.sessionID
        stage = endpoint.stage
        local = endpoint.localDescription?.text
        remote = endpoint.remoteDescription
        offered = endpoint.offerCapabilities.map { [Offered($0.audio), Offered($0.video)] }
        isGatheringDue = endpoint.isGatheringDue
        remoteCandidates = endpoint.remoteCandidates
        hasData = endpoint.hasData
        plain = endpoint.plain
        sendCodecs = endpoint.sendCodecs
        ice = endpoint.ice
        isGathering = endpoint.isGathering
        dtls = endpoint.dtls
        isMediaConnected = endpoint.isMediaConnected
        isConnected = endpoint.isConnected
        fromPeer = MediaKind.allCases.filter { endpoint.flowsFromPeer.contains($0) }
        toPeer = MediaKind.allCases.filter { endpoint.flowsToPeer.contains($0) }
        pair = endpoint.selectedPair.map { [$0.local, $0.remote] }
    }

    /// All but the capabilities of an offer, which depend on the object.
    var state: EndpointState {
        var state = EndpointState(
            id: id, specification: specification, opened: opened,
            identity: EndpointIdentity(
                audio: audio.source, video: video.source, cname: cname, streamID: streamID, sessionID: sessionID))
        state.stage = stage
        state.localDescription = local.flatMap { try? SessionDescription(parsing: $0) }
        state.remoteDescription = remote
        state.isGatheringDue = isGatheringDue
        state.remoteCandidates = remoteCandidates
        state.hasData = hasData ?? false
        state.plain = plain
        state.sendCodecs = sendCodecs ?? state.sendCodecs
        state.ice = ice
        state.isGathering = isGathering
        state.dtls = dtls
        state.isMediaConnected = isMediaConnected
        state.isConnected = isConnected
        state.flowsFromPeer = Set(fromPeer)
        state.flowsToPeer = Set(toPeer)
        if let pair, pair.count == 2 { state.selectedPair = (pair[0], pair[1]) }
        return state
    }
}

/// What a client session has beyond what its objects' records say.
struct SessionRecordTexts {
    /// Those that it references, by their names in the media plane.
    var pipelines: [String] = []
    /// Whether it references the server manager.
    var hasManager = false
    /// Its subscriptions to the server manager: id and event.
    var subscriptions: [[String]] = []
    /// Events that its client was not sent, oldest first.
    var events: [String] = []

    init() {}

    init(_ texts: [String: String]) {
        pipelines = RecordText.decode([String].self, texts["pipelines"]) ?? []
        hasManager = texts["manager"] != nil
        subscriptions = (RecordText.decode([[String]].self, texts["manager"]) ?? []).filter { $0.count == 2 }
        events = RecordText.decode([String].self, texts["events"]) ?? []
    }

    var texts: [String: String?] {
        [
            "pipelines": RecordText.encode(pipelines), "events": RecordText.encode(events),
            "manager": hasManager ? RecordText.encode(subscriptions) : nil,
        ]
    }
}

/// JSON with sorted keys, so that equal values are equal text.
enum RecordText {
    static func encode(_ value: some Encodable) -> String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Nil for what is not there or is not what it should be.
    static func decode<Value: Decodable>(_ type: Value.Type, _ text: String?) -> Value? {
        text.flatMap { try? JSONDecoder().decode(type, from: Data($0.utf8)) }
    }
}
