public import Session

// Workers and sessions: each method is one script.
extension RedisStore {
    public func heartbeat(
        _ report: WorkerReport, timeToLive: Duration
    ) async throws(StoreError) -> HeartbeatAnswer {
        try RecordCheck.report(report)
        let value = try await run(
            .heartbeat,
            [
                report.id.rawValue, RecordCoding.text(of: report), report.incarnation,
                String(report.load.sessionLimit), "," + report.capabilities.joined(separator: ",") + ",",
                String(max(1, Int(timeToLive / .milliseconds(1)))), String(report.load.thousandths),
                String(report.load.settledSessions), String(report.reactors), report.region,
                "," + Self.labels(report.labels).joined(separator: ",") + ",",
            ])
        return HeartbeatAnswer(isRegistration: value == .integer(1))
    }

    public func pulses() async throws(StoreError) -> [WorkerPulse] {
        let value = try await run(.pulses, [])
        return (value.array ?? [])
            .compactMap { entry in
                entry[0].text.map {
                    WorkerPulse(id: WorkerID($0), incarnation: entry[1].text, isDraining: entry[2] == .integer(1))
                }
            }
            .sorted { $0.id < $1.id }
    }

    public func workers() async throws(StoreError) -> WorkerRoster {
        let value = try await run(.workers, [])
        var roster = WorkerRoster()
        for entry in value.array ?? [] {
            guard let name = entry[0].text else { continue }
            let id = WorkerID(name)
            let sessions = (entry[2].array ?? []).compactMap(\.text).sorted().map { SessionID($0) }
            do throws(StoreError) {
                let report = try entry[1].text.map { text throws(StoreError) in
                    try RecordCoding.report(text, of: id)
                }
                let drain = entry[3].text.flatMap { Int64($0) }.map { WorkerDrain(secondsLeft: Double($0) / 1000) }
                roster.workers.append(
                    RegisteredWorker(id: id, report: report, assignedSessions: sessions, drain: drain))
            } catch {
                roster.unreadable.append(id)
            }
        }
        roster.workers.sort { $0.id < $1.id }
        roster.unreadable.sort()
        return roster
    }

    public func reconcile(
        _ worker: WorkerID, incarnation: String, holding: [Assignment]
    ) async throws(StoreError) -> [SessionID] {
        var fenced: [SessionID] = []
        var batch: [Assignment] = []
        for held in holding {
            if held.worker == worker, held.incarnation == incarnation {
                batch.append(held)
            } else {
                fenced.append(held.session)
            }
        }
        while !batch.isEmpty {
            let chunk = batch.prefix(Limits.reconcileBatch)
            batch.removeFirst(chunk.count)
            let triples = chunk.flatMap { [$0.session.rawValue, $0.epoch.description, $0.controller.rawValue] }
            let value = try await run(.reconcile, [worker.rawValue, incarnation] + triples)
            fenced += (value.array ?? []).compactMap { $0.text.map { SessionID($0) } }
        }
        return fenced
    }

    public func forget(_ worker: WorkerID) async throws(StoreError) {
        _ = try await run(.forget, [worker.rawValue])
    }

    public func assign(
        _ session: SessionID, controller: ControllerID, request: PlacementRequest
    ) async throws(StoreError) -> Assignment {
        try RecordCheck.name(session.rawValue, "a session's id")
        try RecordCheck.name(controller.rawValue, "a controller's name")
        let value = try await run(
            .assign,
            [
                session.rawValue, controller.rawValue, request.epochFloor.description, request.strategy.rawValue,
                String(request.draw.first), String(request.draw.second), request.region,
                request.movedFrom?.description ?? "", request.life, String(request.excluded.count),
            ] + request.excluded.map(\.rawValue) + [String(request.labels.count)] + Self.labels(request.labels)
                + request.capabilities)
        switch value[0].text {
        case "draining": throw .refused(Placement.drainRefusal)
        case "full": throw .refused(Placement.fullRefusal)
        case "empty": throw .refused(Placement.emptyRefusal)
        case "conflict": throw .conflict(try assignment(of: session, value))
        default: return try assignment(of: session, value)
        }
    }

