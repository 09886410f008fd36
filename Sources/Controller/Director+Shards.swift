import Logging
import Session
import Store

// A session that outgrows one reactor is held in shards.
extension Director {
    /// The unit that holds the endpoint; for one that is not known the first that serves.
    func unit(of endpoint: EndpointID, in session: SessionID) throws(Refusal) -> SessionID {
        guard let managed = sessions[session] else { throw Self.notOpen(session) }
        if let shard = managed.shards[endpoint] { return managed.units[shard] }
        guard let unit = managed.units.first(where: { units[$0]?.isServing == true }) else {
            throw Self.notOpen(session)
        }
        return unit
    }

    /// Opens an endpoint where there is room; a reactor that turns out to be full is passed over.
    func openEndpoint(
        _ endpoint: EndpointID, _ operation: Operation, in session: SessionID
    ) async throws(Refusal) -> Outcome {
        var full: [SessionID] = []
        var fullWorkers: Set<WorkerID> = []
        var moves = 0
        var needs: Set<String> = []
        var refusal = Refusal(.overLimit, "every shard of the session is full")
        switch operation {
        case .openElement(_, let specification):
            if let hub = specification.hub, let unit = unit(ofHub: hub, in: session) {
                return try await openPort(endpoint, operation, in: unit, of: session)
            }
            needs = ["media"]
            refusal = Refusal(.noWorker, "no worker that has room offers media elements (workers.media)")
            if case .upload = specification {
                needs = ["media", "uploads"]
                refusal = Refusal(.noWorker, "no worker that has room takes uploads (media.http_ports)")
            }
        case .openPlain:
            needs = ["rtp"]
            refusal = Refusal(.noWorker, "no worker that has room offers ports for plain RTP (media.rtp_ports)")
        default: break
        }
        if !needs.isEmpty { _ = await workers() }
        while true {
            let isKnown = sessions[session]?.shards[endpoint] != nil
            guard let unit = try await place(endpoint, in: session, avoiding: full, needing: needs) else {
                throw refusal
            }
            unclosed[unit]?.remove(endpoint)
            let asked = units[unit]?.assignment
            do throws(Refusal) {
                let outcome = try await call(operation, in: unit)
                note(outcome, of: operation, endpoint, in: unit, of: session)
                return outcome
            } catch {
                if !isKnown { giveUp(endpoint, in: unit, of: session, after: error) }
                guard error.reason == .overLimit, !isKnown, full.count < Limits.fullShards else { throw error }
                refusal = error
                moves += 1
                if moves <= Limits.fullShards, await moveUnused(unit, from: asked, avoiding: &fullWorkers) { continue }
                full.append(unit)
            }
        }
    }

    /// Where the hub or another of its ports is.
    private func unit(ofHub hub: EndpointID, in session: SessionID) -> SessionID? {
        sessions[session]?.units.first { unit in
            units[unit]?.specification.elements?.contains { $0.id == hub || $0.specification.hub == hub } == true
        }
    }

    /// A port meets its hub in one process: it has no choice of its place, full or not.
    private func openPort(
        _ endpoint: EndpointID, _ operation: Operation, in unit: SessionID, of session: SessionID
    ) async throws(Refusal) -> Outcome {
        let isKnown = sessions[session]?.shards[endpoint] != nil
        if !isKnown { _ = reserve(endpoint, unit, in: session) }
        unclosed[unit]?.remove(endpoint)
        do throws(Refusal) {
            let outcome = try await call(operation, in: unit)
            note(outcome, of: operation, endpoint, in: unit, of: session)
            return outcome
        } catch {
            if !isKnown { giveUp(endpoint, in: unit, of: session, after: error) }
            throw error
        }
    }

    private func note(
        _ outcome: Outcome, of operation: Operation, _ endpoint: EndpointID, in unit: SessionID, of session: SessionID
    ) {
        record(operation, in: unit, of: session)
        guard case .openedElement(let media) = outcome else { return }
        units[unit]?.specification.setMedia(media, ofElement: endpoint)
    }

