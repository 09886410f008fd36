import Logging
import Session
import Testing
import WHIP

@testable import Signaling

/// A media plane that grants everything.
struct GrantingPlane: MediaPlane {
    func open(_ session: SessionID) async throws(Refusal) -> WorkerID { WorkerID("w1") }

    func perform(_ operation: Operation, in session: SessionID) async throws(Refusal) -> Outcome {
        guard case .openEndpoint = operation else { return .done }
        return .opened(
            OpenedEndpoint(
                candidates: ["candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host"],
                fingerprint: CertificateFingerprint(
                    algorithm: "sha-256", value: Array(repeating: "AB", count: 32).joined(separator: ":"))))
    }

    func close(_ session: SessionID) async {}
    func owner(of session: SessionID) async -> WorkerID? { nil }
    func subscribe(to session: SessionID, _ receive: @escaping @Sendable (SessionEvent) async -> Void) async {}
    func workers() async -> [WorkerStatus] { [] }
}

let offer = [
    "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0", "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "c=IN IP4 0.0.0.0", "a=ice-ufrag:peer", "a=ice-pwd:peerpeerpeerpeerpeerpeer",
    "a=fingerprint:sha-256 " + Array(repeating: "0F", count: 32).joined(separator: ":"), "a=setup:actpass", "a=mid:0",
    "a=sendonly", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2",
].map { $0 + "\r\n" }.joined()

private func withGateway(
    _ change: (inout SignalingConfiguration) -> Void = { _ in }, _ body: (RawClient) async throws -> Void
) async throws {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let gateway = Gateway(plane: GrantingPlane(), logger: logger)
    try await withServer(change, gateway: gateway) { ports in try await body(try await RawClient.connect(ports[0])) }
}

extension RawClient {
    func request(
        _ method: String, _ target: String, _ headers: [String: String] = [:], body: String = ""
    ) async throws -> Response {
        let lines = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
        try await write(
            "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.utf8.count)\r\n\(lines)\r\n\(body)")
        guard let response = await response(hasBody: method != "HEAD") else {
            throw SignalingError.notListening
        }
        return response
    }
}

@Suite(.timeLimit(.minutes(2)))
struct GatewayTests {
    @Test func anOfferTrickleAndEndTravelOverOneConnection() async throws {
        try await withGateway { client in
            let created = try await client.request(
                "POST", "/whip/lobby", ["Content-Type": "application/sdp"], body: offer)
            #expect(created.status == 201)
            #expect(created.headers["content-type"] == "application/sdp")
            #expect(created.headers["accept-patch"] == "application/trickle-ice-sdpfrag")
            #expect(created.headers["cache-control"] == "no-store")
            #expect(created.body.hasPrefix("v=0\r\n"))
            let location = try #require(created.headers["location"])
            let patched = try await client.request(
                "PATCH", location,
                [
                    "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": created.headers["etag"] ?? "",
                ], body: "a=ice-ufrag:peer\r\na=end-of-candidates\r\n")
            #expect(patched.status == 204)
            #expect(try await client.request("DELETE", location).status == 200)
            #expect(try await client.request("DELETE", location).status == 404)
        }
    }

    @Test func theQueryAndEscapesInThePathAreUnderstood() async throws {
        try await withGateway { client in
            let named = try await client.request(
                "POST", "/whip/lob%62y?publisher=ada", ["Content-Type": "application/sdp"], body: offer)
            #expect(named.status == 201)
            #expect(named.headers["location"]?.hasPrefix("/whip/lobby/") == true)
            for target in ["/whip/a%20b", "/whip/a%2Fb", "/whip/%FF", "/whip/lobby?publisher=a%20b"] {
                let response = try await client.request(
                    "POST", target, ["Content-Type": "application/sdp"], body: offer)
                #expect(response.status == 400, "\(target)")
            }
        }
    }

    @Test func methodsThatAnEndpointDoesNotTakeAreRefused() async throws {
        try await withGateway { client in
            for method in ["GET", "HEAD", "PUT", "DELETE"] {
                let response = try await client.request(method, "/whip/lobby")
                #expect(response.status == 405, "\(method)")
                #expect(response.headers["allow"] == "OPTIONS, POST")
            }
            #expect(try await client.request("GET", "/whip").status == 404)
        }
    }

