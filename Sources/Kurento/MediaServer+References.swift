import Logging
import Session

extension MediaServer {
    /// The object, referenced from now on by the session that named it: this is how clients share objects.
    func find(_ id: String, for session: String) throws(KurentoError) -> MediaObject {
        guard let object = objects[id] else { throw .objectNotFound(id) }
        try checkCapacity(of: session, adding: object.sessions.contains(session) ? 0 : 1)
        reference(object, for: session)
        touch(object, of: session)
        return object
    }

    /// A reference to an object is one to its parents, so no parent goes before its children.
    func reference(_ object: MediaObject, for session: String) {
        var next: MediaObject? = object
        while let current = next {
            if current.sessions.insert(session).inserted {
                sessions.addObject(current.id, to: session)
                touch(current, of: session)
            }
            next = current.parent
        }
        sessions.markInUse(session)
    }

    func checkCapacity(of session: String, adding count: Int) throws(KurentoError) {
        guard sessions.contains(session) || sessions.count < configuration.sessionLimit else {
            throw KurentoError(
                .notEnoughResources, "The server holds its \(configuration.sessionLimit) sessions; try again later")
        }
        guard sessions.objects(of: session).count + count <= Limits.objectsPerSession else {
            throw KurentoError(
                .notEnoughResources, "A session may hold \(Limits.objectsPerSession) objects; release some")
        }
    }

    func addReference(_ parameters: Parameters, _ context: inout RequestContext) throws -> JSONValue {
        let id = try parameters.string("object")
        guard let session = context.session else { throw RPCError.parameter("sessionId", "is required") }
        _ = try find(id, for: session)
        context.boundSession = session
        return result(session)
    }

    func removeReference(_ parameters: Parameters, _ context: inout RequestContext) async throws -> JSONValue {
        let id = try parameters.string("object")
        guard let session = context.session else { throw RPCError.parameter("sessionId", "is required") }
        guard let object = objects[id] else { throw KurentoError.objectNotFound(id) }
        context.boundSession = session
        await dereference(object, for: session)
        return result(session)
    }

    /// Takes the session's reference to the object and to all below it; what nobody references goes.
    private func dereference(_ object: MediaObject, for session: String) async {
        dropReferences(to: object, of: session)
        if object.sessions.isEmpty {
            await release(object)
        } else {
            for child in object.descendants where child.sessions.isEmpty { await release(child) }
        }
    }

    private func dropReferences(to object: MediaObject, of session: String) {
        for child in object.children { dropReferences(to: child, of: session) }
        forget(object, for: session)
    }

    private func forget(_ object: MediaObject, for session: String) {
        guard object.sessions.remove(session) != nil else { return }
        touch(object, of: session)
        sessions.removeObject(object.id, from: session)
        object.subscribers = object.subscribers.compactMapValues { list in
            let rest = list.filter { $0.session != session }
            return rest.isEmpty ? nil : rest
        }
    }

    func removeAllReferences(of session: String) async {
        let held = sessions.objects(of: session).sorted(by: Self.parentsFirst).compactMap { objects[$0] }
        for object in held { forget(object, for: session) }
        for object in held where object.sessions.isEmpty { await release(object) }
        notebook.waitingEvents[session] = nil
    }

    /// Ids of children extend their parent's.
    static func parentsFirst(_ left: String, _ right: String) -> Bool {
        (left.utf8.count, left) < (right.utf8.count, right)
    }

    /// Un-references what sessions hold that nobody used or was connected to for a whole period.
    func collectGarbage() async {
        for session in sessions.takeUnused() {
            logger.info("collecting an abandoned session", metadata: ["session": "\(session)"])
            await removeAllReferences(of: session)
        }
        notebook.waitingEvents = notebook.waitingEvents.filter { sessions.contains($0.key) }
    }

    /// Releasing what is not there succeeds: the client wants it gone, and it is.
    func release(_ parameters: Parameters, _ context: inout RequestContext) async throws -> JSONValue {
        let id = try parameters.string("object")
        let session = session(&context)
        if let object = objects[id] { await release(object) }
        return result(session)
    }

    /// Releases the object and all below it for every session.
    func release(_ object: MediaObject) async {
        guard let pipeline = object.pipeline else { return }
        await pipeline.gate.enter()
        defer { pipeline.gate.leave() }
        guard !object.isReleased else { return }
        var closing: [Operation] = []
        remove(object, closing: &closing)
        if object === pipeline.object || pipeline.object == nil {
            await plane.close(pipeline.session)
            return
        }
        guard pipeline.loss == nil else { return }
        for operation in closing { await attempt(operation, in: pipeline) }
        await attemptRoutes(of: pipeline)
    }

    /// Takes the object out of all tables, children first; no media operation happens here.
    private func remove(_ object: MediaObject, closing: inout [Operation]) {
        for child in object.children { remove(child, closing: &closing) }
        if let pipeline = object.pipeline, object !== pipeline.object {
            if object.type == "HubPort" { leaveHub(object) }
            for link in pipeline.graph.remove(object.id) { raiseDisconnected(link) }
            if let endpoint = object.endpoint, endpoint.stage == .answered || endpoint.stage == .offerAccepted {
                raise("MediaSessionTerminated", on: object)
            }
            if let id = object.endpoint?.id ?? object.element?.id {
                pipeline.endpoints[id] = nil
                pipeline.routes = pipeline.routes.filter { $0.key.sink != id && $0.value != id }
                pipeline.dataRoutes = pipeline.dataRoutes.filter { $0.key != id && $0.value != id }
                closing.append(.closeEndpoint(id))
            }
        }
        object.isReleased = true
        touch(object)
        for session in object.sessions { touch(object, of: session) }
        objects.remove(object)
        for session in object.sessions { sessions.removeObject(object.id, from: session) }
        object.sessions = []
        raiseOnManager("ObjectDestroyed", ["objectId": .string(object.id)])
    }
}
