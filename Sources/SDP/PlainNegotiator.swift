import RTP

/// Offer and answer (RFC 3264) for RTP without ICE and DTLS: `RTP/AVP`, `RTP/AVPF`, and with keys in the description
/// (RFC 4568) `RTP/SAVP`, `RTP/SAVPF`. Pure: equal arguments give equal results.
///
/// Each section is an RTP session with ports of its own; one of each kind is taken.
public enum PlainNegotiator {
    /// Answers `offer`. Every section is in the answer in its place; what we cannot use is rejected with port 0.
    /// Throws when no section can be accepted.
    public static func answer(
        to offer: SessionDescription, with local: PlainCapabilities
    ) throws(SDPError) -> PlainNegotiation {
        guard !offer.media.isEmpty else {
            throw SDPError(.empty, "the offer has no media section", hint: "offer audio or video")
        }
        var answer = description(local)
        var media: [PlainMedia] = []
        var firstRefusal: SDPError?
        for (index, offered) in offer.media.enumerated() {
            do throws(SDPError) {
                let isTaken = media.contains { $0.media.kind == offered.kind.media }
                let (section, taken) = try answerSection(index, of: offer, isTaken: isTaken, local)
                answer.media.append(section)
                media.append(taken)
            } catch {
                firstRefusal = firstRefusal ?? error
                answer.media.append(
                    MediaDescription(
                        kind: offered.kind, port: 0, transport: offered.transport, formats: offered.formats,
                        connection: nil, mid: offered.mid, direction: offered.isRTP ? .inactive : .sendrecv))
            }
        }
        guard !media.isEmpty else {
            throw firstRefusal ?? SDPError(.unsupported, "no section is active", hint: "offer audio or video")
        }
        return PlainNegotiation(localDescription: answer, media: media, firstRefusal: firstRefusal)
    }

    /// Our offer: audio and video, as far as they are wanted.
    public static func offer(with local: PlainCapabilities) -> SessionDescription {
        var offer = description(local)
        for kind in MediaKind.allCases where local[kind].direction != .inactive {
            let capabilities = local[kind]
            var section = MediaDescription(
                kind: MediaDescription.Kind(kind), port: local.address[kind],
                transport: local.suites.isEmpty ? "RTP/AVPF" : "RTP/SAVPF", connection: nil,
                direction: capabilities.direction)
            section.setCodecs(capabilities.codecs)
            section.rtcpAddress = RTCPAddress(port: local.address[kind] &+ 1)
            section.cryptos = local.suites.enumerated().map { local.crypto($1, tag: UInt32($0) + 1) }
            section.setPlainSource(capabilities, cname: local.cname)
            if capabilities.direction.receives { section.setCeiling(capabilities.maxReceiveKbps) }
            offer.media.append(section)
        }
        return offer
    }

    /// What the peer's `answer` makes of our `offer`, which must be as ``offer(with:)`` gave it.
    public static func accept(
        answer: SessionDescription, to offer: SessionDescription, with local: PlainCapabilities
    ) throws(SDPError) -> PlainNegotiation {
        guard answer.media.count == offer.media.count, zip(answer.media, offer.media).allSatisfy({ $0.kind == $1.kind })
        else {
            throw SDPError(
                .inconsistent, "the answer's sections are not those of the offer",
                hint: "answer every section of the offer, in its order")
        }
        var media: [PlainMedia] = []
        for (index, answered) in answer.media.enumerated() where !answered.isRejected {
            guard let kind = answered.kind.media else { continue }
            media.append(try acceptSection(index, kind, answer: answer, offer: offer, local))
        }
        guard !media.isEmpty else {
            throw SDPError(.unsupported, "the answer rejects every section", hint: "accept at least one section")
        }
        return PlainNegotiation(localDescription: offer, media: media)
    }

    // MARK: Sections

    private static func description(_ local: PlainCapabilities) -> SessionDescription {
        SessionDescription(
            origin: Origin(sessionID: local.sessionID, connection: local.address.connection),
            connection: local.address.connection)
    }

