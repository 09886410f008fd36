public import Session

// Controllers: each method is one script.
extension RedisStore {
    public func heartbeat(
        _ report: ControllerReport, timeToLive: Duration
    ) async throws(StoreError) -> ControllerRoster {
        try RecordCheck.controller(report)
        let value = try await run(
            .beat,
            [
                report.id.rawValue, report.incarnation, RecordCoding.text(of: report),
                String(max(1, Int(timeToLive / .milliseconds(1)))), String(Limits.controllerLifetime),
            ])
        let controllers = (value[1].array ?? []).compactMap { entry -> RegisteredController? in
            guard let name = entry[0].text else { return nil }
            let id = ControllerID(name)
            guard let text = entry[1].text else { return RegisteredController(id: id, report: nil) }
            // One that cannot be read lives all the same.
            let unknown = ControllerReport(id: id, incarnation: "-", processID: 0, host: "", startedAt: 0)
            return RegisteredController(id: id, report: (try? RecordCoding.controller(text, of: id)) ?? unknown)
        }
        return ControllerRoster(
            isNameTaken: value[0] == .integer(1), controllers: controllers.sorted { $0.id.rawValue < $1.id.rawValue })
    }

    public func controllers() async throws(StoreError) -> [ControllerReport] {
        (try await run(.controllers, []).array ?? []).compactMap { entry in
            guard let name = entry[0].text, let text = entry[1].text else { return nil }
            return try? RecordCoding.controller(text, of: ControllerID(name))
        }.sorted { $0.id.rawValue < $1.id.rawValue }
    }

    public func adopt(
        _ sessions: [SessionID], by controller: ControllerID
    ) async throws(StoreError) -> [AdoptedUnit] {
        let value = try await run(.adopt, [controller.rawValue] + sessions.map(\.rawValue))
        if value[0].text == "conflict", let session = value[1].text {
            throw .conflict(
                try RecordCoding.assignment(
                    session: SessionID(session), worker: value[2].text, incarnation: value[3].text,
                    epoch: value[4].text, controller: value[5].text))
        }
        var units: [AdoptedUnit] = []
        for entry in value[1].array ?? [] {
            guard let session = entry[0].text, let previous = entry[4].text else { continue }
            let record = try RecordCoding.record(
                session: SessionID(session), worker: entry[1].text, incarnation: entry[2].text, epoch: entry[3].text,
                controller: controller.rawValue, state: entry[5].text, specification: entry[6].text)
            units.append(AdoptedUnit(record: record, previous: ControllerID(previous)))
        }
        return units
    }

    public func save(
        _ changes: RecordChanges, in record: String, by controller: ControllerID, term: Epoch?
    ) async throws(StoreError) -> Epoch {
        try RecordCheck.changes(changes, in: record)
        var removed: [String] = []
        var written: [String] = []
        for (name, text) in changes.texts.sorted(by: { $0.key < $1.key }) {
            if let text { written += [name, text] } else { removed.append(name) }
        }
        let value = try await run(
            .save,
            [
                record, controller.rawValue, term?.description ?? "", String(Limits.recordSize),
                String(Limits.recordLifetime), changes.isWhole ? "1" : "0", String(removed.count),
            ] + removed + written)
        switch value[0].text {
        case "missing": throw .notFound
        case "held": throw .held(ControllerID(value[1].text ?? ""))
        case "large": throw .tooLarge
        case "stale": throw .staleEpoch(try Self.term(value[1]))
        default: return try Self.term(value[1])
        }
    }

    public func claim(_ record: String, by controller: ControllerID) async throws(StoreError) -> ClaimedRecord {
        try RecordCheck.recordName(record)
        let value = try await run(
            .claim,
            [
                record, controller.rawValue, String(Limits.recordLifetime), String(Limits.streamLength),
                String(Limits.streamLifetime),
            ])
        switch value[0].text {
        case "missing": throw .notFound
        case "held": throw .held(ControllerID(value[1].text ?? ""))
        default: break
        }
        let words = (value[3].array ?? []).map { $0.text ?? "" }
        var texts: [String: String] = [:]
        for index in stride(from: 0, to: words.count - 1, by: 2) where !words[index].hasPrefix("@") {
            texts[words[index]] = words[index + 1]
        }
        return ClaimedRecord(
            texts: texts, term: try Self.term(value[1]), previous: ControllerID(value[2].text ?? ""))
    }

    public func forget(_ record: String, by controller: ControllerID, term: Epoch) async throws(StoreError) {
        try RecordCheck.recordName(record)
        _ = try await run(.forgetRecord, [record, controller.rawValue, term.description])
    }

    public func giveUp(
        _ records: [String: Epoch], with sessions: [SessionID], by controller: ControllerID
    ) async throws(StoreError) {
        for record in records.keys { try RecordCheck.recordName(record) }
        let pairs = records.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value.description] }
        _ = try await run(
            .giveUp, [controller.rawValue, String(sessions.count)] + sessions.map(\.rawValue) + pairs)
    }

    private static func term(_ value: RedisValue) throws(StoreError) -> Epoch {
        guard let term = value.text.flatMap(RecordCoding.epoch) else { throw .corrupt("a record has no term") }
        return term
    }
}
