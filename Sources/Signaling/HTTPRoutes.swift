import Foundation
import HTTPTypes
import Hummingbird
import Session

/// The plain HTTP half of the front door: page, health, metrics, status.
struct HTTPRoutes: Sendable {
    let files: StaticFiles
    let status: any StatusSource
    let webSockets: WebSocketRoutes
    let budget: ConnectionBudget
    /// Where the page finds the Kurento protocol, without the leading slash.
    let kurentoPath: String
    /// WHIP and WHEP, where they are served.
    let gateway: GatewayRoutes?
    /// What operators can do, where it is served.
    let control: ControlRoutes?

    func router() -> Router<FrontRequestContext> {
        let router = Router(context: FrontRequestContext.self, options: .autoGenerateHeadEndpoints)
        // Liveness is local: it says that this process serves, nothing about store or workers.
        router.get("/healthz") { _, _ in Self.text("ok\n") }
        router.get("/readyz") { _, _ in try await ready() }
        router.get("/metrics") { _, _ in
            let page = MetricsPage(await status.snapshot(), connections: budget.counts)
            return Self.text(page.render(), type: MetricsPage.contentType)
        }
        router.get("/api/status") { _, _ in try Self.json(StatusDocument(await status.snapshot())) }
        router.get("/api/front") { _, _ in try Self.json(["kurentoPath": kurentoPath]) }
        router.get("/api/sessions/**") { request, _ in try await owner(request.uri.path) }
        control?.add(to: router)
        gateway?.add(to: router)
        router.get("/") { request, _ in page(request) }
        router.get("/**") { request, _ in page(request) }
        return router
    }

    private func ready() async throws -> Response {
        struct Readiness: Encodable {
            var ready: Bool
            var reasons: [String]
        }
        let reasons = await status.reasonsNotReady()
        return try Self.json(
            Readiness(ready: reasons.isEmpty, reasons: reasons),
            status: reasons.isEmpty ? .ok : .serviceUnavailable)
    }

    private func owner(_ path: String) async throws -> Response {
        // A Kurento pipeline is named `<session>_kurento.MediaPipeline`; either name will do.
        let name = path.dropFirst("/api/sessions/".count)
        let id = name.hasPrefix("room:") ? name : name.prefix { $0 != "_" }
        guard let id = String(id).removingPercentEncoding, let owner = await status.owner(of: SessionID(id)) else {
            return try Self.json(["error": "no such session"], status: .notFound)
        }
        return try Self.json(owner)
    }

    private func page(_ request: Request) -> Response {
        let path = request.uri.path
        if webSockets.handler(for: path) != nil { return webSocketExpected(request) }
        guard let file = files.file(at: path) else {
            guard files.file(at: path + "/") != nil else { return Self.text("not found\n", status: .notFound) }
            // Links of the folder's page are relative to the folder.
            let name = path.split(separator: "/").last ?? ""
            return Response(status: .permanentRedirect, headers: [.location: "\(name)/", .cacheControl: "no-cache"])
        }
        // `no-cache` lets the browser keep the file but ask: after an update no page is half old.
        var headers: HTTPFields = [.cacheControl: "no-cache", .eTag: file.tag]
        guard request.headers[.ifNoneMatch] != file.tag else {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = file.contentType
        headers[.contentSecurityPolicy] = file.policy.rawValue
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: file.bytes))
    }

    /// A WebSocket's path was asked for over plain HTTP, or from a page of a foreign origin.
    private func webSocketExpected(_ request: Request) -> Response {
        guard webSockets.allows(origin: request.headers[.origin]) else {
            return Self.text("this origin is not allowed\n", status: .forbidden)
        }
        var response = Self.text("this path speaks WebSocket\n", status: .upgradeRequired)
        response.headers[.upgrade] = "websocket"
        return response
    }

    static func text(
        _ text: String, status: HTTPResponse.Status = .ok, type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data = try encoder.encode(value)
        return Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }
}