    private static func answerSection(
        _ index: Int, of offer: SessionDescription, isTaken: Bool, _ local: PlainCapabilities
    ) throws(SDPError) -> (MediaDescription, PlainMedia) {
        let offered = offer.media[index]
        guard !offered.isRejected else {
            throw SDPError(.unsupported, "no section is active", hint: "offer a section with a port other than 0")
        }
        guard let kind = offered.kind.media, let transport = PlainTransportName(rawValue: offered.transport) else {
            throw SDPError(
                .unsupported, "a section's transport is not plain RTP",
                hint: "offer RTP/AVP, RTP/AVPF, RTP/SAVP or RTP/SAVPF; WebRTC has an endpoint of its own")
        }
        guard !isTaken else {
            throw SDPError(.overLimit, "there are several sections of a kind", hint: "offer one audio and one video")
        }
        let capabilities = local[kind]
        let codecs = CodecMatch.answering(plain: offered.codecs, with: capabilities.codecs, transport)
        guard !codecs.isEmpty else {
            throw SDPError(
                .unsupported, "no \(kind.rawValue) codec is common",
                hint: "offer one of \(capabilities.codecNames.joined(separator: ", "))")
        }
        let keys = try keys(offered, transport, local)
        let direction = MediaDirection(
            sends: offered.direction.receives && capabilities.direction.sends && !capabilities.sources.isEmpty,
            receives: offered.direction.sends && capabilities.direction.receives)
        var section = MediaDescription(
            kind: offered.kind, port: local.address[kind], transport: offered.transport, connection: nil,
            mid: offered.mid, direction: direction)
        section.setCodecs(codecs.map(\.receive))
        section.hasRTCPMux = offered.hasRTCPMux
        if !offered.hasRTCPMux { section.rtcpAddress = RTCPAddress(port: local.address[kind] &+ 1) }
        section.cryptos = keys.map { [$0.local] } ?? []
        section.connectionRole = offered.connectionRole.map { $0 == .passive ? .active : .passive }
        section.setPlainSource(capabilities, cname: local.cname)
        if direction.receives { section.setCeiling(capabilities.maxReceiveKbps) }
        let negotiated = negotiation(
            index, kind, direction, codecs, peer: offered, mid: offer.mid(at: index),
            ceiling: offered.ceiling(in: offer), local)
        let taken = PlainMedia(
            media: negotiated, remote: try remote(of: offered, in: offer), sharesPort: offered.hasRTCPMux,
            localKey: keys?.local, remoteKey: keys?.remote)
        return (section, taken)
    }

    private static func acceptSection(
        _ index: Int, _ kind: MediaKind, answer: SessionDescription, offer: SessionDescription,
        _ local: PlainCapabilities
    ) throws(SDPError) -> PlainMedia {
        let (offered, answered) = (offer.media[index], answer.media[index])
        guard let transport = PlainTransportName(rawValue: answered.transport),
            transport.isProtected == !offered.cryptos.isEmpty
        else {
            throw SDPError(
                .unsupported, "an accepted section has another transport than the offer", hint: "keep the offer's")
        }
        guard !answered.hasRTCPMux else {
            throw SDPError(
                .inconsistent, "the answer has a=rtcp-mux, which was not offered", hint: "leave it out (RFC 5761)")
        }
        let codecs = CodecMatch.accepting(plain: answered.codecs, offered: offered.codecs, transport)
        guard !codecs.isEmpty else {
            throw SDPError(
                .inconsistent, "an accepted section has no codec of the offer", hint: "answer with offered formats")
        }
        var remoteKey: CryptoAttribute?
        var localKey: CryptoAttribute?
        if transport.isProtected {
            // RFC 4568 section 5.1.3: one line, of an offered tag and its suite.
            remoteKey = answered.cryptos.first { answered in
                offered.cryptos.contains { $0.tag == answered.tag && $0.suite == answered.suite }
            }
            localKey = offered.cryptos.first { $0.tag == remoteKey?.tag }
            guard remoteKey != nil else {
                throw SDPError(
                    .missing, "an accepted section has no usable a=crypto",
                    hint: "answer one of the offered lines with a key of yours (RFC 4568 section 5.1.3)")
            }
        }
        let direction = MediaDirection(
            sends: offered.direction.sends && answered.direction.receives,
            receives: offered.direction.receives && answered.direction.sends)
        let negotiated = negotiation(
            index, kind, direction, codecs, peer: answered, mid: offer.mid(at: index),
            ceiling: answered.ceiling(in: answer), local)
        return PlainMedia(
            media: negotiated, remote: try remote(of: answered, in: answer), sharesPort: false, localKey: localKey,
            remoteKey: remoteKey)
    }

    private static func negotiation(
        _ index: Int, _ kind: MediaKind, _ direction: MediaDirection, _ codecs: [CodecMatch],
        peer: MediaDescription, mid: String, ceiling: UInt64?, _ local: PlainCapabilities
    ) -> MediaNegotiation {
        var negotiated = MediaNegotiation(
            mid: mid, index: index, kind: kind, direction: direction,
            receive: RTPParameters(
                codecs: codecs.map(\.receive.asSent),
                encodings: direction.receives ? Array(peer.encodings(byRID: false).prefix(1)) : [],
                cname: direction.receives ? peer.cname : ""),
            send: RTPParameters(codecs: codecs.map(\.send.asTaken)), maxSendKbps: ceiling, hasReducedSizeRTCP: false)
        // Also what only receives has a source: its RTCP needs a name.
        if let source = local[kind].sources.first { negotiated.setSource(source, cname: local.cname) }
        return negotiated
    }

    /// The key that the peer sends with, and ours under the same tag; nil for a section without.
    private static func keys(
        _ offered: MediaDescription, _ transport: PlainTransportName, _ local: PlainCapabilities
    ) throws(SDPError) -> (local: CryptoAttribute, remote: CryptoAttribute)? {
        guard transport.isProtected else {
            guard local.takesUnprotected else {
                throw SDPError(
                    .unsupported, "a section is not protected, and this endpoint has a key",
                    hint: "offer RTP/SAVP or RTP/SAVPF with a=crypto")
            }
            return nil
        }
        guard !local.suites.isEmpty, let remote = offered.cryptos.first(where: { local.suites.contains($0.suite) })
        else {
            throw SDPError(
                .unsupported, "a section has no usable a=crypto",
                hint: "offer \(local.suites.map(\.rawValue).joined(separator: ", ")) with one key inline (RFC 4568)")
        }
        return (local.crypto(remote.suite, tag: remote.tag), remote)
    }

