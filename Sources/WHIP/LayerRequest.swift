import Foundation
import RTP
import SDP
import Session

/// The body of a layer selection (draft-ietf-wish-whep, `urn:ietf:params:whep:ext:core:layer`). Absent members ask for
/// the best there is.
struct LayerRequest: Codable {
    /// The mid of a video section, or the index of its m= line; absent: the first video section.
    var mediaId: String?
    /// The rid of an encoding. Drafts call it `encodingId` and `rid`.
    var encodingId: String?
    var spatialLayerId: Int?
    var temporalLayerId: Int?
    var maxSpatialLayerId: Int?
    var maxTemporalLayerId: Int?
    /// Ours: whose turn is first where the path has no room for all, 1 to 10; and how large the video is shown.
    var priority: Int?
    var width: Int?
    var height: Int?

    private enum Key: String, CodingKey {
        case mediaId, encodingId, rid, spatialLayerId, temporalLayerId, maxSpatialLayerId, maxTemporalLayerId
        case priority, width, height
    }

    init() {}

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        if let number = try? container.decodeIfPresent(Int.self, forKey: .mediaId) {
            mediaId = String(number)
        } else {
            mediaId = try container.decodeIfPresent(String.self, forKey: .mediaId)
        }
        encodingId =
            try container.decodeIfPresent(String.self, forKey: .encodingId)
            ?? container.decodeIfPresent(String.self, forKey: .rid)
        spatialLayerId = try Self.layer(.spatialLayerId, in: container)
        temporalLayerId = try Self.layer(.temporalLayerId, in: container)
        maxSpatialLayerId = try Self.layer(.maxSpatialLayerId, in: container)
        maxTemporalLayerId = try Self.layer(.maxTemporalLayerId, in: container)
        priority = try Self.number(.priority, 1...10, in: container)
        width = try Self.number(.width, 1...16_384, in: container)
        height = try Self.number(.height, 1...16_384, in: container)
        guard (width == nil) == (height == nil) else {
            let missing = width == nil ? Key.width : .height
            throw DecodingError.dataCorruptedError(
                forKey: missing, in: container, debugDescription: "width and height belong together")
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encodeIfPresent(mediaId, forKey: .mediaId)
        try container.encodeIfPresent(encodingId, forKey: .encodingId)
        try container.encodeIfPresent(spatialLayerId, forKey: .spatialLayerId)
        try container.encodeIfPresent(temporalLayerId, forKey: .temporalLayerId)
        try container.encodeIfPresent(maxSpatialLayerId, forKey: .maxSpatialLayerId)
        try container.encodeIfPresent(maxTemporalLayerId, forKey: .maxTemporalLayerId)
        try container.encodeIfPresent(priority, forKey: .priority)
        try container.encodeIfPresent(width, forKey: .width)
        try container.encodeIfPresent(height, forKey: .height)
    }

    /// RTP payload formats count at most eight layers of a dimension (RFC 9628 section 4.2).
    private static func layer(_ key: Key, in container: KeyedDecodingContainer<Key>) throws -> Int? {
        try number(key, 0...7, in: container)
    }

    private static func number(
        _ key: Key, _ range: ClosedRange<Int>, in container: KeyedDecodingContainer<Key>
    ) throws -> Int? {
        guard let number = try container.decodeIfPresent(Int.self, forKey: key) else { return nil }
        guard range.contains(number) else {
            throw DecodingError.dataCorruptedError(
                forKey: key, in: container, debugDescription: "\(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    static func parse(_ text: String) throws(GatewayError) -> LayerRequest {
        guard text.utf8.count <= Limits.layerRequestBytes else {
            throw GatewayError(413, "a layer request has at most \(Limits.layerRequestBytes) bytes")
        }
        do {
            return try JSONDecoder().decode(LayerRequest.self, from: Data(text.utf8))
        } catch DecodingError.typeMismatch(_, let context), DecodingError.dataCorrupted(let context) {
            let field = context.codingPath.last.map { "`\($0.stringValue)`" } ?? "the body"
            throw GatewayError(400, "\(field) is malformed: \(Self.form)")
        } catch {
            throw GatewayError(400, "the body is malformed: \(Self.form)")
        }
    }

    private static let form =
        "send JSON as {\"mediaId\": \"1\", \"encodingId\": \"h\"} or with spatialLayerId, temporalLayerId from 0 to 7; "
        + "priority is 1 to 10, width and height go together"

    /// What the worker is told. Where an encoding is named it is the spatial layer.
    func selection(section: Int, source: MediaNegotiation?) throws(GatewayError) -> LayerSelection {
        var spatial = Self.lower(spatialLayerId, maxSpatialLayerId)
        if let encodingId {
            guard let source else {
                throw GatewayError(409, "nobody publishes into this section yet; try again when it plays")
            }
            guard let index = EncodingOrder.index(of: encodingId, in: source.receive) else {
                let known = EncodingOrder.names(of: source.receive).joined(separator: ", ")
                let hint = known.isEmpty ? "the publisher sends one encoding only" : "it has \(known)"
                throw GatewayError(404, "`encodingId` names no encoding of the publisher: \(hint)")
            }
            spatial = index
        }
        return LayerSelection(
            section: section, spatial: spatial, temporal: Self.lower(temporalLayerId, maxTemporalLayerId),
            priority: priority, pixels: width.flatMap { width in height.map { width * $0 } })
    }

    private static func lower(_ left: Int?, _ right: Int?) -> Int? {
        guard let left, let right else { return left ?? right }
        return min(left, right)
    }
}

/// How the encodings of a simulcast are counted: the one place that knows.
enum EncodingOrder {
    /// From the one that counts as the smallest. Those of a simulcast without rids are called by their number; none
    /// where there is one encoding only.
    static func names(of parameters: RTPParameters) -> [String] {
        guard parameters.encodings.count > 1 else { return [] }
        return parameters.encodingsBySize.map { parameters.encodings[$0].rid ?? String($0) }
    }

    /// The encoding's ``LayerSelection/spatial``; nil when the publisher has no such encoding.
    static func index(of name: String, in parameters: RTPParameters) -> Int? {
        names(of: parameters).firstIndex(of: name)
    }
}
