import Controller
import RTP
import Session
import Testing

/// A session on two workers, two endpoints in a shard: `p` and `v0` on w1, the next on w2.
struct ShardStage {
    let world: ClusterWorld
    let first: FakeWorker
    let second: FakeWorker
    let session = SessionID("s1")
    var further: SessionID { session.shard(1) }
    var director: Director { world.director }

    init(_ world: ClusterWorld, reactors: Int = 1) async throws {
        self.world = world
        first = try await world.startWorker("w1", reactors: reactors)
        second = try await world.startWorker("w2")
        _ = try await world.director.open(session)
    }

    /// Opens the endpoints one after the other.
    func open(_ names: String...) async throws {
        for name in names { try await open(name) }
    }

    func open(_ name: String) async throws {
        let specification = EndpointSpecification(localUfrag: "u-\(name)", localPassword: "p")
        _ = try await director.perform(.openEndpoint(EndpointID(name), specification), in: session)
    }

    func negotiate(_ name: String, _ media: [NegotiatedMedia]) async throws {
        let negotiated = NegotiatedEndpoint(
            remoteUfrag: "r", remotePassword: "p",
            remoteFingerprint: CertificateFingerprint(algorithm: "sha-256", value: "AB"), isDTLSClient: false,
            media: media)
        _ = try await director.perform(.negotiateEndpoint(EndpointID(name), negotiated), in: session)
    }

    func route(_ source: String, _ sink: String, _ kind: MediaKind = .video, section: Int? = nil) -> Route {
        Route(source: EndpointID(source), sink: EndpointID(sink), kind: kind, section: section)
    }

    func connect(_ source: String, _ sink: String, _ kind: MediaKind = .video, section: Int? = nil) async throws {
        _ = try await director.perform(.connect(route(source, sink, kind, section: section)), in: session)
    }

    func disconnect(_ source: String, _ sink: String, _ kind: MediaKind = .video) async throws {
        _ = try await director.perform(.disconnect(route(source, sink, kind)), in: session)
    }

    func stop() async {
        await first.kill()
        await second.kill()
    }

    static func settings(limit: Int = 2) -> DirectorSettings {
        var settings = impatientSettings()
        settings.endpointsPerShard = limit
        settings.growthPause = .milliseconds(1)
        // A busy machine is no reason to fail.
        settings.operationDeadline = .seconds(60)
        return settings
    }
}

func section(_ kind: MediaKind, rids: [String] = [], hasRTX: Bool = true) -> NegotiatedMedia {
    let codec =
        kind == .video
        ? CodecParameters(
            name: "VP8", payloadType: 96, clockRate: 90_000, feedback: ["nack", "nack pli", "transport-cc", "goog-remb"],
            rtxPayloadType: hasRTX ? 97 : nil)
        : CodecParameters(name: "opus", payloadType: 111, clockRate: 48_000, channels: 2)
    let extensions = [
        HeaderExtensionParameters(uri: HeaderExtensionURI.mid, id: 1),
        HeaderExtensionParameters(uri: HeaderExtensionURI.audioLevel, id: 2),
        HeaderExtensionParameters(uri: HeaderExtensionURI.transportWideCC, id: 3),
    ]
    return NegotiatedMedia(
        mid: kind.rawValue, kind: kind, direction: .recvonly,
        receive: RTPParameters(
            codecs: [codec], headerExtensions: extensions, encodings: rids.map { EncodingParameters(rid: $0) }),
        send: RTPParameters())
}

extension [Session.Operation] {
    var opened: [(id: EndpointID, specification: PipeSpecification)] {
        compactMap { if case .openPipe(let id, let specification) = $0 { (id, specification) } else { nil } }
    }

    var paths: [PipePath] { compactMap { if case .connectPipe(_, let path) = $0 { path } else { nil } } }
    var connected: [Route] { compactMap { if case .connect(let route) = $0 { route } else { nil } } }
    var disconnected: [Route] { compactMap { if case .disconnect(let route) = $0 { route } else { nil } } }
    var closed: [EndpointID] { compactMap { if case .closeEndpoint(let id) = $0 { id } else { nil } } }
    var openedEndpoints: [EndpointID] { compactMap { if case .openEndpoint(let id, _) = $0 { id } else { nil } } }
}
