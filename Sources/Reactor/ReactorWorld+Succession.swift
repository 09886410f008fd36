import DTLS
import Forwarding
import ICE
import SRTP
import STUN
import Session
import Transport
import Wire

/// Going on where another process stopped, from what it left in memory: the journal says what was asked of it, the
/// slabs how far it had come. What cannot be read, or contradicts itself, costs its session and no other.
extension ReactorWorld {
    /// What a session's notes come to.
    struct Remains {
        var session: SessionID
        var slot: Int32
        var record: SlabHandle
        var opening: Operation
        /// Of an endpoint that has two.
        var companion: SlabHandle?
        var negotiated: NegotiatedEndpoint?
        var negotiatedPlain: NegotiatedPlain?
        var path: PipePath?
        /// What is done once all endpoints are there, in order.
        var later: [(order: Int, content: JournalNote.Content)] = []
        var notes: [NoteKind: Journal.Note] = [:]
    }

    /// Takes over; tells what is held. To be called once, before anything else.
    mutating func takeOver(now: Instant) {
        defer {
            unsafe memory.header.pointee.lastTurn = now.nanoseconds
            unsafe memory.header.pointee.isSettled = 1
        }
        // What was left may be older than the lease.
        if memory.isInherited { awake = memory.lastTurn }
        noteAwake(now)
        inheritFence(now: now)
        guard memory.isInherited else { return output(.tookOver(Succession())) }
        var succession = Succession(damagedNotes: journal.damaged)
        succession.standstill = memory.lastTurn == .origin ? nil : now - memory.lastTurn
        unsafe memory.header.pointee.standstill = UInt64(clamping: succession.standstill?.nanoseconds ?? 0)
        let poisoned = poisonedSession()
        var endpoints: [Int32: Remains] = [:]
        var lost: Set<SessionID> = []
        for (order, entry) in journal.notes.enumerated() {
            guard let note = configuration.codec?.decode(entry.bytes) else {
                journal.remove(entry.note)
                succession.damagedNotes += 1
                continue
            }
            let isPoisoned = poisoned != 0 && Self.hash(note.session.base) == poisoned
            if isPoisoned {
                succession.quarantined.insert(note.session)
                // Whoever holds it is to be told.
                if case .hold(let hold) = note.content { succession.holds[note.session] = hold }
            }
            guard !isPoisoned, collect(note, entry.note, order, &endpoints, &succession) else {
                journal.remove(entry.note)
                continue
            }
        }
        for slot in endpoints.keys.sorted() {
            guard let remains = endpoints[slot] else { continue }
            if revive(remains, now: now) {
                succession.endpoints += 1
            } else {
                lost.insert(remains.session)
                for note in remains.notes.values { journal.remove(note) }
            }
        }
        forgetStrangers()
        repeatLater(endpoints.values.flatMap(\.later), endpoints, now: now)
        router.forgetInheritance()
        close(lost, &succession, now: now)
        load.endpoints = peers.count
        output(.tookOver(succession))
        for session in sessions.keys { tellOfConnections(in: session) }
        tellOfElements()
    }

    /// The session that two processes in a row ended over; 0 for none.
    private func poisonedSession() -> UInt64 {
        let header = unsafe memory.header.pointee
        guard header.hasFaulted == 1 else {
            unsafe memory.header.pointee.suspect = 0
            return 0
        }
        var culprit = header.workingSession
        if culprit == 0, header.workingSlot > 0 {
            for (_, bytes) in journal.notes {
                guard let note = configuration.codec?.decode(bytes), let slot = note.slot,
                    UInt64(slot) + 1 == header.workingSlot
                else { continue }
                culprit = Self.hash(note.session.base)
                break
            }
        }
        unsafe memory.header.pointee.suspect = culprit
        unsafe memory.header.pointee.workingSlot = 0
        unsafe memory.header.pointee.workingSession = 0
        return culprit != 0 && culprit == header.suspect ? culprit : 0
    }

    /// False: of no use.
    private mutating func collect(
        _ note: JournalNote, _ place: Journal.Note, _ order: Int, _ endpoints: inout [Int32: Remains],
        _ succession: inout Succession
    ) -> Bool {
        if case .hold(let hold) = note.content {
            if let former = holds[note.session] { journal.remove(former) }
            holds[note.session] = place
            succession.holds[note.session] = hold
            return true
        }
        guard let slot = note.slot, slot >= 0, slot < peers.capacity else { return false }
        if case .operation(let operation) = note.content, let index = note.record, let generation = note.generation {
            switch operation {
            case .openEndpoint, .openPipe, .openElement, .openPlain: break
            default: return false
            }
            // The journal frees before it writes anew: two endpoints in one slot mean that it was damaged.
            guard endpoints[slot] == nil || endpoints[slot]?.session == note.session else { return false }
            if let former = endpoints[slot]?.notes[.opening] { journal.remove(former) }
            let record = SlabHandle(index: index, generation: generation)
            var remains =
                endpoints[slot] ?? Remains(session: note.session, slot: slot, record: record, opening: operation)
            remains.opening = operation
            remains.record = record
            if let index = note.companion, let generation = note.companionGeneration {
                remains.companion = SlabHandle(index: index, generation: generation)
            }
            remains.notes[.opening] = place
            endpoints[slot] = remains
            return true
        }
        guard endpoints[slot]?.session == note.session else { return false }
        return add(note.content, place, order, to: &endpoints[slot])
    }

