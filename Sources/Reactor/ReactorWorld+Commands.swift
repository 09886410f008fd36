import DTLS
import Forwarding
import ICE
import RTP
import STUN
import Session
import Transport
import Wire

/// The control path: operations on sessions and endpoints.
extension ReactorWorld {
    mutating func obey(_ command: ReactorCommand, now: Instant) {
        switch command {
        case .stop:
            isStopping = true
        case .leave:
            isStopping = true
            isLeaving = true
        case .adopt(let stream):
            adopt(stream, now: now)
        case .liftFence:
            liftFence()
        case .element(let key, let output):
            hear(key, output, now: now)
        case .hold(let session, let hold):
            note(hold, of: session)
        case .perform(let operation, let session, let token):
            unsafe memory.header.pointee.workingSession = Self.hash(session.base)
            defer { unsafe memory.header.pointee.workingSession = 0 }
            do throws(Refusal) {
                if case .commandElement(let endpoint, let command) = operation {
                    return try self.command(command, endpoint, in: session, token: token)
                }
                let outcome = try perform(operation, in: session, now: now)
                note(operation, in: session)
                tellOfConnections(in: session)
                output(.outcome(outcome, token: token))
            } catch {
                output(.outcome(.refused(error), token: token))
            }
        }
    }

    mutating func perform(
        _ operation: Operation, in session: SessionID, now: Instant
    ) throws(Refusal) -> Outcome {
        switch operation {
        case .openEndpoint(let endpoint, let specification):
            return .opened(try open(endpoint, specification, in: session, now: now))
        case .negotiateEndpoint(let endpoint, let negotiated):
            try negotiate(try slot(of: endpoint, in: session), negotiated, now: now)
        case .addCandidate(let endpoint, let candidate):
            fail(asToldBy: candidate)
            let slot = try slot(of: endpoint, in: session)
            peers[slot].transport.addRemoteCandidate(candidate, now: now)
            drain(slot, now: now)
        case .restartEndpoint(let endpoint, let restart):
            try self.restart(try slot(of: endpoint, in: session), by: restart, now: now)
        case .connect(let route):
            let source = try slot(of: route.source, in: session)
            let sink = try slot(of: route.sink, in: session)
            let isConnected = router.connect(
                source: EndpointIndex(source), sink: EndpointIndex(sink), kind: route.kind, section: route.section,
                now: now)
            guard isConnected else {
                throw Refusal(.invalid, "section \(route.section ?? 0) of a sink is too many or out of range")
            }
        case .disconnect(let route):
            let source = try slot(of: route.source, in: session)
            let sink = try slot(of: route.sink, in: session)
            router.disconnect(
                source: EndpointIndex(source), sink: EndpointIndex(sink), kind: route.kind, section: route.section)
        case .connectData(let route):
            connectData(
                from: try slot(of: route.source, in: session), to: try slot(of: route.sink, in: session), now: now)
        case .disconnectData(let route):
            disconnectData(
                from: try slot(of: route.source, in: session), to: try slot(of: route.sink, in: session), now: now)
        case .openDataChannel(let endpoint, let specification):
            return .openedDataChannel(
                try openDataChannel(specification, of: try slot(of: endpoint, in: session), now: now))
        case .closeDataChannel(let endpoint, let id):
            closeDataChannel(id, of: try slot(of: endpoint, in: session), now: now)
        case .selectLayers(let endpoint, let selection):
            let isSelected = router.selectLayers(
                of: EndpointIndex(try slot(of: endpoint, in: session)), section: selection.section,
                spatial: selection.spatial, temporal: selection.temporal, priority: selection.priority,
                pixels: selection.pixels, now: now)
            guard isSelected else {
                throw Refusal(.overLimit, "layers are chosen for as many sections as one endpoint may have")
            }
        case .requestKeyFrame(let endpoint):
            router.requestKeyFrame(from: EndpointIndex(try slot(of: endpoint, in: session)), now: now)
        case .readStatistics(let endpoint):
            return .statistics(statistics(of: try slot(of: endpoint, in: session)))
        case .openPipe, .connectPipe, .openPlain, .negotiatePlain:
            return try performWithoutICE(operation, in: session, now: now)
        case .openElement(let endpoint, let specification):
            return .openedElement(try openElement(endpoint, specification, in: session, now: now))
        case .commandElement: throw Refusal(.invalid, "an element's command is answered by the element")
        case .readElement(let endpoint):
            return .element(try readElement(endpoint, in: session))
        case .closeEndpoint(let endpoint):
            if let slot = sessions[session]?[endpoint] { close(slot, now: now) }
        // For the worker's agent, which knows controllers.
        case .attend: break
        case .closeSession:
            closeSession(session, now: now)
        }
        return .done
    }

