import RTP
import Session

extension MediaServer {
    /// Methods of every element. Nil for a method that is not among them.
    func invokeOnElement(
        _ name: String, _ object: MediaObject, _ arguments: Arguments
    ) async throws(KurentoError) -> JSONValue? {
        guard let pipeline = object.pipeline else { return nil }
        switch name {
        case "connect":
            try await connect(object, arguments, in: pipeline)
            return .null
        case "disconnect":
            try await disconnect(object, arguments, in: pipeline)
            return .null
        case "getSourceConnections":
            return connections(pipeline.graph.linksInto(object.id), arguments) { $0.sinkDescription }
        case "getSinkConnections":
            return connections(pipeline.graph.linksOutOf(object.id), arguments) { $0.sourceDescription }
        case "setAudioFormat", "setVideoFormat":
            // What is encoded has one format, whatever is asked for: it is only noted.
            object.properties[name] = arguments["caps"]
            return .null
        case "dumpGstreamerDot": return .null
        case "getGstreamerDot": return .string(pipeline.object.map(graphText) ?? "")
        case "getStats": return try await statistics(of: object, arguments, in: pipeline)
        case "isMediaFlowingIn": return .bool(isMediaFlowing(into: object, arguments, in: pipeline))
        case "isMediaFlowingOut": return .bool(isMediaFlowing(outOf: object, arguments, in: pipeline))
        case "isMediaTranscoding":
            let type = ElementGraph.MediaType(rawValue: arguments.string("mediaType"))
            return .bool(type?.kind.flatMap { object.transcodes[$0] } ?? false)
        default: return nil
        }
    }

    /// The links that `connect` and `disconnect` mean: one for each media type that is not excluded.
    private func links(
        _ source: MediaObject, _ arguments: Arguments, in pipeline: Pipeline
    ) throws(KurentoError) -> [ElementGraph.Link] {
        let sinkID = arguments.string("sink")
        guard let sink = objects[sinkID] else { throw .objectNotFound(sinkID) }
        guard sink.pipeline === pipeline else {
            throw KurentoError(.connectError, "Media elements do not share pipeline")
        }
        let type = arguments.optionalString("mediaType").flatMap(ElementGraph.MediaType.init(rawValue:))
        let types = type.map { [$0] } ?? ElementGraph.MediaType.allCases
        let sourceDescription = description(arguments.optionalString("sourceMediaDescription"))
        let sinkDescription = description(arguments.optionalString("sinkMediaDescription"))
        guard max(sourceDescription.utf8.count, sinkDescription.utf8.count) <= Limits.propertyBytes else {
            throw KurentoError(.mediaObjectIllegalParameter, "A description may have \(Limits.propertyBytes) bytes")
        }
        return types.map {
            ElementGraph.Link(
                source: source.id, sink: sink.id, type: $0, sourceDescription: sourceDescription,
                sinkDescription: sinkDescription)
        }
    }

    private func description(_ text: String?) -> String {
        text.flatMap { $0.isEmpty ? nil : $0 } ?? ElementGraph.defaultDescription
    }

    private func connect(
        _ source: MediaObject, _ arguments: Arguments, in pipeline: Pipeline
    ) async throws(KurentoError) {
        let links = try links(source, arguments, in: pipeline)
        let before = pipeline.graph
        var replaced: [ElementGraph.Link?] = []
        for link in links { replaced.append(pipeline.graph.connect(link)) }
        do {
            try await applyRoutes(of: pipeline)
        } catch {
            pipeline.graph = before
            throw KurentoError(.connectError, "The elements could not be connected: \(error.message)")
        }
        for (link, old) in zip(links, replaced) where link != old {
            if let sink = objects[link.sink] { touch(sink) }
            if let old { raiseDisconnected(old) }
            raise("ElementConnected", on: source, eventMembers(link))
        }
    }

