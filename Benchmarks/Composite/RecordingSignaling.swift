import ForwardingBenchmark
import Foundation
import Kurento
import LoadGenerator
import Media
import Synchronization
import Wire

/// Brings the generator's publishers in by the Kurento protocol, each with a `RecorderEndpoint` that writes its VP8 and
/// Opus into a WebM file as they come.
final class RecordingSignaling: WorkSignaling {
    private let connection: KurentoConnection
    private let pipeline: String
    private let folder: String
    private let files = Mutex<[String]>([])

    init(port: Int, folder: String) async throws {
        self.folder = folder
        connection = try await KurentoConnection(port: port)
        do {
            pipeline = try await connection.create("MediaPipeline", [:])
        } catch {
            await connection.close()
            throw error
        }
    }

    func publish(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        let endpoint = try await connection.enter(client, pipeline: pipeline)
        let file = folder + "/participant-\(number).webm"
        let recorder = try await connection.create(
            "RecorderEndpoint",
            ["mediaPipeline": .string(pipeline), "uri": .string("file://" + file), "mediaProfile": "WEBM"])
        try await connection.invoke("connect", on: endpoint, ["sink": .string(recorder)])
        try await connection.invoke("record", on: recorder)
        files.withLock { $0.append(file) }
        return Participant(connection: connection, endpoint: endpoint, recorder: recorder)
    }

    func subscribe(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        throw BenchmarkError("nobody watches what is recorded")
    }

    /// What is in the files, which are then removed.
    func takeRecordings() throws -> Recordings? {
        var recordings = Recordings()
        for file in files.withLock({ $0 }) {
            try recordings.add(file)
            try FileManager.default.removeItem(atPath: file)
        }
        return recordings
    }

    func shutDown() async {
        try? await connection.release(pipeline)
        await connection.close()
    }

    private struct Participant: SignaledSession {
        let connection: KurentoConnection
        let endpoint: String
        let recorder: String

        func close() async {
            _ = try? await connection.invoke("stopAndWait", on: recorder)
            try? await connection.release(recorder)
            try? await connection.release(endpoint)
        }
    }
}

/// What recorders wrote.
public struct Recordings: Sendable, Codable, Hashable {
    public var files = 0
    public var bytes = 0
    /// In the file with the fewest.
    public var picturesPerSecond = 0.0
    /// The longest time from one picture to the next in any file, in milliseconds.
    public var longestGap = 0.0

    public init() {}

    fileprivate mutating func add(_ file: String) throws {
        var reader = try MediaReader("file://" + file)
        let video = reader.info.tracks.firstIndex { $0.kind == .video }
        var times: [Interval] = []
        while let packet = try reader.next() {
            bytes += packet.bytes.count
            if packet.track == video { times.append(packet.pts) }
        }
        var rate = 0.0
        if let first = times.first, let last = times.last, last > first {
            rate = Double(times.count - 1) / (last - first).seconds
        }
        picturesPerSecond = files == 0 ? rate : min(picturesPerSecond, rate)
        for (time, next) in zip(times, times.dropFirst()) { longestGap = max(longestGap, (next - time).seconds * 1e3) }
        files += 1
    }
}
