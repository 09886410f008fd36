import Logging
import RTP
import Session

extension MediaServer {
    /// What the media plane tells about a pipeline; noted, so that nobody else takes it again.
    func take(_ event: SessionEvent) {
        receive(event)
        guard memory != nil, let pipeline = objects.pipeline(of: event.session) else { return }
        pipeline.position = event.position ?? pipeline.position
        if let object = pipeline.object { touch(object) }
        schedulePersistence()
    }

    private func receive(_ event: SessionEvent) {
        guard let pipeline = objects.pipeline(of: event.session) else { return }
        switch event.body {
        case .iceStateChanged(let id, let state):
            guard let object = touched(id, of: pipeline) else { return }
            object.endpoint?.ice = state
            if state != .new { object.endpoint?.isGathering = false }
            raiseICEState(of: object)
            updateConnectionState(of: object)
        case .candidatePairSelected(let id, let local, let remote):
            guard let object = touched(id, of: pipeline) else { return }
            object.endpoint?.selectedPair = (local, remote)
            raise(
                "NewCandidatePairSelected", on: object,
                ["candidatePair": candidatePairs(of: object).first ?? .null])
        case .dtlsStateChanged(let id, let state):
            guard let object = touched(id, of: pipeline) else { return }
            object.endpoint?.dtls = state
            raise("DtlsConnectionStateChange", on: object, dtlsMembers(state))
            updateConnectionState(of: object)
        case .mediaStateChanged(let id, let isConnected):
            guard let object = touched(id, of: pipeline) else { return }
            updateMediaState(of: object, isConnected: isConnected)
        // Kurento's directions are those of the pipeline: media out of an endpoint is what its peer sends.
        case .mediaFlowingIn(let id, let kind, let isFlowing):
            guard let object = touched(id, of: pipeline) else { return }
            object.endpoint?.flowsFromPeer.set(kind, isFlowing)
            raise("MediaFlowOutStateChanged", on: object, flowMembers(kind, isFlowing))
        case .mediaFlowingOut(let id, let kind, let isFlowing):
            guard let object = touched(id, of: pipeline) else { return }
            object.endpoint?.flowsToPeer.set(kind, isFlowing)
            raise("MediaFlowInStateChanged", on: object, flowMembers(kind, isFlowing))
        case .codecInUse(let id, let kind, let codec):
            guard let object = touched(id, of: pipeline) else { return }
            object.codecs[kind] = codec
            reviseRoutes(of: pipeline)
        case .dataChannelOpened(let id, let channel):
            guard let object = touched(id, of: pipeline) else { return }
            raise("DataChannelOpened", on: object, ["channelId": .integer(Int64(channel))])
        case .dataChannelClosed(let id, let channel):
            guard let object = touched(id, of: pipeline) else { return }
            raise("DataChannelClosed", on: object, ["channelId": .integer(Int64(channel))])
        case .plainConnected(let id):
            guard let object = touched(id, of: pipeline) else { return }
            object.endpoint?.plain?.isConnected = true
            updateConnectionState(of: object)
        case .keySoftLimit(let id, let kind):
            guard let object = touched(id, of: pipeline) else { return }
            raise("OnKeySoftLimit", on: object, ["mediaType": .string(ElementGraph.MediaType(kind).rawValue)])
        case .elementStateChanged(let id, _), .elementEncodes(let id, _, _), .elementEnded(let id),
            .codeFound(let id, _), .elementFailed(let id, _):
            guard let object = touched(id, of: pipeline) else { return }
            receive(event.body, ofElement: object, id, in: pipeline)
        // Kurento has no such events, and no word to a client about its encodings: it goes on sending all. An endpoint
        // that is lost also changes its states.
        case .endpointLost(let id, _): forgetTranscoder(id, of: pipeline)
        case .dominantSpeakerChanged, .moveAdvised, .encodingsWanted: break
        case .sessionLost(let refusal): lose(pipeline, refusal)
        }
    }

    private func receive(
        _ event: SessionEvent.Body, ofElement object: MediaObject, _ id: EndpointID, in pipeline: Pipeline
    ) {
        switch event {
        case .elementStateChanged(_, let state): note(state, of: object)
        case .elementEncodes(_, let kind, let state):
            object.encodesAnew[kind] = state
            tellTranscoding(of: pipeline)
        case .elementEnded:
            raise("EndOfStream", on: object)
            stopRecorders(fedBy: id, in: pipeline)
        case .codeFound(_, let code):
            raise("CodeFound", on: object, ["codeType": .string(code.type), "value": .string(code.value)])
        case .elementFailed(_, let failure): raise(failure, on: object)
        default: break
        }
    }

