/// The unit of placement: one Kurento pipeline or room, or one shard of it. Its text is chosen by the
/// controller and is unguessable (128 random bits).
public struct SessionID: Hashable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: String
    public init(_ rawValue: String) { self.rawValue = rawValue }
    public init(from decoder: any Decoder) throws { rawValue = try decoder.singleValueContainer().decode(String.self) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
    public var description: String { rawValue }
}

extension SessionID {
    /// The unit that holds the session's shard with this index, counted from 0: the first is the session
    /// itself, the others are `<session>/2`, `<session>/3`, …
    public func shard(_ index: Int) -> SessionID {
        index == 0 ? self : SessionID("\(rawValue)/\(index + 1)")
    }

    /// For people and logs: enough to tell sessions apart. Who knows the whole of it controls a pipeline, and who knows
    /// a room's name may be able to join it. Which shard of its session a unit is tells nobody more.
    public var shortened: String {
        let shard = rawValue.dropFirst(base.rawValue.count)
        return (base.rawValue.hasPrefix("room:") ? "room:" : base.rawValue.prefix(8)) + "…" + shard
    }

    /// The session that this unit is a shard of; itself when it is the first.
    public var base: SessionID {
        guard let end = rawValue.firstIndex(of: "/") else { return self }
        return SessionID(String(rawValue[..<end]))
    }
}

/// A worker process, by its configured name: `w1`.
public struct WorkerID: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    public let rawValue: String
    public init(_ rawValue: String) { self.rawValue = rawValue }
    public init(from decoder: any Decoder) throws { rawValue = try decoder.singleValueContainer().decode(String.self) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
    public static func < (left: WorkerID, right: WorkerID) -> Bool { left.rawValue < right.rawValue }
    public var description: String { rawValue }
}

/// A controller process, by its configured name: `c1`.
public struct ControllerID: Hashable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: String
    public init(_ rawValue: String) { self.rawValue = rawValue }
    public init(from decoder: any Decoder) throws { rawValue = try decoder.singleValueContainer().decode(String.self) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
    public var description: String { rawValue }
}

/// One peer transport within a session.
public struct EndpointID: Hashable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: String
    public init(_ rawValue: String) { self.rawValue = rawValue }
    public init(from decoder: any Decoder) throws { rawValue = try decoder.singleValueContainer().decode(String.self) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
    public var description: String { rawValue }
}

/// The fencing token of an assignment. Raised by every (re)assignment; a command that carries a lower
/// one than its receiver has seen takes no effect.
public struct Epoch: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    public let rawValue: UInt64
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    public init(from decoder: any Decoder) throws { rawValue = try decoder.singleValueContainer().decode(UInt64.self) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
    public static func < (left: Epoch, right: Epoch) -> Bool { left.rawValue < right.rawValue }
    public var description: String { String(rawValue) }
}
