import RTP
import SDP
import Session
import Wire

/// RtpEndpoint: RTP without ICE and DTLS, perhaps under SRTP with keys from the session description.
extension MediaServer {
    func openPlain(
        _ object: MediaObject, _ id: EndpointID, _ arguments: Arguments, in pipeline: Pipeline
    ) async throws(KurentoError) {
        let protection = try PlainProtection(arguments["crypto"] ?? .null)
        let specification = PlainSpecification(usesIPv6: arguments.bool("useIpv6"))
        guard case .openedPlain(let opened) = try await perform(.openPlain(id, specification), in: pipeline) else {
            throw KurentoError(.unexpectedError, "The worker did not say at which ports it opened the endpoint")
        }
        let (identity, _) = EndpointIdentity.draw(isLite: false, drawIdentifier: configuration.drawIdentifier)
        object.endpoint = EndpointState(
            id: id, plain: PlainState(opened: opened, protection: protection), identity: identity)
        pipeline.endpoints[id] = object
    }

    func generatePlainOffer(_ object: MediaObject, _ arguments: Arguments) throws(KurentoError) -> String {
        guard let endpoint = object.endpoint, let plain = endpoint.plain else { throw .objectNotFound(object.id) }
        guard endpoint.stage == .idle else {
            throw KurentoError(.sdpAlreadyNegotiated, "Endpoint already negotiated: create a new one")
        }
        var capabilities = plainCapabilities(of: object, endpoint, plain)
        for (kind, option) in [(MediaKind.audio, "offerToReceiveAudio"), (.video, "offerToReceiveVideo")]
        where arguments["options"]?[option]?.asBool == false {
            capabilities[kind].direction.stopReceiving()
        }
        capabilities.takesUnprotected = plain.protection == nil
        if plain.protection == nil { capabilities.suites = [] }
        // An offer is for an encoder that takes one format of each codec.
        capabilities.video.codecs = capabilities.video.codecs.filter { ["VP8", "H264"].contains($0.name) }
        let first = capabilities.video.codecs.firstIndex { $0.name == "H264" } ?? 0
        capabilities.video.codecs = capabilities.video.codecs.enumerated()
            .filter { $1.name != "H264" || $0 == first }.map(\.element)
        let offer = PlainNegotiator.offer(with: capabilities)
        object.endpoint?.localDescription = offer
        object.endpoint?.stage = .offered
        return offer.text
    }

    func processPlainOffer(
        _ object: MediaObject, _ text: String, in pipeline: Pipeline
    ) async throws(KurentoError) -> String {
        guard let endpoint = object.endpoint, let plain = endpoint.plain else { throw .objectNotFound(object.id) }
        guard endpoint.stage == .idle else {
            throw KurentoError(.sdpAlreadyNegotiated, "Endpoint already negotiated: create a new one")
        }
        let offer = try parse(text, "offer")
        do {
            let local = plainCapabilities(of: object, endpoint, plain)
            try await finish(try PlainNegotiator.answer(to: offer, with: local), text, .answered, object, in: pipeline)
        } catch let error as KurentoError {
            throw error
        } catch {
            throw KurentoError(.sdpProcessOfferError, "Error processing offer: \(error)")
        }
        return object.endpoint?.localDescription?.text ?? ""
    }

    func processPlainAnswer(
        _ object: MediaObject, _ text: String, in pipeline: Pipeline
    ) async throws(KurentoError) -> String {
        guard let endpoint = object.endpoint, let plain = endpoint.plain else { throw .objectNotFound(object.id) }
        guard endpoint.stage != .offerAccepted else {
            throw KurentoError(.sdpAnswerAlreadyProcessed, "Answer already processed: create a new endpoint")
        }
        guard endpoint.stage == .offered, let offer = endpoint.localDescription else {
            throw KurentoError(.sdpNotOfferGenerated, "Offer not generated: call generateOffer first")
        }
        let answer = try parse(text, "answer")
        do {
            let local = plainCapabilities(of: object, endpoint, plain)
            let negotiation = try PlainNegotiator.accept(answer: answer, to: offer, with: local)
            try await finish(negotiation, text, .offerAccepted, object, in: pipeline)
        } catch let error as KurentoError {
            throw error
        } catch {
            throw KurentoError(.sdpProcessAnswerError, "Error processing answer: \(error)")
        }
        return offer.text
    }