    private mutating func add(
        _ content: JournalNote.Content, _ place: Journal.Note, _ order: Int, to remains: inout Remains?
    ) -> Bool {
        let kind: NoteKind
        switch content {
        case .operation(.negotiateEndpoint(_, let negotiated)):
            kind = .negotiation
            remains?.negotiated = negotiated
        case .operation(.negotiatePlain(_, let negotiated)):
            kind = .negotiation
            remains?.negotiatedPlain = negotiated
        case .operation(.restartEndpoint(_, let restart)):
            kind = .restart
            guard case .openEndpoint(let endpoint, var specification)? = remains?.opening else { return false }
            specification.localUfrag = restart.localUfrag
            specification.localPassword = restart.localPassword
            remains?.opening = .openEndpoint(endpoint, specification)
            remains?.negotiated?.remoteUfrag = restart.remoteUfrag
            remains?.negotiated?.remotePassword = restart.remotePassword
        case .operation(.connectPipe(_, let path)):
            kind = .path
            remains?.path = path
        case .operation(.connect(let route)): kind = .route(route.kind, section: route.section)
        case .operation(.selectLayers(_, let selection)): kind = .selection(section: selection.section)
        case .stream(let ssrc, _, _, _): kind = .stream(ssrc)
        case .operation, .hold: return false
        }
        if let former = remains?.notes[kind] { journal.remove(former) }
        remains?.notes[kind] = place
        switch content {
        case .operation(.connect), .operation(.selectLayers), .stream: remains?.later.append((order, content))
        default: break
        }
        return true
    }

    // MARK: Endpoints

    private mutating func revive(_ remains: Remains, now: Instant) -> Bool {
        guard !peers.contains(remains.slot), records.contains(remains.record) else { return false }
        switch remains.opening {
        case .openEndpoint(let endpoint, let specification):
            return revive(endpoint, specification, remains, now: now)
        case .openPipe(let endpoint, let specification):
            return revivePipe(endpoint, specification, remains, now: now)
        case .openElement(let endpoint, let specification):
            return reviveElement(endpoint, specification, remains, now: now)
        case .openPlain(let endpoint, let specification):
            return revivePlain(endpoint, specification, remains, now: now)
        default: return false
        }
    }

    private mutating func revive(
        _ endpoint: EndpointID, _ specification: EndpointSpecification, _ remains: Remains, now: Instant
    ) -> Bool {
        let credentials = Credentials(ufrag: specification.localUfrag, password: specification.localPassword)
        guard credentials.isWellFormed, let ufrag = UfragKey(credentials.ufrag), slotByUfrag[ufrag] == nil,
            sessions[remains.session]?[endpoint] == nil, let pointer = unsafe records.pointer(to: remains.record),
            unsafe pointer.pointee.belongs(toUfrag: credentials.ufrag)
        else { return false }
        let agent = AgentConfiguration(
            local: credentials, isLite: specification.isLite, isControlling: specification.isOfferer,
            localCandidates: localCandidates)
        let remote = remains.negotiated.flatMap(Self.remote)
        guard let transport = unsafe transport(agent, remote, pointer, now: now) else { return false }
        insert(transport, endpoint, specification, nil, remains)
        slotByUfrag[ufrag] = remains.slot
        configuration.streams?.note(ufrag, reactor: configuration.index)
        router.open(EndpointIndex(remains.slot))
        router.joinSpeakers(EndpointIndex(remains.slot), group: peers[remains.slot].speakerGroup)
        if let negotiated = remains.negotiated {
            peers[remains.slot].isNegotiated = true
            router.negotiate(EndpointIndex(remains.slot), media: negotiated.media.map(\.section), now: now)
        }
        if let tuple = peers[remains.slot].transport.selectedTuple { learn(tuple, for: remains.slot) }
        keepQuiet(remains.slot)
        drain(remains.slot, now: now)
        return true
    }

    /// With the keys that are there; a peer that had not come so far shakes hands anew.
    private mutating func transport(
        _ agent: AgentConfiguration, _ remote: PeerTransport.Remote?, _ record: UnsafeMutablePointer<TransportRecord>,
        now: Instant
    ) -> MediaTransport? {
        let random = self.random.split()
        if let remote,
            let resumed = try? unsafe PeerTransport(
                resuming: record, remote: remote, configuration: agent, certificate: configuration.certificate,
                random: random, now: now)
        {
            return MediaTransport(resumed)
        }
        unsafe TransportRecord.erase(record)
        unsafe TransportRecord.begin(at: record, localUfrag: agent.local.ufrag, localPassword: agent.local.password)
        var fresh = unsafe PeerTransport(
            configuration: agent, certificate: configuration.certificate, record: record, random: random, now: now)
        if let remote {
            guard (try? fresh.negotiate(remote, now: now)) != nil else { return nil }
        }
        return MediaTransport(fresh)
    }

