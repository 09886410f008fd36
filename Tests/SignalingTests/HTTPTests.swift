import Foundation
import NIOCore
import Session
import Testing

@testable import Signaling

@Suite(.timeLimit(.minutes(2)))
struct HTTPTests {
    @Test func livenessIsAlwaysOk() async throws {
        try await withServer(status: FakeStatus(reasons: ["the store is away"])) { ports in
            let response = try await RawClient.connect(ports[0]).get("/healthz")
            #expect(response.status == 200)
            #expect(response.body == "ok\n")
        }
    }

    @Test func readinessTellsItsReasons() async throws {
        try await withServer { ports in
            let response = try await RawClient.connect(ports[0]).get("/readyz")
            #expect(response.status == 200)
            #expect(response.body == #"{"ready":true,"reasons":[]}"#)
        }
        try await withServer(status: FakeStatus(reasons: ["the store is away"])) { ports in
            let response = try await RawClient.connect(ports[0]).get("/readyz")
            #expect(response.status == 503)
            #expect(response.body == #"{"ready":false,"reasons":["the store is away"]}"#)
        }
    }

    @Test func statusCanBeReadBackAndHidesWholeSessionIDs() async throws {
        try await withServer { ports in
            let client = try await RawClient.connect(ports[0])
            let response = try await client.get("/api/status")
            #expect(response.headers["content-type"] == "application/json")
            let status = try JSONDecoder().decode(StatusDocument.self, from: Data(response.body.utf8))
            #expect(status.workers.map(\.id.rawValue) == ["w0", "w1"])
            #expect(status.workers.map(\.isAlive) == [false, true])
            #expect(status.workers.map(\.state) == [.dead, .draining])
            #expect(status.workers.map(\.drainSecondsLeft) == [nil, 12.5])
            #expect(status.sessions["w1"] == ["01234567…"])
            #expect(!response.body.contains(FakeStatus.session))
            // The connection is kept alive for the next request.
            let again = try await client.get("/api/status")
            #expect(again.body == response.body)
        }
    }

    @Test func aPipelinesOwnerIsFoundByItsID() async throws {
        try await withServer { ports in
            let client = try await RawClient.connect(ports[0])
            let found = try await client.get("/api/sessions/\(FakeStatus.session)_kurento.MediaPipeline")
            #expect(found.status == 200)
            #expect(found.body == #"{"controllerPid":41,"shards":["w1"],"worker":"w1","workerPid":42}"#)
            #expect(try await client.get("/api/sessions/\(FakeStatus.session)").body == found.body)
            #expect(try await client.get("/api/sessions/unknown").status == 404)
        }
    }

    @Test func aFolderIsItsIndexAndItsNameLeadsThere() async throws {
        let directory = try TemporaryDirectory(["index.html": "<p>hello", "art/index.html": "<p>art", "bare/a.js": "1"])
        try await withServer({ $0.webDirectory = directory.path }) { ports in
            let client = try await RawClient.connect(ports[0])
            #expect(try await client.get("/art/").body == "<p>art")
            let named = try await client.get("/art")
            #expect(named.status == 308 && named.headers["location"] == "art/")
            for path in ["/bare", "/bare/", "/art/none", "//art"] {
                #expect(try await client.get(path).status == 404, "\(path)")
            }
        }
    }

