public import Logging

/// What an event's line may hold: names, words and numbers that this table knows. Events go to log collectors and to a
/// page that anybody may read, so what is not in the table (addresses, errors of the system, tokens) is left out.
public enum EventFields {
    public enum Value: Equatable, Sendable {
        case text(String)
        case number(Double)
        case flag(Bool)
    }

    enum Kind { case text, number, flag, session }

    static let kinds: [String: Kind] = [
        "worker": .text, "controller": .text, "session": .session, "incarnation": .text, "from": .text, "to": .text,
        "cause": .text, "reason": .text, "version": .text,
        "fault": .flag, "planned": .flag,
        "reactor": .number, "process": .number, "sessions": .number, "endpoints": .number, "lost": .number,
        "quarantined": .number, "damaged_notes": .number, "milliseconds": .number, "duration_milliseconds": .number,
        "pause_milliseconds": .number, "seconds": .number, "count": .number,
    ]

    /// The event's name, and what may be told of it in the order of the keys; nil for what is no event.
    public static func event(
        in metadata: Logger.Metadata
    ) -> (name: String, fields: [(key: String, value: Value)])? {
        guard let name = metadata["event"] else { return nil }
        let fields = metadata.sorted { $0.key < $1.key }.compactMap { key, value -> (key: String, value: Value)? in
            guard let kind = kinds[key] else { return nil }
            return (key, self.value("\(value)", kind))
        }
        return ("\(name)", fields)
    }

    private static func value(_ text: String, _ kind: Kind) -> Value {
        switch kind {
        case .number: Double(text).flatMap { $0.isFinite ? .number($0) : nil } ?? .text(text)
        case .flag: Bool(text).map { .flag($0) } ?? .text(text)
        case .session: .text(shortened(text))
        case .text: .text(text)
        }
    }

    /// As `SessionID.shortened`: who knows the whole name of a session controls it.
    private static func shortened(_ session: String) -> String {
        let base = session.prefix { $0 != "/" }
        return (base.hasPrefix("room:") ? "room:" : base.prefix(8)) + "…" + session.dropFirst(base.count)
    }
}
