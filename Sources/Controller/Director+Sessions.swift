import Logging
public import Session
import Store

// Opening and closing sessions.
extension Director {
    public func open(_ session: SessionID) async throws(Refusal) -> WorkerID {
        let previous = sessions[session]
        let previousUnit = units[session]
        if let previous, !previous.isLost {
            guard let worker = worker(of: previous) else {
                throw Refusal(.invalid, "session \(session) is already being opened")
            }
            return worker
        }
        let generation = nextGeneration()
        for unit in previous?.units ?? [] where unit != session { units[unit] = nil }
        sessions[session] = ManagedSession(generation: generation, units: [session])
        units[session] = Unit(session: session, index: 0, isDirty: previous != nil)
        let assignment: Assignment
        do throws(StoreError) {
            assignment = try await place(session, generation)
        } catch {
            // The assignment may have happened all the same.
            if case .unavailable = error { postponeRelease(of: session, nil) }
            if sessions[session]?.generation == generation {
                sessions[session] = previous
                sessions[session]?.units = [session]
                units[session] = previousUnit
            }
            counters.sessionsRefused += 1
            throw Self.refusal(error)
        }
        guard sessions[session]?.generation == generation else {
            await dismiss(session, assignment)
            throw Refusal(.notFound, "session \(session) was closed while it was being opened")
        }
        counters.sessionsOpened += 1
        admit(assignment)
        return assignment.worker
    }

    /// Nobody is sent away because the only worker, or all of them, missed a heartbeat
    /// (``DirectorSettings/placementPatience``).
    private func place(_ session: SessionID, _ generation: UInt64) async throws(StoreError) -> Assignment {
        let deadline = clock.now().advanced(by: settings.placementPatience)
        while true {
            do throws(StoreError) {
                return try await assign(session, placementRequest())
            } catch {
                guard case .refused(let refusal) = error, refusal.reason == .noWorker, clock.now() < deadline,
                    liveness.expectsWorkers(now), sessions[session]?.generation == generation, !Task.isCancelled
                else { throw error }
            }
            try? await clock.sleep(settings.lookInterval)
        }
    }

    public func close(_ session: SessionID) async {
        mailboxes[session] = nil
        guard let managed = sessions.removeValue(forKey: session) else { return }
        counters.sessionsClosed += 1
        let refusal = Refusal(.notFound, "session \(session) was closed")
        let assignments = managed.units.compactMap { name in
            // What is lost under another name has no record of its own any more.
            units.removeValue(forKey: name).flatMap { $0.assignment?.session == name ? $0.assignment : nil }
        }
        for unit in managed.units { failCalls(of: unit, refusal) }
        for pipe in managed.pipes.values {
            for waiter in pipe.waiters { waiter.resume(returning: refusal) }
        }
        for assignment in assignments { await dismiss(assignment.session, assignment) }
        await forget(Self.record(ofPipes: session))
    }

    public func owner(of session: SessionID) async -> WorkerID? {
        sessions[session].flatMap { worker(of: $0) }
    }

    /// Who holds the session's shards, in their order; lost ones are left out.
    public func owners(of session: SessionID) -> [WorkerID] {
        (sessions[session]?.units ?? []).compactMap { units[$0] }.filter(\.isServing).compactMap {
            $0.assignment?.worker
        }
    }

    /// The worker of the first shard that serves.
    private func worker(of managed: ManagedSession) -> WorkerID? {
        managed.units.compactMap { units[$0] }.first(where: \.isServing)?.assignment?.worker
    }

    /// Tells the owner to close the session and the store to forget it. What the store cannot take now it
    /// gets later; a worker that the command does not reach learns from the store that it is fenced.
    func dismiss(_ session: SessionID, _ assignment: Assignment) async {
        let command = nextCommand(.closeSession, in: assignment, deadline: settings.operationDeadline)
        do throws(StoreError) {
            try await store.send(command, to: assignment.worker)
            try await store.release(session, controller: id, epoch: assignment.epoch)
        } catch {
            if case .unavailable = error {
                postponeRelease(of: session, assignment)
            } else {
                logger.info(
                    "session was not ours to release", metadata: ["session": "\(session)", "error": "\(error)"])
            }
        }
    }

    func postponeRelease(of session: SessionID, _ assignment: Assignment?) {
        guard unreleased.count < Limits.unreleased, settings.planted != .releaseNotRetried else { return }
        unreleased[session] = assignment.map { .assigned($0) } ?? .doubtful(lookAt: clock.now(), until: nil)
    }

    /// What the store could not take when sessions were closed. Until they are opened again: then they are in use.
    func releaseClosed() async {
        for (session, entry) in unreleased.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard liveness.isStoreReachable, !Task.isCancelled else { return }
            guard units[session] == nil else {
                unreleased[session] = nil
                continue
            }
            switch entry {
            case .assigned(let assignment):
                unreleased[session] = nil
                await dismiss(session, assignment)
            case .doubtful(let lookAt, let until):
                if clock.now() >= lookAt { await releaseDoubtful(session, until) }
            }
        }
    }

    /// A request to assign that failed may take effect when it arrives after all, and a store that is behind may not
    /// tell of it yet: it is asked more than once.
    private func releaseDoubtful(_ session: SessionID, _ until: ContinuousClock.Instant?) async {
        let now = clock.now()
        let record: SessionRecord?
        do throws(StoreError) { record = try await store.session(session) } catch {
            guard case .doubtful = unreleased[session] else { return }
            if case .unavailable = error { return }
            unreleased[session] = nil
            return
        }
        guard case .doubtful = unreleased[session] else { return }
        if let record, record.assignment.controller == id, units[session] == nil {
            unreleased[session] = nil
            return await dismiss(session, record.assignment)
        }
        let end = until ?? now.advanced(by: settings.doubtTime)
        unreleased[session] = now < end ? .doubtful(lookAt: now.advanced(by: settings.doubtTime / 6), until: end) : nil
    }

    static func refusal(_ error: StoreError) -> Refusal {
        switch error {
        case .refused(let refusal): refusal
        case .unavailable(let reason):
            Refusal(
                .storeUnavailable, "the cluster's store cannot be reached: \(reason)",
                retryAfter: Placement.retrySeconds)
        case .notFound: Refusal(.notFound, "the session is not known")
        case .staleEpoch: Refusal(.staleEpoch, "the session has been given to another owner")
        case .conflict(let assignment):
            Refusal(
                .elsewhere, "the session belongs to controller \(assignment.controller)",
                controller: assignment.controller)
        case .held(let controller): Refusal(.elsewhere, "controller \(controller) has it", controller: controller)
        case .tooLarge: Refusal(.overLimit, "the record is too large")
        case .invalid(let reason): Refusal(.invalid, reason)
        case .corrupt(let reason), .server(let reason): Refusal(.storeUnavailable, "the store's answer: \(reason)")
        }
    }
}