    private static func remote(
        of section: MediaDescription, in description: SessionDescription
    ) throws(SDPError) -> PlainRemote {
        guard let connection = section.connection ?? description.connection else {
            throw SDPError(.missing, "a section has no c= line", hint: "say where its media come from and go")
        }
        let isActive = section.connectionRole == .active || section.connectionRole == .both
        // Nobody receives media at the discard port: it stands for a port that is not known.
        let isLearned = isActive || section.port == discardPort || connection == .unspecified
        let control = section.rtcpAddress
        return PlainRemote(
            address: isLearned ? nil : connection.address, port: section.port,
            controlAddress: control?.connection?.address,
            controlPort: section.hasRTCPMux ? section.port : control?.port ?? section.port &+ 1)
    }

    private static let discardPort: UInt16 = 9
}

/// The transports of RTP over UDP without DTLS (RFC 3551, RFC 4585, RFC 3711, RFC 5124).
enum PlainTransportName: String {
    case plain = "RTP/AVP"
    case withFeedback = "RTP/AVPF"
    case protected = "RTP/SAVP"
    case protectedWithFeedback = "RTP/SAVPF"

    var isProtected: Bool { self == .protected || self == .protectedWithFeedback }
    var hasFeedback: Bool { self == .withFeedback || self == .protectedWithFeedback }
}

extension CodecMatch {
    /// As ``answering(_:with:)``. Of H.264 every profile is taken that is offered, and feedback only where the
    /// transport has it (RFC 4585).
    static func answering(
        plain offered: [CodecParameters], with capabilities: [CodecParameters], _ transport: PlainTransportName
    ) -> [CodecMatch] {
        offered.compactMap { codec -> CodecMatch? in
            guard let known = capabilities.first(where: { $0.matches(plain: codec) }) else { return nil }
            var send = codec
            send.name = known.name
            send.feedback = transport.hasFeedback ? codec.feedback.filter { known.feedback.contains($0) } : []
            send.rtxPayloadType = nil
            var receive = send
            receive.formatParameters = codec.answeredFormatParameters
            return CodecMatch(receive: receive, send: send)
        }
    }

    static func accepting(
        plain answered: [CodecParameters], offered: [CodecParameters], _ transport: PlainTransportName
    ) -> [CodecMatch] {
        answered.compactMap { codec -> CodecMatch? in
            let same = offered.first { $0.payloadType == codec.payloadType && $0.hasSameEncoding(as: codec) }
            guard let own = same ?? offered.first(where: { $0.matches(plain: codec) }) else { return nil }
            var receive = own
            receive.feedback = transport.hasFeedback ? own.feedback.filter { codec.feedback.contains($0) } : []
            var send = codec
            send.name = own.name
            send.feedback = receive.feedback
            send.rtxPayloadType = nil
            return CodecMatch(receive: receive, send: send)
        }
    }
}

extension CodecParameters {
    /// A forwarder decodes nothing, so H.264's profile is the affair of those who watch.
    fileprivate func matches(plain other: CodecParameters) -> Bool {
        name.lowercased() == "h264" ? hasSameEncoding(as: other) : isCompatible(with: other)
    }

    /// What a sender of these parameters is to others. Deviation: one that names packetization mode 0 of H.264, or
    /// none, counts as mode 1 (RFC 6184 section 6.2), of which mode 0 is a part: encoders that say nothing cut units
    /// into fragments all the same.
    fileprivate var asSent: CodecParameters { withPacketizationMode1(replacing: true) }

    /// What a receiver of these parameters takes: the same where it says nothing.
    fileprivate var asTaken: CodecParameters { withPacketizationMode1(replacing: false) }

    private func withPacketizationMode1(replacing isReplacing: Bool) -> CodecParameters {
        guard name.lowercased() == "h264" else { return self }
        guard isReplacing || parameter("packetization-mode") == nil else { return self }
        var copy = self
        copy.formatParameters.removeAll { $0.key.lowercased() == "packetization-mode" }
        copy.formatParameters.append(FormatParameter("packetization-mode", "1"))
        if parameter("profile-level-id") == nil {
            copy.formatParameters.append(FormatParameter("profile-level-id", "42e01f"))
        }
        return copy
    }
}

extension KindCapabilities {
    /// Each codec's name once.
    var codecNames: [String] {
        codecs.reduce(into: []) { names, codec in
            if !names.contains(codec.name), !codec.isRedundancy { names.append(codec.name) }
        }
    }
}

extension MediaDescription {
    /// Our name in the section's RTCP, and the SSRC of what we send.
    fileprivate mutating func setPlainSource(_ capabilities: KindCapabilities, cname: String) {
        sources = capabilities.sources.prefix(1).map { SourceAttribute(ssrc: $0.ssrc, .cname(cname)) }
    }
}
