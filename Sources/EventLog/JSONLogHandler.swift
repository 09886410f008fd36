import Foundation
public import Logging

/// Writes each log entry as one JSON object on a line of its own: `time` (RFC 3339, UTC, milliseconds), `level`,
/// `message`, for events `event` with the fields of ``EventFields``, for other entries all of their metadata.
public struct JSONLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    public var logLevel = Logger.Level.info

    private let label: String
    private let now: @Sendable () -> Date
    private let write: @Sendable (String) -> Void

    /// Lines go to standard error.
    /// - Parameter label: the part that logs; the line's `logger`.
    public init(label: String) {
        self.init(label: label, now: { Date() }, write: { FileHandle.standardError.write(Data($0.utf8)) })
    }

    /// - Parameter write: takes one line with its line feed; called from any thread.
    init(label: String, now: @escaping @Sendable () -> Date, write: @escaping @Sendable (String) -> Void) {
        self.label = label
        self.now = now
        self.write = write
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let metadata = metadata.merging(event.metadata ?? [:]) { _, new in new }
        var line = JSONLine()
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        line.add("time", .text(now().formatted(style)))
        line.add("level", .text(event.level.rawValue))
        if let (name, fields) = EventFields.event(in: metadata) {
            line.add("event", .text(name))
            line.add("message", .text("\(event.message)"))
            line.add("logger", .text(label))
            for (key, value) in fields { line.add(key, value) }
        } else {
            line.add("message", .text("\(event.message)"))
            line.add("logger", .text(label))
            for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { line.add(key, .text("\(value)")) }
        }
        write(line.finished)
    }
}

/// One JSON object in the making. A key that is there already is not added again.
struct JSONLine {
    private var text = "{"
    private var keys: Set<String> = []

    mutating func add(_ key: String, _ value: EventFields.Value) {
        guard keys.insert(key).inserted else { return }
        if keys.count > 1 { text += "," }
        text += Self.quoted(key) + ":"
        switch value {
        case .text(let value): text += Self.quoted(value)
        case .flag(let value): text += value ? "true" : "false"
        case .number(let value): text += Int64(exactly: value).map { "\($0)" } ?? "\(value)"
        }
    }

    var finished: String { text + "}\n" }

    /// RFC 8259 section 7.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.properties.generalCategory == .control || [0x2028, 0x2029].contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
