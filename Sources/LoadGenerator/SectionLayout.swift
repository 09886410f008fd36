import ICE
import RTP
import SDP
import Wire

/// Which sections a client has, and what is in them: video of every publisher first, then audio of every one.
struct SectionLayout: Sendable {
    /// The publishers whose streams the client has: itself, or all of the room.
    let publishers: Range<Int>
    let video: VideoPattern?
    let hasAudio: Bool
    let isPublisher: Bool

    /// Encodings of ``VideoPattern/simulcast`` by rid, smallest first.
    static let rids = ["q", "h", "f"]
    /// The extensions that carry them (RFC 8852), behind the ids that an offer gives out from 1 on.
    static let ridExtensions = [
        HeaderExtension(id: 10, uri: HeaderExtensionURI.rid),
        HeaderExtension(id: 11, uri: HeaderExtensionURI.repairedRid),
    ]
    static let videoPayloadType: UInt8 = 96
    static let audioPayloadType: UInt8 = 111

    var kinds: [MediaKind] {
        publishers.filter { _ in video != nil }.map { _ in .video }
            + publishers.filter { _ in hasAudio }.map { _ in .audio }
    }

    func offer(with capabilities: EndpointCapabilities, candidate: String) -> SessionDescription {
        var description = Negotiator.offer(with: capabilities, kinds: kinds)
        if isPublisher, video == .simulcast {
            // A server's offer has no use for these two; ids are one space for the whole bundle (RFC 9143 section 14).
            let used = description.media.flatMap(\.extensions).map(\.id).max() ?? 0
            let names = [
                HeaderExtension(id: used + 1, uri: HeaderExtensionURI.rid),
                HeaderExtension(id: used + 2, uri: HeaderExtensionURI.repairedRid),
            ]
            for index in description.media.indices where description.media[index].kind == .video {
                // RFC 8853 section 5.1; the streams are told apart by rid, so no SSRC is announced.
                description.media[index].sources = []
                description.media[index].sourceGroups = []
                description.media[index].extensions.removeAll { known in names.contains { $0.uri == known.uri } }
                description.media[index].extensions += names
                description.media[index].rids = Self.rids.map { RestrictionID(id: $0, isSend: true) }
                description.media[index].simulcast = Simulcast(send: Self.rids.map { [SimulcastStream(rid: $0)] })
                description.media[index].extensions += Self.ridExtensions
            }
        }
        return description.adding(candidates: [candidate])
    }

    /// What a browser of the same role would offer.
    func capabilities(
        ice: ICEParameters, fingerprint: SDP.Fingerprint, random: inout SeededRandom
    ) -> EndpointCapabilities {
        let name = random.iceCharacters(12)
        return EndpointCapabilities(
            audio: kind(.audio, random: &random), video: kind(.video, random: &random), ice: ice,
            fingerprint: fingerprint, cname: name, streamID: isPublisher ? "load-\(publishers.lowerBound)" : "-",
            sessionID: random.next() >> 2)
    }

    private func kind(_ kind: MediaKind, random: inout SeededRandom) -> KindCapabilities {
        let isVideo = kind == .video
        let codec =
            isVideo
            ? CodecParameters(
                name: "VP8", payloadType: Self.videoPayloadType, clockRate: 90_000,
                feedback: ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"],
                rtxPayloadType: Self.videoPayloadType + 1)
            : CodecParameters(
                name: "opus", payloadType: Self.audioPayloadType, clockRate: 48_000, channels: 2,
                formatParameters: [FormatParameter("minptime", "10"), FormatParameter("useinbandfec", "1")],
                feedback: ["transport-cc"])
        let extensions = [HeaderExtensionURI.mid, HeaderExtensionURI.transportWideCC]
        let source = LocalSource(
            ssrc: Self.ssrc(&random), rtxSSRC: isVideo ? Self.ssrc(&random) : nil, trackID: "load-\(kind.rawValue)")
        return KindCapabilities(
            codecs: [codec], headerExtensions: extensions, direction: isPublisher ? .sendonly : .recvonly,
            sources: isPublisher ? [source] : [], maxSections: Limits.sections / 2)
    }

    private static func ssrc(_ random: inout SeededRandom) -> UInt32 {
        max(1, UInt32(truncatingIfNeeded: random.next()))
    }

    /// What was agreed on, section by section.
    func media(_ negotiation: Negotiation, publishers: [Int]?) throws -> [ClientSection] {
        var counts: [MediaKind: Int] = [:]
        var sections: [ClientSection] = []
        for media in negotiation.media {
            let position = counts[media.kind, default: 0]
            counts[media.kind] = position + 1
            guard isPublisher ? media.direction.sends : media.direction.receives else { continue }
            var publisher = self.publishers.lowerBound + position
            if let publishers, media.index < publishers.count { publisher = publishers[media.index] }
            sections.append(
                ClientSection(
                    publisher: publisher, mid: media.mid, kind: media.kind,
                    parameters: isPublisher ? media.send : media.receive))
        }
        guard !sections.isEmpty else {
            throw SDPError(.unsupported, "the server took none of the client's sections", hint: "look at its answer")
        }
        return sections
    }
}
