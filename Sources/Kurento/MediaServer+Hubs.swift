import RTP
import Session

/// Hubs and their ports. Dispatchers only say which port's media leaves at which; Composite and AlphaBlending are media
/// elements, as are their ports; of a Mixer the ports are, and its pictures are passed on.
extension MediaServer {
    /// What a hub is in the media plane; nil where it is nothing there, and for other classes.
    static func hubElement(_ type: String, _ arguments: Arguments) throws(KurentoError) -> ElementSpecification? {
        switch type {
        case "Composite":
            let specification = CompositeSpecification(
                width: Int(arguments.integer("width")), height: Int(arguments.integer("height")),
                frameRate: Int(arguments.integer("framerate")))
            if let complaint = specification.complaint {
                throw KurentoError(.mediaObjectIllegalParameter, "A Composite cannot be so: \(complaint)")
            }
            return .composite(specification)
        case "AlphaBlending": return .alphaBlending
        default: return nil
        }
    }

    /// The same of a new port of the hub.
    static func portElement(of hub: MediaObject) -> ElementSpecification? {
        guard !isDispatcher(hub), let name = hub.id.split(separator: "/").last?.split(separator: "_").first else {
            return nil
        }
        let isMixer = hub.type == "Mixer"
        return .hubPort(
            HubPortSpecification(
                hub: hub.element?.id ?? EndpointID(String(name)), order: (hub.children.last?.order ?? 0) + 1,
                takesVideo: !isMixer, hearsAll: !isMixer))
    }

    private static func isDispatcher(_ hub: MediaObject) -> Bool { hub.type.hasPrefix("Dispatcher") }

    static func checkRoom(in parent: MediaObject) throws(KurentoError) {
        guard parent.pipeline?.object?.descendants.count ?? 0 < Limits.elementsPerPipeline else {
            throw KurentoError(
                .notEnoughResources, "A pipeline may hold \(Limits.elementsPerPipeline) elements; release some")
        }
        guard parent.hub == nil || isDispatcher(parent) || parent.children.count < Limits.mixedPorts else {
            throw KurentoError(
                .notEnoughResources, "A hub that mixes may hold \(Limits.mixedPorts) ports; release some")
        }
    }

    // MARK: Methods

    func invokeOnHub(
        _ name: String, _ object: MediaObject, _ arguments: Arguments
    ) async throws(KurentoError) -> JSONValue {
        guard let pipeline = object.pipeline, var hub = object.hub else { return .null }
        switch name {
        case "getGstreamerDot": return .string(pipeline.object.map(graphText) ?? "")
        case "dumpGstreamerDot": return .null
        case "setMaster", "setPortProperties":
            try arrange(&hub.arrangement, name, object, arguments)
        case "connect", "disconnect":
            let source = try port("source", of: object, arguments).id
            let sink = try port("sink", of: object, arguments).id
            let type = arguments.optionalString("media").flatMap(ElementGraph.MediaType.init(rawValue:))
            if object.type == "Dispatcher" { hub.disconnect(from: sink) }
            for type in type.map({ [$0] }) ?? ElementGraph.MediaType.allCases {
                if name == "connect" { hub.connect(source, sink, type) } else { hub.disconnect(source, sink, type) }
            }
        case "setSource", "removeSource":
            hub.disconnectAll()
            if name == "setSource" {
                let source = try port("source", of: object, arguments).id
                // Ports that are still to come are fed as well.
                for type in ElementGraph.MediaType.allCases { hub.connect(source, object.id, type) }
            }
        default: throw KurentoError(.notImplemented, "Method '\(name)' is not implemented")
        }
        try await change(object, to: hub, in: pipeline)
        return .null
    }

    private func port(
        _ name: String, of hub: MediaObject, _ arguments: Arguments
    ) throws(KurentoError) -> MediaObject {
        guard let port = objects[arguments.string(name)] else { throw .objectNotFound(arguments.string(name)) }
        guard port.pipeline === hub.pipeline else {
            throw KurentoError(.connectError, "Media elements do not share pipeline")
        }
        guard port.parent === hub else {
            throw KurentoError(.mediaObjectIllegalParameter, "'\(name)' is a port of another hub than this one")
        }
        return port
    }

