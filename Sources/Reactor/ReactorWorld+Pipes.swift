import Forwarding
import RTP
import SRTP
import Session
import Transport
import Wire

/// Pipes: endpoints whose other end is another reactor of the cluster.
extension ReactorWorld {
    mutating func openPipe(
        _ endpoint: EndpointID, _ specification: PipeSpecification, in session: SessionID, now: Instant
    ) throws(Refusal) -> OpenedPipe {
        try checkName(endpoint)
        try Self.check(specification)
        if let slot = sessions[session]?[endpoint] {
            guard let former = peers[slot].pipe else {
                throw Refusal(.invalid, "endpoint \(endpoint) is a peer's, not a pipe")
            }
            guard former.sendKey == specification.sendKey, former.receiveKey == specification.receiveKey,
                former.localSSRC == specification.localSSRC
            else { throw Refusal(.invalid, "pipe \(endpoint) is open under other keys; open another one") }
            if former != specification {
                try claim(specification, slot: slot)
                apply(specification, slot: slot, now: now)
            }
            return openedPipe()
        }
        guard let slot = peers.nextIndex else {
            throw Refusal(.overLimit, "this reactor carries \(peers.capacity) endpoints already")
        }
        try claim(specification, slot: slot)
        do throws(Refusal) {
            try insertPipe(endpoint, specification, in: session)
        } catch {
            for ssrc in specification.remoteSSRCs { pipes.remove(ssrc, ownedBy: slot) }
            throw error
        }
        router.open(EndpointIndex(slot), ssrc: specification.localSSRC)
        apply(specification, slot: slot, now: now)
        return openedPipe()
    }

    mutating func connectPipe(
        _ endpoint: EndpointID, _ path: PipePath, in session: SessionID, now: Instant
    ) throws(Refusal) {
        guard let slot = sessions[session]?[endpoint], peers[slot].pipe != nil else {
            throw Refusal(.notFound, "this worker holds no pipe \(endpoint) in session \(session)")
        }
        let tuple = try self.tuple(of: path)
        let former = peers[slot].transport.selectedTuple
        guard tuple != former else { return }
        guard pipes.use(tuple) else {
            throw Refusal(.overLimit, "this reactor has pipes to \(Limits.pipeTuples) others already")
        }
        if let former { pipes.leave(former) }
        peers[slot].localCandidate = path.local
        peers[slot].remoteCandidate = path.remote
        peers[slot].transport.pipe?.connect(tuple)
        drain(slot, now: now)
    }

    /// What leads packets here is gone.
    mutating func forgetPipe(_ slot: Int32) {
        guard let specification = peers[slot].pipe else { return }
        for ssrc in specification.remoteSSRCs { pipes.remove(ssrc, ownedBy: slot) }
        if let tuple = peers[slot].transport.selectedTuple { pipes.leave(tuple) }
        closedPipePackets.received &+= peers[slot].counters.packetsReceived
        closedPipePackets.sent &+= peers[slot].counters.packetsSent
    }

    /// Pipes and their packets, those of closed ones included.
    mutating func measurePipes() {
        load.pipes = 0
        load.pipePacketsReceived = closedPipePackets.received
        load.pipePacketsSent = closedPipePackets.sent
        guard pipes.count > 0 else { return }
        for endpoints in sessions.values {
            for slot in endpoints.values where peers[slot].transport.isPipe {
                load.pipes += 1
                load.pipePacketsReceived &+= peers[slot].counters.packetsReceived
                load.pipePacketsSent &+= peers[slot].counters.packetsSent
            }
        }
    }

    // MARK: Steps

    private mutating func insertPipe(
        _ endpoint: EndpointID, _ specification: PipeSpecification, in session: SessionID
    ) throws(Refusal) {
        guard let record = records.insertZeroed(), let pointer = unsafe records.pointer(to: record) else {
            throw Refusal(.overLimit, "this reactor carries \(peers.capacity) endpoints already")
        }
        unsafe TransportRecord.begin(at: pointer, localUfrag: "", localPassword: "")
        do throws(SRTPError) {
            let pipe = try unsafe PipeTransport(
                sending: try MasterKey(specification.sendKey), receiving: try MasterKey(specification.receiveKey),
                record: pointer)
            let group = speakerGroup(of: session)
            let slot = peers.insert(
                Peer(
                    session: session, endpoint: endpoint, specification: nil, pipe: specification,
                    transport: MediaTransport(pipe), record: record, speakerGroup: group))
            sessions[session, default: [:]][endpoint] = slot
        } catch {
            unsafe records.remove(record) { unsafe TransportRecord.erase($0) }
            throw Refusal(.invalid, "the pipe's keys cannot be used: \(error)")
        }
    }

