/// What an operator has a worker's guardian do, apart from any session.
public struct WorkerOrder: Hashable, Sendable, Codable {
    public enum Kind: String, Hashable, Sendable, Codable {
        /// Start the next media process from the executable that is on disk now, and let it take over.
        case upgrade
    }

    /// Its reply finds the order by this.
    public var id: CommandID
    public var kind: Kind
    /// Where the reply goes.
    public var controller: ControllerID
    /// Wall clock in milliseconds since 1970; read later, it is not done.
    public var deadline: Int64

    public init(id: CommandID, kind: Kind, controller: ControllerID, deadline: Int64) {
        self.id = id
        self.kind = kind
        self.controller = controller
        self.deadline = deadline
    }
}

/// How a worker's media process was followed by the next as planned.
public struct HandOver: Hashable, Sendable, Codable {
    /// The new media process.
    public var processID: Int32
    /// Milliseconds in which no packet was handled: from the last turn of the old process' reactor to the first of the
    /// new one's, of the reactor that stood still the longest.
    public var standstill: Double
    /// Milliseconds from the order until the new process had taken over.
    public var duration: Double

    public init(processID: Int32, standstill: Double, duration: Double) {
        self.processID = processID
        self.standstill = standstill
        self.duration = duration
    }
}
