import Logging
import RTP
import Session

/// An element of the media plane that no client made: it stands between a source and peers that do not take its codec.
struct Transcoder: Hashable {
    var id: EndpointID
    var source: EndpointID
    var kind: MediaKind
    var target: CodecParameters

    /// The same source in the same codec is the same transcoder, whoever asks and in whatever process.
    init(from source: EndpointID, _ kind: MediaKind, to target: CodecParameters) {
        id = EndpointID("\(source)-\(target.name.lowercased())")
        self.source = source
        self.kind = kind
        self.target = target
    }
}

/// What the media plane is to be like for a pipeline's graph.
struct RoutePlan {
    var routes: [ElementGraph.SinkRoute: EndpointID]
    var transcoders: [EndpointID: Transcoder] = [:]
    /// Sinks that get what they cannot decode, and why.
    var gaps: [ElementGraph.SinkRoute: String] = [:]
}

/// Forward first: media are encoded anew only for peers that do not take the codec in which they come, once for all
/// that take the same.
extension MediaServer {
    /// - Parameter refused: transcoders that are not to be had, and why.
    func plan(of pipeline: Pipeline, without refused: [EndpointID: String] = [:]) -> RoutePlan {
        let direct = pipeline.graph.routes(endpoints(of: pipeline))
        var plan = RoutePlan(routes: direct)
        for (sink, source) in direct {
            guard let codec = pipeline.endpoints[source]?.codecs[sink.kind],
                let taken = pipeline.endpoints[sink.sink]?.endpoint?.sendCodecs[sink.kind], !taken.isEmpty,
                codec.match(in: taken) == nil
            else { continue }
            guard let target = Self.target(among: taken), codec.isTranscodable else {
                plan.gaps[sink] = "\(codec.name) is not among what this endpoint's peer takes, and is not transcoded"
                continue
            }
            let transcoder = Transcoder(from: source, sink.kind, to: target)
            if let reason = refused[transcoder.id] {
                plan.gaps[sink] = "\(codec.name) is not among what this endpoint's peer takes: \(reason)"
                continue
            }
            plan.routes[sink] = transcoder.id
            plan.routes[ElementGraph.SinkRoute(sink: transcoder.id, kind: sink.kind)] = source
            plan.transcoders[transcoder.id] = transcoder
        }
        return plan
    }

    /// The same for all that take it, whatever they like best: so one encoder serves more of them.
    private static func target(among taken: [CodecParameters]) -> CodecParameters? {
        CodecParameters.transcodable.first { $0.match(in: taken) != nil }
    }

