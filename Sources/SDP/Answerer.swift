import RTP

/// The making of one answer, section by section.
struct Answerer {
    private let offer: SessionDescription
    private let local: EndpointCapabilities
    private var sections: [MediaDescription] = []
    private var accepted: [Int] = []
    private var media: [MediaNegotiation] = []
    private var dataChannels: DataChannelNegotiation?
    /// Sections accepted and streams used so far, by kind.
    private var sectionCounts: [MediaKind: Int] = [:]
    private var sourceCounts: [MediaKind: Int] = [:]
    private var firstRefusal: SDPError?

    init(offer: SessionDescription, local: EndpointCapabilities) {
        self.offer = offer
        self.local = local
    }

    mutating func negotiation() throws(SDPError) -> Negotiation {
        guard !offer.media.isEmpty else {
            throw SDPError(.empty, "the offer has no media section", hint: "add a transceiver before you offer")
        }
        for index in offer.media.indices {
            if let refusal = try answerSection(index) {
                firstRefusal = firstRefusal ?? refusal
                sections.append(Self.rejection(of: offer.media[index]))
            }
        }
        guard let anchor = accepted.first else {
            throw firstRefusal
                ?? SDPError(.unsupported, "no section is active", hint: "offer a section with a port other than 0")
        }
        try MediaNegotiation.checkDistinct(media)
        let remote = try RemoteTransport(offer, anchor: anchor)
        let role = try remote.answeredSetup(prefersPassive: local.prefersPassive)
        for index in accepted { sections[index].setTransport(of: local, setup: role) }
        let (candidates, hasEnd) = offer.candidates(of: accepted)
        return Negotiation(
            localDescription: description(anchor: anchor), remoteICE: remote.ice,
            remoteFingerprint: remote.fingerprint, isDTLSClient: role == .active, media: media,
            dataChannels: dataChannels, remoteCandidates: candidates, hasEndOfCandidates: hasEnd,
            isBundled: offer.isBundled(anchor, anchor), firstRefusal: firstRefusal)
    }

    private func description(anchor: Int) -> SessionDescription {
        var description = SessionDescription(
            origin: Origin(sessionID: local.sessionID, version: local.sessionVersion), name: local.sessionName,
            isICELite: local.ice.isLite, iceOptions: local.ice.trickles ? ["trickle"] : [], media: sections)
        let bundled = accepted.filter { offer.isBundled($0, anchor) }.compactMap { offer.media[$0].mid }
        if !bundled.isEmpty { description.groups = [MediaGroup(MediaGroup.bundle, bundled)] }
        return description
    }

    /// RFC 3264 section 6: the same kind, transport and formats with port 0.
    private static func rejection(of offered: MediaDescription) -> MediaDescription {
        MediaDescription(
            kind: offered.kind, port: 0, transport: offered.transport, formats: offered.formats, mid: offered.mid,
            direction: offered.isRTP ? .inactive : .sendrecv)
    }

    /// Accepts the section, or says why not. Throws when it makes the whole offer unusable.
    private mutating func answerSection(_ index: Int) throws(SDPError) -> SDPError? {
        let offered = offer.media[index]
        if offered.isRejected {
            return SDPError(.unsupported, "no section is active", hint: "offer a section with a port other than 0")
        }
        if let anchor = accepted.first, !offer.sharesTransport(index, anchor) {
            return SDPError(
                .unsupported, "a section is outside the bundle", hint: "offer all sections in one BUNDLE group")
        }
        if offered.kind == .application { return answerDataChannels(index) }
        guard let kind = offered.kind.media, Negotiator.mediaTransports.contains(offered.transport) else {
            return SDPError(
                .unsupported, "a section's transport is not DTLS-SRTP",
                hint: "offer UDP/TLS/RTP/SAVPF with a=fingerprint")
        }
        guard offered.hasRTCPMux else {
            return SDPError(.unsupported, "a section lacks a=rtcp-mux", hint: "offer rtcpMuxPolicy require")
        }
        guard sectionCounts[kind, default: 0] < local[kind].maxSections else {
            return SDPError(.overLimit, "there are more sections of a kind than are taken", hint: "offer fewer tracks")
        }
        return try answerMedia(index, kind)
    }

