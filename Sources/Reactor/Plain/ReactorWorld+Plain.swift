import Forwarding
import RTP
import SRTP
import Session
import Transport
import Wire

/// Endpoints of plain RTP: ports of their own instead of ICE and DTLS.
extension ReactorWorld {
    /// Asked again, it is the same endpoint with the same ports.
    mutating func openPlain(
        _ endpoint: EndpointID, _ specification: PlainSpecification, in session: SessionID, now: Instant
    ) throws(Refusal) -> OpenedPlain {
        try checkName(endpoint)
        if let former = sessions[session]?[endpoint] {
            guard let seat = peers[former].plain, seat.specification == specification else {
                throw Refusal(.invalid, "endpoint \(endpoint) is open as something else; close it first")
            }
            return seat.opened
        }
        guard peers.nextIndex != nil, let record = emptyRecord() else {
            throw Refusal(.overLimit, "this reactor carries \(peers.capacity) endpoints already")
        }
        guard let companion = emptyRecord() else {
            unsafe records.remove(record) { unsafe TransportRecord.erase($0) }
            throw Refusal(.overLimit, "this reactor carries \(peers.capacity) endpoints already")
        }
        do throws(Refusal) {
            let pairs = try bindPlain(specification)
            let seat = PlainSeat(specification: specification, opened: opened(pairs), companion: companion)
            let peer = Peer(
                session: session, endpoint: endpoint, specification: nil, pipe: nil,
                transport: MediaTransport(PlainTransport()), record: record, speakerGroup: speakerGroup(of: session))
            let slot = peers.insert(peer)
            sessions[session, default: [:]][endpoint] = slot
            seatPlain(seat, pairs, at: slot)
            return seat.opened
        } catch {
            for handle in [record, companion] { unsafe records.remove(handle) { unsafe TransportRecord.erase($0) } }
            throw error
        }
    }

    mutating func negotiatePlain(
        _ slot: Int32, _ negotiated: NegotiatedPlain, now: Instant
    ) throws(Refusal) {
        guard peers[slot].isPlain else { throw Refusal(.invalid, "this endpoint is not one of plain RTP") }
        guard !peers[slot].isNegotiated else {
            throw Refusal(.invalid, "the endpoint is negotiated; open another one for another peer")
        }
        try Self.check(negotiated)
        guard let seat = peers[slot].plain else { return }
        var transport = PlainTransport()
        do throws(SRTPError) {
            for section in negotiated.sections {
                let handle = section.media.kind == .audio ? peers[slot].record : seat.companion
                guard let record = unsafe records.pointer(to: handle) else { throw .noKey }
                transport.begin(try unsafe PlainSection(try Self.configuration(section), record: record))
            }
        } catch {
            throw Refusal(.invalid, "the keys cannot be used: \(error)")
        }
        peers[slot].transport.plain = consume transport
        begin(slot, negotiated, now: now)
    }

    /// In the process after one that ended: at the same ports, with the same keys and peer.
    mutating func revivePlain(
        _ endpoint: EndpointID, _ specification: PlainSpecification, _ remains: Remains, now: Instant
    ) -> Bool {
        guard sessions[remains.session]?[endpoint] == nil, let companion = remains.companion,
            records.contains(companion), let pointer = unsafe records.pointer(to: remains.record),
            unsafe pointer.pointee.belongs(toUfrag: ""), specification.audioPort != nil
        else { return false }
        var transport = PlainTransport()
        if let negotiated = remains.negotiatedPlain {
            guard (try? Self.check(negotiated)) != nil else { return false }
            for section in negotiated.sections {
                let handle = section.media.kind == .audio ? remains.record : companion
                guard let record = unsafe records.pointer(to: handle),
                    let made = try? unsafe PlainSection(
                        resuming: record, try Self.configuration(section), now: now)
                else { return false }
                transport.begin(made)
            }
        }
        guard let pairs = try? bindPlain(specification) else { return false }
        insert(MediaTransport(transport), endpoint, nil, nil, remains)
        let asked = PlainSpecification(usesIPv6: specification.usesIPv6)
        seatPlain(
            PlainSeat(specification: asked, opened: opened(pairs), companion: companion), pairs, at: remains.slot)
        guard let negotiated = remains.negotiatedPlain else { return true }
        // Who commands the session knows that.
        peers[remains.slot].isConnected = peers[remains.slot].transport.isConnected
        router.setConnected(EndpointIndex(remains.slot), peers[remains.slot].isConnected, now: now)
        begin(remains.slot, negotiated, now: now)
        return true
    }

