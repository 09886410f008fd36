import Forwarding
import RTP
import SCTP
import Session
import Transport
import Wire

/// Media elements: endpoints whose other end is a part of this process, beside the reactors' threads.
extension ReactorWorld {
    /// Asked again, it is the same element, unless it is to be another.
    mutating func openElement(
        _ endpoint: EndpointID, _ specification: ElementSpecification, in session: SessionID, now: Instant
    ) throws(Refusal) -> [NegotiatedMedia] {
        try checkName(endpoint)
        guard let factory = configuration.elements else {
            throw Refusal(.invalid, "this worker has no media plane; place the session on one that offers \"media\"")
        }
        if let former = sessions[session]?[endpoint] {
            guard let known = peers[former].element else {
                throw Refusal(.invalid, "endpoint \(endpoint) is no media element")
            }
            guard known.specification != specification else { return known.media }
            throw Refusal(.invalid, "element \(endpoint) is open with another specification; close it first")
        }
        guard let slot = peers.nextIndex, let record = records.insertZeroed(),
            let pointer = unsafe records.pointer(to: record)
        else { throw Refusal(.overLimit, "this reactor carries \(peers.capacity) endpoints already") }
        unsafe TransportRecord.begin(at: pointer, localUfrag: "", localPassword: "")
        do throws(Refusal) {
            let seat = try seat(specification, endpoint, at: slot, factory)
            var peer = Peer(
                session: session, endpoint: endpoint, specification: nil, pipe: nil,
                transport: MediaTransport(ElementTransport(slot: slot)), record: record,
                speakerGroup: speakerGroup(of: session))
            peer.element = seat
            let inserted = peers.insert(peer)
            precondition(inserted == slot)
            begin(endpoint, in: session, at: slot, now: now)
            return seat.media
        } catch {
            unsafe records.remove(record) { unsafe TransportRecord.erase($0) }
            throw error
        }
    }

    /// In the process after one that ended: an element that does nothing yet. What it did is lost, and its owner told.
    mutating func reviveElement(
        _ endpoint: EndpointID, _ specification: ElementSpecification, _ remains: Remains, now: Instant
    ) -> Bool {
        guard let factory = configuration.elements, sessions[remains.session]?[endpoint] == nil,
            let pointer = unsafe records.pointer(to: remains.record), unsafe pointer.pointee.belongs(toUfrag: ""),
            let seat = try? seat(specification, endpoint, at: remains.slot, factory)
        else { return false }
        insert(MediaTransport(ElementTransport(slot: remains.slot)), endpoint, nil, nil, remains)
        peers[remains.slot].element = seat
        begin(endpoint, in: remains.session, at: remains.slot, now: now)
        return true
    }

    /// Elements that were taken over have stopped, unless they go on by themselves.
    func tellOfElements() {
        for endpoints in sessions.values {
            for slot in endpoints.values.sorted() where peers[slot].element?.specification.isResumed == false {
                emit(.elementStateChanged(peers[slot].endpoint, .stopped), for: slot)
                let failure = ElementFailure(.other, "the media process that did this ended; start again")
                emit(.elementFailed(peers[slot].endpoint, failure), for: slot)
            }
        }
    }

    private mutating func seat(
        _ specification: ElementSpecification, _ endpoint: EndpointID, at slot: Int32, _ factory: any ElementFactory
    ) throws(Refusal) -> ElementSeat {
        lastElement &+= 1
        let key = ElementKey(slot: slot, number: lastElement)
        let port = try openPort(key)
        let media = try factory.open(specification, named: endpoint, port: port)
        return ElementSeat(specification: specification, media: media, key: key, port: port)
    }

    private mutating func begin(_ endpoint: EndpointID, in session: SessionID, at slot: Int32, now: Instant) {
        sessions[session, default: [:]][endpoint] = slot
        router.open(EndpointIndex(slot))
        router.negotiate(EndpointIndex(slot), media: peers[slot].element?.media.map(\.section) ?? [], now: now)
        learn(ElementTransport(slot: slot).tuple, for: slot)
        drain(slot, now: now)
    }