    private mutating func answerMedia(_ index: Int, _ kind: MediaKind) throws(SDPError) -> SDPError? {
        let offered = offer.media[index]
        let capabilities = local[kind]
        var codecs = CodecMatch.answering(offered.codecs, with: capabilities.codecs)
        guard !codecs.isEmpty else {
            return SDPError(
                .unsupported, "no \(kind.rawValue) codec is common",
                hint: "offer one of \(capabilities.codecNames.joined(separator: ", "))")
        }
        let extensions = try ExtensionMatch.matching(offered, of: offer, known: capabilities.headerExtensions)
        codecs.choosePacketFeedback(extensions)
        let next = sourceCounts[kind, default: 0]
        let source = next < capabilities.sources.count ? capabilities.sources[next] : nil
        let direction = MediaDirection(
            sends: offered.direction.receives && capabilities.direction.sends && source != nil,
            receives: offered.direction.sends && capabilities.direction.receives)
        let used = extensions.filter { direction.receives || !$0.isSimulcast }

        var section = MediaDescription(
            kind: offered.kind, transport: offered.transport, mid: offered.mid, direction: direction)
        section.setCodecs(codecs.map(\.receive))
        section.hasReducedSizeRTCP = offered.hasReducedSizeRTCP
        section.extensions = used.map {
            HeaderExtension(id: UInt16($0.parameters.id), direction: $0.direction, uri: $0.parameters.uri)
        }
        var negotiated = MediaNegotiation(
            mid: offer.mid(at: index), index: index, kind: kind, direction: direction,
            receive: RTPParameters(
                codecs: codecs.map(\.receive), headerExtensions: used.filter(\.isReceived).map(\.parameters)),
            send: RTPParameters(
                codecs: codecs.map(\.send),
                headerExtensions: used.filter { $0.isSent && !$0.isSimulcast }.map(\.parameters)),
            maxSendKbps: offered.ceiling(in: offer), hasReducedSizeRTCP: offered.hasReducedSizeRTCP)
        if direction.receives {
            receive(offered, into: &section, &negotiated)
            section.setCeiling(capabilities.maxReceiveKbps)
        }
        if direction.sends, let source {
            sourceCounts[kind] = next + 1
            negotiated.setSource(source, cname: local.cname)
            section.setSource(
                source, cname: local.cname, streamID: local.streamID,
                hasRTX: negotiated.send.codecs.contains { $0.rtxPayloadType != nil })
        }
        sectionCounts[kind, default: 0] += 1
        accepted.append(index)
        sections.append(section)
        media.append(negotiated)
        return nil
    }

    /// What the peer announces to send; simulcast by rid when both sides can (RFC 8853 section 5.3).
    private func receive(
        _ offered: MediaDescription, into section: inout MediaDescription, _ negotiated: inout MediaNegotiation
    ) {
        let hasRIDs = negotiated.receive.headerExtensions.contains { $0.uri == HeaderExtensionURI.rid }
        let rids = local.acceptsSimulcast && hasRIDs ? offered.offeredRIDs : []
        if !rids.isEmpty {
            section.rids = rids.map { RestrictionID(id: $0, isSend: false) }
            section.simulcast = Simulcast(receive: rids.map { [SimulcastStream(rid: $0)] })
        }
        negotiated.receive.encodings = offered.encodings(byRID: !rids.isEmpty)
        negotiated.receive.cname = offered.cname
    }

    /// RFC 8841 section 10.3.
    private mutating func answerDataChannels(_ index: Int) -> SDPError? {
        let offered = offer.media[index]
        guard local.acceptsDataChannels, dataChannels == nil, Negotiator.sctpTransports.contains(offered.transport),
            offered.formats.contains(Negotiator.dataChannelFormat)
        else {
            return SDPError(.unsupported, "data channels are not taken", hint: "offer audio or video")
        }
        var section = MediaDescription(
            kind: .application, transport: offered.transport, formats: [Negotiator.dataChannelFormat], mid: offered.mid)
        section.sctpPort = local.sctpPort
        section.maxMessageSize = local.maxMessageSize
        dataChannels = DataChannelNegotiation(
            mid: offer.mid(at: index), index: index, remotePort: offered.sctpPort ?? Negotiator.defaultSCTPPort,
            maxMessageSize: offered.maxMessageSize ?? Negotiator.defaultMaxMessageSize)
        accepted.append(index)
        sections.append(section)
        return nil
    }
}

extension MediaNegotiation {
    mutating func setSource(_ source: LocalSource, cname: String) {
        let hasRTX = send.codecs.contains { $0.rtxPayloadType != nil }
        send.encodings = [EncodingParameters(ssrc: source.ssrc, rtxSSRC: hasRTX ? source.rtxSSRC : nil)]
        send.cname = cname
    }
}