    /// It was not opened, as far as is known.
    private func giveUp(_ endpoint: EndpointID, in unit: SessionID, of session: SessionID, after refusal: Refusal) {
        displace(endpoint, from: unit, in: session)
        if Self.mayHaveHappened(refusal) { unclosed[unit, default: []].insert(endpoint) }
    }

    /// A worker that has no room for a unit's first endpoint is the wrong one for the unit: it holds what it has lost
    /// and does not know it yet, say. Another one gets the unit, rather than a further shard beside an empty one, which
    /// would keep a place that others need. Meanwhile those who look for a shard wait, as they do for a further one.
    ///
    /// - Returns: whether the unit is worth asking again.
    private func moveUnused(
        _ unit: SessionID, from asked: Assignment?, avoiding fullWorkers: inout Set<WorkerID>
    ) async -> Bool {
        guard let held = units[unit], held.specification.names.isEmpty, let former = held.assignment,
            let managed = sessions[held.session]
        else { return false }
        if let growth = managed.growth { return await growth.value }
        guard former == asked else { return true }
        guard held.endpoints.isEmpty else {
            // Others wait for the same worker's answer; the last of them moves the unit.
            try? await clock.sleep(settings.moveInterval)
            return true
        }
        fullWorkers.insert(former.worker)
        let excluded = fullWorkers
        units[unit]?.isLeaving = true
        let move = Task {
            await rehome(former, excluding: excluded)
            units[unit]?.isLeaving = false
            if sessions[held.session]?.generation == managed.generation { sessions[held.session]?.growth = nil }
            return units[unit]?.assignment != former
        }
        sessions[held.session]?.growth = move
        return await move.value
    }

    /// Chooses the endpoint's shard: the first below the limit, else a new one on a reactor that has none
    /// of the session's, else the emptiest: a limit that no other reactor could relieve helps nobody.
    ///
    /// - Parameter needs: capabilities beyond forwarding that the shard's worker must have.
    private func place(
        _ endpoint: EndpointID, in session: SessionID, avoiding full: [SessionID], needing needs: Set<String>
    ) async throws(Refusal) -> SessionID? {
        var isExhausted = false
        while true {
            guard let managed = sessions[session], !managed.isLost else { throw Self.notOpen(session) }
            if let shard = managed.shards[endpoint], units[managed.units[shard]]?.isServing == true {
                return managed.units[shard]
            }
            let candidates = managed.units.filter {
                takesEndpoints($0) && !full.contains($0) && offers($0, needs)
            }
            func count(_ unit: SessionID) -> Int { units[unit]?.endpoints.count ?? 0 }
            // An empty shard that only keeps the session's name is for when the others are full: each hop costs a pipe.
            let open = candidates.filter { count($0) < settings.endpointsPerShard }
            if let unit = open.first(where: { count($0) > 0 }) ?? open.first {
                return reserve(endpoint, unit, in: session)
            }
            if let growth = managed.growth {
                isExhausted = await !growth.value
                continue
            }
            // Where nothing serves at all, whoever asks is worth another look at who is there.
            let mayRest = needs.isEmpty || !candidates.isEmpty
            if isExhausted || (mayRest && managed.growthPause.map({ $0 > clock.now() }) == true) {
                guard let unit = candidates.min(by: { count($0) < count($1) }) else { return nil }
                return reserve(endpoint, unit, in: session)
            }
            sessions[session]?.growth = Task { await grow(session, managed.generation, needing: needs) }
        }
    }

    /// Those of a worker that is to be emptied do not.
    private func takesEndpoints(_ unit: SessionID) -> Bool {
        guard let unit = units[unit], unit.isServing, !unit.isLeaving else { return false }
        return unit.assignment.map { !draining.contains($0.worker) } ?? false
    }

    /// As its worker said last.
    private func offers(_ unit: SessionID, _ needs: Set<String>) -> Bool {
        guard !needs.isEmpty else { return true }
        guard let worker = units[unit]?.assignment?.worker else { return false }
        return lastStatuses[worker].map { needs.isSubset(of: $0.report.capabilities) } ?? false
    }