    private func disconnect(
        _ source: MediaObject, _ arguments: Arguments, in pipeline: Pipeline
    ) async throws(KurentoError) {
        let links = try links(source, arguments, in: pipeline)
        let before = pipeline.graph
        var removed: [ElementGraph.Link] = []
        for link in links where pipeline.graph.disconnect(link) { removed.append(link) }
        do {
            try await applyRoutes(of: pipeline)
        } catch {
            pipeline.graph = before
            throw KurentoError(.connectError, "The elements could not be disconnected: \(error.message)")
        }
        for link in removed { raiseDisconnected(link) }
    }

    func raiseDisconnected(_ link: ElementGraph.Link) {
        if let sink = objects[link.sink] { touch(sink) }
        guard let source = objects[link.source] else { return }
        raise("ElementDisconnected", on: source, eventMembers(link))
    }

    private func eventMembers(_ link: ElementGraph.Link) -> [String: JSONValue] {
        [
            "sink": .string(link.sink), "mediaType": .string(link.type.rawValue),
            "sourceMediaDescription": .string(link.sourceDescription),
            "sinkMediaDescription": .string(link.sinkDescription),
        ]
    }

    private func connections(
        _ links: [ElementGraph.Link], _ arguments: Arguments, description: (ElementGraph.Link) -> String
    ) -> JSONValue {
        let type = arguments.optionalString("mediaType")
        let wanted = arguments.optionalString("description")
        let matching = links.filter { link in
            (type ?? link.type.rawValue) == link.type.rawValue && (wanted ?? description(link)) == description(link)
        }
        return .array(
            matching.map { link in
                .structure(
                    "ElementConnectionData",
                    [
                        "source": .string(link.source), "sink": .string(link.sink),
                        "type": .string(link.type.rawValue), "sourceDescription": .string(link.sourceDescription),
                        "sinkDescription": .string(link.sinkDescription),
                    ])
            })
    }

    /// Into the element from the pipeline: what an endpoint sends to its peer, what a PassThrough is fed.
    private func isMediaFlowing(into object: MediaObject, _ arguments: Arguments, in pipeline: Pipeline) -> Bool {
        guard let type = ElementGraph.MediaType(rawValue: arguments.string("mediaType")), let kind = type.kind else {
            return false
        }
        if let endpoint = object.endpoint { return endpoint.flowsToPeer.contains(kind) }
        let origin = pipeline.graph.origin(of: object.id, type, endpoints(of: pipeline))
        return origin.map { isMediaFlowing(kind, from: $0, in: pipeline) } ?? false
    }

    /// Out of the element into the pipeline: what an endpoint gets from its peer; a PassThrough gives what it is fed.
    private func isMediaFlowing(outOf object: MediaObject, _ arguments: Arguments, in pipeline: Pipeline) -> Bool {
        guard let type = ElementGraph.MediaType(rawValue: arguments.string("mediaType")), let kind = type.kind else {
            return false
        }
        let source = pipeline.graph.source(of: object.id, type, endpoints(of: pipeline))
        return source.map { isMediaFlowing(kind, from: $0, in: pipeline) } ?? false
    }

    /// From its peer; a hub and a port of one send what they mix, be it of nothing.
    private func isMediaFlowing(_ kind: MediaKind, from id: EndpointID, in pipeline: Pipeline) -> Bool {
        guard let object = pipeline.endpoints[id] else { return false }
        return object.endpoint?.flowsFromPeer.contains(kind) ?? (object.hub != nil || object.type == "HubPort")
    }

    /// The pipeline in the DOT language. Clients use it to look at their pipelines; no GStreamer is involved.
    func graphText(of object: MediaObject) -> String {
        var numbers: [String: Int] = [:]
        var lines = ["digraph pipeline {", "  rankdir=LR;"]
        for (number, element) in object.descendants.enumerated() {
            numbers[element.id] = number
            lines.append("  e\(number) [label=\"\(element.type)\\n\(element.id.split(separator: "/").last ?? "")\"];")
        }
        for link in object.pipeline?.graph.links ?? [] {
            guard let source = numbers[link.source], let sink = numbers[link.sink] else { continue }
            lines.append("  e\(source) -> e\(sink) [label=\"\(link.type.rawValue)\"];")
        }
        return (lines + ["}", ""]).joined(separator: "\n")
    }
}