    private static func remote(_ negotiated: NegotiatedEndpoint) -> PeerTransport.Remote? {
        guard
            let fingerprint = try? Fingerprint(
                algorithm: negotiated.remoteFingerprint.algorithm, value: negotiated.remoteFingerprint.value)
        else { return nil }
        return PeerTransport.Remote(
            credentials: Credentials(ufrag: negotiated.remoteUfrag, password: negotiated.remotePassword),
            isLite: negotiated.remoteIsLite, fingerprint: fingerprint, isDTLSClient: negotiated.isDTLSClient)
    }

    mutating func insert(
        _ transport: consuming MediaTransport, _ endpoint: EndpointID, _ specification: EndpointSpecification?,
        _ pipe: PipeSpecification?, _ remains: Remains
    ) {
        var peer = Peer(
            session: remains.session, endpoint: endpoint, specification: specification, pipe: pipe,
            transport: transport, record: remains.record, speakerGroup: speakerGroup(of: remains.session))
        peer.notes = remains.notes
        peers.insert(peer, at: remains.slot)
        sessions[remains.session, default: [:]][endpoint] = remains.slot
    }

    /// Who commands the session knows all that; only what is new is told.
    private mutating func keepQuiet(_ slot: Int32) {
        while let event = peers[slot].transport.nextEvent() {
            guard case .pairSelected(let local, let remote, _) = event else { continue }
            peers[slot].localCandidate = local.sdp
            peers[slot].remoteCandidate = remote.sdp
        }
    }

    private mutating func revivePipe(
        _ endpoint: EndpointID, _ specification: PipeSpecification, _ remains: Remains, now: Instant
    ) -> Bool {
        guard sessions[remains.session]?[endpoint] == nil, let pointer = unsafe records.pointer(to: remains.record),
            unsafe pointer.pointee.belongs(toUfrag: ""), (try? Self.check(specification)) != nil,
            (try? claim(specification, slot: remains.slot)) != nil
        else { return false }
        guard let pipe = try? unsafe PipeTransport(resuming: pointer) else {
            for ssrc in specification.remoteSSRCs { pipes.remove(ssrc, ownedBy: remains.slot) }
            return false
        }
        insert(MediaTransport(pipe), endpoint, nil, specification, remains)
        router.open(EndpointIndex(remains.slot), ssrc: specification.localSSRC)
        apply(specification, slot: remains.slot, now: now)
        if let path = remains.path { try? connectPipe(endpoint, path, in: remains.session, now: now) }
        return true
    }

    // MARK: All together

    private mutating func repeatLater(
        _ later: [(order: Int, content: JournalNote.Content)], _ endpoints: [Int32: Remains], now: Instant
    ) {
        var owners: [Int: Int32] = [:]
        for remains in endpoints.values { for step in remains.later { owners[step.order] = remains.slot } }
        for step in later.sorted(by: { $0.order < $1.order }) {
            guard let slot = owners[step.order], peers.contains(slot) else { continue }
            switch step.content {
            case .operation(let operation): _ = try? perform(operation, in: peers[slot].session, now: now)
            case .stream(let ssrc, let mid, let encoding, let isRTX):
                router.learn(
                    StreamIdentity(
                        endpoint: EndpointIndex(slot), ssrc: ssrc, mid: mid, encoding: encoding, isRTX: isRTX))
            case .hold: break
            }
        }
    }

    /// Records that no endpoint has: torn between two writes.
    private mutating func forgetStrangers() {
        var known: Set<UInt32> = []
        for endpoints in sessions.values {
            for slot in endpoints.values {
                known.insert(peers[slot].record.index)
                if let companion = peers[slot].plain?.companion { known.insert(companion.index) }
            }
        }
        for handle in records.handles where !known.contains(handle.index) {
            unsafe records.remove(handle) { unsafe TransportRecord.erase($0) }
        }
    }

    /// Sessions of which something is lost are closed, so that their clients are told at once; so are those that nobody
    /// was noted to hold.
    private mutating func close(_ lost: Set<SessionID>, _ succession: inout Succession, now: Instant) {
        let unheld = sessions.keys.filter { succession.holds[$0] == nil }
        for session in lost.union(unheld).union(succession.quarantined).sorted(by: { $0.rawValue < $1.rawValue }) {
            closeSession(session, now: now)
            if succession.holds[session] != nil, !succession.quarantined.contains(session) {
                succession.lost.insert(session)
            }
        }
    }
}