    private func reserve(_ endpoint: EndpointID, _ unit: SessionID, in session: SessionID) -> SessionID {
        sessions[session]?.shards[endpoint] = units[unit]?.index
        units[unit]?.endpoints.insert(endpoint)
        return unit
    }

    func displace(_ endpoint: EndpointID, from unit: SessionID, in session: SessionID) {
        units[unit]?.endpoints.remove(endpoint)
        units[unit]?.advised.remove(endpoint)
        if let index = units[unit]?.index, sessions[session]?.shards[endpoint] == index {
            sessions[session]?.shards[endpoint] = nil
        }
    }

    /// Opens one more shard: on a worker that has none of the session's, else on one with a reactor to spare.
    private func grow(
        _ session: SessionID, _ generation: UInt64, needing needs: Set<String>
    ) async -> Bool {
        let workers = await workers().filter { $0.isAlive && $0.drain == nil }
        guard let managed = sessions[session], managed.generation == generation else { return false }
        let held = managed.units.compactMap { units[$0] }.filter(\.isServing).compactMap { $0.assignment?.worker }
        let used = Set(held)
        let exhausted = Set(
            workers.filter { worker in
                held.count(where: { $0 == worker.report.id }) >= max(1, worker.report.reactors)
            }.map(\.report.id))
        var isGrown = false
        for excluded in used == exhausted ? [used] : [used, exhausted] where !isGrown {
            isGrown = await openShard(of: session, generation, excluding: excluded, needing: needs)
        }
        guard sessions[session]?.generation == generation else { return false }
        sessions[session]?.growth = nil
        sessions[session]?.growthPause = isGrown ? nil : clock.now().advanced(by: settings.growthPause)
        return isGrown
    }

    private func openShard(
        of session: SessionID, _ generation: UInt64, excluding excluded: Set<WorkerID>, needing needs: Set<String>
    ) async -> Bool {
        guard let managed = sessions[session], managed.generation == generation, !managed.isLost else { return false }
        let unit = session.shard(managed.units.count)
        units[unit] = Unit(session: session, index: managed.units.count)
        let assignment: Assignment
        do throws(StoreError) {
            var request = placementRequest(excluded: excluded.sorted())
            request.capabilities += needs.sorted()
            assignment = try await assign(unit, request)
        } catch {
            // The assignment may have happened all the same.
            if case .unavailable = error { postponeRelease(of: unit, nil) }
            units[unit] = nil
            return false
        }
        guard sessions[session]?.generation == generation, units[unit] != nil else {
            await dismiss(unit, assignment)
            return false
        }
        sessions[session]?.units.append(unit)
        counters.shardsOpened += 1
        logger.info(
            "session takes a further shard",
            metadata: ["session": "\(unit)", "worker": "\(assignment.worker)"])
        admit(assignment)
        return true
    }

    /// The store has assigned the unit.
    func admit(_ assignment: Assignment) {
        logger.info(
            "session placed",
            metadata: [
                "event": "session_placed", "session": "\(assignment.session)", "worker": "\(assignment.worker)",
            ])
        units[assignment.session]?.assignment = assignment
        unreleased[assignment.session] = nil
        if let (epoch, refusal) = units[assignment.session]?.earlyLoss, epoch == assignment.epoch {
            lose(assignment, refusal)
        }
    }

    /// One shard is gone and others serve on: its endpoints have failed, the others' have not.
    func loseShard(_ unit: Unit, _ refusal: Refusal, in session: SessionID) {
        for endpoint in unit.endpoints.sorted(by: { $0.rawValue < $1.rawValue }) {
            enqueue(SessionEvent(session: session, body: .endpointLost(endpoint, refusal)))
            enqueue(SessionEvent(session: session, body: .iceStateChanged(endpoint, .failed)))
            enqueue(SessionEvent(session: session, body: .dtlsStateChanged(endpoint, .failed)))
            enqueue(SessionEvent(session: session, body: .mediaStateChanged(endpoint, isConnected: false)))
        }
        abandonPipes(of: session) { pipe, managed in
            pipe.shard == unit.index || managed.shards[pipe.source] == unit.index
        }
    }
}