    /// Leads the other end's SSRCs to the slot, all or none.
    mutating func claim(_ specification: PipeSpecification, slot: Int32) throws(Refusal) {
        let ssrcs = specification.remoteSSRCs
        for ssrc in ssrcs {
            guard let owner = pipes.slot(for: ssrc) else { continue }
            guard owner == slot else { throw Refusal(.invalid, "another pipe has one of the SSRCs; draw others") }
        }
        guard pipes.hasRoom(for: ssrcs.count) else {
            throw Refusal(.overLimit, "this reactor's pipes have as many streams as it can tell apart")
        }
        for ssrc in ssrcs { pipes.insert(ssrc, slot: slot) }
    }

    mutating func apply(_ specification: PipeSpecification, slot: Int32, now: Instant) {
        let kept = Set(specification.remoteSSRCs)
        for ssrc in peers[slot].pipe?.remoteSSRCs ?? [] where !kept.contains(ssrc) {
            pipes.remove(ssrc, ownedBy: slot)
        }
        peers[slot].pipe = specification
        router.negotiate(EndpointIndex(slot), media: specification.media.map(\.relayedSection), now: now)
        drain(slot, now: now)
    }

    private func openedPipe() -> OpenedPipe {
        OpenedPipe(network: configuration.network, addresses: sockets.map(\.local.description))
    }

    static func check(_ specification: PipeSpecification) throws(Refusal) {
        var sending: [UInt32] = [specification.localSSRC]
        for section in specification.media {
            guard section.direction == .sendonly || section.direction == .recvonly else {
                throw Refusal(.invalid, "a pipe's section sends or receives, not both")
            }
            let encodings = section.direction.sends ? section.send.encodings : section.receive.encodings
            guard !encodings.isEmpty, encodings.allSatisfy({ $0.ssrc != nil }) else {
                throw Refusal(.invalid, "a pipe's section \(section.mid) announces no SSRC")
            }
            guard section.direction.sends else { continue }
            sending += encodings.flatMap { [$0.ssrc, $0.rtxSSRC].compactMap(\.self) }
        }
        for ssrcs in [sending, specification.remoteSSRCs] {
            guard ssrcs.count <= Limits.ssrcsPerPipe, Set(ssrcs).count == ssrcs.count else {
                throw Refusal(.invalid, "a pipe has at most \(Limits.ssrcsPerPipe) SSRCs each way, no two alike")
            }
        }
    }

    /// The path's tuple, from addresses that are to be one of ours and one that a datagram can go to.
    private func tuple(of path: PipePath) throws(Refusal) -> Tuple {
        guard let local = SocketAddress(path.local), let socket = sockets.firstIndex(where: { $0.local == local })
        else { throw Refusal(.invalid, "this reactor has no socket at \(path.local.prefix(64))") }
        guard let remote = SocketAddress(path.remote), remote.ip.isIPv4 == local.ip.isIPv4,
            !remote.ip.isUnspecified, !remote.ip.isMulticast, !remote.ip.isBroadcast
        else { throw Refusal(.invalid, "a pipe cannot lead to \(path.remote.prefix(64))") }
        return Tuple(socket: UInt8(truncatingIfNeeded: socket), remote: remote)
    }
}

extension MasterKey {
    init(_ key: PipeKey) throws(SRTPError) {
        try self.init(profile: .aeadAES128GCM, key: key.key, salt: key.salt)
    }
}

extension NegotiatedMedia {
    /// The section in the router's words.
    var section: MediaSection {
        MediaSection(
            mid: mid, kind: kind, receives: direction.receives ? receive : nil, sends: direction.sends ? send : nil)
    }

    /// The same at the end of a pipe.
    var relayedSection: MediaSection {
        var section = section
        section.isRelay = true
        return section
    }
}
