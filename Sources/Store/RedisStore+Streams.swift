public import Session
import Synchronization

// Messages: one stream per worker and one per controller.
extension RedisStore {
    public func send(_ command: CommandEnvelope, to worker: WorkerID) async throws(StoreError) {
        try await append(["command", RecordCoding.text(of: command)], to: "cmd:\(worker)")
    }

    public func publish(_ messages: [WorkerMessage], to controller: ControllerID) async throws(StoreError) {
        guard !messages.isEmpty else { return }
        var fields: [String] = []
        for message in messages { fields += ["message", try RecordCoding.text(of: message)] }
        try await append(fields, to: "evt:\(controller)")
    }

    public func receiveCommands(
        for worker: WorkerID, after cursor: StreamCursor, wait: Duration
    ) async throws(StoreError) -> StreamBatch<CommandEnvelope> {
        try await receive("cmd:\(worker)", after: cursor, wait: wait) { fields, batch in
            for (name, value) in fields where name == "command" {
                do throws(StoreError) {
                    batch.elements.append(try RecordCoding.command(value))
                } catch {
                    batch.unreadable += 1
                }
            }
        }
    }

    public func receiveMessages(
        for controller: ControllerID, after cursor: StreamCursor, wait: Duration
    ) async throws(StoreError) -> StreamBatch<WorkerMessage> {
        try await receive("evt:\(controller)", after: cursor, wait: wait) { fields, batch in
            Self.decode(fields, &batch)
        }
    }

    public func messages(
        to controller: ControllerID, after cursor: StreamCursor
    ) async throws(StoreError) -> StreamBatch<WorkerMessage> {
        let key = prefix + "evt:\(controller)"
        let command = ["XRANGE", key, "(\(cursor.rawValue)", "+", "COUNT", String(Limits.streamBatch)]
        let value = try check(try await exchange([RedisCommand(command)])[0])
        var batch = StreamBatch<WorkerMessage>(cursor: cursor)
        Self.take(value, &batch, decode: Self.decode)
        return batch
    }

    private static func decode(_ fields: [Field], _ batch: inout StreamBatch<WorkerMessage>) {
        if fields.first?.name == "lost" {
            if let message = loss(fields) { batch.elements.append(message) } else { batch.unreadable += 1 }
            return
        }
        if fields.count == 2, fields[0].name == "wanted", RecordCoding.isRecordName(fields[0].value),
            RecordCoding.isName(fields[1].value)
        {
            return batch.elements.append(.recordWanted(fields[0].value, by: ControllerID(fields[1].value)))
        }
        for (name, value) in fields where name == "message" {
            do throws(StoreError) {
                batch.elements.append(try RecordCoding.message(value))
            } catch {
                batch.unreadable += 1
            }
        }
    }

    // MARK: Orders and events

    public func send(_ order: WorkerOrder, to worker: WorkerID) async throws(StoreError) {
        try await append(["order", RecordCoding.text(of: order)], to: "order:\(worker)")
    }

    public func receiveOrders(
        for worker: WorkerID, after cursor: StreamCursor, wait: Duration
    ) async throws(StoreError) -> StreamBatch<WorkerOrder> {
        try await receive("order:\(worker)", after: cursor, wait: wait) { fields, batch in
            for (name, value) in fields where name == "order" {
                do throws(StoreError) {
                    batch.elements.append(try RecordCoding.order(value))
                } catch {
                    batch.unreadable += 1
                }
            }
        }
    }

    public func note(_ event: ClusterEvent) async throws(StoreError) {
        let text = try RecordCoding.text(of: event)
        let command = ["XADD", prefix + "events", "MAXLEN", String(Limits.events), "*", "event", text]
        try check(try await exchange([RedisCommand(command)])[0])
    }

    public func events(limit: Int) async throws(StoreError) -> [ClusterEvent] {
        let command = ["XREVRANGE", prefix + "events", "+", "-", "COUNT", String(max(0, min(limit, Limits.events)))]
        let value = try check(try await exchange([RedisCommand(command)])[0])
        return (value.array ?? []).compactMap { entry in entry[1][1].text.flatMap { try? RecordCoding.event($0) } }
    }

