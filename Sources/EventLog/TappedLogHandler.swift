public import Logging

/// Hands events on to whoever collects them, and every entry to another handler.
public struct TappedLogHandler: LogHandler {
    /// An event as a collector gets it.
    public struct Event: Sendable, Equatable {
        public var level: String
        public var name: String
        public var message: String
        public var details: [String: String]
    }

    private var base: any LogHandler
    private let tap: @Sendable (Event) -> Void

    /// - Parameter tap: called from any thread; must not block.
    public init(_ base: any LogHandler, tap: @escaping @Sendable (Event) -> Void) {
        self.base = base
        self.tap = tap
    }

    public var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    public var metadataProvider: Logger.MetadataProvider? {
        get { base.metadataProvider }
        set { base.metadataProvider = newValue }
    }

    public var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    public func log(event: LogEvent) {
        base.log(event: event)
        let metadata = base.metadata.merging(event.metadata ?? [:]) { _, new in new }
        guard let (name, fields) = EventFields.event(in: metadata) else { return }
        var details: [String: String] = [:]
        for (key, value) in fields {
            switch value {
            case .text(let text): details[key] = text
            case .flag(let flag): details[key] = "\(flag)"
            case .number(let number): details[key] = Int64(exactly: number).map { "\($0)" } ?? "\(number)"
            }
        }
        tap(Event(level: event.level.rawValue, name: name, message: "\(event.message)", details: details))
    }
}