    @Test func filesAreServedWithTheirTypeAndOnlyOnceIfUnchanged() async throws {
        let directory = try TemporaryDirectory(["index.html": "<p>hello", "js/a b.js": "1"])
        try await withServer({ $0.webDirectory = directory.path }) { ports in
            let client = try await RawClient.connect(ports[0])
            let index = try await client.get("/")
            #expect(index.body == "<p>hello")
            #expect(index.headers["content-type"] == "text/html; charset=utf-8")
            #expect(index.headers["cache-control"] == "no-cache")
            let tag = try #require(index.headers["etag"])
            #expect(try await client.get("/", headers: "If-None-Match: \(tag)\r\n").status == 304)
            let script = try await client.get("/js/a%20b.js?version=2")
            #expect(script.body == "1")
            #expect(script.headers["content-type"] == "text/javascript; charset=utf-8")
            #expect(try await client.get("/other").status == 404)
            try await client.write("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let head = await client.response(hasBody: false)
            #expect(head?.status == 200)
            #expect(head?.headers["content-length"] == "8")
        }
    }

    @Test(arguments: [
        "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/js/../../secret.txt", "//secret.txt",
        "/link.txt", "/.hidden", "/%00", "/%ff", "/js",
    ])
    func nothingOutsideTheDirectoryIsServed(target: String) async throws {
        let parent = try TemporaryDirectory([
            "secret.txt": "secret", "web/index.html": "page", "web/js/a.js": "1", "web/.hidden": "secret",
        ])
        try FileManager.default.createSymbolicLink(
            atPath: parent.path + "/web/link.txt", withDestinationPath: parent.path + "/secret.txt")
        try await withServer({ $0.webDirectory = parent.path + "/web" }) { ports in
            let response = try await RawClient.connect(ports[0]).get(target)
            #expect(response.status == 404)
            #expect(!response.body.contains("secret"))
        }
    }

    @Test func onesOwnPagesComeBeforeOursAndMayDoWhatTheyLike() async throws {
        let ours = try TemporaryDirectory(["index.html": "ours", "a.js": "1"])
        let own = try TemporaryDirectory(["index.html": "own", "js/b.js": "2"])
        try await withServer({ ($0.webDirectory, $0.pagesDirectory) = (ours.path, own.path) }) { ports in
            let client = try await RawClient.connect(ports[0])
            let index = try await client.get("/")
            #expect(index.body == "own")
            #expect(index.headers["content-security-policy"] == "frame-ancestors 'self'")
            #expect(try await client.get("/js/b.js").body == "2")
            for path in ["/a.js", "/healthz", "/none"] {
                let policy = try await client.get(path).headers["content-security-policy"]
                #expect(policy?.hasPrefix("default-src 'self'") == true, "\(path)")
            }
        }
    }

    @Test func aMissingPageDirectoryIsAnError() async throws {
        await #expect(throws: SignalingError.self) {
            try await withServer({ $0.webDirectory = "/does/not/exist" }) { _ in }
        }
    }

    @Test func garbageInsteadOfHTTPIsAnsweredAndClosed() async throws {
        try await withServer { ports in
            let client = try await RawClient.connect(ports[0])
            try await client.write([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x0a, 0x0d, 0x0a, 0x0d, 0x0a])
            #expect(await client.readToEnd().hasPrefix("HTTP/1.1 400"))
            #expect(try await RawClient.connect(ports[0]).get("/healthz").status == 200)
        }
    }

    @Test func anOverlongHeaderIsRefused() async throws {
        try await withServer { ports in
            let client = try await RawClient.connect(ports[0])
            try await client.write("GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n")
            #expect(await client.readToEnd().hasPrefix("HTTP/1.1 400"))
        }
    }

    @Test func aConnectionThatSaysNothingIsClosed() async throws {
        try await withServer({ $0.limits.firstByteTimeout = .milliseconds(50) }) { ports in
            let client = try await RawClient.connect(ports[0])
            #expect(await client.readToEnd() == "")
        }
    }

    @Test func aHeaderThatDripsIsCutOff() async throws {
        try await withServer({ $0.limits.headerTimeout = .milliseconds(200) }) { ports in
            let client = try await RawClient.connect(ports[0])
            try await client.write("GET / HTTP/1.1\r\nHo")
            #expect(await client.readToEnd() == "")
        }
    }

    @Test func moreConnectionsThanAllowedAreClosedUntilOneEnds() async throws {
        try await withServer({ $0.limits.connectionsPerAddress = 2 }) { ports in
            let first = try await RawClient.connect(ports[0])
            let second = try await RawClient.connect(ports[0])
            #expect(try await first.get("/healthz").status == 200)
            #expect(try await second.get("/healthz").status == 200)
            let third = try await RawClient.connect(ports[0])
            #expect(await third.readToEnd() == "")
            first.close()
            // The server learns of the close a moment later.
            var status = 0
            while status != 200 {
                status = (try? await RawClient.connect(ports[0]).get("/healthz").status) ?? 0
            }
        }
    }

    @Test func connectionsAreNeverMoreThanDescriptorsAllow() {
        #expect(SignalingLimits().fitted(toDescriptors: 1024).connections == 1024 - 128)
        #expect(SignalingLimits().fitted(toDescriptors: 1 << 20).connections == 10_000)
        #expect(SignalingLimits().fitted(toDescriptors: 20).connections == 16)
    }

    @Test func oneClientIsAnAddressOrAnIPv6Network() throws {
        func key(_ text: String) throws -> String {
            ConnectionBudget.key(of: try SocketAddress(ipAddress: text, port: 1))
        }
        #expect(try key("192.0.2.1") != key("192.0.2.2"))
        #expect(try key("::ffff:192.0.2.1") == key("192.0.2.1"))
        #expect(try key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff::9"))
        #expect(try key("2001:db8:1:2::1") != key("2001:db8:1:3::1"))
    }
}
