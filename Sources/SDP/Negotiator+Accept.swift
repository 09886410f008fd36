import RTP

extension Negotiator {
    /// What the peer's `answer` makes of our `offer`, which must be as ``offer(with:kinds:)`` gave it.
    public static func accept(
        answer: SessionDescription, to offer: SessionDescription, with local: EndpointCapabilities
    ) throws(SDPError) -> Negotiation {
        try checkShape(of: answer, against: offer)
        let accepted = answer.media.indices.filter { !answer.media[$0].isRejected }
        guard let anchor = accepted.first else {
            throw SDPError(.unsupported, "the answer rejects every section", hint: "accept at least one section")
        }
        var media: [MediaNegotiation] = []
        var dataChannels: DataChannelNegotiation?
        var used: [MediaKind: Int] = [:]
        for index in offer.media.indices {
            let (offered, answered) = (offer.media[index], answer.media[index])
            var source: LocalSource?
            if let kind = offered.kind.media, offered.direction.sends {
                let next = used[kind, default: 0]
                source = next < local[kind].sources.count ? local[kind].sources[next] : nil
                used[kind] = next + 1
            }
            guard !answered.isRejected else { continue }
            guard answer.sharesTransport(index, anchor) else {
                throw SDPError(
                    .unsupported, "the answer keeps a section out of the bundle",
                    hint: "answer all sections in one BUNDLE group")
            }
            if let kind = offered.kind.media {
                var negotiated = try acceptMedia(index, kind, answer: answer, offer: offer)
                if negotiated.direction.sends, let source { negotiated.setSource(source, cname: local.cname) }
                media.append(negotiated)
            } else {
                dataChannels = DataChannelNegotiation(
                    mid: offer.mid(at: index), index: index, remotePort: answered.sctpPort ?? defaultSCTPPort,
                    maxMessageSize: answered.maxMessageSize ?? defaultMaxMessageSize)
            }
        }
        try MediaNegotiation.checkDistinct(media)
        let remote = try RemoteTransport(answer, anchor: anchor)
        let (candidates, hasEnd) = answer.candidates(of: accepted)
        return Negotiation(
            localDescription: offer, remoteICE: remote.ice, remoteFingerprint: remote.fingerprint,
            isDTLSClient: try remote.isDTLSClientAfterAnswer(), media: media, dataChannels: dataChannels,
            remoteCandidates: candidates.map { candidate in
                var candidate = candidate
                candidate.mid = offer.mid(at: candidate.index)
                return candidate
            },
            hasEndOfCandidates: hasEnd, isBundled: answer.isBundled(anchor, anchor))
    }

    /// RFC 3264 section 6: as many sections, of the same kinds, in the same order; RFC 9143 section 7.3.3: only
    /// what was offered in one bundle is bundled.
    private static func checkShape(of answer: SessionDescription, against offer: SessionDescription) throws(SDPError) {
        guard !answer.media.isEmpty else {
            throw SDPError(.empty, "the answer has no media section", hint: "answer every section of the offer")
        }
        guard answer.media.count == offer.media.count else {
            throw SDPError(
                .inconsistent, "the answer has \(answer.media.count) sections, the offer \(offer.media.count)",
                hint: "answer every section of the offer, in its order")
        }
        for (answered, offered) in zip(answer.media, offer.media) {
            guard answered.kind == offered.kind, answered.mid ?? offered.mid == offered.mid else {
                throw SDPError(
                    .inconsistent, "a section's kind or mid differs from the offer",
                    hint: "keep the offer's order and mids")
            }
            guard answered.isRejected || !offered.isRejected else {
                throw SDPError(.inconsistent, "the answer accepts a rejected section", hint: "keep its port 0")
            }
        }
        for group in answer.bundles where !group.mids.isEmpty {
            let isOffered = offer.bundles.contains { offered in group.mids.allSatisfy { offered.mids.contains($0) } }
            guard isOffered else {
                throw SDPError(
                    .inconsistent, "the answer bundles what was not offered so", hint: "use the offer's group")
            }
        }
    }

    private static func acceptMedia(
        _ index: Int, _ kind: MediaKind, answer: SessionDescription, offer: SessionDescription
    ) throws(SDPError) -> MediaNegotiation {
        let (offered, answered) = (offer.media[index], answer.media[index])
        guard mediaTransports.contains(answered.transport), answered.hasRTCPMux else {
            throw SDPError(
                .unsupported, "an accepted section lacks DTLS-SRTP or a=rtcp-mux",
                hint: "keep the offer's transport and a=rtcp-mux")
        }
        var codecs = CodecMatch.accepting(answered.codecs, offered: offered.codecs)
        guard !codecs.isEmpty else {
            throw SDPError(
                .inconsistent, "an accepted section has no codec of the offer", hint: "answer with offered formats")
        }
        let extensions = try ExtensionMatch.matching(answered, of: answer, known: offered.extensions.map(\.uri))
            .filter { match in
                // RFC 8285 section 6: an answer cannot renumber.
                offered.extensions.contains { $0.uri == match.parameters.uri && $0.id == UInt16(match.parameters.id) }
            }
        codecs.choosePacketFeedback(extensions)
        let direction = MediaDirection(
            sends: offered.direction.sends && answered.direction.receives,
            receives: offered.direction.receives && answered.direction.sends)
        return MediaNegotiation(
            mid: offer.mid(at: index), index: index, kind: kind, direction: direction,
            receive: RTPParameters(
                codecs: codecs.map(\.receive), headerExtensions: extensions.filter(\.isReceived).map(\.parameters),
                encodings: direction.receives ? answered.encodings(byRID: false) : [],
                cname: direction.receives ? answered.cname : ""),
            send: RTPParameters(
                codecs: codecs.map(\.send), headerExtensions: extensions.filter(\.isSent).map(\.parameters)),
            maxSendKbps: answered.ceiling(in: answer),
            hasReducedSizeRTCP: offered.hasReducedSizeRTCP && answered.hasReducedSizeRTCP)
    }
}
