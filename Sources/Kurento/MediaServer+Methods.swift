extension MediaServer {
    /// One request of a connection, or of a transaction; returns its `result`.
    func perform(_ request: Request, _ context: inout RequestContext) async throws -> JSONValue {
        switch request.method {
        case "ping": return ping(context)
        case "connect": return try connect(&context)
        case "keepAlive": return try keepAlive(request, &context)
        case "closeSession": return try await closeSession(request, &context)
        case "create": return try await create(try request.requiredParameters(), &context)
        case "invoke": return try await invoke(try request.requiredParameters(), &context)
        case "subscribe": return try subscribe(try request.requiredParameters(), &context)
        case "unsubscribe": return try unsubscribe(try request.requiredParameters(), &context)
        case "describe": return try describe(try request.requiredParameters(), &context)
        case "release": return try await release(try request.requiredParameters(), &context)
        case "ref": return try addReference(try request.requiredParameters(), &context)
        case "unref": return try await removeReference(try request.requiredParameters(), &context)
        case "transaction": return try await transaction(try request.requiredParameters(), &context)
        default: throw RPCError.methodNotFound
        }
    }

    /// The session that a method works for; drawn when neither request nor connection has one.
    func session(_ context: inout RequestContext) -> String {
        let session = context.session ?? configuration.drawIdentifier()
        context.boundSession = session
        return session
    }

    func result(_ session: String, _ value: JSONValue? = nil) -> JSONValue {
        guard let value else { return ["sessionId": .string(session)] }
        return ["sessionId": .string(session), "value": value]
    }

    private func ping(_ context: RequestContext) -> JSONValue {
        guard let session = context.session else { return ["value": "pong"] }
        return result(session, "pong")
    }

    /// Resumes a session that still references something, or names a fresh one.
    private func connect(_ context: inout RequestContext) throws(KurentoError) -> JSONValue {
        if let known = context.explicitSession {
            guard sessions.contains(known) else { throw KurentoError(.invalidSession, "Invalid session") }
            sessions.markInUse(known)
        }
        let session = context.explicitSession ?? configuration.drawIdentifier()
        context.boundSession = session
        return ["serverId": .string(serverID), "sessionId": .string(session)]
    }

    private func keepAlive(_ request: Request, _ context: inout RequestContext) throws -> JSONValue {
        let session = try requiredSession(request, context)
        guard sessions.contains(session) else { throw KurentoError(.invalidSession, "Invalid session") }
        sessions.markInUse(session)
        context.boundSession = session
        return result(session)
    }

    /// Drops the session's references, or with `release` releases its objects for everybody.
    private func closeSession(_ request: Request, _ context: inout RequestContext) async throws -> JSONValue {
        let session = try requiredSession(request, context)
        let releases = try request.optionalParameters.optionalBool("release") ?? false
        if releases {
            for id in sessions.objects(of: session).sorted(by: Self.parentsFirst) {
                if let object = objects[id] { await release(object) }
            }
        }
        await removeAllReferences(of: session)
        sessions.unbind(session, from: context.connection.id)
        if context.connection.session == session { context.connection.session = nil }
        context.boundSession = nil
        return .null
    }

    private func requiredSession(_ request: Request, _ context: RequestContext) throws(RPCError) -> String {
        if context.session == nil, case .null = request.params { throw .parametersRequired }
        guard let session = context.session else { throw .parameter("sessionId", "is required") }
        return session
    }

    private func describe(_ parameters: Parameters, _ context: inout RequestContext) throws -> JSONValue {
        let id = try parameters.string("object")
        let session = session(&context)
        let object = try find(id, for: session)
        let lineage = registry.lineage(of: object.type)
        return [
            "hierarchy": .array(lineage.dropFirst().map { .string($0.qualifiedName) }),
            "qualifiedType": .string(lineage.first?.qualifiedName ?? object.type), "sessionId": .string(session),
            "type": .string(object.type),
        ]
    }

    private func subscribe(_ parameters: Parameters, _ context: inout RequestContext) throws -> JSONValue {
        let id = try parameters.string("object")
        let event = try parameters.string("type")
        let session = session(&context)
        let object = try find(id, for: session)
        guard registry.event(event, of: object.type) != nil else {
            throw KurentoError(.mediaObjectEventNotSupported, "Event '\(event)' not supported")
        }
        guard sessions.subscriptionCount(of: session) < Limits.subscriptionsPerSession else {
            throw KurentoError(
                .notEnoughResources, "A session may hold \(Limits.subscriptionsPerSession) subscriptions; remove some")
        }
        let subscription = configuration.drawIdentifier()
        sessions.add(subscription, SessionTable.Subscription(object: object.id, event: event), to: session)
        object.addSubscription(subscription, to: event, of: session)
        return result(session, .string(subscription))
    }

    /// An unknown subscription is no error: it may have gone with its object.
    private func unsubscribe(_ parameters: Parameters, _ context: inout RequestContext) throws -> JSONValue {
        let id = try parameters.string("object")
        let subscription = try parameters.string("subscription")
        let session = session(&context)
        let object = try find(id, for: session)
        if let known = sessions.subscription(subscription, of: session), known.object == object.id {
            sessions.removeSubscription(subscription, from: session)
            object.removeSubscription(subscription, to: known.event, of: session)
        }
        return result(session)
    }
}