    public func release(
        _ session: SessionID, controller: ControllerID, epoch: Epoch?
    ) async throws(StoreError) {
        let value = try await run(
            .release,
            [
                session.rawValue, controller.rawValue, epoch?.description ?? "", String(Limits.tombstoneLifetime),
            ])
        switch value[0].text {
        case "stale": throw .staleEpoch(try self.epoch(in: value[1], of: session))
        case "conflict": throw .conflict(try assignment(of: session, value))
        default: return
        }
    }

    public func session(_ session: SessionID) async throws(StoreError) -> SessionRecord? {
        let fields = ["worker", "incarnation", "epoch", "controller", "state", "spec"]
        let values = try await exchange([RedisCommand(["HMGET", prefix + "session:\(session)"] + fields)])
        let value = try check(values[0])
        if value[4].text == "released" || value.array?.allSatisfy({ $0 == .null }) ?? true { return nil }
        return try RecordCoding.record(
            session: session, worker: value[0].text, incarnation: value[1].text, epoch: value[2].text,
            controller: value[3].text, state: value[4].text, specification: value[5].text)
    }

    public func write(
        _ specification: SessionSpecification, of session: SessionID, epoch: Epoch
    ) async throws(StoreError) {
        let text = try RecordCoding.text(of: specification)
        let value = try await run(.write, [session.rawValue, epoch.description, text])
        switch value[0].text {
        case "missing": throw .notFound
        case "stale": throw .staleEpoch(try self.epoch(in: value[1], of: session))
        default: return
        }
    }

    public func assignments() async throws(StoreError) -> [Assignment] {
        let value = try await run(.assignments, [])
        return readable(value)
            .sorted { ($0.worker.rawValue, $0.session.rawValue) < ($1.worker.rawValue, $1.session.rawValue) }
    }

    public func markLost(_ worker: WorkerID, sparing spared: String?) async throws(StoreError) -> LossReport {
        let value = try await run(
            .markLost,
            [
                worker.rawValue, String(Limits.tombstoneLifetime), String(Limits.streamLength),
                String(Limits.streamLifetime), spared ?? "",
            ])
        return LossReport(
            livingIncarnation: value[0].text,
            lost: readable(value[1]).sorted { $0.session.rawValue < $1.session.rawValue })
    }

    // MARK: Drains

    public func drain(_ worker: WorkerID, within time: Duration) async throws(StoreError) {
        let bounded = max(.zero, min(time, .milliseconds(Limits.drainTime)))
        let milliseconds = Int(bounded / .milliseconds(1))
        guard try await run(.drain, [worker.rawValue, String(milliseconds)]) == .integer(1) else { throw .notFound }
    }

    public func undrain(_ worker: WorkerID) async throws(StoreError) {
        guard try await run(.undrain, [worker.rawValue]) == .integer(1) else { throw .notFound }
    }

    public func endDrains() async throws(StoreError) -> [Assignment] {
        let value = try await run(
            .endDrains,
            [
                String(Limits.drainBatch), String(Limits.tombstoneLifetime), String(Limits.streamLength),
                String(Limits.streamLifetime),
            ])
        return readable(value)
            .sorted { ($0.worker.rawValue, $0.session.rawValue) < ($1.worker.rawValue, $1.session.rawValue) }
    }

    // MARK: Reading answers

    /// `key=value`, as the scripts compare them.
    private static func labels(_ labels: [String: String]) -> [String] {
        labels.map { "\($0.key)=\($0.value)" }.sorted()
    }

    /// From `{status, worker, incarnation, epoch, controller}`.
    private func assignment(of session: SessionID, _ value: RedisValue) throws(StoreError) -> Assignment {
        try RecordCoding.assignment(
            session: session, worker: value[1].text, incarnation: value[2].text, epoch: value[3].text,
            controller: value[4].text)
    }

    /// Those of `{session, worker, incarnation, epoch, controller}` that pass the checks.
    private func readable(_ value: RedisValue) -> [Assignment] {
        (value.array ?? []).compactMap { entry in
            guard let session = entry[0].text else { return nil }
            return try? assignment(of: SessionID(session), entry)
        }
    }

    private func epoch(in value: RedisValue, of session: SessionID) throws(StoreError) -> Epoch {
        guard let epoch = value.text.flatMap(RecordCoding.epoch) else {
            throw .corrupt("session \(session) has no epoch")
        }
        return epoch
    }
}