    @Test func aBodyThatIsTooLargeIsRefused() async throws {
        try await withGateway({ $0.limits.bodyBytes = 1000 }) { client in
            try await client.write("POST /whip/lobby HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n")
            #expect(await client.response()?.status == 413)
        }
    }

    @Test func theSenderOfABodyThatIsTooLargeLivesToReadTheAnswer() async throws {
        let body = String(repeating: "x", count: 300_000)
        let framings = ["Content-Length: 300000\r\n\r\n\(body)", "Transfer-Encoding: chunked\r\n\r\n493e0\r\n\(body)\r\n0\r\n\r\n"]
        for framing in framings {
            try await withGateway({ $0.limits.bodyBytes = 1000 }) { client in
                try await client.write("POST /whip/lobby HTTP/1.1\r\nHost: x\r\n" + framing)
                #expect(await client.response()?.status == 413)
                #expect(try await client.request("GET", "/whip/lobby").status == 405, "the connection goes on")
            }
        }
    }

    @Test func aBodyWithoutAnEndIsCutOff() async throws {
        try await withGateway({ $0.limits.bodyBytes = 1000; $0.limits.discardedBodyBytes = 10_000 }) { client in
            try await client.write("POST /whip/lobby HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
            #expect(await client.response()?.status == 413)
            try await client.write(String(repeating: "x", count: 20_000))
            #expect(await client.response() == nil)
        }
    }

    @Test func pagesOfOtherOriginsMayUseItUnlessTheyAreListed() async throws {
        try await withGateway { client in
            let preflight = try await client.request(
                "OPTIONS", "/whep/lobby", ["Origin": "https://a.example", "Access-Control-Request-Method": "POST"])
            #expect(preflight.status == 200)
            #expect(preflight.headers["access-control-allow-origin"] == "*")
            #expect(preflight.headers["access-control-allow-methods"]?.contains("PATCH") == true)
            #expect(preflight.headers["access-control-allow-headers"]?.contains("If-Match") == true)
            let refused = try await client.request("POST", "/whip/lobby", ["Origin": "https://a.example"], body: "x")
            #expect(refused.status == 415)
            #expect(refused.headers["access-control-allow-origin"] == "*")
            #expect(refused.headers["access-control-expose-headers"]?.contains("Location") == true)
            #expect(try await client.request("POST", "/whip/x").headers["access-control-allow-origin"] == nil)
        }
        try await withGateway({ $0.allowedOrigins = ["https://a.example"] }) { client in
            let own = try await client.request("OPTIONS", "/whip/lobby", ["Origin": "https://a.example"])
            #expect(own.status == 200)
            #expect(own.headers["access-control-allow-origin"] == "https://a.example")
            #expect(own.headers["vary"] == "Origin")
            let foreign = try await client.request("POST", "/whip/lobby", ["Origin": "https://b.example"], body: offer)
            #expect(foreign.status == 403)
        }
    }

    @Test func aServerWithoutAGatewayHasNoSuchPaths() async throws {
        try await withServer { ports in
            let status = try await RawClient.connect(ports[0]).get("/whip/lobby").status
            #expect(status == 404)
        }
    }

    @Test func roomsAndRequestsAreInTheMetrics() {
        var controller = ControllerStatus(id: ControllerID("c1"), processID: 1, host: "h", uptime: 1)
        controller.whip.publishers = 2
        controller.whip.players = 5
        controller.whip.requests = [WHIPRequestCount(endpoint: "whep", method: "POST", status: 201, count: 5)]
        let status = ClusterStatus(cluster: "c", version: "1", controllers: [controller], workers: [])
        let text = MetricsPage(status, connections: ConnectionBudget.Counts()).render()
        #expect(text.contains("apus_whip_resources{controller=\"c1\",kind=\"player\"} 5\n"))
        #expect(
            text.contains(
                "apus_whip_requests_total{controller=\"c1\",endpoint=\"whep\",method=\"POST\",status=\"201\"} 5\n"))
    }

    @Test func aRoomsNameIsNotShownToEveryone() {
        #expect(SessionID("room:secret").shortened == "room:…")
    }
}
