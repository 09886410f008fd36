import Logging
import RTP
import Session

extension KurentoError {
    /// What a refusal of the cluster is to a client.
    init(_ refusal: Refusal) {
        switch refusal.reason {
        case .noWorker, .overLimit, .storeUnavailable, .elsewhere:
            self.init(.notEnoughResources, "Not enough resources: \(refusal.message)")
            retryAfter = refusal.retryAfter
        case .workerLost, .workerDrained:
            self.init(.unexpectedError, "The media worker was lost: \(refusal.message)")
        case .notFound, .staleEpoch, .invalid, .timedOut:
            let reason = refusal.reason.rawValue
            self.init(.unexpectedError, "The media worker did not do it (\(reason)): \(refusal.message)")
        }
    }
}

extension MediaServer {
    /// Throws what a client should be told of an object that was released or whose worker is gone.
    func checkUsable(_ object: MediaObject) throws(KurentoError) {
        guard !object.isReleased else { throw .objectNotFound(object.id) }
        guard let loss = object.pipeline?.loss else { return }
        throw KurentoError(
            .unexpectedError,
            "The media worker of this pipeline was lost (\(loss.message)): release the pipeline and create a new one")
    }

    /// Has the media plane do one operation.
    func perform(_ operation: Operation, in pipeline: Pipeline) async throws(KurentoError) -> Outcome {
        do {
            return try await performOrRefuse(operation, in: pipeline)
        } catch {
            throw KurentoError(error)
        }
    }

    /// As ``perform(_:in:)``, for callers that tell refusals apart.
    func performOrRefuse(_ operation: Operation, in pipeline: Pipeline) async throws(Refusal) -> Outcome {
        let outcome = try await plane.perform(operation, in: pipeline.session)
        if case .refused(let refusal) = outcome { throw refusal }
        return outcome
    }

    /// For clean-up: there is nobody to tell that it failed.
    func attempt(_ operation: Operation, in pipeline: Pipeline) async {
        do {
            _ = try await perform(operation, in: pipeline)
        } catch {
            logger.debug(
                "clean-up was refused",
                metadata: ["session": "\(pipeline.session)", "reason": "\(error.message)"])
        }
    }

    /// Makes the media plane's routes those that the graph asks for. Each step that succeeds is recorded,
    /// so after a failure the next call starts from what is really there.
    func applyRoutes(of pipeline: Pipeline) async throws(KurentoError) {
        let plan = await openTranscoders(of: pipeline)
        let wanted = plan.routes
        for (sink, source) in Self.ordered(pipeline.routes.filter { wanted[$0.key] == nil }) {
            let route = Route(source: source, sink: sink.sink, kind: sink.kind)
            _ = try await perform(.disconnect(route), in: pipeline)
            pipeline.routes[sink] = nil
        }
        for (sink, source) in Self.ordered(wanted.filter { pipeline.routes[$0.key] != $0.value }) {
            // A connect replaces what fed the sink: no moment without media between two sources.
            let route = Route(source: source, sink: sink.sink, kind: sink.kind)
            _ = try await perform(.connect(route), in: pipeline)
            pipeline.routes[sink] = source
        }
        await closeTranscoders(of: pipeline, except: plan)
        tellGaps(of: pipeline, plan)
        tellTranscoding(of: pipeline)
        try await applyDataRoutes(of: pipeline)
    }

    func attemptRoutes(of pipeline: Pipeline) async {
        do {
            try await applyRoutes(of: pipeline)
        } catch {
            logger.warning(
                "routes could not be taken down",
                metadata: ["session": "\(pipeline.session)", "reason": "\(error.message)"])
        }
    }

    /// Those of audio and video.
    func endpoints(of pipeline: Pipeline) -> ElementGraph.Endpoints {
        var endpoints = ElementGraph.Endpoints()
        for (id, object) in pipeline.endpoints {
            for type in [ElementGraph.MediaType.audio, .video] {
                if object.takes(type) { endpoints.sinks[type, default: [:]][object.id] = id }
                if !object.passes(type) { endpoints.sources[type, default: [:]][object.id] = id }
            }
        }
        return endpoints
    }

    /// The same operations in the same order for the same change.
    private static func ordered(
        _ routes: [ElementGraph.SinkRoute: EndpointID]
    ) -> [(key: ElementGraph.SinkRoute, value: EndpointID)] {
        routes.sorted {
            ($0.key.sink.rawValue, $0.key.kind.rawValue) < ($1.key.sink.rawValue, $1.key.kind.rawValue)
        }
    }
}