    /// Throws a ``PlainRefusal`` for what the worker cannot do with the description.
    private func finish(
        _ negotiation: PlainNegotiation, _ remote: String, _ stage: EndpointState.Stage, _ object: MediaObject,
        in pipeline: Pipeline
    ) async throws {
        guard let endpoint = object.endpoint, let plain = endpoint.plain else { return }
        var sections: [NegotiatedPlain.Section] = []
        for media in negotiation.media { sections.append(try Self.negotiated(media, of: plain)) }
        do throws(Refusal) {
            let operation = Operation.negotiatePlain(endpoint.id, NegotiatedPlain(sections: sections))
            _ = try await performOrRefuse(operation, in: pipeline)
        } catch {
            guard error.reason == .invalid else { throw KurentoError(error) }
            throw PlainRefusal(description: error.message)
        }
        object.endpoint?.stage = stage
        object.endpoint?.localDescription = negotiation.localDescription
        object.endpoint?.remoteDescription = remote
        object.endpoint?.setSendCodecs(sections.map(\.media))
        raise("MediaSessionStarted", on: object)
        await reviseRoutes(to: object, in: pipeline)
    }

    private static func negotiated(
        _ media: PlainMedia, of plain: PlainState
    ) throws(PlainRefusal) -> NegotiatedPlain.Section {
        let rtp = try address(media.remote.address, media.remote.port, of: plain)
        let host = media.remote.address == nil ? nil : media.remote.controlAddress ?? media.remote.address
        let control = try address(host, media.remote.controlPort, of: plain)
        let section = media.media
        return NegotiatedPlain.Section(
            media: NegotiatedMedia(
                mid: section.mid, kind: section.kind, direction: section.direction, receive: section.receive,
                send: section.send),
            remote: rtp, controlRemote: rtp == nil ? nil : control, sharesPort: media.sharesPort,
            sendKey: media.localKey.flatMap(SessionKey.init), receiveKey: media.remoteKey.flatMap(SessionKey.init))
    }

    /// Nil for one that is to be learned.
    private static func address(
        _ text: String?, _ port: UInt16, of plain: PlainState
    ) throws(PlainRefusal) -> String? {
        guard let text else { return nil }
        guard let ip = IPAddress(text) else {
            throw PlainRefusal(description: "a c= line names a host; write its IP address, or a=direction:active")
        }
        guard !ip.isUnspecified else { return nil }
        guard ip.isIPv4 == !plain.usesIPv6 else {
            let wanted = ip.isIPv4 ? "without" : "with"
            throw PlainRefusal(
                description: "a c= line has the other version of IP; create the endpoint \(wanted) useIpv6")
        }
        return SocketAddress(ip: ip, port: port).description
    }

    private func plainCapabilities(
        of object: MediaObject, _ endpoint: EndpointState, _ plain: PlainState
    ) -> PlainCapabilities {
        let identity = endpoint.identity
        var audio = KindCapabilities.plainAudio
        audio.sources = [LocalSource(ssrc: identity.audio.ssrc, trackID: identity.audio.trackID)]
        audio.maxReceiveKbps = bandwidth(object.properties["maxAudioRecvBandwidth"])
        var video = KindCapabilities.plainVideo
        video.sources = [LocalSource(ssrc: identity.video.ssrc, trackID: identity.video.trackID)]
        video.maxReceiveKbps = bandwidth(object.properties["maxVideoRecvBandwidth"])
        return PlainCapabilities(
            audio: audio, video: video, suites: plain.protection.map { [$0.suite] } ?? CryptoSuite.allCases,
            takesUnprotected: plain.protection == nil, inline: plain.inline,
            address: PlainAddress(
                connection: ConnectionData(isIPv6: plain.usesIPv6, address: plain.opened.address),
                audioPort: plain.opened.audioPort, videoPort: plain.opened.videoPort),
            cname: identity.cname, sessionID: identity.sessionID)
    }
}

