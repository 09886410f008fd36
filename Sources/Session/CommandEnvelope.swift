/// Names one command, so that its reply finds it. Unique in the cluster: controller, start of the
/// controller's process, and a count.
public struct CommandID: Hashable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: String
    public init(_ rawValue: String) { self.rawValue = rawValue }
    public init(from decoder: any Decoder) throws { rawValue = try decoder.singleValueContainer().decode(String.self) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
    public var description: String { rawValue }
}

/// One operation on its way from a controller to the worker that owns the session.
public struct CommandEnvelope: Hashable, Sendable, Codable {
    public var id: CommandID
    public var session: SessionID
    /// Lower than what the worker has seen for this session: the command takes no effect.
    public var epoch: Epoch
    /// Where the reply and the session's events go.
    public var controller: ControllerID
    /// Wall clock in milliseconds since 1970. A worker that reads the command later than this (plus the
    /// clock difference it allows) need not do it: nobody waits for the reply any more.
    public var deadline: Int64
    public var operation: Operation

    public init(
        id: CommandID, session: SessionID, epoch: Epoch, controller: ControllerID, deadline: Int64,
        operation: Operation
    ) {
        self.id = id
        self.session = session
        self.epoch = epoch
        self.controller = controller
        self.deadline = deadline
        self.operation = operation
    }
}

/// What a worker tells a controller.
public enum WorkerMessage: Hashable, Sendable, Codable {
    /// What the command with this id came to.
    case reply(CommandID, Outcome)
    /// An event of a session, under the epoch in which it happened.
    case event(SessionEvent, Epoch)
    /// Another controller asks for a record of signaling that this one holds.
    case recordWanted(String, by: ControllerID)
}
