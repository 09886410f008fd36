import RTP
import SDP
import Session

extension Gateway {
    /// `POST` of an offer: a new publisher or player (RFC 9725 section 4.2).
    func post(
        _ request: GatewayRequest, _ role: Resource.Role, room name: String
    ) async throws(GatewayError) -> GatewayResponse {
        try Self.check(name, "the room's name in the URL")
        try await authorize(request, role, room: name, ignoringExpiry: false)
        guard request.mediaType == "application/sdp" else {
            throw GatewayError(
                415, "an offer is needed: POST it with Content-Type: application/sdp",
                headers: [("Accept-Post", "application/sdp")])
        }
        let offer = try Self.parse(request.body)
        if let publisher = request.query["publisher"] { try Self.check(publisher, "`publisher` in the URL") }
        guard resources.count < configuration.resourceLimit else {
            throw .full("the server holds its \(configuration.resourceLimit) publishers and players; try again later")
        }
        let room = try await enter(name)
        do throws(GatewayError) {
            let resource = try await open(
                role, offer, publisher: request.query["publisher"],
                replacing: replaced(by: request, role, room: name), in: room)
            await leave(room)
            return created(resource)
        } catch {
            await leave(room)
            throw error
        }
    }

    /// Letters, digits, `-`, `_` and `.`: what needs no escape in a URL, a log or a key of the store.
    static func check(_ name: String, _ what: String) throws(GatewayError) {
        let isFit = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
            default: false
            }
        }
        guard isFit, (1...Limits.nameBytes).contains(name.utf8.count) else {
            throw GatewayError(400, "\(what) is malformed: write 1 to \(Limits.nameBytes) letters, digits, - _ .")
        }
    }

    private static func parse(_ body: String) throws(GatewayError) -> SessionDescription {
        guard body.utf8.count <= Limits.bodyBytes else {
            throw GatewayError(413, "the offer has more than \(Limits.bodyBytes) bytes: offer fewer sections")
        }
        do {
            return try SessionDescription(parsing: body)
        } catch {
            throw GatewayError(400, "\(error)")
        }
    }

    private func open(
        _ role: Resource.Role, _ offer: SessionDescription, publisher: String?, replacing former: Resource?,
        in room: Room
    ) async throws(GatewayError) -> Resource {
        let name: String
        if let former {
            name = former.name
        } else {
            name = try await claimName(role, publisher, in: room)
        }
        func sources(_ kind: MediaDescription.Kind) -> Int {
            role == .player ? min(offer.media.count { $0.kind == kind }, Limits.sectionsPerPlayer) : 0
        }
        var random = configuration.makeRandom()
        let identity = LocalIdentity(
            isLite: configuration.isLite, audioSources: sources(.audio), videoSources: sources(.video),
            trackID: configuration.drawIdentifier, using: &random)
        let id = EndpointID(configuration.drawIdentifier())
        let specification = EndpointSpecification(
            localUfrag: identity.ice.ufrag, localPassword: identity.ice.password, isLite: configuration.isLite)
        guard case .opened(let opened) = try await perform(.openEndpoint(id, specification), in: room) else {
            throw .full("the media worker did not say where it opened the endpoint")
        }
        do throws(GatewayError) {
            let negotiation = try Self.negotiate(role, offer, with: Self.capabilities(role, identity, opened))
            _ = try await perform(.negotiateEndpoint(id, NegotiatedEndpoint(negotiation)), in: room)
            guard room.phase == .open else { throw .full("the room has just ended; POST the offer again") }
            let resource = Resource(
                role: role, room: room, secret: configuration.drawIdentifier(), id: id, name: name,
                chosenPublisher: role == .player ? publisher ?? former?.chosenPublisher : nil,
                tag: "\"\(configuration.drawIdentifier())\"",
                local: identity.ice, candidates: opened.candidates, negotiation: negotiation)
            await settle(resource, replacing: former, negotiation.remoteCandidates.map(\.candidate))
            return resource
        } catch {
            await attempt(.closeEndpoint(id), in: room.session)
            throw error
        }
    }

    /// Enters a negotiated resource into the tables, and gives it and the others of the room what they lack.
    private func settle(_ resource: Resource, replacing former: Resource?, _ candidates: [String]) async {
        let room = resource.room
        resources[resource.secret] = resource
        switch resource.role {
        case .publisher:
            if let former, room.publishers.contains(where: { $0 === former }) {
                await precede(resource, by: former)
                return await add(candidates, to: resource)
            }
            room.publishers.append(resource)
        case .player:
            resource.inheritedFeeds = former?.feeds
            resource.layerRequests = former?.layerRequests ?? [:]
            room.players[resource.id] = resource
        }
        touch(resource)
        await add(candidates, to: resource)
        switch resource.role {
        case .publisher:
            // A thousand players must not hold up the answer.
            room.visitors += 1
            Task {
                await self.routePlayers(of: room)
                await self.remember(room)
                await self.leave(room)
            }
        case .player: await route(resource)
        }
    }

    /// The name that the others may know a publisher by. One that is taken goes over only if its holder has lost its
    /// connection: an encoder that comes back is not to wait until its former self has timed out.
    private func claimName(
        _ role: Resource.Role, _ wanted: String?, in room: Room
    ) async throws(GatewayError) -> String {
        guard role == .publisher else { return "" }
        guard room.publishers.count < Limits.publishersPerRoom else {
            throw .full("a room takes \(Limits.publishersPerRoom) publishers; try again later")
        }
        guard let wanted else { return String(configuration.drawIdentifier().prefix(8)) }
        if let holder = room.publishers.first(where: { $0.name == wanted }) {
            guard !holder.isConnected || holder.isFailing else {
                throw GatewayError(409, "another publisher of this room has the name `\(wanted)`: choose another")
            }
            await end(holder, "its name was taken over")
        }
        return wanted
    }

    private static func capabilities(
        _ role: Resource.Role, _ identity: LocalIdentity, _ opened: OpenedEndpoint
    ) -> EndpointCapabilities {
        var audio = KindCapabilities.defaultAudio
        var video = KindCapabilities.defaultVideo
        switch role {
        case .publisher:
            audio.direction = .recvonly
            video.direction = .recvonly
        case .player:
            audio.direction = .sendonly
            video.direction = .sendonly
            audio.maxSections = Limits.sectionsPerPlayer
            video.maxSections = Limits.sectionsPerPlayer
            // What one publisher feeds plays in step, and nothing else does (RFC 8830 section 3).
            audio.sources = identity.audio.enumerated().map { $1.inStream("stream\($0)") }
            video.sources = identity.video.enumerated().map { $1.inStream("stream\($0)") }
        }
        return EndpointCapabilities(
            audio: audio, video: video, ice: identity.ice,
            fingerprint: Fingerprint(
                algorithm: opened.fingerprint.algorithm.lowercased(), value: opened.fingerprint.value),
            cname: identity.cname, acceptsSimulcast: role == .publisher, prefersPassive: true,
            sessionID: identity.sessionID)
    }

    private static func negotiate(
        _ role: Resource.Role, _ offer: SessionDescription, with capabilities: EndpointCapabilities
    ) throws(GatewayError) -> Negotiation {
        let negotiation: Negotiation
        do {
            negotiation = try Negotiator.answer(to: offer, with: capabilities)
        } catch {
            throw GatewayError(error.reason == .unsupported ? 422 : 400, "\(error)")
        }
        switch role {
        case .publisher:
            // RFC 9725 section 4.4.3: no partial success, which a publisher would not notice.
            if let refusal = negotiation.firstRefusal { throw GatewayError(422, "\(refusal)") }
            guard negotiation.media.contains(where: \.direction.receives) else {
                throw GatewayError(422, "the offer sends nothing: offer a=sendonly sections")
            }
        case .player:
            guard negotiation.media.contains(where: \.direction.sends) else {
                throw GatewayError(422, "the offer receives nothing: offer a=recvonly sections")
            }
        }
        return negotiation
    }

    private func created(_ resource: Resource) -> GatewayResponse {
        var headers: [(name: String, value: String)] = [
            ("Content-Type", "application/sdp"), ("Location", resource.path), ("ETag", resource.tag), Self.acceptPatch,
        ]
        headers += configuration.iceServerLinks.map { ("Link", $0) }
        headers += (configuration.temporaryICEServerLinks?() ?? []).map { ("Link", $0) }
        if resource.role == .player, !resource.sinks(of: .video).isEmpty {
            let relation = "urn:ietf:params:whep:ext:core:layer"
            headers.append(("Link", "<\(resource.path)/\(Self.layerComponent)>; rel=\"\(relation)\""))
        }
        headers.append(eventsLink(of: resource))
        return GatewayResponse(
            201, headers: headers, body: resource.description.adding(candidates: resource.candidates).text)
    }
}

extension NegotiatedEndpoint {
    init(_ negotiation: Negotiation) {
        self.init(
            remoteUfrag: negotiation.remoteICE.ufrag, remotePassword: negotiation.remoteICE.password,
            remoteIsLite: negotiation.remoteIsLite,
            remoteFingerprint: CertificateFingerprint(
                algorithm: negotiation.remoteFingerprint.algorithm, value: negotiation.remoteFingerprint.value),
            isDTLSClient: negotiation.isDTLSClient,
            media: negotiation.media.map {
                NegotiatedMedia(
                    mid: $0.mid, kind: $0.kind, direction: $0.direction, receive: $0.receive, send: $0.send)
            })
    }
}

extension LocalSource {
    fileprivate func inStream(_ id: String) -> LocalSource {
        var source = self
        source.streamID = id
        return source
    }
}