    /// With the ports that it has, for a successor that is to take them again.
    func boundSpecification(of endpoint: EndpointID, in session: SessionID) -> PlainSpecification? {
        guard let slot = sessions[session]?[endpoint], let seat = peers[slot].plain else { return nil }
        var bound = seat.specification
        bound.audioPort = seat.opened.audioPort
        bound.videoPort = seat.opened.videoPort
        return bound
    }

    /// Gives ports and record back; nothing of the endpoint is in the egress batch any more.
    mutating func closePlain(_ slot: Int32) {
        guard let seat = peers[slot].plain else { return }
        for index in 0..<PlainComponent.count { closePlainSocket(slot, PlainComponent(index: index)) }
        unsafe records.remove(seat.companion) { unsafe TransportRecord.erase($0) }
    }

    /// The port tells to which section an SSRC belongs, whatever was announced. A sender that is started again has
    /// another one each time: those that are gone make room.
    mutating func learnPlain(_ ssrc: UInt32, _ slot: Int32, _ component: PlainComponent) {
        guard let seat = peers[slot].plain else { return }
        let identity = StreamIdentity(
            endpoint: EndpointIndex(slot), ssrc: ssrc, mid: component.isVideo ? seat.videoMID : seat.audioMID,
            encoding: 0, isRTX: false)
        guard !router.learn(identity) else { return }
        router.forgetLearned(of: identity.endpoint)
        router.learn(identity)
    }

    /// Few packets are left of the section's key.
    func warnOfKey(_ slot: Int32, _ component: PlainComponent) {
        emit(.keySoftLimit(peers[slot].endpoint, component.isVideo ? .video : .audio), for: slot)
    }

    /// It is known where media go.
    func tellOfConnection(_ slot: Int32) { emit(.plainConnected(peers[slot].endpoint), for: slot) }

    // MARK: Steps

    private typealias Pair = (rtp: UDPSocket, control: UDPSocket)

    private mutating func emptyRecord() -> SlabHandle? {
        guard let record = records.insertZeroed(), let pointer = unsafe records.pointer(to: record) else { return nil }
        unsafe TransportRecord.begin(at: pointer, localUfrag: "", localPassword: "")
        return record
    }

    /// Both pairs, or none.
    private mutating func bindPlain(_ specification: PlainSpecification) throws(Refusal) -> (audio: Pair, video: Pair) {
        guard plain.isOffered, !sockets.isEmpty else {
            throw Refusal(.invalid, "this worker has no ports for plain RTP (media.rtp_ports)")
        }
        let wanted = configuration.addresses.filter { $0.isIPv4 != specification.usesIPv6 }
        // Peers are elsewhere, unless there is nowhere else.
        guard let ip = wanted.first(where: { !$0.isLoopback }) ?? wanted.first else {
            throw Refusal(.invalid, "this worker has no \(specification.usesIPv6 ? "IPv6" : "IPv4") address")
        }
        guard let audio = plain.bindPair(on: ip, port: specification.audioPort),
            let video = plain.bindPair(on: ip, port: specification.videoPort)
        else { throw Refusal(.overLimit, "the ports for plain RTP are taken (media.rtp_ports); release endpoints") }
        return (audio, video)
    }

    private func opened(_ pairs: (audio: Pair, video: Pair)) -> OpenedPlain {
        let ip = pairs.audio.rtp.local.ip
        return OpenedPlain(
            address: (configuration.announced[ip] ?? ip).description, audioPort: pairs.audio.rtp.local.port,
            videoPort: pairs.video.rtp.local.port)
    }