    /// Opens what is not open yet of the plan's transcoders. What is refused is left out, and peers go without.
    func openTranscoders(of pipeline: Pipeline) async -> RoutePlan {
        let wanted = plan(of: pipeline)
        var refused: [EndpointID: String] = [:]
        let missing = wanted.transcoders.filter { pipeline.transcoders[$0.key] == nil }
        for (id, transcoder) in missing.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            do throws(Refusal) {
                _ = try await performOrRefuse(.openElement(id, .transcoder(transcoder.target)), in: pipeline)
                pipeline.transcoders[id] = transcoder
            } catch {
                refused[id] = error.message
            }
        }
        return refused.isEmpty ? wanted : plan(of: pipeline, without: refused)
    }

    func closeTranscoders(of pipeline: Pipeline, except plan: RoutePlan) async {
        let unused = pipeline.transcoders.keys.filter { plan.transcoders[$0] == nil }
        for id in unused.sorted(by: { $0.rawValue < $1.rawValue }) {
            await attempt(.closeEndpoint(id), in: pipeline)
            pipeline.transcoders[id] = nil
        }
    }

    /// It went with its worker: another takes its place.
    func forgetTranscoder(_ id: EndpointID, of pipeline: Pipeline) {
        guard pipeline.transcoders.removeValue(forKey: id) != nil else { return }
        pipeline.routes = pipeline.routes.filter { $0.key.sink != id && $0.value != id }
        reviseRoutes(of: pipeline)
    }

    /// Something else comes from a source than before.
    func reviseRoutes(of pipeline: Pipeline) {
        Task {
            await pipeline.gate.enter()
            if pipeline.loss == nil, pipeline.object?.isReleased == false { await attemptRoutes(of: pipeline) }
            pipeline.gate.leave()
        }
    }

    /// A peer has said what it takes: whatever feeds it already may not be that.
    func reviseRoutes(to object: MediaObject, in pipeline: Pipeline) async {
        guard let endpoint = object.endpoint else { return }
        let isFed = MediaKind.allCases.contains { kind in
            let sink = ElementGraph.SinkRoute(sink: endpoint.id, kind: kind)
            guard let source = pipeline.routes[sink], let codec = pipeline.endpoints[source]?.codecs[kind] else {
                return false
            }
            return codec.match(in: endpoint.sendCodecs[kind]) == nil
        }
        if isFed { await attemptRoutes(of: pipeline) }
    }

    // MARK: What clients are told

    /// Once for each sink, until it is served.
    func tellGaps(of pipeline: Pipeline, _ plan: RoutePlan) {
        for (sink, reason) in plan.gaps.sorted(by: { $0.key.sink.rawValue < $1.key.sink.rawValue })
        where !pipeline.gaps.contains(sink) {
            guard let object = pipeline.endpoints[sink.sink] else { continue }
            let code = KurentoError.Code.unsupportedMediaType
            raise(
                "Error", on: object,
                [
                    "description": .string(reason), "errorCode": .integer(code.rawValue),
                    "type": .string(code.name),
                ])
        }
        pipeline.gaps = Set(plan.gaps.keys)
    }

    /// Whether what leaves an element is encoded anew for anybody, as far as it has changed.
    func tellTranscoding(of pipeline: Pipeline) {
        var states: [String: PerKind<Bool?>] = [:]
        for (sink, source) in pipeline.routes {
            guard let object = pipeline.endpoints[source] else { continue }
            let isDecoded =
                pipeline.transcoders[sink.sink] != nil
                || pipeline.endpoints[sink.sink]?.decodes(sink.kind) == true
            let isEncoded = isDecoded || object.encodes(sink.kind)
            guard isEncoded || object.codecs[sink.kind] != nil else { continue }
            // The picture of a hub leaves by its ports.
            for element in object.hub == nil ? [object] : object.children {
                let was = states[element.id]?[sink.kind] ?? false
                states[element.id, default: PerKind(nil)][sink.kind] = was || isEncoded
            }
        }
        for element in pipeline.object?.descendants ?? [] {
            for kind in MediaKind.allCases {
                let state = states[element.id]?[kind] ?? (element.transcodes[kind] == true ? false : nil)
                guard let state, state != element.transcodes[kind] else { continue }
                element.transcodes[kind] = state
                touch(element)
                raise(
                    "MediaTranscodingStateChanged", on: element,
                    [
                        "state": state ? "TRANSCODING" : "NOT_TRANSCODING",
                        "binName": .string(ElementGraph.defaultDescription),
                        "mediaType": .string(ElementGraph.MediaType(kind).rawValue),
                    ])
            }
        }
    }
}

extension CodecParameters {
    /// What is encoded for peers, the best first. Others are decoded as well, but never made.
    fileprivate static let transcodable = [
        CodecParameters(name: "VP8", payloadType: 96, clockRate: 90_000),
        CodecParameters(
            name: "H264", payloadType: 96, clockRate: 90_000,
            formatParameters: [
                FormatParameter("packetization-mode", "1"), FormatParameter("profile-level-id", "42e01f"),
            ]),
        CodecParameters(name: "VP9", payloadType: 96, clockRate: 90_000),
        CodecParameters(name: "opus", payloadType: 111, clockRate: 48_000, channels: 2),
        CodecParameters(name: "PCMU", payloadType: 0, clockRate: 8_000),
        CodecParameters(name: "PCMA", payloadType: 8, clockRate: 8_000),
    ]

    /// Can be decoded here.
    fileprivate var isTranscodable: Bool {
        let codec = Codec(name: name)
        return Self.transcodable.contains { Codec(name: $0.name) == codec }
    }
}

extension MediaObject {
    /// What comes to it of this kind is decoded, to be encoded anew with what becomes of it.
    fileprivate func decodes(_ kind: MediaKind) -> Bool {
        type == "HubPort" || encodesAnew[kind] || (takes(ElementGraph.MediaType(kind)) && encodes(kind))
    }

    /// What leaves it of this kind was encoded by it.
    fileprivate func encodes(_ kind: MediaKind) -> Bool {
        if hub != nil || type == "HubPort" || encodesAnew[kind] { return true }
        return isFilter && !passes(ElementGraph.MediaType(kind))
    }
}
