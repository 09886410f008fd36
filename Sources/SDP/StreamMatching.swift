import RTP

/// One header extension that both sides have, with the direction in which it may be used.
struct ExtensionMatch {
    var parameters: HeaderExtensionParameters
    /// As we write it into our description; nil when it is not restricted.
    var direction: MediaDirection?

    var isReceived: Bool { direction?.receives ?? true }
    var isSent: Bool { direction?.sends ?? true }
    /// Tells the encodings of one track apart (RFC 8852). We send one for each section, so only what comes in has it.
    var isSimulcast: Bool {
        [HeaderExtensionURI.rid, HeaderExtensionURI.repairedRid].contains(parameters.uri)
    }

    /// The peer's extensions that we have too, by URI, with the peer's ids (RFC 8285 section 6). Session-level
    /// ones hold for every section. Deviation: only ids 1...14 are taken, since we write one-byte headers only.
    static func matching(
        _ section: MediaDescription, of description: SessionDescription, known: [String]
    ) throws(SDPError) -> [ExtensionMatch] {
        var matches: [ExtensionMatch] = []
        var uris: [UInt16: String] = [:]
        for remote in section.extensions + description.extensions {
            guard uris.updateValue(remote.uri, forKey: remote.id) ?? remote.uri == remote.uri else {
                throw SDPError(
                    .inconsistent, "a header extension id is mapped twice", hint: "give each a=extmap its own id")
            }
            guard (1...14).contains(remote.id), known.contains(remote.uri),
                !matches.contains(where: { $0.parameters.uri == remote.uri })
            else { continue }
            let parameters = HeaderExtensionParameters(uri: remote.uri, id: UInt8(remote.id))
            matches.append(ExtensionMatch(parameters: parameters, direction: remote.direction?.reversed))
        }
        return matches
    }
}

extension MediaDescription {
    /// The streams that the section announces: by SSRC with RTX (RFC 5576), or by rid where simulcast is used.
    func encodings(byRID: Bool) -> [EncodingParameters] {
        if byRID {
            return offeredRIDs.prefix(Limits.encodings).map { EncodingParameters(rid: $0) }
        }
        let pairs = sourceGroups.filter { $0.ssrcs.count == 2 }
        let repairing = [SourceGroup.flowIdentification, "FEC-FR"]
        let secondary = Set(pairs.filter { repairing.contains($0.semantics) }.map { $0.ssrcs[1] })
        var primary: [UInt32] = []
        // A simulcast of before rids names its encodings from small to large.
        let simulcast = sourceGroups.filter { $0.semantics == SourceGroup.simulcast }.flatMap(\.ssrcs)
        for ssrc in simulcast + sources.map(\.ssrc) + sourceGroups.flatMap(\.ssrcs)
        where primary.count < Limits.encodings && !secondary.contains(ssrc) && !primary.contains(ssrc) {
            primary.append(ssrc)
        }
        return primary.map { ssrc in
            let pair = pairs.first { $0.semantics == SourceGroup.flowIdentification && $0.ssrcs[0] == ssrc }
            return EncodingParameters(ssrc: ssrc, rtxSSRC: pair?.ssrcs[1])
        }
    }

    /// The rids that the section sends simulcast with; of alternatives the first (RFC 8853 section 5.2).
    var offeredRIDs: [String] {
        let declared = rids.filter(\.isSend).map(\.id)
        return (simulcast?.send ?? []).compactMap(\.first?.rid).filter { declared.contains($0) }
    }

    /// The canonical name of the section's streams.
    var cname: String {
        for source in sources {
            if case .cname(let cname) = source.value { return cname }
        }
        return ""
    }

    /// The section's own ceiling or else the session's, in kbit/s; `TIAS` is the more exact one.
    func ceiling(in description: SessionDescription) -> UInt64? {
        let own = bandwidths.isEmpty ? description.bandwidths : bandwidths
        return (own.first { $0.modifier == .transportIndependent } ?? own.first)?.kilobitsPerSecond
    }

    /// Announces a stream of ours (RFC 5576, RFC 8830).
    mutating func setSource(_ source: LocalSource, cname: String, streamID: String, hasRTX: Bool) {
        let msid = MSID(stream: source.streamID ?? streamID, track: source.trackID)
        msids = [msid]
        var ssrcs = [source.ssrc]
        if hasRTX, let rtx = source.rtxSSRC {
            ssrcs.append(rtx)
            sourceGroups = [SourceGroup(SourceGroup.flowIdentification, ssrcs)]
        }
        sources = ssrcs.flatMap { [SourceAttribute(ssrc: $0, .cname(cname)), SourceAttribute(ssrc: $0, .msid(msid))] }
    }

    mutating func setTransport(of local: EndpointCapabilities, setup role: SetupRole) {
        iceUfrag = local.ice.ufrag
        icePassword = local.ice.password
        fingerprints = [local.fingerprint]
        setup = role
        hasRTCPMux = isRTP
    }

    mutating func setCeiling(_ kbps: UInt32?) {
        guard let kbps, kbps > 0 else { return }
        bandwidths = [
            Bandwidth(.applicationSpecific, UInt64(kbps)), Bandwidth(.transportIndependent, UInt64(kbps) * 1000),
        ]
    }
}

extension MediaNegotiation {
    /// Payload types and SSRCs tell packets of one transport apart, so one of them may not have two meanings
    /// (RFC 9143 sections 9.1 and 9.2).
    static func checkDistinct(_ media: [MediaNegotiation]) throws(SDPError) {
        var names: [UInt8: String] = [:]
        var ssrcs = Set<UInt32>()
        for section in media {
            for codec in section.receive.codecs {
                let name = codec.name.lowercased()
                let isNew = names.updateValue(name, forKey: codec.payloadType) ?? name == name
                let rtx = codec.rtxPayloadType.map { names.updateValue("rtx", forKey: $0) ?? "rtx" == "rtx" } ?? true
                guard isNew && rtx else {
                    throw SDPError(
                        .inconsistent, "a payload type means two codecs in one bundle",
                        hint: "give each codec its own payload type")
                }
            }
            for ssrc in section.receive.encodings.flatMap({ [$0.ssrc, $0.rtxSSRC] }).compactMap({ $0 }) {
                guard ssrcs.insert(ssrc).inserted else {
                    throw SDPError(.inconsistent, "an SSRC is announced twice", hint: "give each stream its own SSRC")
                }
            }
        }
    }
}
