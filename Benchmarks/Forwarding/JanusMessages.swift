/// What is sent to Janus over its HTTP API. Absent fields are left out.
struct JanusRequest: Encodable, Sendable {
    var janus: String
    var transaction: String
    var plugin: String?
    var body: VideoRoomRequest?
    var jsep: JanusDescription?
}

struct JanusDescription: Codable, Sendable {
    var type: String
    var sdp: String
}

/// A request to the videoroom plugin.
struct VideoRoomRequest: Encodable, Sendable {
    struct Stream: Encodable, Sendable {
        var feed: UInt64?
        var mid: String?
        var substream: Int?
    }

    var request: String
    var ptype: String?
    var room: UInt64?
    var streams: [Stream]?
}

/// An answer or an event of Janus.
struct JanusMessage: Decodable, Sendable {
    struct Identified: Decodable, Sendable { var id: UInt64 }

    struct Plugin: Decodable, Sendable { var data: VideoRoomData }

    struct Failure: Decodable, Sendable {
        var code: Int
        var reason: String
    }

    var janus: String
    var transaction: String?
    var data: Identified?
    var plugindata: Plugin?
    var jsep: JanusDescription?
    var error: Failure?
}

/// What the videoroom plugin says.
struct VideoRoomData: Decodable, Sendable {
    struct Stream: Decodable, Sendable {
        var mindex: Int
        var mid: String?
        var type: String
        var feed_id: UInt64?
    }

    var videoroom: String?
    /// The feed of a publisher.
    var id: UInt64?
    var streams: [Stream]?
    var error: String?
}

/// What `GET /janus/info` says.
struct JanusInformation: Decodable, Sendable {
    struct Part: Decodable, Sendable { var version_string: String }

    var version_string: String
    var plugins: [String: Part]?
}
