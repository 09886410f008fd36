import Logging
import Session
import Testing
import WHIP

@testable import Signaling

/// A controller whose rooms are all at c1.
private struct ElsewherePlane: MediaPlane, SignalingMemory {
    private static let refusal = Refusal(.elsewhere, "controller c1 has it", controller: ControllerID("c1"))

    func open(_ session: SessionID) async throws(Refusal) -> WorkerID { throw Self.refusal }
    func perform(_ operation: Operation, in session: SessionID) async throws(Refusal) -> Outcome { throw Self.refusal }
    func close(_ session: SessionID) async {}
    func owner(of session: SessionID) async -> WorkerID? { nil }
    func subscribe(to session: SessionID, _ receive: @escaping @Sendable (SessionEvent) async -> Void) async {}
    func workers() async -> [WorkerStatus] { [] }

    func keep(_ changes: RecordChanges, in record: String, about session: SessionID?) async throws(RecordFailure) {}
    func claim(_ record: String, isPatient: Bool) async throws(Refusal) -> [String: String]? { throw Self.refusal }
    func forget(_ record: String) async {}
    func giveUp(_ records: [String], with sessions: [SessionID]) async {}
    func onWanted(_ give: @escaping @Sendable (String) async -> Void) async {}
    func onLapse(_ check: @escaping @Sendable () async -> Void) async {}
}

/// c1, which has the rooms, and c2, which the client talks to and which reaches c1 by `addresses`.
private func withTwo(
    _ addresses: @escaping @Sendable (Int) -> [String] = { ["127.0.0.1:\($0)"] },
    _ body: (_ first: RawClient, _ second: RawClient, Gateway) async throws -> Void
) async throws {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let plane = ElsewherePlane()
    let second = Gateway(plane: plane, memory: plane, logger: logger)
    try await withServer(gateway: Gateway(plane: GrantingPlane(), logger: logger)) { first in
        let port = first[0]
        try await withServer(gateway: second, neighbours: { $0 == ControllerID("c1") ? addresses(port) : [] }) { ports in
            try await body(try await RawClient.connect(port), try await RawClient.connect(ports[0]), second)
        }
    }
}

@Suite(.timeLimit(.minutes(2)))
struct GatewayForwarderTests {
    @Test func whatIsAboutARoomOfAnotherControllerIsDoneThere() async throws {
        try await withTwo { first, second, gateway in
            let created = try await second.request(
                "POST", "/whip/lobby?publisher=ada", ["Content-Type": "application/sdp", "Origin": "http://a.example"],
                body: offer)
            #expect(created.status == 201)
            #expect(created.body.hasPrefix("v=0\r\n"))
            #expect(created.headers["content-type"] == "application/sdp")
            #expect(created.headers["access-control-allow-origin"] == "*")
            let location = try #require(created.headers["location"])
            let tag = try #require(created.headers["etag"])
            let patched = try await second.request(
                "PATCH", location, ["Content-Type": "application/trickle-ice-sdpfrag", "If-Match": tag],
                body: "a=ice-ufrag:peer\r\na=end-of-candidates\r\n")
            #expect(patched.status == 204)
            #expect(try await first.request("DELETE", location).status == 200, "it is there")
            #expect(try await second.request("DELETE", location).status == 404)
            let counts = await gateway.statistics.requests
            #expect(counts.filter { $0.key.status == 503 }.isEmpty && counts.values.reduce(0, +) == 3)
        }
    }

    @Test func eventsComeThrough() async throws {
        try await withTwo { _, second, _ in
            let created = try await second.request(
                "POST", "/whep/lobby", ["Content-Type": "application/sdp"],
                body: offer.replacing("a=sendonly", with: "a=recvonly"))
            let location = try #require(created.headers["location"])
            try await second.write("GET \(location)/events HTTP/1.1\r\nHost: x\r\n\r\n")
            let head = try #require(await second.response(hasBody: false))
            #expect(head.status == 200)
            #expect(head.headers["content-type"]?.hasPrefix("text/event-stream") == true)
            #expect(await second.readUntil("retry: 1000"))
            second.close()
        }
    }

    @Test func whatHasNoWayThereSaysWhoHasTheRoom() async throws {
        // A port that nobody listens on, and no address at all.
        for addresses in [["127.0.0.1:1"], []] {
            try await withTwo({ _ in addresses }) { _, second, gateway in
                let refused = try await second.request(
                    "POST", "/whip/lobby", ["Content-Type": "application/sdp"], body: offer)
                #expect(refused.status == 503)
                #expect(refused.body.contains("c1"))
                #expect(refused.headers["retry-after"] != nil)
                #expect(await gateway.statistics.requests.values.reduce(0, +) == 1)
            }
        }
    }

    @Test func aForwardedRequestGoesNoFurther() async throws {
        try await withTwo { _, second, _ in
            let refused = try await second.request(
                "POST", "/whip/lobby", ["Content-Type": "application/sdp", "Apus-Forwarded": "1"], body: offer)
            #expect(refused.status == 503)
        }
    }
}
