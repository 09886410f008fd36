import Logging
import SDP
import Session
import Wire

extension MediaServer {
    /// Tells our candidates as events, once there is a description whose mid they can name.
    func gatherCandidates(_ object: MediaObject) {
        if object.endpoint?.ice == .new {
            object.endpoint?.isGathering = true
            raiseICEState(of: object)
        }
        object.endpoint?.isGatheringDue = true
        gatherIfDue(object)
    }

    func gatherIfDue(_ object: MediaObject) {
        guard let endpoint = object.endpoint, endpoint.isGatheringDue, let local = endpoint.localDescription else {
            return
        }
        object.endpoint?.isGatheringDue = false
        // With BUNDLE all media share the first section's transport (RFC 9143), so that one's mid says it all.
        let index = local.media.firstIndex { !$0.isRejected } ?? 0
        let mid = local.media.indices.contains(index) ? local.media[index].mid : nil
        for candidate in localCandidates(of: object) {
            let value = JSONValue.structure(
                "IceCandidate",
                [
                    "candidate": .string(candidate), "sdpMid": .string(mid ?? String(index)),
                    "sdpMLineIndex": .integer(Int64(index)),
                ])
            raise("IceCandidateFound", on: object, ["candidate": value])
        }
        raise("IceGatheringDone", on: object)
    }

    /// The worker's candidates, with the addresses that the client says the world sees.
    func localCandidates(of object: MediaObject) -> [String] {
        guard let endpoint = object.endpoint else { return [] }
        let external = ["externalIPv4", "externalIPv6"].map { object.properties[$0]?.asString ?? "" }
        return endpoint.opened.candidates.map { text in
            var words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            guard words.count > 5, let address = IPAddress(words[4]) else { return text }
            let replacement = address.isIPv4 ? external[0] : external[1]
            guard !replacement.isEmpty else { return text }
            words[4] = replacement
            return words.joined(separator: " ")
        }
    }

    /// `addIceCandidate`: before negotiation as well as after. An empty text says that there are no more.
    func addCandidate(_ value: JSONValue, to object: MediaObject, in pipeline: Pipeline) async throws(KurentoError) {
        let text = value["candidate"]?.asString ?? ""
        let mid = value["sdpMid"]?.asString ?? ""
        guard mid.utf8.count <= Limits.midBytes, !Self.hasControlCharacter(mid) else {
            throw KurentoError(.iceAddCandidateError, "Error adding candidate: 'sdpMid' is not a mid")
        }
        guard !text.isEmpty, text != "candidate:", let endpoint = object.endpoint else { return }
        guard let candidate = Self.candidate(text) else {
            throw KurentoError(.iceAddCandidateError, "Error adding candidate: it is not an ICE candidate attribute")
        }
        guard CandidateLine.isUsable(candidate, resolvesNames: configuration.resolvesNames) else { return }
        guard endpoint.remoteCandidates < Limits.candidatesPerEndpoint else {
            throw KurentoError(
                .iceAddCandidateError,
                "Error adding candidate: an endpoint takes \(Limits.candidatesPerEndpoint) candidates")
        }
        object.endpoint?.remoteCandidates += 1
        do {
            _ = try await performOrRefuse(.addCandidate(endpoint.id, candidate), in: pipeline)
        } catch {
            guard error.reason == .invalid else { throw KurentoError(error) }
            throw KurentoError(.iceAddCandidateError, "Error adding candidate: \(error.message)")
        }
    }

    /// A candidate within a description. One that cannot be used spoils neither the others nor the session.
    func addEmbeddedCandidate(_ text: String, to object: MediaObject, in pipeline: Pipeline) async {
        do {
            try await addCandidate(["candidate": .string(text)], to: object, in: pipeline)
        } catch {
            logger.debug("a candidate of a description was refused", metadata: ["reason": "\(error.message)"])
        }
    }

    /// `candidate:…` of plausible shape (RFC 8839 section 5.1): foundation, component, transport, priority,
    /// address, port, `typ` and a type.
    static func candidate(_ text: String) -> String? {
        var text = text[...]
        if text.hasPrefix("a=") { text = text.dropFirst(2) }
        guard text.hasPrefix("candidate:"), text.utf8.count <= Limits.candidateBytes, !hasControlCharacter(text) else {
            return nil
        }
        let words = text.split(separator: " ")
        guard words.count >= 8, UInt16(words[1]) != nil, UInt32(words[3]) != nil, UInt16(words[5]) != nil,
            words[6] == "typ"
        else { return nil }
        return String(text)
    }

    private static func hasControlCharacter(_ text: some StringProtocol) -> Bool {
        text.utf8.contains { $0 < 0x20 || $0 == 0x7F }
    }
}
