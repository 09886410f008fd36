import Forwarding
import RTP
import Session
import Wire

/// Noting down what a successor must be told. On the control path only.
extension ReactorWorld {
    /// What a note replaces when there is another of the kind.
    enum NoteKind: Hashable {
        case opening, negotiation, restart, path
        case route(MediaKind, section: Int?)
        case selection(section: Int?)
        case stream(UInt32)
    }

    /// An operation that was carried out and that a successor is to repeat; others leave nothing to repeat.
    mutating func note(_ operation: Operation, in session: SessionID) {
        guard configuration.codec != nil else { return }
        switch operation {
        case .openEndpoint(let endpoint, _), .openPipe(let endpoint, _), .openElement(let endpoint, _):
            note(.operation(operation), .opening, of: endpoint, in: session)
        case .openPlain(let endpoint, _):
            guard let bound = boundSpecification(of: endpoint, in: session) else { return }
            note(.operation(.openPlain(endpoint, bound)), .opening, of: endpoint, in: session)
        case .negotiateEndpoint(let endpoint, _), .negotiatePlain(let endpoint, _):
            note(.operation(operation), .negotiation, of: endpoint, in: session)
        case .restartEndpoint(let endpoint, _): note(.operation(operation), .restart, of: endpoint, in: session)
        case .connectPipe(let endpoint, _): note(.operation(operation), .path, of: endpoint, in: session)
        case .connect(let route):
            note(.operation(operation), .route(route.kind, section: route.section), of: route.sink, in: session)
        case .disconnect(let route):
            forget(.route(route.kind, section: route.section), of: route.sink, in: session)
        case .selectLayers(let endpoint, let selection):
            note(.operation(operation), .selection(section: selection.section), of: endpoint, in: session)
        // An association of SCTP ends with its process: its channels do not come back, nor do routes between them.
        case .connectData, .disconnectData, .openDataChannel, .closeDataChannel: return
        // What a media element was doing ends with its process, too.
        case .commandElement, .readElement: return
        case .addCandidate, .requestKeyFrame, .readStatistics, .attend, .closeEndpoint, .closeSession: return
        }
    }

    private mutating func note(
        _ content: JournalNote.Content, _ kind: NoteKind, of endpoint: EndpointID, in session: SessionID
    ) {
        guard let slot = sessions[session]?[endpoint] else { return }
        note(content, kind, slot: slot)
    }

    private mutating func note(_ content: JournalNote.Content, _ kind: NoteKind, slot: Int32) {
        let isOpening = kind == .opening
        let record = peers[slot].record
        let note = JournalNote(
            session: peers[slot].session, slot: slot, record: isOpening ? record.index : nil,
            generation: isOpening ? record.generation : nil,
            companion: isOpening ? peers[slot].plain?.companion.index : nil,
            companionGeneration: isOpening ? peers[slot].plain?.companion.generation : nil, content: content)
        guard let bytes = configuration.codec?.encode(note) else { return }
        let written = journal.replace(peers[slot].notes[kind], with: bytes)
        if written == nil { load.notesLost &+= 1 }
        peers[slot].notes[kind] = written
    }

    private mutating func forget(_ kind: NoteKind, of endpoint: EndpointID, in session: SessionID) {
        guard let slot = sessions[session]?[endpoint], let note = peers[slot].notes.removeValue(forKey: kind) else {
            return
        }
        journal.remove(note)
    }

    /// The endpoint is closed: a successor hears nothing of it.
    mutating func forgetNotes(of slot: Int32) {
        for note in peers[slot].notes.values { journal.remove(note) }
        peers[slot].notes = [:]
    }

    /// What the router learned from packets since.
    mutating func noteLearned() {
        while let learned = router.nextLearned() {
            guard configuration.codec != nil, peers.contains(learned.endpoint.rawValue) else { continue }
            note(
                .stream(
                    ssrc: learned.ssrc, mid: learned.mid, encoding: learned.encoding, isRTX: learned.isRTX),
                .stream(learned.ssrc), slot: learned.endpoint.rawValue)
        }
    }

    /// The worker holds the session so from now on.
    mutating func note(_ hold: SessionHold, of session: SessionID) {
        let note = JournalNote(session: session, content: .hold(hold))
        guard let bytes = configuration.codec?.encode(note) else { return }
        holds[session] = journal.replace(holds[session], with: bytes)
    }

    mutating func forgetHold(of session: SessionID) {
        if let note = holds.removeValue(forKey: session) { journal.remove(note) }
    }

    // MARK: What is being done, for the case that it is the end of the process

    /// A session's name as a number that fits the header.
    static func hash(_ session: SessionID) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in session.rawValue.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return max(hash, 1)
    }
}
