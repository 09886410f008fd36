import Logging
import RTP
import SDP
import Session

extension MediaServer {
    /// Methods of SdpEndpoint and its descendants. Nil for a method that is not among them.
    func invokeOnEndpoint(
        _ name: String, _ object: MediaObject, _ arguments: Arguments
    ) async throws(KurentoError) -> JSONValue? {
        guard let pipeline = object.pipeline, let endpoint = object.endpoint else { return nil }
        switch name {
        case "generateOffer" where endpoint.plain != nil: return .string(try generatePlainOffer(object, arguments))
        case "processOffer" where endpoint.plain != nil:
            return .string(try await processPlainOffer(object, arguments.string("offer"), in: pipeline))
        case "processAnswer" where endpoint.plain != nil:
            return .string(try await processPlainAnswer(object, arguments.string("answer"), in: pipeline))
        case "generateOffer": return .string(try await generateOffer(object, arguments, in: pipeline))
        case "processOffer": return .string(try await processOffer(object, arguments.string("offer"), in: pipeline))
        case "processAnswer":
            return .string(try await processAnswer(object, arguments.string("answer"), in: pipeline))
        case "getLocalSessionDescriptor":
            guard let local = endpoint.localDescription else {
                throw KurentoError(.sdpNoLocalDescription, "No local session descriptor yet: negotiate first")
            }
            return .string(withCandidates(local, of: object).text)
        case "getRemoteSessionDescriptor":
            guard let remote = endpoint.remoteDescription else {
                throw KurentoError(.sdpNoRemoteDescription, "No remote session descriptor yet: negotiate first")
            }
            return .string(remote)
        case "requestKeyframe":
            _ = try await perform(.requestKeyFrame(endpoint.id), in: pipeline)
            return .null
        case "gatherCandidates":
            gatherCandidates(object)
            return .null
        case "addIceCandidate":
            try await addCandidate(arguments["candidate"] ?? .null, to: object, in: pipeline)
            return .null
        case "createDataChannel":
            try await createDataChannel(object, arguments, in: pipeline)
            return .null
        case "closeDataChannel":
            try await closeDataChannel(object, arguments, in: pipeline)
            return .null
        default: return nil
        }
    }

    private func generateOffer(
        _ object: MediaObject, _ arguments: Arguments, in pipeline: Pipeline
    ) async throws(KurentoError) -> String {
        guard var endpoint = object.endpoint else { throw .objectNotFound(object.id) }
        guard endpoint.stage == .idle else {
            throw KurentoError(.sdpAlreadyNegotiated, "Endpoint already negotiated: create a new one")
        }
        endpoint.specification.isOfferer = true
        let operation = Operation.openEndpoint(endpoint.id, endpoint.specification)
        guard case .opened(let opened) = try await perform(operation, in: pipeline) else {
            throw KurentoError(.sdpGenerateOfferError, "The worker did not take the role of the offerer")
        }
        var capabilities = capabilities(of: object, endpoint)
        let options = arguments["options"]
        if options?["offerToReceiveAudio"]?.asBool == false { capabilities.audio.direction.stopReceiving() }
        if options?["offerToReceiveVideo"]?.asBool == false { capabilities.video.direction.stopReceiving() }
        let offer = Negotiator.offer(with: capabilities)
        object.endpoint?.specification = endpoint.specification
        object.endpoint?.opened = opened
        object.endpoint?.localDescription = offer
        object.endpoint?.offerCapabilities = capabilities
        object.endpoint?.stage = .offered
        gatherIfDue(object)
        return withCandidates(offer, of: object).text
    }

    private func processOffer(
        _ object: MediaObject, _ text: String, in pipeline: Pipeline
    ) async throws(KurentoError) -> String {
        guard let endpoint = object.endpoint else { throw .objectNotFound(object.id) }
        guard endpoint.stage == .idle else {
            throw KurentoError(.sdpAlreadyNegotiated, "Endpoint already negotiated: create a new one")
        }
        let offer = try parse(text, "offer")
        let negotiation: Negotiation
        do {
            negotiation = try Negotiator.answer(to: offer, with: capabilities(of: object, endpoint))
        } catch {
            throw KurentoError(.sdpProcessOfferError, "Error processing offer: \(error)")
        }
        let negotiated = Self.negotiated(negotiation)
        _ = try await perform(.negotiateEndpoint(endpoint.id, negotiated), in: pipeline)
        object.endpoint?.stage = .answered
        object.endpoint?.setSendCodecs(negotiated.media)
        await finish(negotiation, remote: text, of: object, in: pipeline)
        return withCandidates(negotiation.localDescription, of: object).text
    }

    private func processAnswer(
        _ object: MediaObject, _ text: String, in pipeline: Pipeline
    ) async throws(KurentoError) -> String {
        guard let endpoint = object.endpoint else { throw .objectNotFound(object.id) }
        guard endpoint.stage != .offerAccepted else {
            throw KurentoError(.sdpAnswerAlreadyProcessed, "Answer already processed: create a new endpoint")
        }
        guard endpoint.stage == .offered, let offer = endpoint.localDescription,
            let capabilities = endpoint.offerCapabilities
        else { throw KurentoError(.sdpNotOfferGenerated, "Offer not generated: call generateOffer first") }
        let answer = try parse(text, "answer")
        let negotiation: Negotiation
        do {
            negotiation = try Negotiator.accept(answer: answer, to: offer, with: capabilities)
        } catch {
            throw KurentoError(.sdpProcessAnswerError, "Error processing answer: \(error)")
        }
        let negotiated = Self.negotiated(negotiation)
        _ = try await perform(.negotiateEndpoint(endpoint.id, negotiated), in: pipeline)
        object.endpoint?.stage = .offerAccepted
        object.endpoint?.setSendCodecs(negotiated.media)
        await finish(negotiation, remote: text, of: object, in: pipeline)
        return withCandidates(offer, of: object).text
    }