    private func openPort(_ key: ElementKey) throws(Refusal) -> ElementPort {
        guard let mailbox else { throw Refusal(.invalid, "this reactor has no mailbox") }
        do throws(SystemError) {
            return try ElementPort { mailbox.send(.element(key, $0)) }
        } catch {
            throw Refusal(.overLimit, "no place for another media element: \(error)")
        }
    }

    /// The element answers for itself, by the token.
    mutating func command(
        _ command: ElementCommand, _ endpoint: EndpointID, in session: SessionID, token: UInt64
    ) throws(Refusal) {
        guard try seat(of: endpoint, in: session).port.request(.command(command, token: token)) else {
            throw Refusal(.overLimit, "element \(endpoint) has too many commands to obey; try again")
        }
    }

    func readElement(_ endpoint: EndpointID, in session: SessionID) throws(Refusal) -> ElementStatus {
        try seat(of: endpoint, in: session).port.status
    }

    private func seat(of endpoint: EndpointID, in session: SessionID) throws(Refusal) -> ElementSeat {
        guard let slot = sessions[session]?[endpoint], let seat = peers[slot].element else {
            throw Refusal(.notFound, "this worker holds no media element \(endpoint) in session \(session)")
        }
        return seat
    }

    /// What an element has to say. One that is closed has nothing.
    mutating func hear(_ key: ElementKey, _ said: ElementOutput, now: Instant) {
        if case .outcome(let outcome, let token) = said { return output(.outcome(outcome, token: token)) }
        guard peers.contains(key.slot), peers[key.slot].element?.key == key else { return }
        let endpoint = peers[key.slot].endpoint
        switch said {
        case .packets(let packets):
            let tuple = ElementTransport(slot: key.slot).tuple
            packets.forEach { receive($0, from: tuple, now: now) }
            endBatch()
        case .stateChanged(let state): emit(.elementStateChanged(endpoint, state), for: key.slot)
        case .ended: emit(.elementEnded(endpoint), for: key.slot)
        case .encodes(let kind, let state): emit(.elementEncodes(endpoint, kind, state), for: key.slot)
        case .found(let code): emit(.codeFound(endpoint, code), for: key.slot)
        case .message(let text): relay(ChannelMessage(.text, Array(text.utf8)), on: nil, from: key.slot, now: now)
        case .failed(let failure): emit(.elementFailed(endpoint, failure), for: key.slot)
        case .outcome: break
        }
    }

    /// Tells the session's elements who watches them and whether something feeds them, as it is after an operation.
    func tellOfConnections(in session: SessionID) {
        guard configuration.elements != nil, let endpoints = sessions[session] else { return }
        for slot in endpoints.values {
            guard let port = peers[slot].element?.port else { continue }
            for kind in MediaKind.allCases {
                port.note(
                    kind, isWatched: router.isWatched(EndpointIndex(slot), kind),
                    isFed: router.isFed(EndpointIndex(slot), kind))
            }
        }
    }

    /// Hands the packet that lies at the next place of the egress batch to its element.
    mutating func sendToElement(length: Int, _ tuple: Tuple) {
        guard let slot = tuples.slot(for: tuple), let seat = peers[slot].element else {
            return drops.count(.unknownTuple)
        }
        guard seat.port.offer(unsafe egress.unguardedBytes(length: length)) else {
            return drops.count(.elementBehind)
        }
        load.packetsSent &+= 1
    }
}

/// One element, among all that this reactor ever had.
public struct ElementKey: Hashable, Sendable {
    let slot: Int32
    let number: UInt64
}

/// A media element and how to reach it.
struct ElementSeat {
    let specification: ElementSpecification
    let media: [NegotiatedMedia]
    let key: ElementKey
    let port: ElementPort
}
