import Foundation
import RTP
import SDP
import Session

/// One publisher or player as it is kept beyond this process.
struct ResourceRecord: Codable {
    struct Credentials: Codable {
        var ufrag: String
        var password: String
        var isLite: Bool
        var trickles: Bool

        init(_ parameters: ICEParameters) {
            ufrag = parameters.ufrag
            password = parameters.password
            isLite = parameters.isLite
            trickles = parameters.trickles
        }

        var parameters: ICEParameters {
            ICEParameters(ufrag: ufrag, password: password, isLite: isLite, trickles: trickles)
        }
    }

    struct Layers: Codable {
        var section: Int
        var request: LayerRequest
        var selection: LayerSelection?
    }

    var role: String
    var secret: String
    var id: EndpointID
    var name: String
    var chosenPublisher: String?
    /// Among the publishers of the room.
    var order: Int
    var tag: String
    var local: Credentials
    var remote: Credentials
    var description: String
    var candidates: [String]
    var media: [MediaNegotiation]
    var restarts: Int
    var remoteCandidates: [String]
    var ice: ICEState
    /// By kind.
    var feeds: [String: [EndpointID?]]
    var layers: [Layers]
    /// Which encodings the peer was told to send, by mid; absent from records before that was told.
    var encodings: [String: [Bool]]?

    init(_ resource: Resource) {
        role = resource.role.rawValue
        secret = resource.secret
        id = resource.id
        name = resource.name
        chosenPublisher = resource.chosenPublisher
        order = resource.room.publishers.firstIndex { $0 === resource } ?? 0
        tag = resource.tag
        local = Credentials(resource.local)
        remote = Credentials(resource.remote)
        description = resource.description.text
        candidates = resource.candidates
        media = resource.media
        restarts = resource.restarts
        remoteCandidates = resource.remoteCandidates.sorted()
        ice = resource.ice
        feeds = [:]
        for (kind, sources) in resource.feeds { feeds[kind.rawValue] = sources }
        layers = resource.layerRequests.sorted { $0.key < $1.key }.map {
            Layers(section: $0.key, request: $0.value, selection: resource.selections[$0.key])
        }
        if !resource.encodings.isEmpty { encodings = resource.encodings }
    }

    /// JSON with sorted keys, so that equal records are equal text.
    var text: String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) }
    }

    init?(text: String) {
        guard let record = try? JSONDecoder().decode(ResourceRecord.self, from: Data(text.utf8)) else { return nil }
        self = record
    }
}