    private func touched(_ id: EndpointID, of pipeline: Pipeline) -> MediaObject? {
        guard let object = pipeline.endpoints[id] else { return nil }
        touch(object)
        return object
    }

    private func flowMembers(_ kind: MediaKind, _ isFlowing: Bool) -> [String: JSONValue] {
        [
            "state": isFlowing ? "FLOWING" : "NOT_FLOWING", "padName": .string(ElementGraph.defaultDescription),
            "mediaType": .string(ElementGraph.MediaType(kind).rawValue),
        ]
    }

    /// The media is gone for good: endpoints fall silent, everyone who listens for errors hears it, and
    /// later operations say so. `release` still works.
    private func lose(_ pipeline: Pipeline, _ refusal: Refusal) {
        guard pipeline.loss == nil, let object = pipeline.object else { return }
        pipeline.loss = refusal
        logger.warning(
            "a pipeline lost its worker", metadata: ["session": "\(pipeline.session)", "reason": "\(refusal.message)"])
        for child in pipeline.orderedEndpoints {
            child.endpoint?.ice = .closed
            child.endpoint?.dtls = .closed
            updateConnectionState(of: child)
            updateMediaState(of: child, isConnected: false)
        }
        for affected in [object] + object.descendants {
            touch(affected)
            raise(
                "Error", on: affected,
                [
                    "description": .string("The media worker of this pipeline was lost: \(refusal.message)"),
                    "errorCode": .integer(KurentoError.Code.unexpectedError.rawValue),
                    "type": .string(KurentoError.Code.unexpectedError.name),
                ])
        }
    }

    func raiseICEState(of object: MediaObject) {
        guard let endpoint = object.endpoint else { return }
        // One transport with one component, which Kurento counts from 1.
        raise(
            "IceComponentStateChanged", on: object,
            ["streamId": 1, "componentId": 1, "state": .string(Self.name(of: endpoint))])
    }

    /// Connected is: keys are agreed on and the path is not known to be broken; without ICE, it is known where to.
    private func updateConnectionState(of object: MediaObject) {
        guard let endpoint = object.endpoint else { return }
        let isPathBroken = [.disconnected, .failed, .closed].contains(endpoint.ice)
        let isConnected = (endpoint.plain?.isConnected ?? (endpoint.dtls == .connected)) && !isPathBroken
        guard isConnected != endpoint.isConnected else { return }
        object.endpoint?.isConnected = isConnected
        raise("ConnectionStateChanged", on: object, stateMembers(from: endpoint.isConnected, to: isConnected))
    }

    private func updateMediaState(of object: MediaObject, isConnected: Bool) {
        guard let was = object.endpoint?.isMediaConnected, was != isConnected else { return }
        object.endpoint?.isMediaConnected = isConnected
        raise("MediaStateChanged", on: object, stateMembers(from: was, to: isConnected))
    }

    private func stateMembers(from old: Bool, to new: Bool) -> [String: JSONValue] {
        ["oldState": .string(Self.name(isConnected: old)), "newState": .string(Self.name(isConnected: new))]
    }

    private func dtlsMembers(_ state: DTLSState) -> [String: JSONValue] {
        [
            "streamId": "1", "componentId": "1", "connectionId": "1",
            "state": .string(state.rawValue.uppercased()),
        ]
    }

    /// ICE states under the names of libnice's components, which Kurento shows.
    private static func name(of endpoint: EndpointState) -> String {
        switch endpoint.ice {
        case .new: endpoint.isGathering ? "GATHERING" : "DISCONNECTED"
        case .checking: "CONNECTING"
        case .connected: "CONNECTED"
        case .completed: "READY"
        case .failed: "FAILED"
        case .disconnected, .closed: "DISCONNECTED"
        }
    }

    func candidatePairs(of object: MediaObject) -> [JSONValue] {
        guard let pair = object.endpoint?.selectedPair else { return [] }
        return [
            .structure(
                "IceCandidatePair",
                [
                    "streamId": "1", "componentId": 1, "localCandidate": .string(pair.local),
                    "remoteCandidate": .string(pair.remote),
                ])
        ]
    }

    func iceConnections(of object: MediaObject) -> [JSONValue] {
        guard let endpoint = object.endpoint else { return [] }
        return [
            .structure(
                "IceConnection", ["streamId": "1", "componentId": 1, "state": .string(Self.name(of: endpoint))])
        ]
    }

    func dtlsConnections(of object: MediaObject) -> [JSONValue] {
        guard let endpoint = object.endpoint else { return [] }
        return [.structure("DtlsConnection", dtlsMembers(endpoint.dtls))]
    }
}

extension Set<MediaKind> {
    fileprivate mutating func set(_ kind: MediaKind, _ isFlowing: Bool) {
        if isFlowing { insert(kind) } else { remove(kind) }
    }
}