    private static func take<Element>(
        _ entries: RedisValue, _ batch: inout StreamBatch<Element>, where isNew: (StreamCursor) -> Bool = { _ in true },
        decode: ([Field], inout StreamBatch<Element>) -> Void
    ) {
        for entry in entries.array ?? [] {
            guard let id = entry[0].text else { continue }
            batch.cursor = StreamCursor(rawValue: id)
            guard isNew(batch.cursor) else { continue }
            let texts = (entry[1].array ?? []).map { $0.text ?? "" }
            decode(stride(from: 0, to: texts.count - 1, by: 2).map { (texts[$0], texts[$0 + 1]) }, &batch)
            let added = batch.elements.count - batch.positions.count
            batch.positions += Array(repeating: batch.cursor, count: added)
        }
    }

    private typealias Field = (name: String, value: String)

    /// The event that the script which marks losses wrote: it has fields, for scripts write no JSON.
    private static func loss(_ fields: [Field]) -> WorkerMessage? {
        func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }
        guard
            let session = value("lost"),
            let assignment = try? RecordCoding.assignment(
                session: SessionID(session), worker: value("worker"), incarnation: value("incarnation"),
                epoch: value("epoch"), controller: value("controller"))
        else { return nil }
        let event = value("why") == "drained" ? SessionEvent.drained(assignment) : SessionEvent.lost(assignment)
        return .event(event, assignment.epoch)
    }

    private func append(_ fields: [String], to stream: String) async throws(StoreError) {
        let key = prefix + stream
        let values = try await exchange([
            RedisCommand(["XADD", key, "MAXLEN", "~", String(Limits.streamLength), "*"] + fields),
            RedisCommand(["PEXPIRE", key, String(Limits.streamLifetime)]),
        ])
        try check(values[0])
    }

    private func receive<Element>(
        _ stream: String, after cursor: StreamCursor, wait: Duration,
        decode: ([Field], inout StreamBatch<Element>) -> Void
    ) async throws(StoreError) -> StreamBatch<Element> {
        let key = prefix + stream
        if cursor == .latest {
            let start = try await newest(key) ?? .beginning
            delivered.withLock { $0[stream] = DeliveredMessages(after: start) }
            return StreamBatch(cursor: start)
        }
        let wait = Self.clamp(wait)
        let block = wait == .zero ? [] : ["BLOCK", String(max(1, Int(wait / .milliseconds(1))))]
        let command = ["XREAD", "COUNT", String(Limits.streamBatch)] + block + ["STREAMS", key, cursor.rawValue]
        let value: RedisValue
        do throws(StoreError) {
            value = try check(try await read(stream, [RedisCommand(command)], wait: wait)[0])
        } catch {
            if Task.isCancelled { return StreamBatch(cursor: cursor) }
            throw error
        }
        var batch = StreamBatch<Element>(cursor: cursor)
        delivered.withLock { all in
            if all[stream] == nil { all[stream] = DeliveredMessages(after: cursor) }
            // In its place: a copy of what it remembers would be made with each read.
            Self.take(value[0][1], &batch, where: { all[stream]?.take($0) ?? true }, decode: decode)
            if value == .null { all[stream]?.endReadingAgain() }
        }
        if value == .null, !Task.isCancelled, let newest = try? await newest(key), newest.isBefore(cursor) {
            // The stream has lost its end. What was written since may lie before the cursor.
            delivered.withLock { $0[stream]?.readAgain() }
            batch.cursor = .beginning
        }
        return batch
    }

    /// The id of the newest message, nil when there is none.
    private func newest(_ key: String) async throws(StoreError) -> StreamCursor? {
        let command = RedisCommand(["XREVRANGE", key, "+", "-", "COUNT", "1"])
        let value = try check(try await exchange([command])[0])
        return value[0][0].text.map { StreamCursor(rawValue: $0) }
    }
}