    private func arrange(
        _ arrangement: inout BlendingArrangement, _ name: String, _ hub: MediaObject, _ arguments: Arguments
    ) throws(KurentoError) {
        let port = try port(name == "setMaster" ? "source" : "port", of: hub, arguments)
        guard let element = port.element?.id else { return }
        let depth = Int(arguments.integer("zOrder"))
        guard name == "setPortProperties" else {
            arrangement.master = element
            arrangement.masterDepth = depth
            return
        }
        func share(_ name: String, _ bounds: ClosedRange<Double>) throws(KurentoError) -> Double {
            let value = arguments[name]?.asDouble ?? 0
            guard bounds.contains(value) else {
                throw KurentoError(
                    .mediaObjectIllegalParameter,
                    "'\(name)' is a part of the master's size, from \(bounds.lowerBound) to \(bounds.upperBound)")
            }
            return value
        }
        let place = BlendingArrangement.Place(
            port: element, x: try share("relativeX", -1...1), y: try share("relativeY", -1...1),
            width: try share("relativeWidth", 0...1), height: try share("relativeHeight", 0...1), depth: depth)
        arrangement.places.removeAll { $0.port == element }
        arrangement.places.append(place)
    }

    /// All or nothing.
    private func change(
        _ object: MediaObject, to hub: HubState, in pipeline: Pipeline
    ) async throws(KurentoError) {
        let (before, graph) = (object.hub, pipeline.graph)
        object.hub = hub
        updatePorts(of: object)
        do throws(KurentoError) {
            for changed in [object] + object.children {
                let settings = Self.settings(of: changed, in: object, hub)
                guard let settings, settings != before.flatMap({ Self.settings(of: changed, in: object, $0) }),
                    let element = changed.element
                else { continue }
                _ = try await perform(.commandElement(element.id, settings), in: pipeline)
            }
            try await applyRoutes(of: pipeline)
        } catch {
            object.hub = before
            pipeline.graph = graph
            throw error
        }
    }

    /// What the element of a hub or of one of its ports is to be told; nil for one that needs no telling.
    private static func settings(of object: MediaObject, in hub: MediaObject, _ state: HubState) -> ElementCommand? {
        switch hub.type {
        case "AlphaBlending": return object === hub ? .arrange(state.arrangement) : nil
        case "Mixer" where object !== hub:
            let sources = state.sources(of: object.id, .audio)
            return .hear(sources.compactMap { id in hub.children.first { $0.id == id }?.element?.id })
        default: return nil
        }
    }

    /// The element has begun, perhaps in a process after the one that was told all this.
    func tellSettings(to object: MediaObject) {
        guard let hub = object.hub == nil ? object.parent : object, let pipeline = object.pipeline,
            let element = object.element
        else { return }
        Task {
            await pipeline.gate.enter()
            defer { pipeline.gate.leave() }
            guard !object.isReleased, pipeline.loss == nil, let state = hub.hub, state != HubState(),
                let settings = Self.settings(of: object, in: hub, state)
            else { return }
            await attempt(.commandElement(element.id, settings), in: pipeline)
        }
    }

    // MARK: Ports

    /// Lets the graph know what leaves the hub's ports.
    func updatePorts(of hub: MediaObject) {
        guard let pipeline = hub.pipeline, let state = hub.hub else { return }
        for object in hub.children { pipeline.graph.ports[object.id] = Self.graphPort(object, of: hub, state) }
    }

    private static func graphPort(_ object: MediaObject, of hub: MediaObject, _ state: HubState) -> ElementGraph.Port {
        var port = ElementGraph.Port()
        if let own = object.element?.id {
            port.taken = hub.element == nil ? [.audio] : [.audio, .video]
            port.outlets[.audio] = .endpoint(own)
        }
        if let element = hub.element?.id { port.outlets[.video] = .endpoint(element) }
        let sink = hub.type == "DispatcherOneToMany" ? hub.id : object.id
        for type in ElementGraph.MediaType.allCases where port.outlets[type] == nil {
            port.outlets[type] = state.sources(of: sink, type).last.map { .port($0) }
        }
        return port
    }

    /// A port is released: the hub has no use for its name any more.
    func leaveHub(_ port: MediaObject) {
        guard let hub = port.parent else { return }
        hub.hub?.remove(port.id, port.element?.id)
        touch(hub)
        updatePorts(of: hub)
    }
}