/// What is wrong with a description beyond its grammar.
private struct PlainRefusal: Error, CustomStringConvertible {
    var description: String
}

/// What an RtpEndpoint has beyond what its negotiation says.
struct PlainState: Codable {
    let opened: OpenedPlain
    /// As the client asked for it; nil leaves it to the peer's offer.
    let protection: PlainProtection?
    /// Key and salt that we send under.
    let inline: [UInt8]
    var isConnected = false

    init(opened: OpenedPlain, protection: PlainProtection?) {
        self.opened = opened
        self.protection = protection
        let longest = CryptoSuite.allCases.map(\.inlineLength).max() ?? 0
        inline = protection?.inline ?? (0..<longest).map { _ in UInt8.random(in: .min ... .max) }
    }

    var usesIPv6: Bool { opened.address.contains(":") }
}

/// Kurento's `SDES`: the suite of SRTP, and perhaps the key that we send under.
struct PlainProtection: Codable {
    let suite: CryptoSuite
    let inline: [UInt8]?

    /// Nil for an empty one, which asks for nothing.
    init?(_ value: JSONValue) throws(KurentoError) {
        let key = value["key"]?.asString
        let encoded = value["keyBase64"]?.asString
        guard let name = value["crypto"]?.asString else {
            guard key == nil, encoded == nil else {
                throw Self.illegal("'crypto.crypto' is missing: name the suite that the key is for")
            }
            return nil
        }
        guard let suite = CryptoSuite(kurento: name) else {
            throw KurentoError(.marshalError, "Invalid value for 'CryptoSuite'")
        }
        self.suite = suite
        guard key == nil || encoded == nil else {
            throw Self.illegal("'crypto.key' and 'crypto.keyBase64' are both there: give one")
        }
        let wanted = suite.inlineLength
        if let key {
            guard key.utf8.count == wanted else {
                throw Self.illegal("'crypto.key' has \(key.utf8.count) bytes; \(name) takes \(wanted): key and salt")
            }
            inline = Array(key.utf8)
        } else if let encoded {
            guard let bytes = Base64.decode(encoded.utf8) else {
                throw Self.illegal("'crypto.keyBase64' is not base64")
            }
            guard bytes.count == wanted else {
                throw Self.illegal("'crypto.keyBase64' has \(bytes.count) bytes; \(name) takes \(wanted): key and salt")
            }
            inline = bytes
        } else {
            inline = nil
        }
    }

    private static func illegal(_ message: String) -> KurentoError {
        KurentoError(.mediaObjectIllegalParameter, message)
    }
}

extension CryptoSuite {
    /// - Parameter name: a value of Kurento's CryptoSuite.
    fileprivate init?(kurento name: String) {
        switch name {
        case "AES_128_CM_HMAC_SHA1_80": self = .aes128CMSHA180
        case "AES_128_CM_HMAC_SHA1_32": self = .aes128CMSHA132
        case "AES_256_CM_HMAC_SHA1_80": self = .aes256CMSHA180
        case "AES_256_CM_HMAC_SHA1_32": self = .aes256CMSHA132
        default: return nil
        }
    }
}

extension SessionKey {
    fileprivate init?(_ crypto: CryptoAttribute) {
        self.init(
            suite: crypto.suite, inline: crypto.inline, lifetime: crypto.lifetime,
            identifier: crypto.identifier?.value ?? 0, identifierLength: crypto.identifier?.length ?? 0)
    }
}
