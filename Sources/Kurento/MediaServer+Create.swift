import Session

extension MediaServer {
    func create(_ parameters: Parameters, _ context: inout RequestContext) async throws -> JSONValue {
        let name = try parameters.string("type")
        let given = try parameters.optionalObject("constructorParams")
        let session = session(&context)
        guard let type = registry.factory(named: name), let fields = type.constructor else {
            throw KurentoError(.mediaObjectNotAvailable, "Factory '\(name)' not found")
        }
        let arguments = try reader(for: session).arguments(given, for: fields, in: "constructorParams")
        try checkCapacity(of: session, adding: 1)
        guard objects.count < configuration.objectLimit else {
            throw KurentoError(
                .notEnoughResources, "The server holds its \(configuration.objectLimit) objects; try again later")
        }
        let object = try await make(type, arguments)
        reference(object, for: session)
        touch(object)
        raiseOnManager("ObjectCreated", ["object": .string(object.id)])
        return result(session, .string(object.id))
    }

    private func make(_ type: ObjectClass, _ arguments: Arguments) async throws(KurentoError) -> MediaObject {
        if type.name == "MediaPipeline" { return try await makePipeline(type) }
        let parentID = arguments.string(type.name == "HubPort" ? "hub" : "mediaPipeline")
        guard let parent = objects[parentID], let pipeline = parent.pipeline else { throw .objectNotFound(parentID) }
        await pipeline.gate.enter()
        defer { pipeline.gate.leave() }
        try checkUsable(parent)
        try Self.checkRoom(in: parent)
        let uuid = configuration.drawIdentifier()
        let object = MediaObject(
            id: "\(parent.id)/\(uuid)_\(type.qualifiedName)", type: type.name, parent: parent, pipeline: pipeline,
            createdAt: configuration.wallClock())
        if type.name == "WebRtcEndpoint" {
            for (name, value) in arguments.values where name != "mediaPipeline" { object.properties[name] = value }
            try await open(object, EndpointID(uuid), in: pipeline)
        } else if type.name == "RtpEndpoint" {
            try await openPlain(object, EndpointID(uuid), arguments, in: pipeline)
        } else if let specification = try Self.element(type, arguments) {
            for (name, value) in arguments.values where name != "mediaPipeline" { object.properties[name] = value }
            try await open(object, EndpointID(uuid), specification, in: pipeline)
        } else if parent.hub != nil, let specification = Self.portElement(of: parent) {
            try await open(object, EndpointID(uuid), specification, in: pipeline)
        }
        if registry.isClass(type.name, a: "Hub") { object.hub = HubState() }
        objects.insert(object)
        if parent.hub != nil { updatePorts(of: parent) }
        return object
    }

    /// One pipeline is one session of the media plane, and is named after it.
    private func makePipeline(_ type: ObjectClass) async throws(KurentoError) -> MediaObject {
        let session = SessionID(configuration.drawIdentifier())
        do {
            _ = try await plane.open(session)
        } catch {
            throw KurentoError(error)
        }
        let pipeline = Pipeline(session: session)
        let object = MediaObject(
            id: "\(session)_\(type.qualifiedName)", type: type.name, parent: nil, pipeline: pipeline,
            createdAt: configuration.wallClock())
        pipeline.object = object
        objects.insert(object)
        await plane.subscribe(to: session) { [weak self] event in await self?.take(event) }
        return object
    }

    /// Opens the peer transport at once, so that its candidates and fingerprint are known before any offer.
    private func open(
        _ object: MediaObject, _ id: EndpointID, in pipeline: Pipeline
    ) async throws(KurentoError) {
        let (identity, specification) = EndpointIdentity.draw(
            isLite: configuration.isLite, drawIdentifier: configuration.drawIdentifier)
        guard case .opened(let opened) = try await perform(.openEndpoint(id, specification), in: pipeline) else {
            throw KurentoError(.unexpectedError, "The worker did not say where it opened the endpoint")
        }
        object.endpoint = EndpointState(
            id: id, specification: specification, opened: opened,
            identity: identity)
        pipeline.endpoints[id] = object
    }

    /// Reads arguments on behalf of a session: objects that they name become referenced by it.
    func reader(for session: String) -> ArgumentReader {
        ArgumentReader(registry: registry) { (id, type, parameter) throws(KurentoError) in
            let object = try self.find(id, for: session)
            guard self.registry.isClass(object.type, a: type) else {
                throw ArgumentReader.illTyped(parameter, "object")
            }
        }
    }
}
