import Foundation
import Testing

@testable import Signaling

@Suite(.timeLimit(.minutes(2)))
struct TLSTests {
    /// A self-signed certificate and its key in one PEM, made by the openssl command.
    static func identity() throws -> [UInt8] {
        let path = NSTemporaryDirectory() + "signaling-" + UUID().uuidString
        defer { for name in [path, path + ".key"] { try? FileManager.default.removeItem(atPath: name) } }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-keyout", path + ".key", "-out", path,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return try Array(Data(contentsOf: URL(fileURLWithPath: path)))
            + Array(Data(contentsOf: URL(fileURLWithPath: path + ".key")))
    }

    @Test func pageAndWebSocketWorkOverTLSBesidePlain() async throws {
        let identity = TLSIdentity(pem: try Self.identity())
        try await withServer({
            $0.listeners = [
                .init(host: "::", port: 0, identity: identity), .init(host: "127.0.0.1", port: 0),
            ]
        }) { ports in
            #expect(try await RawClient.connect(ports[0], tls: true).get("/healthz").body == "ok\n")
            #expect(try await RawClient.connect(ports[1]).get("/healthz").body == "ok\n")
            let socket = try await RawClient.webSocket(ports[0], tls: true)
            try await socket.send("hello")
            #expect(await socket.nextFrame()?.text == "hello")
            // Plain HTTP on the TLS port is closed without harm to others.
            let plain = try await RawClient.connect(ports[0])
            try await plain.write("GET / HTTP/1.1\r\n\r\n")
            _ = await plain.readToEnd()
            try await socket.send("still here")
            #expect(await socket.nextFrame()?.text == "still here")
        }
    }

    @Test func aHandshakeThatNeverEndsIsCutOff() async throws {
        let identity = TLSIdentity(pem: try Self.identity())
        try await withServer({
            $0.listeners = [.init(host: "127.0.0.1", port: 0, identity: identity)]
            $0.limits.headerTimeout = .milliseconds(200)
        }) { ports in
            let client = try await RawClient.connect(ports[0])
            try await client.write([0x16, 0x03, 0x01])
            #expect(await client.readToEnd() == "")
        }
    }

    @Test func aBadIdentityIsToldAtStart() async throws {
        await #expect(throws: SignalingError.self) {
            try await withServer({
                $0.listeners = [.init(host: "127.0.0.1", port: 0, identity: TLSIdentity(pem: Array("no".utf8)))]
            }) { _ in }
        }
    }

    @Test func aPortInUseEndsTheServerWithAnError() async throws {
        try await withServer { ports in
            await #expect(throws: (any Error).self) {
                try await withServer({ $0.listeners = [.init(host: "127.0.0.1", port: ports[0])] }) { _ in }
            }
        }
    }
}