    /// Those of endpoints that have no ICE: pipes and plain RTP.
    private mutating func performWithoutICE(
        _ operation: Operation, in session: SessionID, now: Instant
    ) throws(Refusal) -> Outcome {
        switch operation {
        case .openPipe(let endpoint, let specification):
            return .openedPipe(try openPipe(endpoint, specification, in: session, now: now))
        case .connectPipe(let endpoint, let path): try connectPipe(endpoint, path, in: session, now: now)
        case .openPlain(let endpoint, let specification):
            return .openedPlain(try openPlain(endpoint, specification, in: session, now: now))
        case .negotiatePlain(let endpoint, let negotiated):
            try negotiatePlain(try slot(of: endpoint, in: session), negotiated, now: now)
        default: throw Refusal(.invalid, "this is none of theirs")
        }
        return .done
    }

    private func slot(of endpoint: EndpointID, in session: SessionID) throws(Refusal) -> Int32 {
        guard let slot = sessions[session]?[endpoint] else {
            throw Refusal(.notFound, "this worker holds no endpoint \(endpoint) in session \(session)")
        }
        return slot
    }

    // MARK: Opening

    func checkName(_ endpoint: EndpointID) throws(Refusal) {
        guard endpoint.rawValue.utf8.count <= Limits.identifierBytes else {
            throw Refusal(.invalid, "an endpoint's name has at most \(Limits.identifierBytes) bytes")
        }
    }

    private mutating func open(
        _ endpoint: EndpointID, _ specification: EndpointSpecification, in session: SessionID, now: Instant
    ) throws(Refusal) -> OpenedEndpoint {
        try checkName(endpoint)
        let credentials = Credentials(ufrag: specification.localUfrag, password: specification.localPassword)
        guard credentials.isWellFormed, let ufrag = UfragKey(credentials.ufrag),
            credentials.password.utf8.count <= 64
        else {
            throw Refusal(.invalid, "the local ICE credentials are not well formed (RFC 8839 section 5.4)")
        }
        if let slot = sessions[session]?[endpoint] {
            guard peers[slot].specification != nil else {
                throw Refusal(.invalid, "endpoint \(endpoint) is something else than a peer's")
            }
            // Asked again: the same endpoint, unless its role or credentials changed before it was used.
            guard peers[slot].specification != specification else { return opened() }
            guard !peers[slot].isNegotiated else {
                throw Refusal(.invalid, "endpoint \(endpoint) is negotiated; it cannot be opened anew")
            }
        }
        let former = sessions[session]?[endpoint]
        guard slotByUfrag[ufrag] == nil || slotByUfrag[ufrag] == former else {
            throw Refusal(.invalid, "another endpoint uses the ICE user fragment \(credentials.ufrag)")
        }
        if let former { close(former, now: now) }
        guard let slot = peers.nextIndex,
            let record = records.insertZeroed(), let pointer = unsafe records.pointer(to: record)
        else {
            throw Refusal(.overLimit, "this reactor carries \(peers.capacity) endpoints already")
        }
        unsafe TransportRecord.begin(at: pointer, localUfrag: credentials.ufrag, localPassword: credentials.password)
        let transport = unsafe PeerTransport(
            configuration: AgentConfiguration(
                local: credentials, isLite: specification.isLite, isControlling: specification.isOfferer,
                localCandidates: localCandidates),
            certificate: configuration.certificate, record: pointer, random: random.split(), now: now)
        let group = speakerGroup(of: session)
        let inserted = peers.insert(
            Peer(
                session: session, endpoint: endpoint, specification: specification, pipe: nil,
                transport: MediaTransport(transport), record: record, speakerGroup: group))
        precondition(inserted == slot)
        slotByUfrag[ufrag] = slot
        configuration.streams?.note(ufrag, reactor: configuration.index)
        sessions[session, default: [:]][endpoint] = slot
        router.open(EndpointIndex(slot))
        // Who talks with whom is the session's affair: its endpoints are one group of speakers.
        router.joinSpeakers(EndpointIndex(slot), group: group)
        drain(slot, now: now)
        return opened()
    }

