import Logging
import Session

extension Gateway {
    /// The room, opened if need be. Pair with ``leave(_:)-(Room)``: until then it stays open.
    func enter(_ name: String) async throws(GatewayError) -> Room {
        while let room = rooms[name] {
            switch room.phase {
            case .open:
                room.visitors += 1
                return room
            case .opening:
                await withCheckedContinuation { room.waiters.append($0) }
                // Whoever waited with us for the opening gets the same refusal.
                if let refusal = room.refusal, room.phase == .closed { throw GatewayError(refusal, room: name) }
            case .closing:
                await withCheckedContinuation { room.waiters.append($0) }
            case .closed:
                rooms[name] = nil
            }
        }
        guard rooms.count < configuration.roomLimit else {
            throw .full("the server holds its \(configuration.roomLimit) rooms; try again later")
        }
        let room = Room(name: name)
        rooms[name] = room
        room.visitors = 1
        do throws(Refusal) {
            if try await !restore(room) {
                _ = try await plane.open(room.session)
                // A former life of this controller may have left endpoints in the session, which nobody would close.
                _ = try await plane.perform(.closeSession, in: room.session)
            }
        } catch {
            room.refusal = error
            if error.reason != .elsewhere { await plane.close(room.session) }
            retire(room)
            throw GatewayError(error, room: name)
        }
        await admit(room)
        return room
    }

    /// The room is open from now on.
    func admit(_ room: Room) async {
        await plane.subscribe(to: room.session) { [weak self] event in await self?.receive(event) }
        room.phase = .open
        room.wake()
    }

    func leave(_ room: Room) async {
        room.visitors -= 1
        await closeIfEmpty(room)
    }

    func closeIfEmpty(_ room: Room) async {
        guard room.phase == .open, room.isEmpty else { return }
        room.phase = .closing
        await plane.close(room.session)
        await forget(room)
        retire(room)
    }

    /// Ends the room and everyone in it.
    func lose(_ room: Room, _ refusal: Refusal?) async {
        guard room.phase == .open else { return }
        room.phase = .closing
        room.refusal = refusal
        if let refusal {
            logger.warning(
                "a room lost its worker", metadata: ["session": "\(room.session)", "reason": "\(refusal.message)"])
        }
        for resource in room.everyone {
            if let refusal { advise(resource, refusal.reason == .workerDrained ? .drained : .workerLost) }
            forget(resource)
        }
        await plane.close(room.session)
        await forget(room)
        retire(room)
    }

    func retire(_ room: Room) {
        room.phase = .closed
        if rooms[room.name] === room { rooms[room.name] = nil }
        room.wake()
    }

    // MARK: Resources

    /// Ends one resource; the others of its room play on.
    func end(_ resource: Resource, _ reason: String) async {
        guard !resource.isEnded else { return }
        let room = resource.room
        // Gone before the media of its successor came.
        if let successor = resource.successor { _ = promote(successor) }
        forget(resource)
        logger.debug(
            "a resource ended",
            metadata: ["session": "\(room.session)", "endpoint": "\(resource.id)", "reason": "\(reason)"])
        room.visitors += 1
        await attempt(.closeEndpoint(resource.id), in: room.session)
        if resource.role == .publisher {
            await routePlayers(of: room)
            room.followers[resource.id] = nil
        }
        await leave(room)
        await remember(room)
    }

    private func forget(_ resource: Resource) {
        resource.isEnded = true
        resource.notices.end()
        touch(resource)
        resources[resource.secret] = nil
        resource.room.publishers.removeAll { $0 === resource }
        resource.room.idlePublishers[resource.id] = nil
        resource.room.players[resource.id] = nil
    }

    // MARK: The plane

    /// What the media plane tells about a room.
    func receive(_ event: SessionEvent) {
        guard let name = Room.name(of: event.session), let room = rooms[name] else { return }
        room.position = event.position ?? room.position
        switch event.body {
        case .iceStateChanged(let id, let state):
            guard let resource = room.resource(of: id) else { return }
            resource.ice = state
            if state == .failed || state == .closed { fail(resource, "ICE has \(state.rawValue)") }
        case .dtlsStateChanged(let id, let state):
            guard state == .failed || state == .closed, let resource = room.resource(of: id) else { return }
            fail(resource, "DTLS has \(state.rawValue)")
        case .endpointLost(let id, let refusal):
            guard let resource = room.resource(of: id) else { return }
            fail(resource, refusal.message, refusal.reason == .workerDrained ? .drained : .workerLost)
        case .moveAdvised(let id):
            guard let resource = room.resource(of: id), !resource.isEnded else { return }
            advise(resource, .draining)
        case .mediaFlowingIn(let id, let kind, let isFlowing):
            guard let resource = room.resource(of: id) else { return }
            if isFlowing { resource.flowing.insert(kind) } else { resource.flowing.remove(kind) }
            followIfReady(resource)
        case .encodingsWanted(let id, let mid, let active):
            guard let resource = room.resource(of: id) else { return }
            noteEncodings(active, ofSection: mid, resource)
        case .sessionLost(let refusal):
            Task { await self.lose(room, refusal) }
        default: break
        }
    }

    /// Whoever tells of the end must not wait for the worker.
    private func fail(
        _ resource: Resource, _ reason: String, _ advice: ReconnectNotice.Reason = .connectionLost
    ) {
        guard !resource.isEnded, !resource.isFailing else { return }
        resource.isFailing = true
        advise(resource, advice)
        Task { await self.end(resource, reason) }
    }

    func perform(_ operation: Operation, in room: Room) async throws(GatewayError) -> Outcome {
        do throws(Refusal) {
            let outcome = try await plane.perform(operation, in: room.session)
            if case .refused(let refusal) = outcome { throw refusal }
            return outcome
        } catch {
            throw GatewayError(error, room: room.name)
        }
    }

    /// For clean-up and for what goes on without: there is nobody to tell that it failed.
    func attempt(_ operation: Operation, in session: SessionID) async {
        do throws(Refusal) {
            if case .refused(let refusal) = try await plane.perform(operation, in: session) { throw refusal }
        } catch {
            logger.debug("an operation was refused", metadata: ["session": "\(session)", "reason": "\(error.message)"])
        }
    }
}

extension GatewayError {
    /// What a refusal of the cluster is to a client.
    init(_ refusal: Refusal, room: String) {
        switch refusal.reason {
        case .elsewhere:
            self = .full("room \(room) is at another controller: \(refusal.message); send the request there")
            elsewhere = refusal.controller
        case .noWorker, .overLimit, .storeUnavailable, .workerLost, .workerDrained, .staleEpoch:
            self = .full("\(refusal.message)", retryAfter: refusal.retryAfter)
        case .timedOut: self = .full("the media worker did not answer in time: \(refusal.message)")
        case .invalid: self.init(422, "the media worker did not take it: \(refusal.message)")
        case .notFound: self = .full("the room has just ended: \(refusal.message)")
        }
    }
}
