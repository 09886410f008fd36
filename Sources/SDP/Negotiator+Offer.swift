public import RTP

extension Negotiator {
    /// Our offer: one section for each of `kinds`, in that order, and one for data channels when they are on.
    /// Mids are the indices in decimal; all sections are bundled.
    public static func offer(
        with local: EndpointCapabilities, kinds: [MediaKind] = [.audio, .video]
    ) -> SessionDescription {
        var description = SessionDescription(
            origin: Origin(sessionID: local.sessionID, version: local.sessionVersion), name: local.sessionName,
            isICELite: local.ice.isLite, iceOptions: local.ice.trickles ? ["trickle"] : [])
        let ids = extensionIDs(of: local, kinds)
        var used: [MediaKind: Int] = [:]
        for (index, kind) in kinds.prefix(Limits.sections - 1).enumerated() {
            let capabilities = local[kind]
            let next = used[kind, default: 0]
            let source = next < capabilities.sources.count ? capabilities.sources[next] : nil
            let direction = MediaDirection(
                sends: capabilities.direction.sends && source != nil, receives: capabilities.direction.receives)
            var section = MediaDescription(kind: MediaDescription.Kind(kind), mid: String(index), direction: direction)
            section.setCodecs(capabilities.codecs)
            section.hasReducedSizeRTCP = true
            section.extensions = ids.filter { capabilities.headerExtensions.contains($0.uri) }
            if direction.receives { section.setCeiling(capabilities.maxReceiveKbps) }
            if direction.sends, let source {
                used[kind] = next + 1
                section.setSource(
                    source, cname: local.cname, streamID: local.streamID,
                    hasRTX: capabilities.codecs.contains { $0.rtxPayloadType != nil })
            }
            section.setTransport(of: local, setup: .actpass)
            description.media.append(section)
        }
        if local.acceptsDataChannels {
            var section = MediaDescription(
                kind: .application, transport: MediaDescription.sctp, formats: [dataChannelFormat],
                mid: String(description.media.count))
            section.sctpPort = local.sctpPort
            section.maxMessageSize = local.maxMessageSize
            section.setTransport(of: local, setup: .actpass)
            description.media.append(section)
        }
        description.groups = [MediaGroup(MediaGroup.bundle, description.media.compactMap(\.mid))]
        return description
    }

    /// One id for each URI in all sections, as a bundle needs it (RFC 9143 section 14); beyond 14 there are none.
    private static func extensionIDs(of local: EndpointCapabilities, _ kinds: [MediaKind]) -> [HeaderExtension] {
        var ids: [HeaderExtension] = []
        // Which encodings there are is for the side that sends them to say.
        let simulcast = [HeaderExtensionURI.rid, HeaderExtensionURI.repairedRid]
        for uri in kinds.flatMap({ local[$0].headerExtensions })
        where ids.count < 14 && !simulcast.contains(uri) && !ids.contains(where: { $0.uri == uri }) {
            ids.append(HeaderExtension(id: UInt16(ids.count + 1), uri: uri))
        }
        return ids
    }
}
