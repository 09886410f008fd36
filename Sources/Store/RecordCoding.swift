import Foundation
package import Session

/// Values as they are stored, and back. What is read may have been written by anyone: it is checked
/// here, and what does not pass costs only its own record.
package enum RecordCoding {
    /// JSON with sorted keys, so that equal values are equal text.
    package static func text(of value: some Encodable) throws(StoreError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data: Data
        do {
            data = try encoder.encode(value)
        } catch {
            throw .invalid("cannot be written as JSON: \(error)")
        }
        guard data.count <= Limits.valueSize else { throw .invalid("value of \(data.count) bytes is too large") }
        return String(decoding: data, as: UTF8.self)
    }

    package static func report(_ text: String, of worker: WorkerID) throws(StoreError) -> WorkerReport {
        let report = try decode(WorkerReport.self, text)
        guard report.id == worker, isName(report.incarnation) else {
            throw .corrupt("the report of worker \(worker) names another one")
        }
        guard (0...1_000_000).contains(report.load.sessionLimit) else {
            throw .corrupt("the report of worker \(worker) has an impossible session limit")
        }
        guard (0...1_000_000).contains(report.load.settledSessions), (1...1024).contains(report.reactors) else {
            throw .corrupt("the report of worker \(worker) has an impossible number of sessions or reactors")
        }
        guard isPlace(report) else {
            throw .corrupt("the report of worker \(worker) has an impossible region or label")
        }
        return report
    }

    package static func command(_ text: String) throws(StoreError) -> CommandEnvelope {
        let command = try decode(CommandEnvelope.self, text)
        try check(command.session)
        try check(command.controller)
        guard isName(command.id.rawValue) else { throw .corrupt("a command's id is not a name") }
        return command
    }

    package static func message(_ text: String) throws(StoreError) -> WorkerMessage {
        let message = try decode(WorkerMessage.self, text)
        switch message {
        case .reply(let id, _):
            guard isName(id.rawValue) else { throw .corrupt("a reply's id is not a name") }
        case .event(let event, _):
            try check(event.session)
        case .recordWanted(let record, let controller):
            guard isRecordName(record) else { throw .corrupt("a record's name is not a name") }
            try check(controller)
        }
        return message
    }

    package static func order(_ text: String) throws(StoreError) -> WorkerOrder {
        let order = try decode(WorkerOrder.self, text)
        try check(order.controller)
        guard isName(order.id.rawValue) else { throw .corrupt("an order's id is not a name") }
        return order
    }

    package static func event(_ text: String) throws(StoreError) -> ClusterEvent {
        let event = try decode(ClusterEvent.self, text)
        guard text.utf8.count <= Limits.eventSize, event.details.count <= Limits.eventDetails else {
            throw .corrupt("an event is too large")
        }
        return event
    }

    package static func specification(_ text: String) throws(StoreError) -> SessionSpecification {
        try decode(SessionSpecification.self, text)
    }

    /// A session's record from the text of its fields; `specification` may be nil, the others may not.
    package static func record(
        session: SessionID, worker: String?, incarnation: String?, epoch: String?, controller: String?,
        state: String?, specification: String?
    ) throws(StoreError) -> SessionRecord {
        let assignment = try assignment(
            session: session, worker: worker, incarnation: incarnation, epoch: epoch, controller: controller)
        guard let state, let state = SessionState(rawValue: state) else {
            throw .corrupt("session \(session) is in no known state")
        }
        return SessionRecord(
            assignment: assignment, state: state,
            specification: try specification.map { text throws(StoreError) in try Self.specification(text) })
    }

    package static func assignment(
        session: SessionID, worker: String?, incarnation: String?, epoch: String?, controller: String?
    ) throws(StoreError) -> Assignment {
        guard isName(session.rawValue), let worker, isName(worker), let incarnation, isName(incarnation),
            let controller, isName(controller), let epoch = epoch.flatMap(Self.epoch)
        else { throw .corrupt("the record of a session has no owner, epoch or controller") }
        return Assignment(
            session: session, worker: WorkerID(worker), incarnation: incarnation, epoch: epoch,
            controller: ControllerID(controller))
    }

    /// A decimal number that scripts can count with: up to 2^53.
    package static func epoch(_ text: String) -> Epoch? {
        guard let value = UInt64(text), value <= 1 << 53 else { return nil }
        return Epoch(value)
    }

    /// Names are parts of keys, logs and metric labels.
    package static func isName(_ text: String) -> Bool {
        let utf8 = text.utf8
        return (1...Limits.nameLength).contains(utf8.count)
            && utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                    || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "/")
            }
    }

    /// Names of signaling records; they hold what clients call their sessions.
    package static func isRecordName(_ text: String) -> Bool {
        (1...Limits.recordNameLength).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    package static func controller(_ text: String, of id: ControllerID) throws(StoreError) -> ControllerReport {
        let report = try decode(ControllerReport.self, text)
        guard report.id == id, isName(report.incarnation) else {
            throw .corrupt("the report of controller \(id) names another one")
        }
        return report
    }

    /// Region and labels: names, the region and values may be empty.
    package static func isPlace(_ report: WorkerReport) -> Bool {
        (report.region.isEmpty || isName(report.region)) && report.labels.count <= Limits.labels
            && report.labels.allSatisfy { isName($0.key) && ($0.value.isEmpty || isName($0.value)) }
    }

    private static func check(_ session: SessionID) throws(StoreError) {
        guard isName(session.rawValue) else { throw .corrupt("a session's id is not a name") }
    }

    private static func check(_ controller: ControllerID) throws(StoreError) {
        guard isName(controller.rawValue) else { throw .corrupt("a controller's id is not a name") }
    }

    private static func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws(StoreError) -> Value {
        guard text.utf8.count <= Limits.valueSize else { throw .corrupt("a stored value is too large") }
        do {
            return try JSONDecoder().decode(type, from: Data(text.utf8))
        } catch {
            throw .corrupt("a stored \(type) is malformed: \(error)")
        }
    }
}

/// Refuses, before anything is written, what could not be read back.
enum RecordCheck {
    static func name(_ text: String, _ what: String) throws(StoreError) {
        guard RecordCoding.isName(text) else {
            throw .invalid("\(what) must be 1 to \(Limits.nameLength) characters of A-Z a-z 0-9 . - _ : /")
        }
    }

    static func report(_ report: WorkerReport) throws(StoreError) {
        try name(report.id.rawValue, "a worker's name")
        try name(report.incarnation, "an incarnation")
        guard RecordCoding.isPlace(report) else {
            throw .invalid("a region and at most \(Limits.labels) labels are names of A-Z a-z 0-9 . - _ : /")
        }
    }

    static func controller(_ report: ControllerReport) throws(StoreError) {
        try name(report.id.rawValue, "a controller's name")
        try name(report.incarnation, "an incarnation")
    }

    /// Names must be names; sizes are for the caller to be told of.
    static func changes(_ changes: RecordChanges, in record: String) throws(StoreError) {
        try recordName(record)
        guard changes.size <= Limits.recordSize else { throw .tooLarge }
        for name in changes.texts.keys where !RecordCoding.isRecordName(name) || name.hasPrefix("@") {
            throw .invalid("`\(name)` cannot name a text of a record")
        }
    }

    static func recordName(_ record: String) throws(StoreError) {
        guard RecordCoding.isRecordName(record) else {
            throw .invalid("a record's name must be 1 to \(Limits.recordNameLength) visible ASCII characters")
        }
    }
}
