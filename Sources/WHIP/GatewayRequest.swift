public import Session

/// One HTTP request to a path under `/whip` or `/whep`, without the transport's details.
public struct GatewayRequest: Sendable {
    public var method: String
    /// Components of the path with escapes resolved: `["whip", "lobby"]`.
    public var path: [String]
    public var query: [String: String]
    /// Values of the headers that count.
    public var contentType: String?
    public var ifMatch: String?
    public var authorization: String?
    public var body: String

    public init(
        method: String, path: [String], query: [String: String] = [:], contentType: String? = nil,
        ifMatch: String? = nil, authorization: String? = nil, body: String = ""
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.contentType = contentType
        self.ifMatch = ifMatch
        self.authorization = authorization
        self.body = body
    }

    /// The media type alone, in lower case (RFC 9110 section 8.3.1).
    var mediaType: String? {
        contentType?.split(separator: ";").first?.trimmed.lowercased()
    }

    /// The token of `Authorization: Bearer …` (RFC 6750 section 2.1); the scheme's case does not matter.
    var bearerToken: String? {
        guard let authorization else { return nil }
        let words = authorization.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return words[1].trimmed
    }

    /// Whether `If-Match` holds for the entity-tag (RFC 9110 section 13.1.1); nil when there is none.
    func matches(_ tag: String) -> Bool? {
        guard ifMatch != nil else { return nil }
        return matchesAnyTag || ifMatchTags.contains(tag)
    }

    /// Whether `If-Match` is the asterisk, by which an ICE restart is told from a trickle. RFC 9725 writes it in
    /// quotes.
    var matchesAnyTag: Bool { ifMatchTags.contains { $0 == "*" || $0 == "\"*\"" } }

    private var ifMatchTags: [String] { ifMatch?.split(separator: ",").map(\.trimmed) ?? [] }
}

/// What goes back.
public struct GatewayResponse: Sendable {
    public var status: Int
    /// In order; a name may be there more than once.
    public var headers: [(name: String, value: String)]
    public var body: String
    /// Server-sent events that follow the body as they happen; ends with the resource.
    public var events: AsyncStream<String>?
    /// The controller that has the room: the request is for it, and the response only for want of a way there.
    public var elsewhere: ControllerID?

    public init(_ status: Int, headers: [(name: String, value: String)] = [], body: String = "") {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// A request that was not done, and the response that says why.
struct GatewayError: Error {
    var status: Int
    /// What is wrong and what to do about it, in a sentence for the person at the other end.
    var message: String
    var headers: [(name: String, value: String)] = []
    /// The controller that has the room.
    var elsewhere: ControllerID?

    init(_ status: Int, _ message: String, headers: [(name: String, value: String)] = []) {
        self.status = status
        self.message = message
        self.headers = headers
    }

    var response: GatewayResponse {
        var response = GatewayResponse(
            status, headers: headers + [("Content-Type", "text/plain; charset=utf-8")], body: message + "\n")
        response.elsewhere = elsewhere
        return response
    }

    /// - Parameter retryAfter: in seconds.
    static func full(_ message: String, retryAfter: Int? = nil) -> GatewayError {
        GatewayError(503, message, headers: [("Retry-After", String(retryAfter ?? Limits.retryAfter))])
    }

    static func badMethod(_ allowed: String) -> GatewayError {
        GatewayError(405, "this URL takes \(allowed)", headers: [("Allow", allowed)])
    }

    static let notFound = GatewayError(404, "there is no such resource; it may have ended: POST a new offer")
}

extension Substring {
    var trimmed: String {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
