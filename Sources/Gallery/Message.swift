import Kurento

/// What a page said: a JSON object with an `id`.
struct Message: Sendable {
    /// In the words of most tutorials: see ``Dialect``.
    let id: String
    let dialect: Dialect
    private let members: JSONValue

    init(_ text: String) throws(GalleryError) {
        guard text.utf8.count <= Limits.messageBytes else {
            throw GalleryError("A message has at most \(Limits.messageBytes) bytes")
        }
        guard let value = try? JSONParser.parse(text), case .string(let word)? = value["id"] else {
            throw GalleryError("A message is a JSON object with an `id`")
        }
        members = value
        (id, dialect) = Dialect.read(word)
    }

    func string(_ member: String) throws(GalleryError) -> String {
        guard let text = optionalString(member), !text.isEmpty else { throw .missing(member, of: id) }
        return text
    }

    func optionalString(_ member: String) -> String? {
        if case .string(let text)? = members[member] { text } else { nil }
    }

    func flag(_ member: String) -> Bool { members[member]?.asBool ?? false }

    func integer(_ member: String) throws(GalleryError) -> Int64 {
        guard let number = members[member]?.asInt64 else { throw .missing(member, of: id) }
        return number
    }

    /// A person's name, or a room's.
    func name(_ member: String) throws(GalleryError) -> String {
        let name = try string(member)
        guard name.utf8.count <= Limits.nameBytes else {
            throw GalleryError("`\(member)` has at most \(Limits.nameBytes) bytes")
        }
        return name
    }

    var offer: String { get throws(GalleryError) { try string("sdpOffer") } }

    /// The candidate of `onIceCandidate`, as the media server takes it.
    var candidate: JSONValue {
        get throws(GalleryError) {
            guard let given = members["candidate"], case .string(let text)? = given["candidate"] else {
                throw .missing("candidate", of: id)
            }
            return [
                "__module__": "kurento", "__type__": "IceCandidate", "candidate": .string(text),
                "sdpMid": .string(given["sdpMid"]?.asString ?? ""),
                "sdpMLineIndex": .integer(given["sdpMLineIndex"]?.asInt64 ?? 0),
            ]
        }
    }
}

/// Two generations of the tutorials say the same with different words.
enum Dialect: Sendable {
    /// `start`, `startResponse`: most of them.
    case lower
    /// `PROCESS_SDP_OFFER`, `PROCESS_SDP_ANSWER`: hello-world and rtp-receiver, in Java.
    case upper

    private static let requests = [
        "PROCESS_SDP_OFFER": "start", "ADD_ICE_CANDIDATE": "onIceCandidate", "STOP": "stop", "ERROR": "error",
    ]
    private static let replies = [
        "startResponse": "PROCESS_SDP_ANSWER", "iceCandidate": "ADD_ICE_CANDIDATE", "playEnd": "END_PLAYBACK",
        "error": "ERROR",
    ]

    /// What a page's word means, and whose word it is.
    static func read(_ word: String) -> (id: String, dialect: Dialect) {
        if let id = requests[word] { (id, .upper) } else { (word, .lower) }
    }

    /// The word for a reply.
    func word(_ id: String) -> String {
        switch self {
        case .lower: id
        case .upper: Self.replies[id] ?? id
        }
    }
}
