import ForwardingBenchmark
import Kurento
import LoadGenerator

/// Brings clients in that give a worker something to do besides forwarding.
protocol WorkSignaling: LoadSignaling {
    /// What was recorded, once all have left; nil where nothing is.
    func takeRecordings() throws -> Recordings?
    /// Releases the pipeline with all that is in it; no call comes after it.
    func shutDown() async
}

extension KurentoConnection {
    /// A `WebRtcEndpoint` that a client has come to an agreement with.
    func enter(_ client: ClientNegotiation, pipeline: String) async throws -> String {
        let endpoint = try await create("WebRtcEndpoint", ["mediaPipeline": .string(pipeline)])
        let answer = try await invoke("processOffer", on: endpoint, ["offer": .string(client.offer())])
        guard let text = answer.asString else { throw BenchmarkError("processOffer: the answer is no description") }
        try client.accept(answer: text)
        return endpoint
    }
}

/// Brings the generator's clients into one Composite by the Kurento protocol, as an application server would: each has
/// a `WebRtcEndpoint` and a `HubPort`; publishers feed theirs, subscribers watch theirs.
final class CompositeSignaling: WorkSignaling {
    private let connection: KurentoConnection
    private let pipeline: String
    private let hub: String

    /// Opens the pipeline and the hub in it.
    init(port: Int, _ settings: CompositeSettings) async throws {
        connection = try await KurentoConnection(port: port)
        do {
            pipeline = try await connection.create("MediaPipeline", [:])
            hub = try await connection.create(
                "Composite",
                [
                    "mediaPipeline": .string(pipeline), "width": .integer(Int64(settings.picture.width)),
                    "height": .integer(Int64(settings.picture.height)),
                    "framerate": .integer(Int64(settings.pictureRate)),
                ])
        } catch {
            await connection.close()
            throw error
        }
    }

    func publish(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        let participant = try await enter(client)
        try await connection.invoke("connect", on: participant.endpoint, ["sink": .string(participant.port)])
        return participant
    }

    func subscribe(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        let participant = try await enter(client)
        try await connection.invoke("connect", on: participant.port, ["sink": .string(participant.endpoint)])
        return participant
    }

    private func enter(_ client: ClientNegotiation) async throws -> Participant {
        let endpoint = try await connection.enter(client, pipeline: pipeline)
        let port = try await connection.create("HubPort", ["hub": .string(hub)])
        return Participant(connection: connection, endpoint: endpoint, port: port)
    }

    func takeRecordings() -> Recordings? { nil }

    func shutDown() async {
        try? await connection.release(pipeline)
        await connection.close()
    }

    private struct Participant: SignaledSession {
        let connection: KurentoConnection
        let endpoint: String
        let port: String

        func close() async {
            try? await connection.release(endpoint)
            try? await connection.release(port)
        }
    }
}
