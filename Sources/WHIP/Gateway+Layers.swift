import Foundation
import RTP
import SDP
import Session

extension Gateway {
    /// `POST` of a layer request (draft-ietf-wish-whep, video layer selection).
    func selectLayers(_ request: GatewayRequest, _ player: Resource) async throws(GatewayError) -> GatewayResponse {
        guard request.mediaType == "application/json" else {
            throw GatewayError(415, "a layer request is JSON: send Content-Type: application/json")
        }
        let wish = try LayerRequest.parse(request.body)
        let section = try Self.section(wish.mediaId, of: player)
        await player.gate.enter()
        defer { player.gate.leave() }
        guard !player.isEnded else { throw .notFound }
        let source = player.feeds[.video]?[section].flatMap { player.room.resource(of: $0) }
        let selection = try wish.selection(section: section, source: source?.source(of: .video))
        _ = try await perform(.selectLayers(player.id, selection), in: player.room)
        player.layerRequests[section] = wish
        player.selections[section] = selection
        touch(player)
        return GatewayResponse(200)
    }

    /// `GET`: what there is to choose from, by mid.
    func layers(of player: Resource) throws(GatewayError) -> GatewayResponse {
        var document: [String: LayerDocument] = [:]
        for (section, media) in player.sinks(of: .video).enumerated() {
            let publisher = player.feeds[.video]?[section].flatMap { player.room.resource(of: $0) }
            let rids = publisher?.source(of: .video).map { EncodingOrder.names(of: $0.receive) } ?? []
            document[media.mid] = LayerDocument(
                publisher: publisher?.name,
                layers: rids.enumerated().map { LayerDocument.Layer(encodingId: $1, spatialLayerId: $0) },
                selected: player.selections[section].map {
                    LayerDocument.Selected(spatialLayerId: $0.spatial, temporalLayerId: $0.temporal)
                })
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(document) else {
            throw GatewayError(500, "the layers cannot be written as JSON")
        }
        return GatewayResponse(
            200, headers: [("Content-Type", "application/json")], body: String(decoding: data, as: UTF8.self))
    }

    /// Which of the video sections that we send in a request means.
    private static func section(_ mediaID: String?, of player: Resource) throws(GatewayError) -> Int {
        let sinks = player.sinks(of: .video)
        guard let mediaID else {
            guard !sinks.isEmpty else { throw GatewayError(409, "this player has no video") }
            return 0
        }
        if let section = sinks.firstIndex(where: { $0.mid == mediaID }) { return section }
        if let index = Int(mediaID), let section = sinks.firstIndex(where: { $0.index == index }) { return section }
        let known = sinks.map(\.mid).joined(separator: ", ")
        throw GatewayError(404, "`mediaId` names no video section of this player: it has \(known)")
    }
}

/// One video section as `GET …/layer` shows it.
struct LayerDocument: Codable, Equatable {
    struct Layer: Codable, Equatable {
        var encodingId: String
        var spatialLayerId: Int
    }

    struct Selected: Codable, Equatable {
        var spatialLayerId: Int?
        var temporalLayerId: Int?
    }

    /// Who feeds the section; absent while nobody does.
    var publisher: String?
    /// From the smallest; empty when there is one encoding only.
    var layers: [Layer]
    /// What was asked for; absent for the best there is.
    var selected: Selected?
}
