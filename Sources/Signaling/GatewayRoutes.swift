import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Session
public import WHIP

/// WHIP and WHEP on the common port: carries HTTP to the ``Gateway`` and back, and lets pages of other origins in.
struct GatewayRoutes: Sendable {
    let gateway: Gateway
    let webSockets: WebSocketRoutes
    let limits: SignalingLimits
    let budget: ConnectionBudget
    /// The way to rooms of other controllers, where there are any.
    let forwarder: GatewayForwarder?

    func add(to router: Router<FrontRequestContext>) {
        for endpoint in ["whip", "whep"] {
            for method in [HTTPRequest.Method.get, .head, .post, .put, .patch, .delete, .options] {
                router.on("/\(endpoint)/**", method: method) { request, context in
                    try await respond(to: request, context)
                }
            }
        }
    }

    private func respond(to request: Request, _ context: FrontRequestContext) async throws -> Response {
        let origin = request.headers[.origin]
        guard webSockets.allows(origin: origin) else {
            return HTTPRoutes.text("this origin is not allowed\n", status: .forbidden)
        }
        var response: Response
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytes {
            response = HTTPRoutes.text("a body has at most \(limits.bodyBytes) bytes\n", status: .contentTooLarge)
        } else if let body = try? await request.body.collect(upTo: limits.bodyBytes) {
            let question = Self.request(request, body)
            let answer = await gateway.respond(to: question)
            if let controller = answer.elsewhere {
                response = await forwarded(request, body, to: controller, context) ?? Self.response(answer)
                await gateway.answeredElsewhere(question, status: response.status.code)
            } else {
                response = Self.response(answer)
                if let events = answer.events { stream(events, context, &response) }
            }
        } else {
            response = HTTPRoutes.text("the body is too large, or ended early\n", status: .contentTooLarge)
        }
        if let origin { allow(origin, request, &response) }
        // RFC 9110 section 9.3.2: a HEAD is answered without content.
        if request.method == .head { response.body = ResponseBody() }
        return response
    }

    /// What the controller says that has the room; nil when it cannot be reached, or the request has come from another
    /// one already.
    private func forwarded(
        _ request: Request, _ body: ByteBuffer, to controller: ControllerID, _ context: FrontRequestContext
    ) async -> Response? {
        guard let forwarder, request.headers[GatewayForwarder.mark] == nil,
            let answer = await forwarder.forward(request.head, body, to: controller)
        else { return nil }
        let lease = answer.isStream ? budget.lend(ConnectionBudget.key(of: context.remoteAddress)) : nil
        if answer.isStream, lease == nil { return Self.tooManyStreams }
        let body = ForwardedBody(pieces: answer.pieces, channel: context.channel, limits: limits, lease: lease)
        return Response(
            status: answer.head.status, headers: answer.head.headerFields,
            body: ResponseBody(contentLength: answer.length) { writer in try await body.write(to: &writer) })
    }

    private static var tooManyStreams: Response {
        var response = HTTPRoutes.text(
            "too many event streams are open; try again later\n", status: .serviceUnavailable)
        response.headers[.retryAfter] = "5"
        return response
    }

    private static func request(_ request: Request, _ body: ByteBuffer) -> GatewayRequest {
        let path = request.uri.path.split(separator: "/").map { String($0).removingPercentEncoding ?? "" }
        var query: [String: String] = [:]
        for (key, value) in request.uri.queryParameters { query[String(key)] = String(value) }
        return GatewayRequest(
            method: request.method.rawValue, path: path, query: query, contentType: request.headers[.contentType],
            ifMatch: request.headers[.ifMatch], authorization: request.headers[.authorization],
            body: String(buffer: body))
    }

    private static func response(_ answer: GatewayResponse) -> Response {
        var headers: HTTPFields = [.cacheControl: "no-store"]
        for (name, value) in answer.headers {
            guard let name = HTTPField.Name(name) else { continue }
            headers.append(HTTPField(name: name, value: value))
        }
        let body = answer.body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(string: answer.body))
        return Response(status: HTTPResponse.Status(code: answer.status), headers: headers, body: body)
    }

    /// Server-sent events on the connection until it or the resource ends.
    private func stream(_ events: AsyncStream<String>, _ context: FrontRequestContext, _ response: inout Response) {
        guard let lease = budget.lend(ConnectionBudget.key(of: context.remoteAddress)) else {
            response = Self.tooManyStreams
            return
        }
        let body = EventStreamBody(events: events, channel: context.channel, limits: limits, lease: lease)
        response.body = ResponseBody { writer in try await body.write(to: &writer) }
    }

    /// The CORS protocol (Fetch standard, section 3.2). No credentials: a token is in a header, never in a cookie.
    private func allow(_ origin: String, _ request: Request, _ response: inout Response) {
        response.headers[.accessControlAllowOrigin] = webSockets.allowsAll ? "*" : origin
        if !webSockets.allowsAll { response.headers[.vary] = "Origin" }
        if request.method == .options {
            response.headers[.accessControlAllowMethods] = "DELETE, GET, OPTIONS, PATCH, POST"
            response.headers[.accessControlAllowHeaders] = "Authorization, Content-Type, If-Match"
            response.headers[.accessControlMaxAge] = "86400"
        } else {
            response.headers[.accessControlExposeHeaders] = "Accept-Patch, ETag, Link, Location, Retry-After"
        }
    }
}

extension WHIPStatus {
    /// What the engine counts, in the form of status and metrics.
    public init(_ statistics: GatewayStatistics) {
        self.init()
        rooms = statistics.rooms
        publishers = statistics.publishers
        players = statistics.players
        connected = statistics.connected
        requests = statistics.requests.map { kind, count in
            WHIPRequestCount(endpoint: kind.endpoint, method: kind.method, status: kind.status, count: count)
        }.sorted { ($0.endpoint, $0.method, $0.status) < ($1.endpoint, $1.method, $1.status) }
    }
}
