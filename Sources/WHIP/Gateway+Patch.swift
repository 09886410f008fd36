import SDP
import Session
import Wire

extension Gateway {
    /// `PATCH`: trickled candidates, or an ICE restart (RFC 9725 sections 4.3.2 and 4.3.3).
    func patch(_ request: GatewayRequest, _ resource: Resource) async throws(GatewayError) -> GatewayResponse {
        guard request.mediaType == TrickleFragment.mediaType else {
            throw GatewayError(
                415, "a trickle fragment is needed: send Content-Type: \(TrickleFragment.mediaType)",
                headers: [Self.acceptPatch])
        }
        guard request.body.utf8.count <= Limits.bodyBytes else {
            throw GatewayError(413, "the fragment has more than \(Limits.bodyBytes) bytes: send fewer candidates")
        }
        guard request.ifMatch != nil else {
            throw GatewayError(428, "If-Match is missing: send the ETag of the answer, or * for an ICE restart")
        }
        let fragment: TrickleFragment
        do {
            fragment = try TrickleFragment(parsing: request.body)
        } catch {
            throw GatewayError(400, "\(error)")
        }
        await resource.gate.enter()
        defer { resource.gate.leave() }
        guard !resource.isEnded else { throw .notFound }
        guard request.matches(resource.tag) == true else {
            throw GatewayError(412, "If-Match names a former ICE session: use the ETag of the last response")
        }
        // RFC 9725 section 4.3.3: other credentials are a restart, whatever RFC 8840 says.
        if let ufrag = fragment.iceUfrag, ufrag != resource.remote.ufrag {
            // Who trickles does not read the answer, and would lose the call with the former generation.
            guard request.matchesAnyTag else {
                throw GatewayError(
                    412, "a=ice-ufrag is not of the ICE session that If-Match names: restart ICE with If-Match: *")
            }
            return try await restart(resource, fragment, ufrag)
        }
        if let password = fragment.icePassword, password != resource.remote.password {
            throw GatewayError(400, "a=ice-pwd has changed without a=ice-ufrag: an ICE restart changes both")
        }
        await add(fragment.candidates, to: resource)
        // The response to a restart may get lost, above all while the client changes its network: it asks again.
        let isRepeated = resource.restarts > 0 && request.matchesAnyTag && fragment.iceUfrag != nil
        return isRepeated ? restarted(resource) : GatewayResponse(204)
    }

    private func restart(
        _ resource: Resource, _ fragment: TrickleFragment, _ ufrag: String
    ) async throws(GatewayError) -> GatewayResponse {
        guard let password = fragment.icePassword else {
            throw GatewayError(400, "a=ice-pwd is missing: an ICE restart changes a=ice-ufrag and a=ice-pwd")
        }
        guard resource.restarts < Limits.restartsPerResource else {
            throw .full("a resource takes \(Limits.restartsPerResource) ICE restarts: POST a new offer")
        }
        var random = configuration.makeRandom()
        let local = ICEParameters.drawn(isLite: configuration.isLite, using: &random)
        let restart = ICERestart(
            localUfrag: local.ufrag, localPassword: local.password, remoteUfrag: ufrag, remotePassword: password)
        _ = try await perform(.restartEndpoint(resource.id, restart), in: resource.room)
        guard !resource.isEnded else { throw .notFound }
        resource.restarts += 1
        touch(resource)
        resource.local = local
        resource.remote.ufrag = ufrag
        resource.remote.password = password
        resource.remoteCandidates = []
        resource.tag = "\"\(configuration.drawIdentifier())\""
        await add(fragment.candidates, to: resource)
        return restarted(resource)
    }

    /// Our side of the present generation.
    private func restarted(_ resource: Resource) -> GatewayResponse {
        let answer = TrickleFragment(
            iceUfrag: resource.local.ufrag, icePassword: resource.local.password,
            isICELite: resource.description.isICELite, iceOptions: resource.description.iceOptions,
            candidates: resource.candidates, hasEndOfCandidates: true)
        return GatewayResponse(
            200, headers: [("Content-Type", TrickleFragment.mediaType), ("ETag", resource.tag)],
            body: answer.text(for: resource.description))
    }

    /// Hands candidates to the worker. Those that no worker can use are dropped without a word (RFC 9725
    /// section 4.3.2): TCP ones but those that accept connections, names (but those of mDNS where they are resolved),
    /// and what is beyond the limit.
    func add(_ candidates: [String], to resource: Resource) async {
        var operations: [Operation] = []
        for candidate in candidates
        where CandidateLine.isUsable(candidate, resolvesNames: configuration.resolvesNames) {
            guard resource.remoteCandidates.count < Limits.candidatesPerGeneration else { break }
            guard resource.remoteCandidates.insert(candidate).inserted else { continue }
            operations.append(.addCandidate(resource.id, candidate))
        }
        await attempt(operations, in: resource.room.session)
    }

    /// Operations of which none depends on another.
    private func attempt(_ operations: [Operation], in session: SessionID) async {
        await withTaskGroup(of: Void.self) { group in
            for operation in operations { group.addTask { await self.attempt(operation, in: session) } }
        }
    }
}