    /// A number that the endpoints of a session share.
    mutating func speakerGroup(of session: SessionID) -> UInt32 {
        if let slot = sessions[session]?.values.first { return peers[slot].speakerGroup }
        lastSpeakerGroup &+= 1
        return lastSpeakerGroup
    }

    private func opened() -> OpenedEndpoint {
        let fingerprint = configuration.certificate.fingerprint
        return OpenedEndpoint(
            candidates: localCandidates.map(\.sdp),
            fingerprint: CertificateFingerprint(algorithm: fingerprint.algorithm, value: fingerprint.value))
    }

    private mutating func negotiate(_ slot: Int32, _ negotiated: NegotiatedEndpoint, now: Instant) throws(Refusal) {
        guard peers[slot].specification != nil else {
            throw Refusal(.invalid, "only an endpoint that was opened for a peer is negotiated so")
        }
        let credentials = Credentials(ufrag: negotiated.remoteUfrag, password: negotiated.remotePassword)
        guard credentials.isWellFormed else {
            throw Refusal(.invalid, "the remote ICE credentials are not well formed (RFC 8839 section 5.4)")
        }
        var isOtherPeer = false
        do throws(DTLSError) {
            let fingerprint = try Fingerprint(
                algorithm: negotiated.remoteFingerprint.algorithm, value: negotiated.remoteFingerprint.value)
            let former = peers[slot].transport.remote?.fingerprint
            // RFC 8842 section 5.5: that would be a new association, which takes a new endpoint here.
            isOtherPeer = former != nil && former != fingerprint
            if !isOtherPeer {
                let remote = PeerTransport.Remote(
                    credentials: credentials, isLite: negotiated.remoteIsLite, fingerprint: fingerprint,
                    isDTLSClient: negotiated.isDTLSClient, data: negotiated.data.map(PeerTransport.DataRemote.init))
                try peers[slot].transport.peer?.negotiate(remote, now: now)
            }
        } catch {
            throw Refusal(.invalid, "the DTLS endpoint cannot be set up: \(error)")
        }
        guard !isOtherPeer else {
            throw Refusal(.invalid, "the peer has another certificate than before; open a new endpoint for it")
        }
        peers[slot].isNegotiated = true
        router.negotiate(EndpointIndex(slot), media: negotiated.media.map(\.section), now: now)
        drain(slot, now: now)
    }

    // MARK: Closing

    mutating func closeSession(_ session: SessionID, now: Instant) {
        guard let endpoints = sessions[session] else { return forgetHold(of: session) }
        for slot in endpoints.values.sorted() { close(slot, now: now) }
        sessions[session] = nil
        forgetHold(of: session)
    }

    private mutating func close(_ slot: Int32, now: Instant) {
        peers[slot].transport.close(now: now)
        while let transmit = peers[slot].transport.nextTransmit() { queue(transmit, from: slot, now: now) }
        flush()
        let session = peers[slot].session
        let endpoint = peers[slot].endpoint
        let record = peers[slot].record
        for tuple in peers[slot].tuples {
            tuples.remove(tuple, ownedBy: slot)
            closeStream(tuple)
        }
        forgetPipe(slot)
        peers[slot].element?.port.close()
        closePlain(slot)
        forgetData(of: slot, now: now)
        forgetNotes(of: slot)
        if let ufrag = peers[slot].specification.flatMap({ UfragKey($0.localUfrag) }) {
            slotByUfrag[ufrag] = nil
            configuration.streams?.forget(ufrag)
        }
        router.close(EndpointIndex(slot))
        timers.clear(Int(slot))
        peers.remove(slot)
        unsafe records.remove(record) { unsafe TransportRecord.erase($0) }
        sessions[session]?[endpoint] = nil
        if sessions[session]?.isEmpty == true { sessions[session] = nil }
    }
}
