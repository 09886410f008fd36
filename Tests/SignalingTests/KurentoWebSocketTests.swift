import Kurento
import Logging
import Session
import Testing

@testable import Signaling

@Suite(.timeLimit(.minutes(2)))
struct KurentoWebSocketTests {
    @Test func requestsAreAnsweredInOrderOverTheSocket() async throws {
        let media = MediaServer(plane: NoPlane(), logger: Logger(label: "test"))
        try await withServer(routes: ["kurento": KurentoWebSocket(server: media)]) { ports in
            let client = try await RawClient.webSocket(ports[0], "/kurento")
            for id in 1...20 {
                try await client.send(#"{"jsonrpc":"2.0","id":\#(id),"method":"ping","params":{"interval":5000}}"#)
            }
            for id in 1...20 {
                let reply = try #require(await client.nextFrame()?.text)
                #expect(reply.contains(#""id":\#(id)"#) && reply.contains("pong"), "\(reply)")
            }
            #expect(KurentoStatus(await media.statistics).connections == 1)
            #expect(KurentoStatus(await media.statistics).requests.first?.count == 20)
            try await client.write(RawClient.frame(8, []))
            #expect(await client.nextFrame()?.opcode == 8)
            #expect(await client.nextFrame() == nil)
            while await media.statistics.connections > 0 { await Task.yield() }
        }
    }

    @Test func withoutAWorkerTheClientIsTold() async throws {
        let media = MediaServer(plane: NoPlane(), logger: Logger(label: "test"))
        try await withServer(routes: ["kurento": KurentoWebSocket(server: media)]) { ports in
            let client = try await RawClient.webSocket(ports[0], "/kurento")
            try await client.send(
                #"{"jsonrpc":"2.0","id":1,"method":"create","params":{"type":"MediaPipeline","constructorParams":{}}}"#)
            #expect(await client.nextFrame()?.text.contains(#""error""#) == true)
        }
    }
}

/// A cluster without workers.
struct NoPlane: MediaPlane {
    private let refusal = Refusal(.noWorker, "No worker is alive.")

    func open(_ session: SessionID) async throws(Refusal) -> WorkerID { throw refusal }
    func perform(_ operation: Session.Operation, in session: SessionID) async throws(Refusal) -> Outcome {
        throw refusal
    }
    func close(_ session: SessionID) async {}
    func owner(of session: SessionID) async -> WorkerID? { nil }
    func subscribe(to session: SessionID, _ receive: @escaping @Sendable (SessionEvent) async -> Void) async {}
    func workers() async -> [WorkerStatus] { [] }
}