    func parse(_ text: String, _ noun: String) throws(KurentoError) -> SessionDescription {
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw KurentoError(.sdpParseError, "Empty \(noun) not valid")
        }
        guard text.utf8.count <= Limits.descriptionBytes else {
            throw KurentoError(.sdpParseError, "The \(noun) is larger than \(Limits.descriptionBytes) bytes")
        }
        do {
            return try SessionDescription(parsing: text)
        } catch {
            throw KurentoError(.sdpParseError, "Error parsing \(noun): \(error)")
        }
    }

    private func finish(
        _ negotiation: Negotiation, remote: String, of object: MediaObject, in pipeline: Pipeline
    ) async {
        object.endpoint?.localDescription = negotiation.localDescription
        object.endpoint?.remoteDescription = remote
        object.endpoint?.hasData = negotiation.dataChannels != nil
        for candidate in negotiation.remoteCandidates {
            await addEmbeddedCandidate(candidate.candidate, to: object, in: pipeline)
        }
        raise("MediaSessionStarted", on: object)
        await reviseRoutes(to: object, in: pipeline)
        gatherIfDue(object)
    }

    /// What the endpoint can do now: the limits that clients set count from the next negotiation on.
    private func capabilities(of object: MediaObject, _ endpoint: EndpointState) -> EndpointCapabilities {
        let identity = endpoint.identity
        // Kurento's names are the server's view: `recvonly` never sends, `sendonly` never receives.
        let direction = MediaDirection(
            sends: object.properties["recvonly"]?.asBool != true,
            receives: object.properties["sendonly"]?.asBool != true)
        var audio = KindCapabilities.defaultAudio
        audio.direction = direction
        audio.sources = [identity.audio]
        audio.maxReceiveKbps = bandwidth(object.properties["maxAudioRecvBandwidth"])
        var video = KindCapabilities.defaultVideo
        video.direction = direction
        video.sources = [identity.video]
        video.maxReceiveKbps = bandwidth(object.properties["maxVideoRecvBandwidth"])
        let specification = endpoint.specification
        let fingerprint = endpoint.opened.fingerprint
        return EndpointCapabilities(
            audio: audio, video: video,
            ice: ICEParameters(
                ufrag: specification.localUfrag, password: specification.localPassword,
                isLite: specification.isLite),
            fingerprint: Fingerprint(algorithm: fingerprint.algorithm.lowercased(), value: fingerprint.value),
            cname: identity.cname, streamID: identity.streamID, acceptsDataChannels: object.usesDataChannels,
            acceptsSimulcast: true, sessionID: identity.sessionID)
    }

    /// What an offer that a former process made was made with: its answer is read with the same.
    func restoreOffer(_ record: EndpointRecord, of object: MediaObject) {
        guard let offered = record.offered, offered.count == 2, let endpoint = object.endpoint else { return }
        var capabilities = capabilities(of: object, endpoint)
        offered[0].apply(to: &capabilities.audio)
        offered[1].apply(to: &capabilities.video)
        object.endpoint?.offerCapabilities = capabilities
    }

    /// Kbit/s; zero and less mean no ceiling.
    func bandwidth(_ value: JSONValue?) -> UInt32? {
        guard let kbps = value?.asInt64, kbps > 0 else { return nil }
        return UInt32(clamping: kbps)
    }

    /// The description with our candidates in it. Not marked as complete: the same candidates follow as
    /// events, and some peers refuse candidates after the end of candidates.
    private func withCandidates(_ description: SessionDescription, of object: MediaObject) -> SessionDescription {
        var complete = description.adding(candidates: localCandidates(of: object))
        for index in complete.media.indices { complete.media[index].hasEndOfCandidates = false }
        return complete
    }

    private static func negotiated(_ negotiation: Negotiation) -> NegotiatedEndpoint {
        NegotiatedEndpoint(
            remoteUfrag: negotiation.remoteICE.ufrag, remotePassword: negotiation.remoteICE.password,
            remoteIsLite: negotiation.remoteIsLite,
            remoteFingerprint: CertificateFingerprint(
                algorithm: negotiation.remoteFingerprint.algorithm, value: negotiation.remoteFingerprint.value),
            isDTLSClient: negotiation.isDTLSClient,
            media: negotiation.media.map {
                NegotiatedMedia(
                    mid: $0.mid, kind: $0.kind, direction: $0.direction, receive: $0.receive, send: $0.send)
            },
            data: negotiation.dataChannels.map {
                NegotiatedData(
                    localPort: Negotiator.defaultSCTPPort, remotePort: $0.remotePort,
                    maximumMessageSize: Int(clamping: $0.maxMessageSize))
            })
    }
}

extension MediaDirection {
    mutating func stopReceiving() { self = MediaDirection(sends: sends, receives: false) }
}
