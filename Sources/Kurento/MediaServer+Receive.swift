extension MediaServer {
    /// One frame: handled, its reply queued, then the events that arose meanwhile.
    func handle(_ text: String, on connection: Connection) async {
        counters.requests &+= 1
        connection.beginRequest()
        let reply = await reply(to: text, on: connection)
        // What the client is told must not be forgotten with this process.
        await persistAhead()
        connection.endRequest(reply: reply)
    }

    private func reply(to text: String, on connection: Connection) async -> String {
        do {
            guard text.utf8.count <= Limits.frameBytes else { throw RPCError.frameTooLarge }
            guard let value = try? JSONParser.parse(text) else { throw RPCError.parseError }
            return await reply(to: try Request(value), bytes: text.utf8.count, on: connection)
        } catch {
            return failure(error, id: .null)
        }
    }

    private func failure(_ error: any Error, id: JSONValue) -> String {
        counters.errors &+= 1
        return Request.response(id: id, error: RPCError(describing: error)).text
    }

    /// Answers from the cache when this session has asked the same before: a client that lost its
    /// connection repeats what was not answered.
    private func reply(
        to request: Request, bytes: Int, on connection: Connection
    ) async -> String {
        let explicit: String?
        do {
            explicit = try explicitSession(of: request)
        } catch {
            return failure(error, id: request.id)
        }
        if let explicit, !sessions.contains(explicit), memory != nil, request.method != "ping" {
            do throws(KurentoError) {
                try await restore(explicit)
            } catch {
                // Without the store nobody knows; only `connect` depends on it.
                if error.code != .notEnoughResources || request.method == "connect" {
                    return failure(error, id: request.id)
                }
            }
        }
        if let explicit, sessions.contains(explicit) { bind(explicit, to: connection) }
        guard cache.isEnabled, !request.id.isNull, let session = explicit ?? connection.session else {
            return await execute(request, explicit: explicit, on: connection)
        }
        let key = RequestCache.Key(session: session, request: request)
        cache.expire(now: configuration.now())
        if case .running? = cache[key] {
            await withCheckedContinuation { cache.wait(for: key, $0) }
        }
        if case .done(let response, _)? = cache[key] { return response }
        cache.begin(key)
        let response = await execute(request, explicit: explicit, on: connection)
        cache.finish(key, response: response, requestBytes: bytes, now: configuration.now())
        return response
    }

    private func explicitSession(of request: Request) throws(RPCError) -> String? {
        guard let id = try request.optionalParameters.optionalString("sessionId") else { return nil }
        guard id.utf8.count <= Limits.sessionIDBytes else {
            throw .parameter("sessionId", "is longer than \(Limits.sessionIDBytes) bytes")
        }
        return id
    }

    private func execute(_ request: Request, explicit: String?, on connection: Connection) async -> String {
        var context = RequestContext(explicitSession: explicit, connection: connection)
        do {
            let result = try await perform(request, &context)
            if let session = context.boundSession { bind(session, to: connection) }
            if request.id.isNull { throw RPCError.notification }
            return Request.response(id: request.id, result: result).text
        } catch {
            return failure(error, id: request.id)
        }
    }

    /// The last connection that used a session owns it; a connection carries one session at a time.
    func bind(_ session: String, to connection: Connection) {
        guard !connection.isClosed else { return }
        if let previous = connection.session, previous != session { sessions.unbind(previous, from: connection.id) }
        connection.session = session
        sessions.bind(session, to: connection.id)
        for event in notebook.waitingEvents.removeValue(forKey: session) ?? [] where !connection.enqueue(event: event) {
            counters.droppedEvents &+= 1
        }
    }
}

/// Whose request it is.
struct RequestContext {
    /// Named by the request itself.
    var explicitSession: String?
    /// Nil for nothing but tests.
    var connection: Connection
    /// What the reply tells and the connection is bound to from now on.
    var boundSession: String?
    var isInTransaction = false

    /// The request's own session, else that of its connection.
    var session: String? { explicitSession ?? boundSession ?? connection.session }
}
