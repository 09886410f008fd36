import Session

/// What is to be written to the memory that outlives this process, and what was.
struct Notebook {
    /// Objects that may have changed, by pipeline.
    var objects: [SessionID: Set<String>] = [:]
    /// Client sessions that may have changed.
    var sessions: Set<String> = []
    /// Hashes of the texts that were written last, by record and name.
    var written: [String: [String: Int]] = [:]
    /// Events for sessions without a connection, oldest first.
    var waitingEvents: [String: [String]] = [:]

    /// Batches of writes, one at a time.
    var begun: UInt64 = 0
    var ended: UInt64 = 0
    var waiters: [CheckedContinuation<Void, Never>] = []
    /// The last batch was not taken: requests do not wait for the next.
    var isAway = false
    var isScheduled = false
    /// One restoration at a time: two clients of one pipeline come back together.
    let restoration = SerialGate()

    var isEmpty: Bool { objects.isEmpty && sessions.isEmpty }

    /// One record's changes.
    struct Write {
        enum Subject {
            case pipeline(SessionID, Set<String>)
            case session(String)
        }
        var record: String
        var subject: Subject
        var changes: RecordChanges
    }

    /// Leaves out what is as it was written last.
    mutating func changes(_ texts: [String: String?], in record: String) -> RecordChanges? {
        guard let known = written[record] else {
            return RecordChanges(texts.filter { $0.value != nil }, isWhole: true)
        }
        let changed = texts.filter { name, text in text?.hashValue != known[name] }
        return changed.isEmpty ? nil : RecordChanges(changed)
    }

    mutating func note(_ write: Write) {
        if write.changes.isWhole { written[write.record] = [:] }
        for (name, text) in write.changes.texts { written[write.record]?[name] = text?.hashValue }
    }

    // MARK: Names of records

    static func record(of pipeline: SessionID) -> String { "pipeline:\(pipeline)" }

    /// Clients choose their sessions' names: what is not a visible ASCII character is written as `%xx`.
    static func record(ofSession session: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var bytes = Array("session:".utf8)
        for byte in session.utf8 {
            if (0x21...0x7E).contains(byte), byte != UInt8(ascii: "%") {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The client session that a record is about; nil for other records.
    static func session(of record: String) -> String? {
        guard record.hasPrefix("session:") else { return nil }
        var bytes: [UInt8] = []
        var rest = Array(record.utf8.dropFirst("session:".utf8.count))[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// An object's text in its pipeline's record.
    static func name(of object: String) -> String { "object:\(object.split(separator: "/").last ?? "")" }
}
