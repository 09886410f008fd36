public import Session

// Controllers: the same steps as the scripts of the Redis store.
extension InMemoryStore {
    public func heartbeat(
        _ report: ControllerReport, timeToLive: Duration
    ) async throws(StoreError) -> ControllerRoster {
        try RecordCheck.controller(report)
        let instant = now()
        return try access { state throws(StoreError) in
            state.beat(report, now: instant, expiry: instant.advanced(by: timeToLive))
        }
    }

    public func controllers() async throws(StoreError) -> [ControllerReport] {
        try access { state throws(StoreError) in
            state.controllers.values.compactMap(\.report).sorted { $0.id.rawValue < $1.id.rawValue }
        }
    }

    public func adopt(
        _ sessions: [SessionID], by controller: ControllerID
    ) async throws(StoreError) -> [AdoptedUnit] {
        try access { state throws(StoreError) in try state.adopt(sessions, by: controller) }
    }

    public func save(
        _ changes: RecordChanges, in record: String, by controller: ControllerID, term: Epoch?
    ) async throws(StoreError) -> Epoch {
        try RecordCheck.changes(changes, in: record)
        let expiry = now().advanced(by: .milliseconds(Limits.recordLifetime))
        return try access { state throws(StoreError) in
            try state.save(changes, in: record, by: controller, term: term, expiry: expiry)
        }
    }

    public func claim(_ record: String, by controller: ControllerID) async throws(StoreError) -> ClaimedRecord {
        try RecordCheck.recordName(record)
        let expiry = now().advanced(by: .milliseconds(Limits.recordLifetime))
        var wakes: [MemoryWaiter] = []
        defer { for waiter in wakes { waiter.wake() } }
        let outcome: Result<ClaimedRecord, StoreError> = try access { state throws(StoreError) in
            do throws(StoreError) {
                return .success(try state.claim(record, by: controller, expiry: expiry))
            } catch {
                if case .held(let holder) = error {
                    let message = WorkerMessage.recordWanted(record, by: controller)
                    wakes = state.append([try RecordCoding.text(of: message)], to: "evt:\(holder)")
                }
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    public func forget(_ record: String, by controller: ControllerID, term: Epoch) async throws(StoreError) {
        try access { state throws(StoreError) in
            guard let entry = state.records[record], entry.controller == controller, entry.term == term else { return }
            state.records[record] = nil
        }
    }

    public func giveUp(
        _ records: [String: Epoch], with sessions: [SessionID], by controller: ControllerID
    ) async throws(StoreError) {
        try access { state throws(StoreError) in
            for session in sessions where state.sessions[session]?.record.assignment.controller == controller {
                state.free.insert(session)
            }
            for (record, term) in records {
                guard let entry = state.records[record], entry.controller == controller, entry.term == term else {
                    continue
                }
                state.records[record]?.controller = nil
            }
        }
    }

    public func messages(
        to controller: ControllerID, after cursor: StreamCursor
    ) async throws(StoreError) -> StreamBatch<WorkerMessage> {
        try await receive("evt:\(controller)", after: cursor, wait: .zero) { text throws(StoreError) in
            try RecordCoding.message(text)
        }
    }
}

struct MemoryController {
    /// Nil when dead.
    var report: ControllerReport?
    var expiry: ContinuousClock.Instant
}

struct MemoryRecord {
    /// Nil when it was given up.
    var controller: ControllerID?
    var term: Epoch
    var texts: [String: String]
    var expiry: ContinuousClock.Instant
}

extension MemoryState {
    mutating func beat(
        _ report: ControllerReport, now: ContinuousClock.Instant, expiry: ContinuousClock.Instant
    ) -> ControllerRoster {
        let holder = controllers[report.id]?.report?.incarnation
        let isTaken = holder != nil && holder != report.incarnation
        if !isTaken {
            controllers[report.id] = MemoryController(report: report, expiry: expiry)
            expires(at: expiry)
        }
        let oldest = now.advanced(by: .milliseconds(-Limits.controllerLifetime))
        for (id, controller) in controllers where controller.expiry <= oldest { controllers[id] = nil }
        return ControllerRoster(
            isNameTaken: isTaken,
            controllers: controllers.map { RegisteredController(id: $0.key, report: $0.value.report) }
                .sorted { $0.id.rawValue < $1.id.rawValue })
    }

    private func mayTake(from owner: ControllerID?, _ caller: ControllerID) -> Bool {
        guard let owner, owner != caller, planted != .orphansOfOthers else { return true }
        return controllers[owner]?.report == nil
    }

    mutating func adopt(_ wanted: [SessionID], by controller: ControllerID) throws(StoreError) -> [AdoptedUnit] {
        var units: [AdoptedUnit] = []
        for session in wanted {
            guard let entry = sessions[session], !entry.isReleased else { continue }
            let previous = entry.record.assignment.controller
            guard free.contains(session) || mayTake(from: previous, controller) else {
                throw .conflict(entry.record.assignment)
            }
            var record = entry.record
            record.assignment.controller = controller
            units.append(AdoptedUnit(record: record, previous: previous))
        }
        for unit in units {
            sessions[unit.record.assignment.session]?.record.assignment.controller = controller
            free.remove(unit.record.assignment.session)
        }
        return units
    }

    mutating func save(
        _ changes: RecordChanges, in name: String, by controller: ControllerID, term: Epoch?,
        expiry: ContinuousClock.Instant
    ) throws(StoreError) -> Epoch {
        let known = records[name]
        if let term {
            guard let known else { throw .notFound }
            guard known.term == term, known.controller == controller else { throw .staleEpoch(known.term) }
        } else if let known, !mayTake(from: known.controller, controller) {
            throw .held(known.controller ?? controller)
        }
        var texts = changes.isWhole || term == nil ? [:] : known?.texts ?? [:]
        for (name, text) in changes.texts { texts[name] = text }
        guard texts.values.reduce(0, { $0 + $1.utf8.count }) <= Limits.recordSize else { throw .tooLarge }
        let next = term ?? nextTerm()
        records[name] = MemoryRecord(controller: controller, term: next, texts: texts, expiry: expiry)
        expires(at: expiry)
        return next
    }

    mutating func claim(
        _ name: String, by controller: ControllerID, expiry: ContinuousClock.Instant
    ) throws(StoreError) -> ClaimedRecord {
        guard let known = records[name] else { throw .notFound }
        guard mayTake(from: known.controller, controller) else { throw .held(known.controller ?? controller) }
        let term = nextTerm()
        records[name]?.controller = controller
        records[name]?.term = term
        records[name]?.expiry = expiry
        expires(at: expiry)
        return ClaimedRecord(texts: known.texts, term: term, previous: known.controller ?? ControllerID(""))
    }

    private mutating func nextTerm() -> Epoch {
        recordTerm += 1
        return Epoch(recordTerm)
    }
}