    private mutating func seatPlain(_ seat: PlainSeat, _ pairs: (audio: Pair, video: Pair), at slot: Int32) {
        let sockets = [pairs.audio.rtp, pairs.audio.control, pairs.video.rtp, pairs.video.control]
        for (number, socket) in sockets.enumerated() {
            let index = plain.insert(
                socket, PlainSockets.Place(slot: slot, component: PlainComponent(index: number)))
            peers[slot].plainSockets[number] = index
            if index == descriptors.count {
                descriptors.append(socket.descriptor)
            } else {
                descriptors[index] = socket.descriptor
            }
            streams.watch(socket.descriptor, index: index)
        }
        peers[slot].plain = seat
        peers[slot].isPlain = true
        router.open(EndpointIndex(slot))
        router.joinSpeakers(EndpointIndex(slot), group: peers[slot].speakerGroup)
    }

    private mutating func closePlainSocket(_ slot: Int32, _ component: PlainComponent) {
        let index = peers[slot].plainSockets[component.index]
        guard index >= 0 else { return }
        peers[slot].plainSockets[component.index] = -1
        descriptors[index] = -1
        plain.remove(index)
    }

    private mutating func begin(_ slot: Int32, _ negotiated: NegotiatedPlain, now: Instant) {
        for kind in MediaKind.allCases {
            let section = negotiated.sections.first { $0.media.kind == kind }
            switch kind {
            case .audio: peers[slot].plain?.audioMID = section?.media.mid ?? ""
            case .video: peers[slot].plain?.videoMID = section?.media.mid ?? ""
            }
            // What nobody will send to is given back.
            let isVideo = kind == .video
            if section == nil { closePlainSocket(slot, PlainComponent(isVideo: isVideo, isControl: false)) }
            if section?.sharesPort != false {
                closePlainSocket(slot, PlainComponent(isVideo: isVideo, isControl: true))
            }
        }
        peers[slot].isNegotiated = true
        router.negotiate(EndpointIndex(slot), media: negotiated.sections.map(\.media.section), now: now)
        drain(slot, now: now)
    }

    private static func check(_ negotiated: NegotiatedPlain) throws(Refusal) {
        let kinds = negotiated.sections.map(\.media.kind)
        guard !kinds.isEmpty, Set(kinds).count == kinds.count else {
            throw Refusal(.invalid, "an endpoint of plain RTP has one section of a kind")
        }
        for section in negotiated.sections {
            for text in [section.remote, section.controlRemote].compactMap(\.self) {
                guard let address = SocketAddress(text), address.port > 0, !address.ip.isUnspecified,
                    !address.ip.isMulticast, !address.ip.isBroadcast
                else { throw Refusal(.invalid, "no media can be sent to \(text)") }
            }
            guard section.media.send.encodings.first?.ssrc != nil else {
                throw Refusal(.invalid, "section \(section.media.mid) has no SSRC of ours")
            }
        }
    }

    private static func configuration(
        _ section: NegotiatedPlain.Section
    ) throws(SRTPError) -> PlainSection.Configuration {
        var configuration = PlainSection.Configuration(
            isVideo: section.media.kind == .video, localSSRC: section.media.send.encodings.first?.ssrc ?? 0)
        configuration.sharesPort = section.sharesPort
        configuration.remote = section.remote.flatMap { SocketAddress($0) }
        configuration.controlRemote = section.controlRemote.flatMap { SocketAddress($0) }
        configuration.payloadTypes = section.media.receive.codecs.map(\.payloadType)
        configuration.remoteSSRC = section.media.receive.encodings.first?.ssrc
        configuration.sending = try section.sendKey.map(MasterKey.init)
        guard let key = section.receiveKey else { return configuration }
        configuration.receiving = try MasterKey(key)
        configuration.lifetime = key.lifetime ?? .max
        configuration.identifier = key.identifier
        configuration.identifierLength = key.identifierLength
        return configuration
    }
}

extension MasterKey {
    fileprivate init(_ key: SessionKey) throws(SRTPError) {
        try self.init(
            profile: Profile(key.suite), key: Array(key.inline.prefix(key.suite.keyLength)),
            salt: Array(key.inline.dropFirst(key.suite.keyLength)))
    }
}

extension Profile {
    fileprivate init(_ suite: CryptoSuite) {
        self =
            switch suite {
            case .aes128CMSHA180: .aes128CMSHA180
            case .aes128CMSHA132: .aes128CMSHA132
            case .aes256CMSHA180: .aes256CMSHA180
            case .aes256CMSHA132: .aes256CMSHA132
            }
    }
}
