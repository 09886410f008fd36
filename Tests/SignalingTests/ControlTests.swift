import NIOCore
import Session
import Synchronization
import Testing

@testable import Signaling

/// Knows `w1` and the token `good`.
private final class FakeControl: ClusterControl {
    let calls = Mutex<[String]>([])

    func drain(_ worker: WorkerID, within time: Duration) async throws(Refusal) {
        if worker.rawValue == "busy" { throw Refusal(.storeUnavailable, "the store is away", retryAfter: 5) }
        guard worker.rawValue == "w1" else { throw Refusal(.notFound, "there is no worker `\(worker)`") }
        calls.withLock { $0.append("drain \(Int(time / .seconds(1)))") }
    }

    func undrain(_ worker: WorkerID) async throws(Refusal) { calls.withLock { $0.append("undrain \(worker)") } }

    func upgrade(_ worker: WorkerID) async throws(Refusal) -> HandOver {
        if worker.rawValue == "unfit" { throw Refusal(.invalid, "the new executable cannot go on") }
        guard worker.rawValue == "w1" else { throw Refusal(.notFound, "there is no worker `\(worker)`") }
        calls.withLock { $0.append("upgrade \(worker)") }
        return HandOver(processID: 7, standstill: 12.5, duration: 300)
    }

    func isOperator(_ token: String) async -> Bool { token == "good" }

    var made: [String] { calls.withLock { $0 } }
}

@Suite(.timeLimit(.minutes(2)))
struct ControlTests {
    private func send(_ request: String, _ port: Int, _ headers: [String] = []) async throws -> RawClient.Response {
        let client = try await RawClient.connect(port)
        let lines = ["\(request) HTTP/1.1", "Host: localhost", "Content-Length: 0"] + headers
        try await client.write(lines.joined(separator: "\r\n") + "\r\n\r\n")
        return try #require(await client.response())
    }

    @Test func aWorkerIsDrainedAndUndrainedFromThisMachine() async throws {
        let control = FakeControl()
        try await withServer(control: control) { ports in
            let answer1 = try await send("POST /api/workers/w1/drain?deadline=90", ports[0])
            #expect(answer1.status == 200)
            let answer2 = try await send("POST /api/workers/w1/drain", ports[0])
            #expect(answer2.status == 200)
            let answer3 = try await send("DELETE /api/workers/w1/drain", ports[0])
            #expect(answer3.status == 200)
            #expect(control.made == ["drain 90", "drain 300", "undrain w1"])
        }
    }

    @Test func anUpgradeTellsHowLongTheWorkerStoodStill() async throws {
        let control = FakeControl()
        try await withServer(control: control) { ports in
            let done = try await send("POST /api/workers/w1/upgrade", ports[0])
            #expect(done.status == 200 && control.made == ["upgrade w1"])
            let expected =
                #"{"durationMilliseconds":300,"processID":7,"standstillMilliseconds":12.5,"worker":"w1"}"#
            #expect(done.body == expected)
            let unfit = try await send("POST /api/workers/unfit/upgrade", ports[0])
            #expect(unfit.status == 409 && unfit.body == #"{"error":"the new executable cannot go on"}"#)
            let unknown = try await send("POST /api/workers/w9/upgrade", ports[0])
            #expect(unknown.status == 404)
            let page = try await send("POST /api/workers/w1/upgrade", ports[0], ["Origin: http://localhost"])
            #expect(page.status == 403)
        }
    }

    @Test func whatIsWrongIsSaid() async throws {
        let control = FakeControl()
        try await withServer(control: control) { ports in
            let unknown = try await send("POST /api/workers/w9/drain", ports[0])
            #expect(unknown.status == 404 && unknown.body == #"{"error":"there is no worker `w9`"}"#)
            let away = try await send("POST /api/workers/busy/drain", ports[0])
            #expect(away.status == 503 && away.headers["retry-after"] == "5")
            for deadline in ["-1", "soon", "86401", "", "99999999999999999999"] {
                let answer4 = try await send("POST /api/workers/w1/drain?deadline=\(deadline)", ports[0])
                #expect(answer4.status == 400)
            }
            #expect(control.made.isEmpty)
        }
    }

    /// A browser or a proxy on this machine may act for anybody.
    @Test(arguments: [
        "Origin: http://localhost", "Sec-Fetch-Site: same-origin", "X-Forwarded-For: 192.0.2.1", "Via: 1.1 proxy",
        "Forwarded: for=192.0.2.1", "X-Real-IP: 192.0.2.1", "Authorization: Bearer bad", "Authorization: Basic good",
        "Authorization: ",
    ])
    func whoeverMayNotIsRefused(_ header: String) async throws {
        let control = FakeControl()
        try await withServer(control: control) { ports in
            for request in ["POST /api/workers/w1/drain", "DELETE /api/workers/w1/drain"] {
                let status = try await send(request, ports[0], [header]).status
                #expect(status == (header.hasPrefix("Authorization") ? 401 : 403))
            }
            #expect(control.made.isEmpty)
        }
    }

    @Test func anOperatorsTokenIsGoodFromAnywhere() async throws {
        let control = FakeControl()
        try await withServer(control: control) { ports in
            let headers = ["X-Forwarded-For: 192.0.2.1", "Authorization: Bearer good"]
            let answer5 = try await send("POST /api/workers/w1/drain", ports[0], headers)
            #expect(answer5.status == 200)
            #expect(control.made == ["drain 300"])
        }
    }

    @Test func withoutControlThereIsNothingToAsk() async throws {
        try await withServer { ports in
            let answer6 = try await send("POST /api/workers/w1/drain", ports[0])
            #expect(answer6.status == 404)
        }
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("192.0.2.1", false),
        ("::ffff:192.0.2.1", false), ("::2", false), ("2001:db8::127", false),
    ])
    func onlyLoopbackAddressesAreThisMachine(_ text: String, _ isLoopback: Bool) throws {
        #expect(try SocketAddress(ipAddress: text, port: 1).isLoopback == isLoopback)
    }
}
