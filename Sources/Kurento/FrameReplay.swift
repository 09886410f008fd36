import Dispatch
import Logging
import Session
import Synchronization

/// Runs frames through an engine of its own and waits for the end: for fuzzing, which is synchronous.
public enum FrameReplay {
    /// Handles `frames` in order on one connection, after a pipeline and an endpoint were made with the
    /// ids `u1…` and `u2…`, and returns the replies and events that came before the last reply.
    @discardableResult
    public static func run(_ frames: [String]) -> [String] {
        let done = DispatchSemaphore(value: 0)
        let record = FrameRecord()
        Task {
            await replay(frames, into: record)
            done.signal()
        }
        done.wait()
        return record.frames.withLock { $0 }
    }

    private static func replay(_ frames: [String], into record: FrameRecord) async {
        var configuration = KurentoConfiguration(serverID: "replay")
        configuration.wallClock = { 0 }
        configuration.drawIdentifier = { record.drawIdentifier() }
        let server = MediaServer(
            plane: GrantingPlane(), configuration: configuration,
            logger: Logger(label: "replay") { _ in SwiftLogNoOpLogHandler() })
        let connection = await server.connectionOpened { frame in record.frames.withLock { $0.append(frame) } }
        for frame in setUp + frames { await server.receive(frame, on: connection) }
        await server.connectionClosed(connection)
        await server.releaseAll()
    }

    private static let setUp = [
        #"{"jsonrpc":"2.0","id":"a","method":"create","params":{"type":"MediaPipeline","sessionId":"s"}}"#,
        #"{"jsonrpc":"2.0","id":"b","method":"create","params":{"type":"WebRtcEndpoint","#
            + #""constructorParams":{"mediaPipeline":"u1_kurento.MediaPipeline"}}}"#,
    ]
}

private final class FrameRecord: Sendable {
    let frames = Mutex<[String]>([])
    private let identifiers = Mutex<UInt64>(0)

    func drawIdentifier() -> String {
        identifiers.withLock {
            $0 += 1
            return "u\($0)"
        }
    }
}

/// Does nothing, and says that it did.
private struct GrantingPlane: MediaPlane {
    func open(_ session: SessionID) async throws(Refusal) -> WorkerID { WorkerID("w") }

    func perform(_ operation: Operation, in session: SessionID) async throws(Refusal) -> Outcome {
        switch operation {
        case .openEndpoint:
            .opened(
                OpenedEndpoint(
                    candidates: ["candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host"],
                    fingerprint: CertificateFingerprint(
                        algorithm: "sha-256", value: Array(repeating: "AB", count: 32).joined(separator: ":"))))
        case .readStatistics: .statistics(EndpointStatistics())
        default: .done
        }
    }

    func close(_ session: SessionID) async {}
    func owner(of session: SessionID) async -> WorkerID? { nil }
    func subscribe(to session: SessionID, _ receive: @escaping @Sendable (SessionEvent) async -> Void) async {}
    func workers() async -> [WorkerStatus] { [] }
}
