import RTP

extension PipeSpecification {
    /// Sections for the sending end of a pipe that carries what the peer of an endpoint sends.
    ///
    /// Codecs and header extensions keep their numbers. Left out is what belongs to the peer's own leg:
    /// mid and rid (the pipe's SSRCs are announced), send time and the transport-wide count, and the
    /// feedback that goes with them. Sections beyond what a pipe may carry are left out as well.
    ///
    /// - Parameters:
    ///   - source: the endpoint's negotiated sections.
    ///   - former: what the pipe carried until now; SSRCs of sections that stay are kept.
    public static func sections(
        carrying source: [NegotiatedMedia], keeping former: [NegotiatedMedia] = [],
        using generator: inout some RandomNumberGenerator
    ) -> [NegotiatedMedia] {
        var sections: [NegotiatedMedia] = []
        // One for RTCP.
        var ssrcs = 1
        for media in source where media.direction.receives && !media.receive.codecs.isEmpty {
            var parameters = passed(media.receive)
            let known = former.first { $0.mid == media.mid && $0.kind == media.kind }?.send.encodings ?? []
            parameters.encodings = encodings(of: media.receive, keeping: known, using: &generator)
            ssrcs += parameters.encodings.reduce(0) { $0 + ($1.rtxSSRC == nil ? 1 : 2) }
            guard ssrcs <= Limits.ssrcsPerPipe else { break }
            sections.append(
                NegotiatedMedia(
                    mid: media.mid, kind: media.kind, direction: .sendonly, receive: RTPParameters(),
                    send: parameters))
        }
        return sections
    }

    private static let ownExtensions: Set<String> = [
        HeaderExtensionURI.mid, HeaderExtensionURI.rid, HeaderExtensionURI.repairedRid,
        HeaderExtensionURI.transportWideCC, HeaderExtensionURI.absoluteSendTime,
    ]

    private static let ownFeedback: Set<String> = [
        "goog-remb", PacketFeedback.transportWide, PacketFeedback.congestionControl,
    ]

    private static func passed(_ source: RTPParameters) -> RTPParameters {
        var parameters = RTPParameters(codecs: source.codecs, cname: source.cname)
        for index in parameters.codecs.indices {
            parameters.codecs[index].feedback.removeAll { ownFeedback.contains($0.lowercased()) }
        }
        parameters.headerExtensions = source.headerExtensions.filter { !ownExtensions.contains($0.uri) }
        return parameters
    }

    /// One for each simulcast encoding, in its place and under its rid, if it has one; else one.
    private static func encodings(
        of source: RTPParameters, keeping known: [EncodingParameters], using generator: inout some RandomNumberGenerator
    ) -> [EncodingParameters] {
        let told = source.encodings.filter { $0.rid != nil || $0.ssrc != nil }.prefix(Limits.encodingsPerPipeSection)
        let rids = told.count > 1 ? told.map(\.rid) : [nil]
        let hasRTX = source.codecs.contains { $0.rtxPayloadType != nil }
        return rids.enumerated().map { place, rid in
            let kept = known.indices.contains(place) && known[place].rid == rid ? known[place] : nil
            return EncodingParameters(
                ssrc: kept?.ssrc ?? ssrc(using: &generator),
                rtxSSRC: hasRTX ? kept?.rtxSSRC ?? ssrc(using: &generator) : nil, rid: rid)
        }
    }

    /// A random SSRC (RFC 3550 section 8.1), never 0.
    public static func ssrc(using generator: inout some RandomNumberGenerator) -> UInt32 {
        UInt32.random(in: 1...(.max), using: &generator)
    }
}
